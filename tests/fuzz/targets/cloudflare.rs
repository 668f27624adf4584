//! What Cloudflare answers: a zone is read whole or not at all, no lie makes the provider ask for ever, and no error tells the token.
//!
//! Input: a line that says whether the zone is given by `id` or by name, then as [`switchover_fuzz::Web::tell`] reads it.

#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use switchover::model::{DnsName, Record, RecordValue, Zone, ZoneName};
use switchover::port::{Meter, NameService as _, RecordChange};
use switchover_cloudflare::{Cloudflare, CloudflareOptions};
use switchover_fuzz::{CANARY, JumpingClock, Web, discreet, run};

static WEB: LazyLock<Web> = LazyLock::new(Web::start);

fuzz_target!(|input: &str| {
    let names = ["gigadb.org", "files.gigadb.org"].map(|name| DnsName::new(name).expect("it is a name"));
    let names = BTreeSet::from(names);
    let zone = ZoneName::new("gigadb.org").expect("it is a name");
    let (given, answers) = input.split_once('\n').unwrap_or((input, ""));
    WEB.tell(answers);
    let service = service(&zone, given == "id");
    let read = discreet(run(service.read(&zone, &names)));
    let Some(view) = read else { return };
    honest(answers, &view.records);
    let changes: Vec<RecordChange> =
        view.records.iter().filter(|record| names.contains(&record.name)).map(change).collect();
    let asked = WEB.requests().len();
    discreet(run(service.change(&zone, &changes)));
    let sent = WEB.requests();
    let batches = sent.iter().skip(asked).filter(|request| request.line.starts_with("POST")).count();
    assert!(batches <= 1, "a change whose outcome may be unknown was sent again: {sent:?}");
    discreet(run(service.prove_write(&zone, &view.records)));
});

fn service(zone: &ZoneName, by_id: bool) -> Cloudflare {
    let id = by_id.then(|| "0123456789abcdef0123456789abcdef".to_owned());
    let zones = [Zone { name: zone.clone(), id }];
    let options = CloudflareOptions { base_url: WEB.url(), ..CloudflareOptions::default() };
    Cloudflare::new(&options, CANARY.into(), &zones, Meter::default(), Arc::new(JumpingClock::default()))
        .expect("the options are good")
}

fn change(before: &Record) -> RecordChange {
    let data = std::net::IpAddr::from([192, 0, 2, 1]).into();
    RecordChange { before: before.clone(), after: RecordValue { data, ttl: before.value.ttl } }
}

/// Every record that was read stands in the answers under its id and name, and none came twice.
fn honest(answers: &str, records: &[Record]) {
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.0.as_str()).collect();
    assert_eq!(ids.len(), records.len(), "{records:?}");
    let mut said = BTreeSet::new();
    for body in answers.split("\n%%\n").filter_map(|answer| answer.split_once('\n')).map(|(_, body)| body) {
        let body: Value = serde_json::from_str(&body.replace("@TOKEN@", CANARY)).unwrap_or_default();
        for record in body["result"].as_array().into_iter().flatten() {
            let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
            said.insert((text("id"), text("name").trim_end_matches('.').to_ascii_lowercase()));
        }
    }
    for record in records {
        assert!(said.contains(&(record.id.0.clone(), record.name.to_string())), "{record:?} was never said");
    }
}
