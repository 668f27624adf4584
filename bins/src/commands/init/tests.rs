//! Roads that need access which a test has not: Elastic IPs, and answers of a person.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here, with its place")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use switchover::config::{Catalog, Kind, PortKind, parse};
use switchover::model::{AddressName, DnsName, PairName, ZoneName};

use super::derive::{Book, Derived, Seen, derive};
use super::side::SideWish;
use super::write::{Draft, DraftEnvironment, write};

/// What the file says of a side with Elastic IPs, as far as it is written here.
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ElasticIps {
    profile: Option<String>,
    region: Option<String>,
}

/// The providers of a program that was built with all of them.
fn catalog() -> Catalog {
    let kinds = [
        Kind::of::<ElasticIps>(PortKind::Addresses, "ec2"),
        Kind::of::<switchover_fixed::FixedOptions>(PortKind::Addresses, "fixed"),
        Kind::of::<switchover_cloudflare::CloudflareOptions>(PortKind::Names, "cloudflare"),
    ];
    Catalog::new(kinds).unwrap()
}

fn sides() -> [SideWish; 2] {
    ["hongkong=Upstream/ap-east-1", "sydney=UpstreamAlt/ap-southeast-2"].map(|text| text.parse().unwrap())
}

const TAGS: [&str; 6] = [
    "eip-gigadb-live-gigadb",
    "eip-gigadb-bastion-live-gigadb",
    "eip-gigadb-files-live-gigadb",
    "eip-gigadb-staging-gigadb",
    "eip-gigadb-bastion-staging-gigadb",
    "eip-gigadb-files-staging-gigadb",
];

/// Stand-by names that say nothing of their environment: the address alone does.
const NAMES: [(&str, &str, usize); 8] = [
    ("gigadb.org", "alt.gigadb.host", 1),
    ("bastion.gigadb.org", "bastion.alt.gigadb.host", 2),
    ("files.gigadb.org", "files.alt.gigadb.host", 3),
    ("portainer.gigadb.org", "portainer.alt.gigadb.host", 1),
    ("beta.gigadb.org", "alt-beta.gigadb.host", 4),
    ("bastion.beta.gigadb.org", "bastion.alt-beta.gigadb.host", 5),
    ("files.beta.gigadb.org", "files.alt-beta.gigadb.host", 6),
    ("portainer.beta.gigadb.org", "portainer.alt-beta.gigadb.host", 4),
];

fn address(side: usize, place: usize) -> IpAddr {
    format!("192.0.2.{}", side * 100 + place).parse().unwrap()
}

fn seen() -> Seen {
    let book = |side: usize| -> Book {
        let tags = TAGS.iter().enumerate();
        tags.map(|(place, tag)| (AddressName::new(*tag).unwrap(), BTreeSet::from([address(side, place + 1)])))
            .collect()
    };
    let mut names = BTreeMap::new();
    for (production, standby, place) in NAMES {
        names.insert(DnsName::new(production).unwrap(), BTreeSet::from([address(0, place)]));
        names.insert(DnsName::new(standby).unwrap(), BTreeSet::from([address(1, place)]));
    }
    Seen { names, books: [Some(book(0)), Some(book(1))] }
}

fn draft(derived: Derived) -> Draft {
    let environments = derived.environments.into_iter().map(|found| DraftEnvironment {
        production: found.likely_production(),
        name: found.name,
        endpoints: found.endpoints,
        settled: false,
    });
    Draft {
        pair: PairName::new("gigadb").unwrap(),
        sides: sides(),
        zones: ["gigadb.org", "gigadb.host"].map(|zone| ZoneName::new(zone).unwrap()).to_vec(),
        cloudflare_url: None,
        environments: environments.collect(),
        fixed: derived.fixed,
        remarks: derived.remarks,
        addresses: Vec::new(),
    }
}

