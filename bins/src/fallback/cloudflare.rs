//! Cloudflare: records of a zone in one batch
//! (<https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch/>).

use serde_json::{Value, json};
use switchover::action::{ChangeRecords, PlannedChange};
use switchover::config::{ProviderSpec, SecretRef};
use switchover::model::{Ttl, ZoneRef};
use switchover_cloudflare::{CloudflareOptions, TOKEN_VARIABLE};

use super::Hand;
use super::page::quoted;

/// As many patches as one batch may hold on every plan.
const MOST: usize = 200;

impl Hand<'_> {
    pub(super) fn cloudflare(&mut self, spec: &ProviderSpec, change: &ChangeRecords) {
        let Ok(options) = spec.options::<CloudflareOptions>() else {
            return self.unknown("change these records", spec);
        };
        let token = options.token.clone().unwrap_or_else(|| SecretRef::Env(TOKEN_VARIABLE.to_owned()));
        let token = self.page.secret(&token);
        let zones = format!("{}/zones", options.base_url.trim_end_matches('/'));
        let curl = format!(
            "curl --fail-with-body --silent --show-error --max-time 30 --header \"Authorization: Bearer {token}\""
        );
        self.page.sh(&zone(&curl, &zones, self.zone_id(&change.zone).as_deref(), change.zone.zone.as_str()));
        let known: Option<Vec<(String, &PlannedChange)>> = change
            .changes
            .iter()
            .map(|record| Some((self.record_id(&change.zone, record)?.0, record)))
            .collect();
        let Some(known) = known else {
            return self.by_hand(
                "look the records up in the dashboard and change them there: their ids were not seen",
            );
        };
        self.page.say("First look: nothing is printed where every record reads as it did. Where one does not, the change below is not made.");
        self.page.sh(&look(&curl, &zones, &known));
        self.page.say("Then change them. The answer says `\"success\":true`.");
        for batch in known.chunks(MOST) {
            self.page.sh(&change_batch(&curl, &zones, batch));
        }
    }

    fn zone_id(&self, zone: &ZoneRef) -> Option<String> {
        let service = self.config.pair.services.get(&zone.service)?;
        service.zones.iter().find(|known| known.name == zone.zone)?.id.clone()
    }
}

fn zone(curl: &str, zones: &str, id: Option<&str>, name: &str) -> String {
    if let Some(id) = id {
        return format!("ZONE={}", quoted(id));
    }
    let url = quoted(&format!("{zones}?name={name}"));
    format!("ZONE=$({curl} {url} | jq -er '.result[0].id') && echo \"{name} is $ZONE\"")
}

fn ttl(ttl: Ttl) -> u32 {
    match ttl {
        // Cloudflare writes 1 for a TTL that it chooses itself.
        Ttl::Auto => 1,
        Ttl::Seconds(seconds) => seconds,
    }
}

fn look(curl: &str, zones: &str, known: &[(String, &PlannedChange)]) -> String {
    let url = format!("\"{zones}/$ZONE/dns_records?per_page=5000\"");
    let lines = known.iter().map(|(id, record)| {
        format!("{id} {} {} {} {}\n", record.name, record.kind, record.from.data, ttl(record.from.ttl))
    });
    let lines: String = lines.collect();
    format!(
        "STOP=\nseen=$({curl} {url} | jq -er '.result[] | \"\\(.id) \\(.name) \\(.type) \\(.content) \\(.ttl)\"')\n\
         while read -r record; do\n  printf '%s\\n' \"$seen\" | grep -qFx \"$record\" || {{ STOP=yes; echo \"reads otherwise: $record\"; }}\n\
         done <<'RECORDS'\n{lines}RECORDS"
    )
}

fn change_batch(curl: &str, zones: &str, batch: &[(String, &PlannedChange)]) -> String {
    let patches: Vec<Value> = batch.iter().map(|(id, record)| patch(id, record)).collect();
    let lines: Vec<String> = patches.iter().map(ToString::to_string).collect();
    let body = format!("{{\"patches\":[\n{}\n]}}", lines.join(",\n"));
    format!(
        "[ -z \"$STOP\" ] && {curl} \\\n  --request POST --header 'Content-Type: application/json' --data @- \"{zones}/$ZONE/dns_records/batch\" <<'BATCH'\n{body}\nBATCH"
    )
}

/// What a patch does not name is kept.
fn patch(id: &str, record: &PlannedChange) -> Value {
    let (kind, content) = (record.kind.to_string(), record.to.data.to_string());
    json!({ "id": id, "type": kind, "name": record.name.as_str(), "content": content, "ttl": ttl(record.to.ttl) })
}
