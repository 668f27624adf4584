//! Against a real DNS server, Knot or BIND. `tests/knot/run` starts one with `GigaDB`'s zones and runs this.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::config::{Period, SecretRef};
use switchover::model::{DnsName, Record, RecordData, RecordId, RecordKind, RecordValue, Ttl, ZoneName};
use switchover::port::{Clock, Meter, NameError, NameService, RecordChange};
use switchover_rfc2136::{Algorithm, Rfc2136, Rfc2136Options};

const LIVE: [&str; 8] = [
    "gigadb.org",
    "bastion.gigadb.org",
    "files.gigadb.org",
    "portainer.gigadb.org",
    "staging.gigadb.org",
    "bastion-stg.gigadb.org",
    "files.staging.gigadb.org",
    "portainer.staging.gigadb.org",
];
const ALTERNATE: [&str; 8] = [
    "alt-live.gigadb.host",
    "bastion.alt-live.gigadb.host",
    "files.alt-live.gigadb.host",
    "portainer.alt-live.gigadb.host",
    "alt-staging.gigadb.host",
    "bastion.alt-staging.gigadb.host",
    "files.alt-staging.gigadb.host",
    "portainer.alt-staging.gigadb.host",
];

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run this by tests/knot/run"))
}

fn options(key_name: &str) -> Rfc2136Options {
    Rfc2136Options {
        server: env("SWITCHOVER_DNS_SERVER"),
        key_name: key_name.into(),
        key: SecretRef::Env("SWITCHOVER_DNS_SECRET".into()),
        algorithm: Algorithm::HmacSha256,
        timeout: Period(Duration::from_secs(10)),
        in_flight: Period(Duration::from_secs(120)),
    }
}

fn metered(options: Rfc2136Options) -> (Rfc2136, Meter) {
    let meter = Meter::default();
    let secret = SecretString::from(env("SWITCHOVER_DNS_SECRET"));
    (Rfc2136::new(options, &secret, meter.clone()).unwrap(), meter)
}

fn service(key_name: &str) -> Rfc2136 {
    metered(options(key_name)).0
}

fn zone(text: &str) -> ZoneName {
    ZoneName::new(text).unwrap()
}

fn names(texts: &[&str]) -> BTreeSet<DnsName> {
    texts.iter().map(|text| DnsName::new(text).unwrap()).collect()
}

fn record(name: &str, data: RecordData, ttl: u32) -> Record {
    Record {
        id: RecordId(String::new()),
        name: DnsName::new(name).unwrap(),
        value: RecordValue { data, ttl: Ttl::Seconds(ttl) },
        proxied: false,
    }
}

fn a(ip: &str) -> RecordData {
    RecordData::A(ip.parse().unwrap())
}

fn alias(target: &str) -> RecordData {
    RecordData::Cname(DnsName::new(target).unwrap())
}

fn change(name: &str, before: RecordData, after: RecordData, ttl: u32) -> RecordChange {
    RecordChange {
        before: record(name, before, 300),
        after: RecordValue { data: after, ttl: Ttl::Seconds(ttl) },
    }
}

fn all(names: &[&str], before: &str, after: &str, ttl: u32) -> Vec<RecordChange> {
    names.iter().map(|name| change(name, a(before), a(after), ttl)).collect()
}

/// What the server says to somebody who is not Switchover: `dig +noall +answer`, columns joined by one space.
fn dig(name: &str, kind: &str) -> Vec<String> {
    let server = env("SWITCHOVER_DNS_SERVER");
    let (host, port) = server.split_once(':').unwrap();
    let output = Command::new("dig")
        .args([&format!("@{host}"), "-p", port, "+tcp", "+noall", "+answer", "+norec", name, kind])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with(';') && !line.is_empty())
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.sort();
    lines
}

fn serial(zone: &str) -> String {
    dig(zone, "SOA")[0].split(' ').nth(6).unwrap().to_owned()
}

