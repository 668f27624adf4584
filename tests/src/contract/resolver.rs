//! The contract of [`Resolver`]: what a server really says, nothing remembered, nothing made up.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{AddressKind, DnsName, RecordData, Ttl, ZoneName};
use switchover::port::{Answer, DnsServer, ResolveError, Resolver};

use crate::fake::Held;

/// A resolver under test, with servers for it to ask.
#[async_trait]
pub trait ResolverHarness: Send + Sync {
    /// The provider under test.
    fn resolver(&self) -> Arc<dyn Resolver>;

    /// A zone with at least one authoritative server that the provider can find.
    fn zone(&self) -> ZoneName;

    /// One of its authoritative servers, which serves changes at once.
    fn server(&self) -> DnsServer;

    /// All of its authoritative servers, as they are reached.
    fn authorities(&self) -> Vec<DnsServer>;

    /// How an authoritative server that the provider found is reached. Servers are found at port 53, whatever it takes to serve there in a
    /// test.
    fn reach(&self, found: DnsServer) -> DnsServer;

    /// A server that does not answer.
    fn silent(&self) -> DnsServer;

    /// A server that answers every question with an error code (`REFUSED`).
    fn refusing(&self) -> DnsServer;

    /// Makes the zone hold exactly these records, besides its SOA and NS records.
    async fn set(&self, records: &[Held]);

    /// Whether [`Resolver::authorities`] and [`Resolver::look_up`] can be tried: they ask the system's resolver, which must know
    /// the zone.
    fn has_system_resolver(&self) -> bool;
}

/// Makes a test of every part of the contract: `resolver_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! resolver_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, resolver:
            a_server_is_asked_for_one_family
            a_name_without_addresses_is_an_answer
            aliases_are_followed_within_the_answer
            nothing_is_remembered_between_questions
            many_addresses_come_back_whole
            a_server_that_is_silent_is_given_up
            a_server_that_refuses_is_quoted
            authorities_are_found_and_answer
            a_zone_that_is_not_there_has_no_authorities
            an_ordinary_look_up_finds_the_name
        );
    };
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OTHER_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

fn name(harness: &impl ResolverHarness, label: &str) -> DnsName {
    DnsName::new(format!("{label}.{}", harness.zone())).expect("a name")
}

async fn ask(harness: &impl ResolverHarness, of: &DnsName, kind: AddressKind) -> Answer {
    harness.resolver().ask(&harness.server(), of, kind).await.expect("an answer")
}

/// IPv4 and IPv6 are two questions; the TTL is the record's; the server speaks for its zone.
pub async fn a_server_is_asked_for_one_family(harness: &impl ResolverHarness) {
    let www = name(harness, "www");
    let ttl = Ttl::Seconds(120);
    harness.set(&[V4, V6].map(|address| Held::plain(www.clone(), address).with_ttl(ttl))).await;
    let answer = ask(harness, &www, AddressKind::V4).await;
    assert_eq!(answer, Answer { addresses: [V4].into(), ttl: Duration::from_secs(120), authoritative: true });
    assert_eq!(ask(harness, &www, AddressKind::V6).await.addresses, [V6].into());
}

/// NXDOMAIN and a name without data both mean: no addresses.
pub async fn a_name_without_addresses_is_an_answer(harness: &impl ResolverHarness) {
    let www = name(harness, "www");
    harness.set(&[Held::plain(www.clone(), V4)]).await;
    assert_eq!(ask(harness, &www, AddressKind::V6).await.addresses, BTreeSet::new());
    assert_eq!(ask(harness, &name(harness, "nobody"), AddressKind::V4).await.addresses, BTreeSet::new());
}

/// An alias to a name of the same zone leads to its addresses.
pub async fn aliases_are_followed_within_the_answer(harness: &impl ResolverHarness) {
    let (www, alias) = (name(harness, "www"), name(harness, "alias"));
    let records = [Held::plain(www.clone(), V4), Held::plain(alias.clone(), RecordData::Cname(www))];
    harness.set(&records).await;
    assert_eq!(ask(harness, &alias, AddressKind::V4).await.addresses, [V4].into());
}

