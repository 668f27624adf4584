//! The contract of [`NameService`]: whole reads, changes of all or nothing, and nothing changed that was not named.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{DnsName, Record, RecordData, RecordKind, RecordValue, Ttl, ZoneName};
use switchover::port::{NameError, NameService, RecordChange};

pub use crate::fake::Held;

/// What a service compares before it changes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// What the record says: an edit in between is a conflict.
    Values,
    /// Only whether the record with that id is still there: an edit in between is overwritten, and the caller's fresh read is all
    /// the protection there is.
    Ids,
}

/// What a service can hold beside names, types, contents and TTLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// What it compares.
    pub comparison: Comparison,
    /// Whether records can be proxied, commented and tagged.
    pub attributes: bool,
}

/// A service under test, with a way round it to its records.
#[async_trait]
pub trait NameServiceHarness: Send + Sync {
    /// The provider under test.
    fn service(&self) -> Arc<dyn NameService>;

    /// A zone that the provider may read and write.
    fn zone(&self) -> ZoneName;

    /// What the service can do.
    fn abilities(&self) -> Abilities;

    /// Makes the zone hold exactly these records, besides its SOA and NS records. Records that stood there before are deleted and
    /// made again, and have new ids where the service has ids.
    async fn set(&self, records: &[Held]);

    /// What the zone holds now, without SOA and NS records, in any order, past the provider under test.
    async fn held(&self) -> Vec<Held>;
}

/// Makes a test of every part of the contract: `name_service_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! name_service_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, name_service:
            a_read_gives_every_record_of_a_name_whatever_its_type
            a_name_without_records_reads_as_none
            an_unknown_zone_is_named
            a_change_is_there_when_it_is_answered
            many_names_swap_in_one_change
            one_of_several_addresses_is_changed_alone
            a_ttl_is_changed_alone
            attributes_are_kept
            a_stale_change_is_a_conflict_and_changes_nothing
            a_record_that_is_gone_is_a_conflict_and_is_not_made_again
            proving_a_write_changes_nothing
            proving_a_write_to_an_unknown_zone_fails
            the_time_in_flight_is_sane
        );
    };
}

const V4: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 4)),
];
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

struct Bench<'a, H> {
    harness: &'a H,
    service: Arc<dyn NameService>,
    zone: ZoneName,
}

impl<'a, H: NameServiceHarness> Bench<'a, H> {
    async fn with(harness: &'a H, records: &[Held]) -> Self {
        harness.set(records).await;
        Self { harness, service: harness.service(), zone: harness.zone() }
    }

    async fn read(&self, names: &[&DnsName]) -> Vec<Record> {
        let names: BTreeSet<DnsName> = names.iter().copied().cloned().collect();
        let view = self.service.read(&self.zone, &names).await.expect("a zone that can be read");
        assert_eq!(view.zone, self.zone);
        view.records.into_iter().filter(|record| names.contains(&record.name)).collect()
    }

    /// What the zone holds, in an order of its own.
    async fn held(&self) -> Vec<Held> {
        sorted(self.harness.held().await)
    }
}

fn sorted(mut records: Vec<Held>) -> Vec<Held> {
    records.sort_by_key(|held| (held.name.clone(), held.value.data.clone()));
    records
}

fn name<H: NameServiceHarness>(harness: &H, label: &str) -> DnsName {
    DnsName::new(format!("{label}.{}", harness.zone())).expect("a name")
}

fn to(before: &Record, address: IpAddr) -> RecordChange {
    let after = RecordValue { data: address.into(), ttl: before.value.ttl };
    RecordChange { before: before.clone(), after }
}

/// Two names with an address each.
fn two<H: NameServiceHarness>(harness: &H) -> [Held; 2] {
    [Held::plain(name(harness, "www"), V4[0]), Held::plain(name(harness, "alt"), V4[1])]
}

fn kinds(records: &[Record]) -> Vec<RecordKind> {
    let mut kinds: Vec<RecordKind> = records.iter().map(Record::kind).collect();
    kinds.sort();
    kinds
}