#[tokio::test]
async fn a_transfer_and_questions_read_the_same() {
    let wanted =
        names(&["gigadb.org", "www.gigadb.org", "ipv6.gigadb.org", "round.gigadb.org", "svc.gigadb.org"]);
    let (mover, transfers) = metered(options("mover"));
    let (writer, questions) = metered(options("writer"));
    let mut seen = Vec::new();
    for service in [&mover, &writer, &writer] {
        let view = service.read(&zone("gigadb.org"), &wanted).await.unwrap();
        let soa = RecordKind::Other("SOA".into());
        let of_wanted = view.records.into_iter().filter(|r| wanted.contains(&r.name) && r.kind() != soa);
        let mut shown: Vec<String> =
            of_wanted.map(|r| format!("{} {} {} {}", r.name, r.value.ttl, r.kind(), r.value.data)).collect();
        shown.sort();
        seen.push(shown);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert!(seen[0].contains(&"www.gigadb.org 300 s CNAME gigadb.org".to_owned()), "{seen:?}");
    assert!(seen[0].iter().any(|line| line.contains(" HTTPS ")), "{seen:?}");
    assert_eq!(seen[0].len(), 5 + 1 + 2 + 2 + 2, "{seen:?}");
    assert_eq!(transfers.total(), 1);
    // A transfer that is tried once, and twice the SOA with nine types of five names.
    assert_eq!(questions.total(), 1 + 2 * (1 + 9 * 5));
}

#[tokio::test]
async fn a_large_zone_is_transferred_in_many_signed_messages() {
    let (mover, meter) = metered(options("mover"));
    let view = mover.read(&zone("large.example"), &names(&[])).await.unwrap();
    assert!(view.records.len() > 2000);
    assert_eq!(meter.total(), 1);
}

#[tokio::test]
async fn sixteen_names_in_two_zones_are_swapped_and_back() {
    let (writer, meter) = metered(options("writer"));
    let (org, host) = (zone("gigadb.org"), zone("gigadb.host"));
    writer.change(&org, &all(&LIVE, "192.0.2.10", "192.0.2.20", 60)).await.unwrap();
    writer.change(&host, &all(&ALTERNATE, "192.0.2.20", "192.0.2.10", 60)).await.unwrap();
    assert_eq!(meter.total(), 2);
    for name in LIVE {
        assert_eq!(dig(name, "A"), [format!("{name}. 60 IN A 192.0.2.20")]);
    }
    for name in ALTERNATE {
        assert_eq!(dig(name, "A"), [format!("{name}. 60 IN A 192.0.2.10")]);
    }
    assert_eq!(dig("gigadb.org", "MX").len(), 1, "what stands beside is kept");
    let mover = service("mover");
    mover.change(&org, &all(&LIVE, "192.0.2.20", "192.0.2.10", 300)).await.unwrap();
    mover.change(&host, &all(&ALTERNATE, "192.0.2.10", "192.0.2.20", 300)).await.unwrap();
    assert_eq!(dig("gigadb.org", "A"), ["gigadb.org. 300 IN A 192.0.2.10"]);
}

#[tokio::test]
async fn a_stale_swap_is_a_conflict_that_names_the_record_and_changes_nothing() {
    let mut changes = all(&LIVE, "192.0.2.10", "192.0.2.20", 60);
    changes[3] = change(LIVE[3], a("192.0.2.99"), a("192.0.2.20"), 60);
    let before = serial("gigadb.org");
    for key in ["writer", "mover"] {
        let error = service(key).change(&zone("gigadb.org"), &changes).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "zone gigadb.org: portainer.gigadb.org reads A 192.0.2.10, expected A 192.0.2.99"
        );
        assert!(matches!(error, NameError::Conflict { .. }));
    }
    assert_eq!(serial("gigadb.org"), before);
    for name in LIVE {
        assert_eq!(dig(name, "A"), [format!("{name}. 300 IN A 192.0.2.10")]);
    }
}