/// A change at the server shows in the next question, whatever the TTL was.
pub async fn nothing_is_remembered_between_questions(harness: &impl ResolverHarness) {
    let www = name(harness, "www");
    for address in [V4, OTHER_V4] {
        harness.set(&[Held::plain(www.clone(), address)]).await;
        assert_eq!(ask(harness, &www, AddressKind::V4).await.addresses, [address].into());
    }
}

/// More addresses than fit into a datagram of 512 octets (RFC 1035 section 4.2.1): the answer is asked for again over TCP.
pub async fn many_addresses_come_back_whole(harness: &impl ResolverHarness) {
    let www = name(harness, "www");
    let addresses: BTreeSet<IpAddr> =
        (1..=120).map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))).collect();
    let records: Vec<Held> = addresses.iter().map(|address| Held::plain(www.clone(), *address)).collect();
    harness.set(&records).await;
    assert_eq!(ask(harness, &www, AddressKind::V4).await.addresses, addresses);
}

/// The failure names the server and the name.
pub async fn a_server_that_is_silent_is_given_up(harness: &impl ResolverHarness) {
    let (www, silent) = (name(harness, "www"), harness.silent());
    match harness.resolver().ask(&silent, &www, AddressKind::V4).await {
        Err(ResolveError::NoAnswer { server, name }) => {
            assert_eq!((server, name), (silent.label, www.to_string()));
        }
        other => panic!("{other:?}"),
    }
}

/// The failure names the server, the name and the code.
pub async fn a_server_that_refuses_is_quoted(harness: &impl ResolverHarness) {
    let (www, refusing) = (name(harness, "www"), harness.refusing());
    match harness.resolver().ask(&refusing, &www, AddressKind::V4).await {
        Err(ResolveError::Failed { server, name, code }) => {
            assert_eq!((server, name), (refusing.label, www.to_string()));
            assert!(code.to_ascii_uppercase().contains("REFUSED"), "{code}");
        }
        other => panic!("{other:?}"),
    }
}

/// Every server of the zone is found, can be asked and speaks for the zone.
pub async fn authorities_are_found_and_answer(harness: &impl ResolverHarness) {
    if !harness.has_system_resolver() {
        return;
    }
    let www = name(harness, "www");
    harness.set(&[Held::plain(www.clone(), V4)]).await;
    let found = harness.resolver().authorities(&harness.zone()).await.expect("the zone's servers");
    let found: BTreeSet<DnsServer> = found.into_iter().map(|server| harness.reach(server)).collect();
    assert_eq!(found, harness.authorities().into_iter().collect());
    for server in found {
        assert!(
            harness.resolver().ask(&server, &www, AddressKind::V4).await.expect("an answer").authoritative
        );
    }
}

/// No servers is an error and not an empty list: nobody may take it for agreement.
pub async fn a_zone_that_is_not_there_has_no_authorities(harness: &impl ResolverHarness) {
    if !harness.has_system_resolver() {
        return;
    }
    let unknown = ZoneName::new("unknown-zone.test").expect("a zone");
    let answer = harness.resolver().authorities(&unknown).await;
    assert!(matches!(answer, Err(ResolveError::NoAuthorities { .. })), "{answer:?}");
}

/// As any client would find it.
pub async fn an_ordinary_look_up_finds_the_name(harness: &impl ResolverHarness) {
    if !harness.has_system_resolver() {
        return;
    }
    let www = name(harness, "www");
    harness.set(&[Held::plain(www.clone(), V4)]).await;
    let answer = harness.resolver().look_up(&www, AddressKind::V4).await.expect("an answer");
    assert_eq!(answer.addresses, [V4].into());
    let nobody = harness.resolver().look_up(&name(harness, "nobody"), AddressKind::V4).await;
    assert_eq!(nobody.expect("an answer").addresses, BTreeSet::new());
}