/// Addresses of both families, several of one, and types that Switchover never writes: all of them come back. Records of other
/// names may come back or not.
pub async fn a_read_gives_every_record_of_a_name_whatever_its_type(harness: &impl NameServiceHarness) {
    let (www, alias) = (name(harness, "www"), name(harness, "alias"));
    let other = |kind: &str, text: &str| {
        Held::plain(www.clone(), RecordData::Other { kind: kind.to_owned(), text: text.to_owned() })
    };
    let records = [
        Held::plain(www.clone(), V4[0]),
        Held::plain(www.clone(), V4[1]),
        Held::plain(www.clone(), V6),
        other("MX", "10 mail.example.net"),
        other("TXT", "\"some text\""),
        other("CAA", "0 issue \"letsencrypt.org\""),
        Held::plain(alias.clone(), RecordData::Cname(www.clone())),
        Held::plain(name(harness, "elsewhere"), V4[2]),
    ];
    let bench = Bench::with(harness, &records).await;
    let kind = |text: &str| RecordKind::from(text.to_owned());
    let mut expected = ["A", "A", "AAAA", "MX", "TXT", "CAA"].map(kind).to_vec();
    expected.sort();
    assert_eq!(kinds(&bench.read(&[&www]).await), expected);
    let of_alias = bench.read(&[&alias]).await;
    assert_eq!(of_alias.len(), 1);
    assert_eq!(
        of_alias[0].value,
        RecordValue { data: RecordData::Cname(www.clone()), ttl: Ttl::Seconds(300) }
    );
    assert_eq!(bench.read(&[&www, &alias]).await.len(), 7);
}

/// No records is an answer and no error.
pub async fn a_name_without_records_reads_as_none(harness: &impl NameServiceHarness) {
    let bench = Bench::with(harness, &two(harness)).await;
    assert_eq!(bench.read(&[&name(harness, "nobody")]).await, []);
}

/// A zone that the service does not hold, or the credential cannot see.
pub async fn an_unknown_zone_is_named(harness: &impl NameServiceHarness) {
    let bench = Bench::with(harness, &two(harness)).await;
    let unknown = ZoneName::new("unknown-zone.test").expect("a zone");
    let names = BTreeSet::from([DnsName::new("www.unknown-zone.test").expect("a name")]);
    match bench.service.read(&unknown, &names).await {
        Err(NameError::ZoneNotFound { zone, .. }) => assert_eq!(zone, unknown),
        other => panic!("{other:?}"),
    }
}

/// What was accepted is what the zone holds, and it reads back so.
pub async fn a_change_is_there_when_it_is_answered(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let read = bench.read(&[&www.name]).await;
    bench.service.change(&bench.zone, &[to(&read[0], V4[2])]).await.expect("a change");
    let moved = Held::plain(www.name.clone(), V4[2]);
    assert_eq!(bench.held().await, sorted(vec![moved.clone(), alt]));
    let again = bench.read(&[&www.name]).await;
    assert_eq!((again.len(), &again[0].value), (1, &moved.value));
}

/// Two names exchange their addresses.
pub async fn many_names_swap_in_one_change(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let read = bench.read(&[&www.name, &alt.name]).await;
    let changes: Vec<RecordChange> =
        read.iter().map(|record| to(record, if record.name == www.name { V4[1] } else { V4[0] })).collect();
    bench.service.change(&bench.zone, &changes).await.expect("a change");
    let swapped = vec![Held::plain(www.name, V4[1]), Held::plain(alt.name, V4[0])];
    assert_eq!(bench.held().await, sorted(swapped));
}

/// The other records of the name, of either family, stay as they are.
pub async fn one_of_several_addresses_is_changed_alone(harness: &impl NameServiceHarness) {
    let www = name(harness, "www");
    let records = [V4[0], V4[1], V6].map(|address| Held::plain(www.clone(), address));
    let bench = Bench::with(harness, &records).await;
    let read = bench.read(&[&www]).await;
    let first = read.iter().find(|record| record.value.data.address() == Some(V4[0])).expect("the first");
    bench.service.change(&bench.zone, &[to(first, V4[2])]).await.expect("a change");
    let expected = [V4[2], V4[1], V6].map(|address| Held::plain(www.clone(), address));
    assert_eq!(bench.held().await, sorted(expected.to_vec()));
}