#[tokio::test]
async fn names_that_are_missing_aliased_or_only_a_wildcards_are_conflicts() {
    let writer = service("writer");
    let org = zone("gigadb.org");
    let found = async |name: &str| {
        let changes = [change(name, a("192.0.2.10"), a("192.0.2.20"), 60)];
        match writer.change(&org, &changes).await {
            Err(NameError::Conflict { records, .. }) if records.len() == 1 => records[0].found.clone(),
            other => panic!("{name}: {other:?}"),
        }
    };
    assert_eq!(found("missing.gigadb.org").await, None);
    assert_eq!(found("www.gigadb.org").await.as_deref(), Some("CNAME gigadb.org"));
    assert_eq!(found("any.wild.gigadb.org").await, None);
    assert!(dig("missing.gigadb.org", "A").is_empty());
    assert_eq!(dig("www.gigadb.org", "CNAME"), ["www.gigadb.org. 300 IN CNAME gigadb.org."]);
}

#[tokio::test]
async fn a_set_is_changed_whole_or_not_at_all() {
    let writer = service("writer");
    let (org, name) = (zone("gigadb.org"), "round.gigadb.org");
    let one = [change(name, a("192.0.2.81"), a("192.0.2.91"), 60)];
    let error = writer.change(&org, &one).await.unwrap_err();
    assert!(error.to_string().contains("reads A 192.0.2.81, A 192.0.2.82, expected A 192.0.2.81"), "{error}");
    let both = [one[0].clone(), change(name, a("192.0.2.82"), a("192.0.2.92"), 60)];
    writer.change(&org, &both).await.unwrap();
    assert_eq!(
        dig(name, "A"),
        [format!("{name}. 60 IN A 192.0.2.91"), format!("{name}. 60 IN A 192.0.2.92")]
    );
    let back = [
        change(name, a("192.0.2.91"), a("192.0.2.81"), 300),
        change(name, a("192.0.2.92"), a("192.0.2.82"), 300),
    ];
    writer.change(&org, &back).await.unwrap();
}

#[tokio::test]
async fn a_ttl_alone_is_changed() {
    let writer = service("writer");
    let (host, name) = (zone("gigadb.host"), "files.alt-live.gigadb.host");
    writer.change(&host, &[change(name, a("192.0.2.20"), a("192.0.2.20"), 30)]).await.unwrap();
    assert_eq!(dig(name, "A"), [format!("{name}. 30 IN A 192.0.2.20")]);
    writer.change(&host, &[change(name, a("192.0.2.20"), a("192.0.2.20"), 300)]).await.unwrap();
    assert_eq!(dig(name, "A"), [format!("{name}. 300 IN A 192.0.2.20")]);
}

#[tokio::test]
async fn aliases_and_ipv6_addresses_are_changed() {
    let (writer, _) = metered(Rfc2136Options { algorithm: Algorithm::HmacSha512, ..options("writer512") });
    let host = zone("gigadb.host");
    let v6 = |ip: &str| RecordData::Aaaa(ip.parse().unwrap());
    let there = [
        change("www.gigadb.host", alias("gigadb.host"), alias("alt-live.gigadb.host"), 60),
        change("ipv6.gigadb.host", v6("2001:db8::1"), v6("2001:db8::2"), 60),
    ];
    writer.change(&host, &there).await.unwrap();
    assert_eq!(dig("www.gigadb.host", "CNAME"), ["www.gigadb.host. 60 IN CNAME alt-live.gigadb.host."]);
    assert_eq!(dig("ipv6.gigadb.host", "AAAA"), ["ipv6.gigadb.host. 60 IN AAAA 2001:db8::2"]);
    assert_eq!(dig("ipv6.gigadb.host", "A"), ["ipv6.gigadb.host. 120 IN A 192.0.2.20"]);
    let back = [
        change("www.gigadb.host", alias("alt-live.gigadb.host"), alias("gigadb.host"), 300),
        change("ipv6.gigadb.host", v6("2001:db8::2"), v6("2001:db8::1"), 120),
    ];
    writer.change(&host, &back).await.unwrap();
}

