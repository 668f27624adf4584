//! DNS servers in memory: authoritative ones that lag behind the name service, and resolvers that keep old answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{AddressKind, DnsName, Record, RecordData, Ttl, ZoneName};
use switchover::port::{Answer, Clock as _, DnsServer, ResolveError, Resolver};

use super::{FakeNames, VirtualClock, lock};

/// What clients see of a proxied record.
const EDGE: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(192, 0, 2, 250), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xed9e));

/// How long a resolver keeps that a name does not exist.
const NEGATIVE_TTL: Duration = Duration::from_secs(60);

/// How a server goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerFault {
    /// It does not answer.
    Silent,
    /// It answers with this response code.
    Answers(String),
}

#[derive(Debug)]
enum Kind {
    /// Serves what the name service held this long ago.
    Authoritative { delay: Duration },
    /// Asks an authoritative server, and keeps the answer for its TTL.
    Resolver { upstream: SocketAddr, kept: BTreeMap<(DnsName, AddressKind), (Answer, Duration)> },
}

#[derive(Debug)]
struct Server {
    label: String,
    kind: Kind,
    fault: Option<ServerFault>,
}

#[derive(Debug, Default)]
struct Inner {
    servers: BTreeMap<SocketAddr, Server>,
    system: Option<SocketAddr>,
}

/// DNS servers that follow a [`FakeNames`]. Clones ask the same servers. A question takes 20 ms of virtual time, five seconds where
/// nobody answers.
#[derive(Debug, Clone)]
pub struct FakeResolver {
    clock: VirtualClock,
    names: FakeNames,
    inner: Arc<Mutex<Inner>>,
}

impl FakeResolver {
    /// No servers yet.
    pub fn new(clock: &VirtualClock, names: &FakeNames) -> Self {
        Self { clock: clock.clone(), names: names.clone(), inner: Arc::default() }
    }

    /// Adds an authoritative server for every zone, which serves a change this long after it was made.
    pub fn add_authority(&self, label: &str, at: SocketAddr, delay: Duration) {
        let server = Server { label: label.to_owned(), kind: Kind::Authoritative { delay }, fault: None };
        lock(&self.inner).servers.insert(at, server);
    }

    /// Adds a resolver that asks an authoritative server and keeps what it hears. The first one is the system's.
    pub fn add_resolver(&self, label: &str, at: SocketAddr, upstream: SocketAddr) {
        let kind = Kind::Resolver { upstream, kept: BTreeMap::new() };
        let mut inner = lock(&self.inner);
        inner.servers.insert(at, Server { label: label.to_owned(), kind, fault: None });
        inner.system.get_or_insert(at);
    }

    /// Changes how long an authoritative server takes to serve a change.
    pub fn set_delay(&self, at: SocketAddr, delay: Duration) {
        self.with(at, |server| server.kind = Kind::Authoritative { delay });
    }

    /// Makes a server go wrong, or well again.
    pub fn set_fault(&self, at: SocketAddr, fault: Option<ServerFault>) {
        self.with(at, |server| server.fault = fault);
    }

    fn with(&self, at: SocketAddr, work: impl FnOnce(&mut Server)) {
        work(lock(&self.inner).servers.get_mut(&at).expect("there is such a server"));
    }

    async fn asked(&self, server: &DnsServer, name: &DnsName) -> Result<(), ResolveError> {
        self.clock.alive().await;
        self.clock.sleep(Duration::from_millis(20)).await;
        let fault = match lock(&self.inner).servers.get(&server.at) {
            Some(known) => known.fault.clone(),
            None => Some(ServerFault::Silent),
        };
        let (label, of) = (server.to_string(), name.to_string());
        match fault {
            None => Ok(()),
            Some(ServerFault::Silent) => {
                self.clock.sleep(Duration::from_secs(5)).await;
                Err(ResolveError::NoAnswer { server: label, name: of })
            }
            Some(ServerFault::Answers(code)) => Err(ResolveError::Failed { server: label, name: of, code }),
        }
    }