/// A new TTL with the same content.
pub async fn a_ttl_is_changed_alone(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let read = bench.read(&[&www.name]).await;
    let after = RecordValue { data: read[0].value.data.clone(), ttl: Ttl::Seconds(60) };
    let change = RecordChange { before: read[0].clone(), after };
    bench.service.change(&bench.zone, &[change]).await.expect("a change");
    assert_eq!(bench.held().await, sorted(vec![www.with_ttl(Ttl::Seconds(60)), alt]));
}

/// Proxying, comments and tags survive a change of the content.
pub async fn attributes_are_kept(harness: &impl NameServiceHarness) {
    if !harness.abilities().attributes {
        return;
    }
    let record = Held {
        proxied: true,
        comment: Some("do not touch".to_owned()),
        tags: vec!["team:web".to_owned()],
        ..Held::plain(name(harness, "www"), V4[0]).with_ttl(Ttl::Auto)
    };
    let bench = Bench::with(harness, std::slice::from_ref(&record)).await;
    let read = bench.read(&[&record.name]).await;
    assert!(read[0].proxied);
    assert_eq!(read[0].value.ttl, Ttl::Auto);
    bench.service.change(&bench.zone, &[to(&read[0], V4[1])]).await.expect("a change");
    let value = RecordValue { data: V4[1].into(), ttl: Ttl::Auto };
    assert_eq!(bench.held().await, [Held { value, ..record }]);
}

/// A record that changed after it was read stops the whole batch. A service that compares ids alone is shown a record that was
/// deleted and made again.
pub async fn a_stale_change_is_a_conflict_and_changes_nothing(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let read = bench.read(&[&www.name, &alt.name]).await;
    let by_somebody = match harness.abilities().comparison {
        Comparison::Values => [www.clone(), Held::plain(alt.name.clone(), V4[3])],
        Comparison::Ids => [www.clone(), alt.clone()],
    };
    harness.set(&by_somebody).await;
    let changes: Vec<RecordChange> = read.iter().map(|record| to(record, V4[2])).collect();
    match bench.service.change(&bench.zone, &changes).await {
        Err(NameError::Conflict { zone, records }) => {
            assert_eq!(zone, bench.zone);
            assert!(records.iter().all(|conflict| [&www.name, &alt.name].contains(&&conflict.name)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.held().await, sorted(by_somebody.to_vec()));
}

/// A record that was deleted is not brought back, and the rest of its batch is not applied.
pub async fn a_record_that_is_gone_is_a_conflict_and_is_not_made_again(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let read = bench.read(&[&www.name, &alt.name]).await;
    harness.set(std::slice::from_ref(&www)).await;
    let changes: Vec<RecordChange> = read.iter().map(|record| to(record, V4[2])).collect();
    let answer = bench.service.change(&bench.zone, &changes).await;
    assert!(matches!(answer, Err(NameError::Conflict { .. })), "{answer:?}");
    assert_eq!(bench.held().await, [www]);
}

/// The proof is a proof and no change, and may be repeated.
pub async fn proving_a_write_changes_nothing(harness: &impl NameServiceHarness) {
    let records = two(harness);
    let bench = Bench::with(harness, &records).await;
    let read = bench.read(&[&records[0].name, &records[1].name]).await;
    for _ in 0..2 {
        assert_eq!(bench.service.prove_write(&bench.zone, &read).await, Ok(()));
    }
    assert_eq!(bench.held().await, sorted(records.to_vec()));
    assert_eq!(bench.read(&[&records[0].name, &records[1].name]).await, read);
}

/// A write that could never work is not proved.
pub async fn proving_a_write_to_an_unknown_zone_fails(harness: &impl NameServiceHarness) {
    let bench = Bench::with(harness, &two(harness)).await;
    let mut read = bench.read(&[&name(harness, "www")]).await;
    read[0].name = DnsName::new("www.unknown-zone.test").expect("a name");
    let unknown = ZoneName::new("unknown-zone.test").expect("a zone");
    assert!(bench.service.prove_write(&unknown, &read).await.is_err());
}

/// Long enough to mean something, and short enough to be waited for in an incident.
pub async fn the_time_in_flight_is_sane(harness: &impl NameServiceHarness) {
    let bench = Bench::with(harness, &two(harness)).await;
    let in_flight = bench.service.in_flight();
    assert!(in_flight >= Duration::from_secs(1), "{in_flight:?}");
    assert!(in_flight <= Duration::from_secs(600), "{in_flight:?}");
}
