//! Records: changed where they are kept, and read back at their servers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use switchover::action::{AwaitRecords, ChangeRecords, PlannedChange, Purpose, Servers};
use switchover::config::Period;
use switchover::model::{AddressKind, RecordId, ZoneRef};

use super::Hand;
use super::page::quoted;

impl Hand<'_> {
    pub(super) fn change_records(&mut self, change: &ChangeRecords) {
        let Some(spec) = self.config.names.get(&change.zone.service) else { return };
        let what = match change.purpose {
            Purpose::Swap => "Every record gets the address of its role's new side, all at once.",
            Purpose::LowerTtl => "The addresses stay; the TTLs become short.",
            Purpose::RestoreTtl => "The addresses stay; the TTLs become what they were.",
        };
        self.page.say(what);
        match spec.kind.as_str() {
            #[cfg(feature = "cloudflare")]
            "cloudflare" => self.cloudflare(spec, change),
            #[cfg(feature = "rfc2136")]
            "rfc2136" => self.rfc2136(spec, change),
            _ => {
                self.unknown("change these records at the name service", spec);
                let rows = change.changes.iter().map(|record| {
                    format!(
                        "- {} {}: {} to {}, TTL {}",
                        record.name, record.kind, record.from.data, record.to.data, record.to.ttl
                    )
                });
                let rows: Vec<String> = rows.collect();
                self.page.say(&rows.join("\n"));
            }
        }
    }

    /// The id under which the service holds a record, as it was seen.
    pub(super) fn record_id(&self, zone: &ZoneRef, change: &PlannedChange) -> Option<RecordId> {
        let views = self.snapshot.names.iter().filter(|view| view.zone == *zone);
        let mut records = views.flat_map(|view| &view.records);
        let same = records.find(|record| record.name == change.name && record.kind() == change.kind)?;
        Some(same.id.clone())
    }

    pub(super) fn await_records(&mut self, wait: &AwaitRecords, within: Duration) {
        let (who, extra, named) = match &wait.servers {
            Servers::Authoritative(named) => ("every authoritative server", "+norecurse ", named),
            Servers::Resolvers(named) => {
                ("these public resolvers, which may keep what they know for the old TTL", "", named)
            }
        };
        self.page.say(&format!(
            "Ask {who}. Nothing is printed when all agree; until then repeat it, for {} at most.",
            Period(within)
        ));
        let mut table = String::new();
        for expected in &wait.names {
            let kind = match expected.family {
                AddressKind::V4 => "A",
                AddressKind::V6 => "AAAA",
            };
            let addresses: BTreeSet<String> = expected.addresses.iter().map(ToString::to_string).collect();
            let addresses: Vec<String> = addresses.into_iter().collect();
            table += &format!("{} {kind} {}\n", expected.name, addresses.join(" "));
        }
        let servers = servers(named, wait.zone.zone.as_str());
        self.page.sh(&format!(
            "while read -r name type addresses; do\n  for server in {servers}; do\n    \
             seen=$(dig +short {extra}+time=3 @${{server%#*}} -p ${{server#*#}} \"$name\" \"$type\" | LC_ALL=C sort | tr '\\n' ' ')\n    \
             [ \"$seen\" = \"$addresses \" ] || echo \"$name $type at $server: ${{seen:-nothing}}, not $addresses\"\n  done\ndone <<'NAMES'\n{table}NAMES"
        ));
    }
}

/// Servers as `address#port`, or the words that find them.
fn servers(named: &[SocketAddr], zone: &str) -> String {
    if named.is_empty() {
        return format!("$(dig +short {} NS | sed 's/$/#53/')", quoted(zone));
    }
    let each: Vec<String> = named.iter().map(|server| format!("{}#{}", server.ip(), server.port())).collect();
    each.join(" ")
}
