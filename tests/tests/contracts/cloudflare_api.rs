//! What the Cloudflare provider and the emulated API have to agree on besides the contract: tokens, plans, pages and limits.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use switchover::config::Period;
use switchover::model::{DnsName, Record, RecordValue, Zone, ZoneName};
use switchover::port::{Meter, NameError, NameService as _, RecordChange};
use switchover_cloudflare::{Cloudflare, CloudflareOptions};
use switchover_sandbox::{Fault, FaultRule, LimitSeed};
use switchover_tests::contract::name_service::{Held, NameServiceHarness as _};

use crate::cloudflare::{Emulated, Given};

const OLD: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const NEW: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const BATCH: &str = "/zones/*/dns_records/batch";
const RECORDS: &str = "/zones/*/dns_records";

/// A provider, a zone of so many hosts, and what was read of them.
struct Scene {
    api: Emulated,
    zone: ZoneName,
    names: BTreeSet<DnsName>,
}

impl Scene {
    fn new(given: Given, zone: &str, hosts: usize) -> Self {
        let (api, zone) = (Emulated::new(given), ZoneName::new(zone).unwrap());
        let names: BTreeSet<DnsName> =
            (0..hosts).map(|n| DnsName::new(format!("host-{n}.{zone}")).unwrap()).collect();
        let records: Vec<Held> = names.iter().map(|name| Held::plain(name.clone(), OLD)).collect();
        api.run(api.set(&zone, &records));
        api.booth.sandbox.clear_requests();
        Self { api, zone, names }
    }

    fn run<F: Future>(&self, asking: F) -> F::Output {
        self.api.run(asking)
    }

    fn read(&self, service: &Cloudflare) -> Vec<Record> {
        self.run(service.read(&self.zone, &self.names)).unwrap().records
    }

    fn change(&self, service: &Cloudflare, changes: &[RecordChange]) -> Result<(), NameError> {
        self.run(service.change(&self.zone, changes))
    }

    fn at(&self, address: IpAddr) -> usize {
        let held = self.api.booth.held(&self.zone);
        held.iter().filter(|held| held.value.data.address() == Some(address)).count()
    }

    /// The statuses of the requests so far to a path that ends so.
    fn statuses(&self, method: &str, end: &str) -> Vec<Option<u16>> {
        let requests = self.api.booth.sandbox.requests();
        requests
            .iter()
            .filter(|request| request.method == method && request.path.ends_with(end))
            .map(|request| request.status)
            .collect()
    }

    fn fault(&self, fault: Fault, method: &str, path: &str, after: u32) {
        self.api.booth.sandbox.add_fault(FaultRule::new(fault).on(method, path).after(after).times(1));
    }
}

fn changes(records: &[Record]) -> Vec<RecordChange> {
    let after = |record: &Record| RecordValue { data: NEW.into(), ttl: record.value.ttl };
    records.iter().map(|record| RecordChange { before: record.clone(), after: after(record) }).collect()
}

#[test]
fn an_expired_token_is_unauthorized_and_said_to_be_expired() {
    let scene = Scene::new(Given::Id, "example.org", 1);
    let records = scene.read(&scene.api.with("writer"));
    let expired = scene.api.with("expired");
    for answer in [
        scene.run(expired.read(&scene.zone, &scene.names)).map(drop),
        scene.run(expired.prove_write(&scene.zone, &records)),
        scene.change(&expired, &changes(&records)),
    ] {
        assert!(matches!(answer, Err(NameError::Unauthorized { .. })), "{answer:?}");
    }
    assert_eq!((scene.at(OLD), scene.at(NEW)), (1, 0));
}

#[test]
fn a_token_that_expires_in_mid_swap_leaves_its_batch_undone() {
    let scene = Scene::new(Given::Name, "example.org", 2);
    let service = scene.api.with("writer");
    let records = scene.read(&service);
    scene.fault(Fault::ExpireToken { token: "writer".to_owned() }, "POST", BATCH, 0);
    let answer = scene.change(&service, &changes(&records));
    assert!(matches!(answer, Err(NameError::Unauthorized { .. })), "{answer:?}");
    assert_eq!(scene.at(NEW), 0);
}

#[test]
fn a_proof_is_one_refused_batch() {
    let scene = Scene::new(Given::Id, "example.org", 1);
    let service = scene.api.with("writer");
    let records = scene.read(&service);
    assert_eq!(scene.run(service.prove_write(&scene.zone, &records)), Ok(()));
    assert_eq!(scene.statuses("POST", "/batch"), [Some(404)]);
    assert!(scene.api.booth.sandbox.requests().iter().all(|request| !request.applied));
}