#[tokio::test]
async fn a_proof_of_write_changes_nothing_at_all() {
    let writer = service("writer");
    let org = zone("gigadb.org");
    let wanted = names(&["gigadb.org", "www.gigadb.org", "ipv6.gigadb.org", "round.gigadb.org"]);
    let writable = |r: &Record| !matches!(r.value.data, RecordData::Other { .. });
    let read = writer.read(&org, &wanted).await.unwrap().records;
    let records: Vec<Record> = read.into_iter().filter(writable).collect();
    assert_eq!(records.len(), 6);
    let before = serial("gigadb.org");
    writer.prove_write(&org, &records).await.unwrap();
    writer.prove_write(&org, &records).await.unwrap();
    assert_eq!(serial("gigadb.org"), before);
    assert_eq!(
        writer.read(&org, &wanted).await.unwrap().records.into_iter().filter(writable).collect::<Vec<_>>(),
        records
    );

    // Not even a TTL that was edited after the records were read.
    let mut stale = records.clone();
    for record in &mut stale {
        record.value.ttl = Ttl::Seconds(7);
    }
    writer.prove_write(&org, &stale).await.unwrap();
    assert_eq!(serial("gigadb.org"), before);

    // Records that read otherwise are a conflict.
    let wrong = [record("gigadb.org", a("192.0.2.99"), 300)];
    assert!(matches!(writer.prove_write(&org, &wrong).await, Err(NameError::Conflict { .. })));
}

#[tokio::test]
async fn a_key_that_may_not_update_is_forbidden_and_reads() {
    let reader = service("reader");
    let org = zone("gigadb.org");
    let before = serial("gigadb.org");
    let records = [record("gigadb.org", a("192.0.2.10"), 300)];
    assert_eq!(reader.read(&org, &names(&["gigadb.org"])).await.unwrap().of(&records[0].name).count(), 6);
    let change = all(&LIVE, "192.0.2.10", "192.0.2.20", 60);
    for result in [reader.change(&org, &change).await, reader.prove_write(&org, &records).await] {
        let error = result.unwrap_err();
        assert!(matches!(error, NameError::Forbidden { .. }), "{error}");
        assert!(error.to_string().contains("the key `reader`"), "{error}");
    }
    assert_eq!(serial("gigadb.org"), before);
}

