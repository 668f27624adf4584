//! The text of the file: a pure function. What a person has to fill in is marked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use switchover::model::{AddressName, PairName, ZoneName};

use super::derive::Found;
use super::side::{SideAt, SideWish};

/// What stands wherever something has to be filled in.
pub(super) const MARK: &str = "FILL IN";

/// Everything that the file says.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) pair: PairName,
    pub(super) sides: [SideWish; 2],
    pub(super) zones: Vec<ZoneName>,
    pub(super) cloudflare_url: Option<String>,
    pub(super) environments: Vec<DraftEnvironment>,
    pub(super) fixed: BTreeMap<AddressName, [BTreeSet<IpAddr>; 2]>,
    /// What a person should look at.
    pub(super) remarks: Vec<String>,
    /// Addresses in the zones and the names that lead there, where nobody said which side they are on.
    pub(super) addresses: Vec<String>,
}

/// An environment, and which side's names are production's.
#[derive(Debug)]
pub(super) struct DraftEnvironment {
    pub(super) name: String,
    pub(super) endpoints: Vec<Found>,
    /// The side, 0 or 1.
    pub(super) production: usize,
    /// Endpoints by themselves would be read otherwise: worth a comment, unless a person said it.
    pub(super) settled: bool,
}

/// A text as a TOML string. JSON's escapes are all TOML's too, and control characters were refused before.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A key, bare where that is allowed.
fn key(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(bare) { text.to_owned() } else { quoted(text) }
}