#[test]
fn an_unknown_zone_is_told_with_those_that_are_near() {
    let scene = Scene::new(Given::Name, "example.org", 0);
    let zone = ZoneName::new("exmaple.org").unwrap();
    match scene.run(scene.api.with("writer").read(&zone, &BTreeSet::new())) {
        Err(NameError::ZoneNotFound { near, .. }) => assert_eq!(near[0].as_str(), "example.org"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_zone_id_that_is_nobodys_is_answered_with_the_right_one() {
    let scene = Scene::new(Given::Name, "example.org", 1);
    let token = scene.api.booth.sandbox.token("writer").unwrap();
    let right = scene.api.booth.zone_id(&scene.zone);
    let zones = [Zone { name: scene.zone.clone(), id: Some("00000000000000000000000000000000".to_owned()) }];
    let clock = std::sync::Arc::new(switchover_runtime::TokioClock::new());
    let service = Cloudflare::new(&scene.api.options(), token, &zones, Meter::default(), clock).unwrap();
    let error = scene.run(service.read(&scene.zone, &scene.names)).unwrap_err();
    assert!(error.to_string().contains(&right), "{error}");
}

#[test]
fn a_free_zone_takes_two_hundred_changes_at_once() {
    let scene = Scene::new(Given::Name, "free.example", 450);
    let service = scene.api.with("writer");
    assert_eq!(scene.change(&service, &changes(&scene.read(&service))), Ok(()));
    assert_eq!(scene.statuses("POST", "/batch"), [Some(200); 3]);
    assert_eq!((scene.at(OLD), scene.at(NEW)), (0, 450));
}

#[test]
fn a_pro_zone_takes_them_all_at_once() {
    let scene = Scene::new(Given::Name, "example.org", 450);
    let service = scene.api.with("writer");
    assert_eq!(scene.change(&service, &changes(&scene.read(&service))), Ok(()));
    assert_eq!(scene.statuses("POST", "/batch"), [Some(200)]);
    assert_eq!(scene.at(NEW), 450);
}

#[test]
fn a_second_batch_that_fails_leaves_the_first_and_the_rest_goes_on_from_a_read() {
    let scene = Scene::new(Given::Name, "free.example", 250);
    let service = scene.api.with("writer");
    scene.fault(Fault::Status { status: 502, applied: false }, "POST", BATCH, 1);
    let answer = scene.change(&service, &changes(&scene.read(&service)));
    assert!(
        matches!(&answer, Err(NameError::Unknown { why, .. }) if why.contains("200 of 250")),
        "{answer:?}"
    );
    assert_eq!((scene.at(OLD), scene.at(NEW)), (50, 200));
    let left: Vec<Record> =
        scene.read(&service).into_iter().filter(|record| record.value.data.address() == Some(OLD)).collect();
    assert_eq!(scene.change(&service, &changes(&left)), Ok(()));
    assert_eq!(scene.at(NEW), 250);
}

#[test]
fn a_first_batch_that_is_refused_changed_nothing() {
    let scene = Scene::new(Given::Name, "free.example", 250);
    let service = scene.api.with("writer");
    let records = scene.read(&service);
    let fault =
        Fault::ErrorBody { code: 9207, message: "Request body is invalid.".to_owned(), applied: false };
    scene.fault(fault, "POST", BATCH, 0);
    let answer = scene.change(&service, &changes(&records));
    assert!(matches!(answer, Err(NameError::Rejected { code: Some(9207), .. })), "{answer:?}");
    assert_eq!(scene.at(NEW), 0);
}

#[test]
fn more_records_than_fit_on_a_page_are_all_read() {
    let scene = Scene::new(Given::Name, "large.example", 5_001);
    let view = scene.run(scene.api.with("writer").read(&scene.zone, &scene.names)).unwrap();
    let read: BTreeSet<DnsName> = view.records.into_iter().map(|record| record.name).collect();
    assert_eq!(read, scene.names);
    assert_eq!(scene.statuses("GET", "/dns_records"), [Some(200); 2]);
    assert_eq!(view.minimum_ttl, Some(Duration::from_secs(30)), "the Enterprise plan's");
}

#[test]
fn what_is_counted_is_what_was_sent() {
    let scene = Scene::new(Given::Name, "free.example", 250);
    let meter = Meter::default();
    let token = scene.api.booth.sandbox.token("writer").unwrap();
    let service = scene.api.made(&scene.api.options(), token, &meter);
    let records = scene.read(&service);
    assert_eq!(scene.run(service.prove_write(&scene.zone, &records)), Ok(()));
    assert_eq!(scene.change(&service, &changes(&records)), Ok(()));
    let sent = scene.api.booth.sandbox.requests().len();
    // The zones, the records, the proof, two batches.
    assert_eq!((meter.total(), sent), (5, 5));
}

#[test]
fn the_limit_is_kept_without_ever_meeting_it() {
    let scene = Scene::new(Given::Id, "example.org", 1);
    scene.api.booth.sandbox.set_limit(LimitSeed { requests: 3, window_ms: 1_000, block_ms: 60_000 });
    let (service, began) = (scene.api.with("writer"), Instant::now());
    for _ in 0..7 {
        assert_eq!(scene.read(&service).len(), 1);
    }
    assert_eq!(scene.statuses("GET", "/dns_records"), [Some(200); 7]);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_limit_that_somebody_else_used_up_is_waited_out() {
    let scene = Scene::new(Given::Id, "example.org", 1);
    let service = scene.api.with("writer");
    let records = scene.read(&service);
    scene.api.booth.sandbox.set_limit(LimitSeed { requests: 2, window_ms: 1_000, block_ms: 1_500 });
    // Another program with a token of the same user; what it sends is refused, and counts.
    let path = format!("/zones/{}/dns_records/batch", scene.api.booth.zone_id(&scene.zone));
    for _ in 0..3 {
        scene.run(scene.api.booth.post("writer", &path, &serde_json::json!({})));
    }
    scene.api.booth.sandbox.clear_requests();
    let began = Instant::now();
    assert_eq!(scene.change(&service, &changes(&records)), Ok(()));
    assert!(began.elapsed() >= Duration::from_millis(1_400), "{:?}", began.elapsed());
    let batches = scene.statuses("POST", "/batch");
    assert_eq!(batches, [Some(429), Some(200)], "one was refused, and it asked once more after the wait");
    assert_eq!(scene.statuses("GET", "/dns_records"), [Some(200)], "and compared before that");
    assert_eq!(scene.at(NEW), 1);
}

#[test]
fn retry_after_is_honoured_up_to_what_the_file_allows() {
    let scene = Scene::new(Given::Id, "example.org", 1);
    let service = scene.api.with("writer");
    let records = scene.read(&service);
    scene.fault(Fault::RateLimited { retry_after: Some(1) }, "GET", RECORDS, 0);
    let began = Instant::now();
    assert_eq!(scene.read(&service), records);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());

    let options = CloudflareOptions { max_wait: Period(Duration::from_secs(2)), ..scene.api.options() };
    let token = scene.api.booth.sandbox.token("writer").unwrap();
    let hasty = scene.api.made(&options, token, &Meter::default());
    scene.fault(Fault::RateLimited { retry_after: Some(300) }, "POST", BATCH, 0);
    let (answer, began) = (scene.change(&hasty, &changes(&records)), Instant::now());
    let asked = Some(Duration::from_secs(300));
    assert!(
        matches!(&answer, Err(NameError::Throttled { retry_after, .. }) if *retry_after == asked),
        "{answer:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(scene.at(NEW), 0);
}

#[test]
fn a_token_that_an_account_owns_is_asked_about_at_the_account() {
    let scene = Scene::new(Given::Name, "example.org", 1);
    let account = Some("0123456789abcdef0123456789abcdef".to_owned());
    let options = CloudflareOptions { account, ..scene.api.options() };
    let with = |options: &CloudflareOptions, token: &str| {
        scene.api.made(options, scene.api.booth.sandbox.token(token).unwrap(), &Meter::default())
    };
    let service = with(&options, "account");
    let records = scene.read(&service);
    assert_eq!(scene.run(service.prove_write(&scene.zone, &records)), Ok(()));
    assert_eq!(scene.change(&service, &changes(&records)), Ok(()));
    assert_eq!(scene.at(NEW), 1);

    // One that may not write is told so, if it is known where to ask about it.
    let records = scene.read(&service);
    let reader = scene.run(with(&options, "account-reader").prove_write(&scene.zone, &records));
    assert!(matches!(reader, Err(NameError::Forbidden { .. })), "{reader:?}");
    let nowhere = scene.run(with(&scene.api.options(), "account-reader").prove_write(&scene.zone, &records));
    assert!(nowhere.unwrap_err().to_string().contains("set `account`"));
}