async fn refused_everywhere(service: &Rfc2136, words: &str) {
    let org = zone("gigadb.org");
    let records = [record("gigadb.org", a("192.0.2.10"), 300)];
    let changes = all(&LIVE, "192.0.2.10", "192.0.2.20", 60);
    let results = [
        service.read(&org, &names(&["gigadb.org"])).await.map(|_| ()),
        service.change(&org, &changes).await,
        service.prove_write(&org, &records).await,
    ];
    for result in results {
        let error = result.unwrap_err();
        assert!(matches!(error, NameError::Unauthorized { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(dig("gigadb.org", "A"), ["gigadb.org. 300 IN A 192.0.2.10"]);
}

#[tokio::test]
async fn an_unknown_key_is_unauthorized() {
    refused_everywhere(&service("stranger"), "does not accept the key `stranger`").await;
}

#[tokio::test]
async fn a_wrong_secret_is_unauthorized() {
    let secret = SecretString::from("bm90IHRoZSBzZWNyZXQ=");
    let wrong = Rfc2136::new(options("writer"), &secret, Meter::default()).unwrap();
    refused_everywhere(&wrong, "the secret of the key `writer` is not the server's").await;
}

#[tokio::test]
async fn a_wrong_algorithm_is_unauthorized() {
    let wrong = metered(Rfc2136Options { algorithm: Algorithm::HmacSha384, ..options("writer") }).0;
    refused_everywhere(&wrong, "its name or algorithm is not the server's").await;
}

/// A clock that is wrong by so many seconds.
#[derive(Debug)]
struct Wrong(i64);

#[async_trait]
impl Clock for Wrong {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now() + jiff::SignedDuration::from_secs(self.0)
    }
    fn monotonic(&self) -> Duration {
        unreachable!("signatures name the wall clock")
    }
    async fn sleep(&self, _: Duration) {
        unreachable!("nothing waits by this clock")
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_said_so_with_the_difference() {
    refused_everywhere(&service("writer").with_clock(Arc::new(Wrong(3600))), "s ahead of the server's").await;
    refused_everywhere(&service("writer").with_clock(Arc::new(Wrong(-90))), "s behind the server's").await;
    let close = service("writer").with_clock(Arc::new(Wrong(-40)));
    close.prove_write(&zone("gigadb.org"), &[record("gigadb.org", a("192.0.2.10"), 300)]).await.unwrap();
}

#[tokio::test]
async fn a_zone_that_the_server_does_not_hold_is_not_found() {
    // `staging.gigadb.org` is a name in a zone, and no zone.
    for text in ["nowhere.example", "staging.gigadb.org"] {
        let name = DnsName::new(text).unwrap();
        for key in ["writer", "mover"] {
            let service = service(key);
            let records = [record(text, a("192.0.2.10"), 300)];
            let results = [
                service.read(&zone(text), &[name.clone()].into()).await.map(|_| ()),
                service.change(&zone(text), &all(&[text], "192.0.2.10", "192.0.2.20", 60)).await,
                service.prove_write(&zone(text), &records).await,
            ];
            for result in results {
                assert!(matches!(result, Err(NameError::ZoneNotFound { .. })), "{text} {key} {result:?}");
            }
        }
    }
}

fn large(before: &str, after: &str) -> Vec<RecordChange> {
    let name = |n| format!("a-host-with-quite-a-long-name-number-{n}.large.example");
    (1..=2000).map(|n| change(&name(n), a(before), a(after), 60)).collect()
}

#[tokio::test]
async fn a_change_over_64_kilobytes_is_split_and_says_what_was_done() {
    let (writer, meter) = metered(options("mover"));
    let large_zone = zone("large.example");
    let count = async |ip: &str| {
        let view = writer.read(&large_zone, &names(&[])).await.unwrap();
        view.records.iter().filter(|r| r.value.data == a(ip)).count()
    };
    // The sets go in the order of their names; this one is in the last batch.
    let mut stale_late = large("192.0.2.30", "192.0.2.40");
    let last = stale_late.iter_mut().max_by_key(|change| change.before.name.clone()).unwrap();
    last.before.value.data = a("192.0.2.99");
    let error = writer.change(&large_zone, &stale_late).await.unwrap_err();
    assert!(matches!(error, NameError::Unknown { .. }), "{error}");
    assert!(error.to_string().contains("of 2000 record sets were changed, and then:"), "{error}");
    let done = count("192.0.2.40").await;
    assert!(error.to_string().contains(&format!("{done} of 2000")) && done > 1000, "{done} {error}");

    // What landed is where the caller goes on from.
    let rest: Vec<RecordChange> = {
        let view = writer.read(&large_zone, &names(&[])).await.unwrap();
        large("192.0.2.30", "192.0.2.40")
            .into_iter()
            .filter(|change| view.of(&change.before.name).all(|r| r.value.data == a("192.0.2.30")))
            .collect()
    };
    writer.change(&large_zone, &rest).await.unwrap();
    assert_eq!(count("192.0.2.40").await, 2000);

    let sent = meter.total();
    writer.change(&large_zone, &large("192.0.2.40", "192.0.2.30")).await.unwrap();
    assert!((3..=12).contains(&(meter.total() - sent)), "{}", meter.total() - sent);

    // A batch that fails first leaves everything as it was.
    let mut stale_early = large("192.0.2.30", "192.0.2.40");
    stale_early[0].before.value.data = a("192.0.2.99");
    let error = writer.change(&large_zone, &stale_early).await.unwrap_err();
    assert!(matches!(&error, NameError::Conflict { records, .. } if records.len() == 1), "{error}");
}

#[tokio::test]
async fn more_questions_than_are_on_the_way_at_once_are_all_answered() {
    let name = |n| DnsName::new(format!("a-host-with-quite-a-long-name-number-{n}.large.example")).unwrap();
    let wanted: BTreeSet<DnsName> = (1..=150).map(name).collect();
    let (writer, meter) = metered(options("writer"));
    let view = writer.read(&zone("large.example"), &wanted).await.unwrap();
    assert_eq!(view.records.iter().filter(|r| r.value.data == a("192.0.2.30")).count(), 150);
    assert_eq!(meter.total(), 1 + 1 + 9 * 150);
}
