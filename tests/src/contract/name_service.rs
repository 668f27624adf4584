//! The contract of [`NameService`]: whole reads, changes of all or nothing, and nothing changed that was not named.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use switchover::model::{DnsName, Record, RecordData, RecordKind, RecordValue, Ttl, ZoneName};
use switchover::port::{NameError, NameService, RecordChange};

pub use crate::fake::Held;

/// What a service compares before it changes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// What the record says: an edit in between is a conflict.
    Values,
    /// What all records of the name and type say together: an edit in between is a conflict, and so is a record that was not handed in.
    Sets,
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

    /// Two zones that the provider may read and write.
    fn zones(&self) -> [ZoneName; 2];

    /// What the service can do.
    fn abilities(&self) -> Abilities;

    /// Makes a zone hold exactly these records, besides its SOA and NS records. Records that stood there before are deleted and
    /// made again, and have new ids where the service has ids.
    async fn set(&self, zone: &ZoneName, records: &[Held]);

    /// What a zone holds now, without SOA and NS records, in any order, past the provider under test.
    async fn held(&self, zone: &ZoneName) -> Vec<Held>;

    /// The same service with a credential that may read these zones and not write them. [`NameServiceHarness::service`] is not used after it.
    fn reader(&self) -> Arc<dyn NameService>;

    /// The same service with a credential that the service does not know.
    fn stranger(&self) -> Arc<dyn NameService>;

    /// The provider with an address at which nobody listens.
    fn unreachable(&self) -> Arc<dyn NameService>;

    /// Lets the service apply the next change and lose its answer; false if that cannot be arranged.
    async fn lose_next_answer(&self) -> bool;
}

/// Makes a test of every part of the contract: `name_service_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! name_service_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, name_service:
            a_read_gives_every_record_of_a_name_whatever_its_type
            a_read_is_fresh
            a_name_without_records_reads_as_none
            an_unknown_zone_is_named
            a_change_is_there_when_it_is_answered
            many_names_swap_in_one_change
            a_large_change_is_applied_whole
            aliases_and_ipv6_addresses_are_changed
            one_of_several_addresses_is_changed_alone
            records_of_other_types_beside_a_change_are_kept
            a_ttl_is_changed_alone
            a_ttl_below_the_smallest_is_refused
            attributes_are_kept
            no_changes_are_no_request
            zones_are_changed_each_for_itself
            a_stale_change_is_a_conflict_and_changes_nothing
            a_record_that_is_gone_is_a_conflict_and_is_not_made_again
            proving_a_write_changes_nothing
            proving_a_write_to_an_unknown_zone_fails
            a_credential_that_may_only_read_changes_nothing
            a_credential_that_nobody_knows_is_unauthorized
            where_nobody_listens_nothing_is_unknown
            a_change_whose_answer_is_lost_is_unknown_and_is_read_back
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
        let [zone, _] = harness.zones();
        harness.set(&zone, records).await;
        Self { harness, service: harness.service(), zone }
    }

    async fn read(&self, names: &[&DnsName]) -> Vec<Record> {
        read(&*self.service, &self.zone, names).await
    }

    /// What the zone holds, in an order of its own.
    async fn held(&self) -> Vec<Held> {
        sorted(self.harness.held(&self.zone).await)
    }
}

async fn read(service: &dyn NameService, zone: &ZoneName, names: &[&DnsName]) -> Vec<Record> {
    let names: BTreeSet<DnsName> = names.iter().copied().cloned().collect();
    let view = service.read(zone, &names).await.expect("a zone that can be read");
    assert_eq!(view.zone, *zone);
    view.records.into_iter().filter(|record| names.contains(&record.name)).collect()
}

fn sorted(mut records: Vec<Held>) -> Vec<Held> {
    records.sort_by_key(|held| (held.name.clone(), held.value.data.clone()));
    records
}

fn name<H: NameServiceHarness>(harness: &H, label: &str) -> DnsName {
    let [zone, _] = harness.zones();
    within(&zone, label)
}

fn within(zone: &ZoneName, label: &str) -> DnsName {
    DnsName::new(format!("{label}.{zone}")).expect("a name")
}