    fn serve(&self, inner: &mut Inner, at: SocketAddr, name: &DnsName, kind: AddressKind) -> Answer {
        let now = self.clock.elapsed();
        let server = inner.servers.get(&at).expect("the server was asked");
        let upstream = match &server.kind {
            Kind::Authoritative { delay } => return self.authoritative(name, kind, now.checked_sub(*delay)),
            Kind::Resolver { upstream, kept } => {
                if let Some((answer, until)) = kept.get(&(name.clone(), kind))
                    && *until > now
                {
                    return Answer { ttl: until.saturating_sub(now), ..answer.clone() };
                }
                *upstream
            }
        };
        let fresh = Answer { authoritative: false, ..self.serve(inner, upstream, name, kind) };
        if let Some(Kind::Resolver { kept, .. }) = inner.servers.get_mut(&at).map(|server| &mut server.kind) {
            kept.insert((name.clone(), kind), (fresh.clone(), now + fresh.ttl));
        }
        fresh
    }

    fn authoritative(&self, name: &DnsName, kind: AddressKind, when: Option<Duration>) -> Answer {
        let mut answer = Answer { addresses: BTreeSet::new(), ttl: NEGATIVE_TTL, authoritative: true };
        let mut name = name.clone();
        // Aliases may lead on; a loop of them leads nowhere.
        for _ in 0..8 {
            let records = self.names.seen_at(&name, when.unwrap_or_default()).unwrap_or_default();
            let alias = records.iter().find_map(|record| match &record.value.data {
                RecordData::Cname(to) => Some((to.clone(), ttl(record))),
                RecordData::A(_) | RecordData::Aaaa(_) | RecordData::Other { .. } => None,
            });
            let Some((to, kept)) = alias else {
                let wanted: Vec<&Record> =
                    records.iter().filter(|record| record.kind() == kind.record_kind()).collect();
                answer.addresses = wanted.iter().filter_map(|record| shown(record)).collect();
                answer.ttl = wanted.iter().map(|record| ttl(record)).min().unwrap_or(answer.ttl);
                return answer;
            };
            (name, answer.ttl) = (to, kept);
        }
        answer
    }
}

fn ttl(record: &Record) -> Duration {
    if record.proxied { Ttl::Auto.duration() } else { record.value.ttl.duration() }
}

/// The address that clients see.
fn shown(record: &Record) -> Option<IpAddr> {
    let address = record.value.data.address()?;
    Some(match (record.proxied, address) {
        (false, plain) => plain,
        (true, IpAddr::V4(_)) => IpAddr::V4(EDGE.0),
        (true, IpAddr::V6(_)) => IpAddr::V6(EDGE.1),
    })
}

#[async_trait]
impl Resolver for FakeResolver {
    async fn authorities(&self, zone: &ZoneName) -> Result<Vec<DnsServer>, ResolveError> {
        self.clock.alive().await;
        self.clock.sleep(Duration::from_millis(20)).await;
        if !self.names.has_zone(zone) {
            return Err(ResolveError::NoAuthorities { zone: zone.clone(), why: "NXDOMAIN".to_owned() });
        }
        let inner = lock(&self.inner);
        let authoritative =
            inner.servers.iter().filter(|(_, server)| matches!(server.kind, Kind::Authoritative { .. }));
        Ok(authoritative.map(|(at, server)| DnsServer { label: server.label.clone(), at: *at }).collect())
    }

    async fn ask(
        &self,
        server: &DnsServer,
        name: &DnsName,
        kind: AddressKind,
    ) -> Result<Answer, ResolveError> {
        self.asked(server, name).await?;
        Ok(self.serve(&mut lock(&self.inner), server.at, name, kind))
    }

    async fn look_up(&self, name: &DnsName, kind: AddressKind) -> Result<Answer, ResolveError> {
        let system = lock(&self.inner).system.expect("a resolver was added");
        self.ask(&DnsServer::from(system), name, kind).await
    }
}