fn comment(text: &str) -> String {
    const WIDTH: usize = 116;
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() > 1 && line.len() + 1 + word.len() > WIDTH {
            lines.extend([format!("{line}\n")]);
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    lines + &line + "\n"
}

/// Writes the file.
pub(super) fn write(draft: &Draft) -> String {
    let mut text = head(draft);
    text += &names(draft);
    text += CHECKS;
    text += &dns(draft);
    text += &sides(draft);
    text += &endpoints(draft);
    text
}

fn head(draft: &Draft) -> String {
    let mut text = comment(&format!(
        "The hot-standby pair {}: one service on two complete, independent infrastructures. One is the current production, \
         the other the hot stand-by, and they swap roles.",
        draft.pair
    ));
    text += "#\n";
    text += &comment(
        "No side \"is\" production: which one is, the DNS records say. So this file is the same before and after a swap. \
         Try it with `switchover check`; `switchover config schema` lists every key.",
    );
    text
}

const SERVICE: &str = "
# The Cloudflare account that holds the zones. The token needs the permission \"DNS Write\" for them and is taken from the
# environment: a secret never stands in this file.
[dns.cloudflare]
provider = \"cloudflare\"
";

/// The zone of a template, reserved for such (RFC 2606).
const EXAMPLE: &str = "example.org";

fn names(draft: &Draft) -> String {
    let mut text = SERVICE.to_owned();
    if let Some(url) = &draft.cloudflare_url {
        text.extend([format!("base_url = {}\n", quoted(url))]);
    }
    text += "token = { env = \"CLOUDFLARE_API_TOKEN\" }\n";
    let zones: Vec<String> = draft.zones.iter().map(|zone| quoted(zone.as_str())).collect();
    if zones.is_empty() {
        return text + &format!("zones = [\"{EXAMPLE}\"] # {MARK}: the zones that hold the pair's names\n");
    }
    text + &format!("zones = [{}]\n", zones.join(", "))
}

const CHECKS: &str = "
# A site is well if its front page answers. To use the check, take the `#` away and write `checks = [\"site\"]` at the
# endpoints that serve it; with `probe = true` beside it both names are fetched throughout a swap.
# [checks.site]
# provider = \"http\"
# path = \"/\"
";

fn dns(draft: &Draft) -> String {
    format!(
        "
[pair.{}.dns]
swap_ttl = \"60s\"            # what `swap-roles --prepare` lowers the TTLs to ahead of a swap
margin = \"60s\"              # how long the old side is kept after the old TTL has passed
propagation_deadline = \"5m\" # how long the authoritative servers may take to serve a change
resolvers = [\"1.1.1.1\", \"8.8.8.8\"] # public resolvers that are read back too
",
        key(draft.pair.as_str())
    )
}

fn sides(draft: &Draft) -> String {
    let mut text = String::from(
        "\n# The two sides, named after where they are. Add `project = \"…\"` for what people call the project behind one.\n",
    );
    let ec2 = draft.sides.iter().any(|side| matches!(side.at, SideAt::Ec2 { .. }));
    if ec2 {
        text += &comment(
            "Each has a profile of its own in the usual AWS files, and the two must not share an access key: one leak must \
             not lose both infrastructures.",
        );
    }
    if !draft.addresses.is_empty() {
        text += &comment("The addresses in the zones, and the names that lead to them:");
        text.extend(draft.addresses.iter().map(|line| format!("#   {line}\n")));
    }
    for (place, side) in draft.sides.iter().enumerate() {
        let table = format!("pair.{}.sides.{}", key(draft.pair.as_str()), key(side.name.as_str()));
        text.extend([match &side.at {
            SideAt::Ec2 { profile, region } => {
                let region = region
                    .as_ref()
                    .map(|region| format!(", region = {}", quoted(region)))
                    .unwrap_or_default();
                let profile = quoted(profile);
                format!("[{table}]\naddresses = {{ provider = \"ec2\", profile = {profile}{region} }}\n\n")
            }
            SideAt::Networks(_) | SideAt::Unsaid => fixed(draft, place, &table),
        }]);
    }
    text
}

/// Addresses for documentation (RFC 5737), one block for each side.
const DOCUMENTATION: [&str; 2] = ["192.0.2.1", "198.51.100.1"];

/// The name of the address in a template.
const WEB: &str = "web";

fn fixed(draft: &Draft, place: usize, table: &str) -> String {
    let mut text = format!("[{table}.addresses]\nprovider = \"fixed\"\n\n[{table}.addresses.addresses]\n");
    if draft.fixed.is_empty() {
        let address = DOCUMENTATION[place];
        let web = address_of_template(draft);
        text.extend([format!(
            "{} = \"{address}\" # {MARK}: this side's address under each name\n",
            key(&web)
        )]);
    }
    for (name, addresses) in &draft.fixed {
        let list: Vec<String> = addresses[place].iter().map(|ip| format!("\"{ip}\"")).collect();
        let value = if let [one] = &list[..] { one.clone() } else { format!("[{}]", list.join(", ")) };
        text.extend([format!("{} = {value}\n", key(name.as_str()))]);
    }
    text + "\n"
}

fn address_of_template(draft: &Draft) -> String {
    let found = draft.environments.iter().flat_map(|environment| &environment.endpoints);
    found.map(|found| found.address.to_string()).next().unwrap_or_else(|| WEB.to_owned())
}

fn endpoints(draft: &Draft) -> String {
    let mut text = comment(
        "Each endpoint is a production name, which users use, and a stand-by name that lead to one address, found by its \
         name, which is the same on both sides. Environments are swapped in the order in which they stand here.",
    );
    for remark in &draft.remarks {
        text.extend([format!("#\n{}", comment(&format!("LOOK: {remark}")))]);
    }
    text.push('\n');
    if draft.environments.is_empty() {
        return text + &template(draft);
    }
    let blocks: Vec<String> =
        draft.environments.iter().flat_map(|environment| one_by_one(draft, environment)).collect();
    text + &blocks.join("\n")
}

fn one_by_one(draft: &Draft, environment: &DraftEnvironment) -> Vec<String> {
    let block = |found: &Found| {
        let [production, standby] = [environment.production, 1 - environment.production]
            .map(|side| quoted(found.names[side].as_str()));
        let odd = !environment.settled && found.is_odd(environment.production);
        let odd = if odd { " # LOOK: is this the name that users use?" } else { "" };
        format!(
            "[[pair.{}.environments.{}.endpoints]]\nproduction = {production}{odd}\nstandby = {standby}\naddress = {}\n",
            key(draft.pair.as_str()),
            key(&environment.name),
            quoted(found.address.as_str())
        )
    };
    environment.endpoints.iter().map(block).collect()
}

fn template(draft: &Draft) -> String {
    let zone = draft.zones.first().map_or(EXAMPLE, ZoneName::as_str);
    let ec2 = draft.sides.iter().any(|side| matches!(side.at, SideAt::Ec2 { .. }));
    let what = if ec2 {
        "the `Name` tag of an Elastic IP that both sides have"
    } else {
        "a name of both sides' addresses"
    };
    format!(
        "[[pair.{}.environments.live.endpoints]]\n\
         production = {} # {MARK}: a name that users use\n\
         standby = {} # {MARK}: the name of the same thing on the side that waits\n\
         address = \"{WEB}\" # {MARK}: {what}\n",
        key(draft.pair.as_str()),
        quoted(&format!("www.{zone}")),
        quoted(&format!("standby.{zone}")),
    )
}

/// How many places are left to fill in.
pub(super) fn places(text: &str) -> usize {
    text.matches(MARK).count()
}