fn endpoints(text: &str) -> BTreeSet<(String, String, String, String)> {
    let config = parse("new", text, &catalog()).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let pair = &config.pairs.values().next().unwrap().pair;
    let each = pair.environments.iter().flat_map(|environment| {
        environment.endpoints.iter().map(|endpoint| {
            let (production, standby) = (endpoint.production.to_string(), endpoint.standby.to_string());
            (environment.name.to_string(), production, standby, endpoint.address.to_string())
        })
    });
    each.collect()
}

#[test]
fn elastic_ips_with_one_name_on_both_sides_make_endpoints_of_the_names_that_lead_there() {
    let derived = derive(&sides(), &seen());
    assert_eq!(derived.remarks, Vec::<String>::new());
    let text = write(&draft(derived));
    let wanted: BTreeSet<_> = NAMES
        .iter()
        .map(|(production, standby, place)| {
            let environment = if *place <= 3 { "live" } else { "staging" };
            let [environment, production, standby, tag] =
                [environment, production, standby, TAGS[place - 1]].map(ToOwned::to_owned);
            (environment, production, standby, tag)
        })
        .collect();
    assert_eq!(endpoints(&text), wanted);
    assert!(
        text.contains("{ provider = \"ec2\", profile = \"Upstream\", region = \"ap-east-1\" }"),
        "{text}"
    );
    assert!(!text.contains("LOOK"), "{text}");
}

#[test]
fn what_does_not_fit_is_left_for_a_person_to_look_at() {
    let mut seen = seen();
    let [Some(hongkong), Some(sydney)] = &mut seen.books else { panic!("both books") };
    hongkong.insert(AddressName::new("eip-only-here").unwrap(), BTreeSet::from([address(0, 50)]));
    let doubled = AddressName::new(TAGS[2]).unwrap();
    sydney.get_mut(&doubled).unwrap().insert(address(1, 51));
    seen.names.remove(&DnsName::new("bastion.alt.gigadb.host").unwrap());
    let derived = derive(&sides(), &seen);
    let text = write(&draft(derived));
    assert_eq!(endpoints(&text).len(), 6, "{text}");
    for word in ["eip-only-here", TAGS[2], "bastion.gigadb.org", TAGS[1]] {
        let marked = text
            .lines()
            .skip_while(|line| !line.starts_with("# LOOK"))
            .any(|line| line.starts_with('#') && line.contains(word));
        assert!(marked, "{word}:\n{text}");
    }
}

#[test]
fn the_names_of_an_environment_are_productions_together_and_the_odd_one_is_marked() {
    let mut seen = seen();
    seen.names.remove(&DnsName::new("files.gigadb.org").unwrap());
    let long = DnsName::new("files.of.the.production.side.gigadb.org").unwrap();
    seen.names.insert(long, BTreeSet::from([address(0, 3)]));
    let text = write(&draft(derive(&sides(), &seen)));
    let line =
        "production = \"files.of.the.production.side.gigadb.org\" # LOOK: is this the name that users use?\n";
    assert!(text.contains(line), "{text}");
    assert_eq!(text.matches("LOOK: is this").count(), 1, "{text}");
}

#[test]
fn without_elastic_ips_or_without_zones_it_is_a_template_that_parses() {
    for seen in
        [Seen::default(), Seen { names: BTreeMap::new(), ..seen() }, Seen { books: [None, None], ..seen() }]
    {
        let text = write(&draft(derive(&sides(), &seen)));
        assert_eq!(endpoints(&text).len(), 1, "{text}");
        assert_eq!(super::write::places(&text), 3, "{text}");
    }
}

#[test]
fn values_that_need_quoting_are_quoted() {
    let mut draft = draft(Derived::default());
    draft.sides[0] = "hk.1=\"odd\\profile\"/x".parse().unwrap();
    draft.pair = PairName::new("giga.db").unwrap();
    assert_eq!(endpoints(&write(&draft)).len(), 1);
}
