//! RFC 2136: one update message of `nsupdate`, which the server makes only if every record reads as the plan expects
//! (<https://bind9.readthedocs.io/en/latest/manpages.html#nsupdate-dynamic-dns-update-utility>).

use switchover::action::{ChangeRecords, PlannedChange};
use switchover::config::ProviderSpec;
use switchover::model::{RecordData, Ttl};
use switchover_rfc2136::{Algorithm, Rfc2136Options};

use super::Hand;

impl Hand<'_> {
    pub(super) fn rfc2136(&mut self, spec: &ProviderSpec, change: &ChangeRecords) {
        let Ok(options) = spec.options::<Rfc2136Options>() else {
            return self.unknown("change these records", spec);
        };
        let Some((host, port)) = options.server.rsplit_once(':') else {
            return self.unknown("change these records", spec);
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let algorithm = match options.algorithm {
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::HmacSha384 => "hmac-sha384",
            Algorithm::HmacSha512 => "hmac-sha512",
        };
        let key = self.page.secret(&options.key);
        let updates: String = change.changes.iter().map(update).collect();
        self.page.say(
            "The server does all of it or nothing: `update failed: NXRRSET` means that a record reads otherwise than before, and nothing was changed. \
             The last line reads `status: NOERROR`.",
        );
        // The shell fills the key in: on a command line everybody on the machine could read it.
        self.page.sh(&format!(
            "nsupdate -v <<UPDATE\nserver {host} {port}\nkey {algorithm}:{} {key}\nzone {}.\n{updates}send\nanswer\nUPDATE",
            options.key_name, change.zone.zone
        ));
    }
}

fn update(record: &PlannedChange) -> String {
    let (name, kind) = (&record.name, &record.kind);
    let Ttl::Seconds(ttl) = record.to.ttl else { return String::new() };
    format!(
        "prereq yxrrset {name}. {kind} {}\nupdate delete {name}. {kind}\nupdate add {name}. {ttl} {kind} {}\n",
        data(&record.from.data),
        data(&record.to.data)
    )
}

fn data(data: &RecordData) -> String {
    match data {
        RecordData::A(v4) => v4.to_string(),
        RecordData::Aaaa(v6) => v6.to_string(),
        RecordData::Cname(name) => format!("{name}."),
        RecordData::Other { text, .. } => text.clone(),
    }
}