/// A record of a type that Switchover never writes.
fn other(name: &DnsName, kind: &str, text: &str) -> Held {
    Held::plain(name.clone(), RecordData::Other { kind: kind.to_owned(), text: text.to_owned() })
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
/// names may come back or not, and names that were not asked for are no matter.
pub async fn a_read_gives_every_record_of_a_name_whatever_its_type(harness: &impl NameServiceHarness) {
    let (www, alias) = (name(harness, "www"), name(harness, "alias"));
    let records = [
        Held::plain(www.clone(), V4[0]),
        Held::plain(www.clone(), V4[1]),
        Held::plain(www.clone(), V6),
        other(&www, "MX", "10 mail.example.net"),
        other(&www, "TXT", "\"some text\""),
        other(&www, "CAA", "0 issue \"letsencrypt.org\""),
        other(&www, "HTTPS", "1 . alpn=\"h2\""),
        other(&www, "SRV", "10 5 5060 sip.example.net"),
        Held::plain(alias.clone(), RecordData::Cname(www.clone())),
        Held::plain(name(harness, "elsewhere"), V4[2]),
    ];
    let bench = Bench::with(harness, &records).await;
    let kind = |text: &str| RecordKind::from(text.to_owned());
    let mut expected = ["A", "A", "AAAA", "MX", "TXT", "CAA", "HTTPS", "SRV"].map(kind).to_vec();
    expected.sort();
    assert_eq!(kinds(&bench.read(&[&www]).await), expected);
    let of_alias = bench.read(&[&alias]).await;
    assert_eq!(of_alias.len(), 1);
    assert_eq!(
        of_alias[0].value,
        RecordValue { data: RecordData::Cname(www.clone()), ttl: Ttl::Seconds(300) }
    );
    assert_eq!(bench.read(&[&www, &alias]).await.len(), 9);
}

/// A read shows what somebody else did since the last one.
pub async fn a_read_is_fresh(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let data = |records: Vec<Record>| -> Vec<RecordData> {
        records.into_iter().map(|record| record.value.data).collect()
    };
    assert_eq!(data(bench.read(&[&www.name]).await), [V4[0].into()]);
    assert_eq!(data(bench.read(&[&www.name]).await), [V4[0].into()]);
    harness.set(&bench.zone, &[Held::plain(www.name.clone(), V4[3])]).await;
    assert_eq!(data(bench.read(&[&www.name]).await), [V4[3].into()]);
    assert_eq!(bench.read(&[&alt.name]).await, []);
}

/// No records is an answer and no error.
pub async fn a_name_without_records_reads_as_none(harness: &impl NameServiceHarness) {
    let bench = Bench::with(harness, &two(harness)).await;
    assert_eq!(bench.read(&[&name(harness, "nobody")]).await, []);
    assert_eq!(bench.read(&[]).await, []);
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

/// More changes than fit into one message of some services: split or not, all of them land.
pub async fn a_large_change_is_applied_whole(harness: &impl NameServiceHarness) {
    let names: Vec<DnsName> = (0..250).map(|n| name(harness, &format!("host-{n}"))).collect();
    let all = |address: IpAddr| -> Vec<Held> {
        names.iter().map(|name| Held::plain(name.clone(), address)).collect()
    };
    let bench = Bench::with(harness, &all(V4[0])).await;
    let read = bench.read(&names.iter().collect::<Vec<_>>()).await;
    let changes: Vec<RecordChange> = read.iter().map(|record| to(record, V4[1])).collect();
    assert_eq!(changes.len(), names.len());
    bench.service.change(&bench.zone, &changes).await.expect("a change");
    assert_eq!(bench.held().await, sorted(all(V4[1])));
}

/// The types beside A that Switchover writes.
pub async fn aliases_and_ipv6_addresses_are_changed(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let (alias, v6) = (name(harness, "alias"), name(harness, "v6"));
    let held = |target: &DnsName, address: IpAddr| {
        let alias = Held::plain(alias.clone(), RecordData::Cname(target.clone()));
        vec![www.clone(), alt.clone(), alias, Held::plain(v6.clone(), address)]
    };
    let bench = Bench::with(harness, &held(&www.name, V6)).await;
    let moved = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
    let to_data = |record: &Record, data: RecordData| {
        let after = RecordValue { data, ttl: record.value.ttl };
        RecordChange { before: record.clone(), after }
    };
    let changes: Vec<RecordChange> = bench
        .read(&[&alias, &v6])
        .await
        .iter()
        .map(|record| {
            let data = if record.name == alias { RecordData::Cname(alt.name.clone()) } else { moved.into() };
            to_data(record, data)
        })
        .collect();
    assert_eq!(changes.len(), 2);
    bench.service.change(&bench.zone, &changes).await.expect("a change");
    assert_eq!(bench.held().await, sorted(held(&alt.name, moved)));
}

/// The other records of the name, of either family, stay as they are. A service that compares whole sets takes the whole set only.
pub async fn one_of_several_addresses_is_changed_alone(harness: &impl NameServiceHarness) {
    let www = name(harness, "www");
    let records = [V4[0], V4[1], V6].map(|address| Held::plain(www.clone(), address));
    let bench = Bench::with(harness, &records).await;
    let read = bench.read(&[&www]).await;
    let holding = |address: IpAddr| {
        read.iter().find(|record| record.value.data.address() == Some(address)).expect("the record")
    };
    let mut changes = vec![to(holding(V4[0]), V4[2])];
    if harness.abilities().comparison == Comparison::Sets {
        let alone = bench.service.change(&bench.zone, &changes).await;
        assert!(matches!(alone, Err(NameError::Conflict { .. })), "{alone:?}");
        assert_eq!(bench.held().await, sorted(records.to_vec()));
        changes.push(to(holding(V4[1]), V4[1]));
    }
    bench.service.change(&bench.zone, &changes).await.expect("a change");
    let expected = [V4[2], V4[1], V6].map(|address| Held::plain(www.clone(), address));
    assert_eq!(bench.held().await, sorted(expected.to_vec()));
}

/// Mail, texts and the rest of the name stay as they are, whatever the service calls them.
pub async fn records_of_other_types_beside_a_change_are_kept(harness: &impl NameServiceHarness) {
    let www = name(harness, "www");
    let records = [
        Held::plain(www.clone(), V4[0]),
        Held::plain(www.clone(), V6),
        other(&www, "MX", "10 mail.example.net").with_ttl(Ttl::Seconds(3600)),
        other(&www, "TXT", "\"some text\""),
        other(&www, "CAA", "0 issue \"letsencrypt.org\""),
    ];
    let bench = Bench::with(harness, &records).await;
    let is_moved = |held: &Held| held.value.data.kind() == RecordKind::A;
    let (moved, kept): (Vec<Held>, Vec<Held>) = bench.held().await.into_iter().partition(is_moved);
    assert_eq!((moved.len(), kept.len()), (1, 4));
    let read = bench.read(&[&www]).await;
    let address = read.iter().find(|record| record.kind() == RecordKind::A).expect("the address");
    bench.service.change(&bench.zone, &[to(address, V4[1])]).await.expect("a change");
    let (moved, still): (Vec<Held>, Vec<Held>) = bench.held().await.into_iter().partition(is_moved);
    assert_eq!((moved, still), (vec![Held::plain(www, V4[1])], kept));
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

/// Where the service says which TTL is the smallest, it takes that one, and refuses a smaller one without any change.
pub async fn a_ttl_below_the_smallest_is_refused(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let view = bench.service.read(&bench.zone, &BTreeSet::from([www.name.clone()])).await.expect("a view");
    let Some(smallest) = view.minimum_ttl else { return };
    let smallest = u32::try_from(smallest.as_secs()).expect("a TTL");
    let lower = |record: &Record, seconds: u32| RecordChange {
        after: RecordValue { data: record.value.data.clone(), ttl: Ttl::Seconds(seconds) },
        before: record.clone(),
    };
    let read = bench.read(&[&www.name, &alt.name]).await;
    let mut changes: Vec<RecordChange> = read.iter().map(|record| lower(record, smallest)).collect();
    changes[1] = lower(&read[1], smallest - 1);
    let refused = bench.service.change(&bench.zone, &changes).await;
    assert!(matches!(refused, Err(NameError::Rejected { .. })), "{refused:?}");
    assert_eq!(bench.held().await, sorted(vec![www.clone(), alt.clone()]));
    changes[1] = lower(&read[1], smallest);
    bench.service.change(&bench.zone, &changes).await.expect("a change");
    let lowered = [www, alt].map(|held| held.with_ttl(Ttl::Seconds(smallest)));
    assert_eq!(bench.held().await, sorted(lowered.to_vec()));
}

/// Proxying, comments and tags survive a change of the content, and one of the TTL.
pub async fn attributes_are_kept(harness: &impl NameServiceHarness) {
    if !harness.abilities().attributes {
        return;
    }
    let labelled = |label: &str| Held {
        comment: Some("do not touch".to_owned()),
        tags: vec!["team:web".to_owned()],
        ..Held::plain(name(harness, label), V4[0])
    };
    let proxied = Held { proxied: true, ..labelled("www").with_ttl(Ttl::Auto) };
    let plain = labelled("alt");
    let bench = Bench::with(harness, &[proxied.clone(), plain.clone()]).await;
    let read = bench.read(&[&proxied.name]).await;
    assert!(read[0].proxied);
    assert_eq!(read[0].value.ttl, Ttl::Auto);
    let lower = RecordValue { data: V4[0].into(), ttl: Ttl::Seconds(60) };
    let changes = [
        to(&read[0], V4[1]),
        RecordChange { before: bench.read(&[&plain.name]).await[0].clone(), after: lower },
    ];
    bench.service.change(&bench.zone, &changes).await.expect("a change");
    let value = RecordValue { data: V4[1].into(), ttl: Ttl::Auto };
    let expected = vec![Held { value, ..proxied }, plain.with_ttl(Ttl::Seconds(60))];
    assert_eq!(bench.held().await, sorted(expected));
}

/// Nothing is sent, so that it works where nobody listens.
pub async fn no_changes_are_no_request(harness: &impl NameServiceHarness) {
    let records = two(harness);
    let bench = Bench::with(harness, &records).await;
    assert_eq!(bench.service.change(&bench.zone, &[]).await, Ok(()));
    assert_eq!(harness.unreachable().change(&bench.zone, &[]).await, Ok(()));
    assert_eq!(bench.held().await, sorted(records.to_vec()));
}

/// Two zones change at once; a conflict in one is none of the other's business.
pub async fn zones_are_changed_each_for_itself(harness: &impl NameServiceHarness) {
    let [first, second] = harness.zones();
    let here = [Held::plain(within(&first, "www"), V4[0])];
    let there = [Held::plain(within(&second, "www"), V4[1])];
    let bench = Bench::with(harness, &here).await;
    harness.set(&second, &there).await;
    let changes = async |zone: &ZoneName, address: IpAddr| {
        let read = read(&*bench.service, zone, &[&within(zone, "www")]).await;
        read.iter().map(|record| to(record, address)).collect::<Vec<RecordChange>>()
    };
    let (of_first, of_second) = (changes(&first, V4[1]).await, changes(&second, V4[0]).await);
    let both = join(bench.service.change(&first, &of_first), bench.service.change(&second, &of_second)).await;
    assert_eq!(both, (Ok(()), Ok(())));
    assert_eq!(bench.held().await, [Held::plain(within(&first, "www"), V4[1])]);
    assert_eq!(harness.held(&second).await, [Held::plain(within(&second, "www"), V4[0])]);

    let (of_first, of_second) = (changes(&first, V4[2]).await, changes(&second, V4[2]).await);
    let by_somebody = [Held::plain(within(&first, "www"), V4[3])];
    harness.set(&first, &by_somebody).await;
    let (stale, fresh) =
        join(bench.service.change(&first, &of_first), bench.service.change(&second, &of_second)).await;
    assert!(matches!(&stale, Err(NameError::Conflict { zone, .. }) if *zone == first), "{stale:?}");
    assert_eq!(fresh, Ok(()));
    assert_eq!(bench.held().await, by_somebody);
    assert_eq!(harness.held(&second).await, [Held::plain(within(&second, "www"), V4[2])]);
}

/// A record that changed after it was read stops the whole batch, and is named. A service that compares ids alone is shown a record
/// that was deleted and made again.
pub async fn a_stale_change_is_a_conflict_and_changes_nothing(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let read = bench.read(&[&www.name, &alt.name]).await;
    let by_somebody = match harness.abilities().comparison {
        Comparison::Values | Comparison::Sets => [www.clone(), Held::plain(alt.name.clone(), V4[3])],
        Comparison::Ids => [www.clone(), alt.clone()],
    };
    // Where there are ids, a record that was made again is another one, even if it says the same.
    let differ = |record: &&Record| record.name == alt.name || !record.id.0.is_empty();
    let differ: BTreeSet<&DnsName> = read.iter().filter(differ).map(|record| &record.name).collect();
    harness.set(&bench.zone, &by_somebody).await;
    let changes: Vec<RecordChange> = read.iter().map(|record| to(record, V4[2])).collect();
    match bench.service.change(&bench.zone, &changes).await {
        Err(NameError::Conflict { zone, records }) => {
            assert_eq!(zone, bench.zone);
            assert!(
                differ.is_superset(&records.iter().map(|conflict| &conflict.name).collect()),
                "{records:?}"
            );
            assert!(records.iter().any(|conflict| conflict.name == alt.name), "{records:?}");
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
    harness.set(&bench.zone, std::slice::from_ref(&www)).await;
    let changes: Vec<RecordChange> = read.iter().map(|record| to(record, V4[2])).collect();
    match bench.service.change(&bench.zone, &changes).await {
        Err(NameError::Conflict { records, .. }) => {
            let gone =
                records.iter().find(|conflict| conflict.name == alt.name).expect("the one that is gone");
            assert_eq!(gone.found, None);
        }
        other => panic!("{other:?}"),
    }
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

/// It reads; a proof and a change both fail, say that it may not, and change nothing.
pub async fn a_credential_that_may_only_read_changes_nothing(harness: &impl NameServiceHarness) {
    let records = two(harness);
    let bench = Bench::with(harness, &records).await;
    let reader = harness.reader();
    let read = read(&*reader, &bench.zone, &[&records[0].name, &records[1].name]).await;
    assert_eq!(read.len(), 2);
    let changes: Vec<RecordChange> = read.iter().map(|record| to(record, V4[2])).collect();
    for answer in [reader.prove_write(&bench.zone, &read).await, reader.change(&bench.zone, &changes).await] {
        assert!(matches!(answer, Err(NameError::Forbidden { .. })), "{answer:?}");
    }
    assert_eq!(bench.held().await, sorted(records.to_vec()));
}

/// Nothing works, and it is the credential's fault.
pub async fn a_credential_that_nobody_knows_is_unauthorized(harness: &impl NameServiceHarness) {
    let records = two(harness);
    let bench = Bench::with(harness, &records).await;
    let stranger = harness.stranger();
    let names = BTreeSet::from([records[0].name.clone()]);
    let read = bench.read(&[&records[0].name]).await;
    for answer in [
        stranger.read(&bench.zone, &names).await.map(drop),
        stranger.prove_write(&bench.zone, &read).await,
        stranger.change(&bench.zone, &[to(&read[0], V4[2])]).await,
    ] {
        assert!(matches!(answer, Err(NameError::Unauthorized { .. })), "{answer:?}");
    }
    assert_eq!(bench.held().await, sorted(records.to_vec()));
}

/// Without a connection a change cannot have been applied, and nobody need wait for it: it is not unknown.
pub async fn where_nobody_listens_nothing_is_unknown(harness: &impl NameServiceHarness) {
    let records = two(harness);
    let bench = Bench::with(harness, &records).await;
    let lost = harness.unreachable();
    let names = BTreeSet::from([records[0].name.clone()]);
    let read = bench.read(&[&records[0].name]).await;
    for answer in [
        lost.read(&bench.zone, &names).await.map(drop),
        lost.prove_write(&bench.zone, &read).await,
        lost.change(&bench.zone, &[to(&read[0], V4[2])]).await,
    ] {
        assert!(matches!(answer, Err(NameError::Unavailable { .. })), "{answer:?}");
    }
    assert_eq!(bench.held().await, sorted(records.to_vec()));
}

/// It is not taken for a failure: it may have been applied, as a read shows.
pub async fn a_change_whose_answer_is_lost_is_unknown_and_is_read_back(harness: &impl NameServiceHarness) {
    let [www, alt] = two(harness);
    let bench = Bench::with(harness, &[www.clone(), alt.clone()]).await;
    let read = bench.read(&[&www.name]).await;
    if !harness.lose_next_answer().await {
        return;
    }
    let answer = bench.service.change(&bench.zone, &[to(&read[0], V4[2])]).await;
    assert!(matches!(answer, Err(NameError::Unknown { .. })), "{answer:?}");
    let moved = Held::plain(www.name.clone(), V4[2]);
    assert_eq!(bench.read(&[&www.name]).await[0].value, moved.value);
    assert_eq!(bench.held().await, sorted(vec![moved, alt]));
}

/// Long enough to mean something, and short enough to be waited for in an incident.
pub async fn the_time_in_flight_is_sane(harness: &impl NameServiceHarness) {
    let bench = Bench::with(harness, &two(harness)).await;
    let in_flight = bench.service.in_flight();
    assert!(in_flight >= Duration::from_secs(1), "{in_flight:?}");
    assert!(in_flight <= Duration::from_secs(600), "{in_flight:?}");
}
