//! The DNS resolver and the DNS check keep their contracts, asked of the sandbox's name servers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::config::Period;
use switchover::model::{DnsName, ZoneName};
use switchover::port::{Check, Clock, DnsServer, Resolver, Subject};
use switchover_dns::{Dns, DnsCheck, DnsCheckOptions, DnsOptions};
use switchover_runtime::TokioClock;
use switchover_sandbox::{Answering, DnsSettings, NameServer};
use switchover_tests::contract::check::CheckHarness;
use switchover_tests::contract::name_service::Held;
use switchover_tests::contract::resolver::ResolverHarness;
use switchover_tests::fake::Health;

use crate::sandbox::Booth;

/// Short, because some servers are silent.
const TIMEOUT: Duration = Duration::from_millis(1_500);

fn zone() -> ZoneName {
    ZoneName::new("example.org").unwrap()
}

/// Name servers that can be told how to answer.
struct Servers {
    booth: Booth,
    clock: TokioClock,
}

impl Servers {
    fn new() -> Self {
        Self { booth: Booth::new(), clock: TokioClock::new() }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.booth.run(contract)
    }

    fn all(&self) -> Vec<NameServer> {
        self.booth.sandbox.dns_servers()
    }

    /// The server of that place, told to answer so.
    fn told(&self, place: usize, answering: Answering) -> DnsServer {
        let server = self.all().swap_remove(place);
        assert!(
            self.booth.sandbox.set_dns(&server.name, &DnsSettings { answering, ..DnsSettings::default() })
        );
        named(server)
    }
}

fn named(server: NameServer) -> DnsServer {
    DnsServer { label: server.name, at: server.address }
}

#[async_trait]
impl ResolverHarness for Servers {
    fn resolver(&self) -> Arc<dyn Resolver> {
        let system_resolvers = self.booth.sandbox.resolvers().into_iter().map(|one| one.address).collect();
        Arc::new(Dns::new(DnsOptions { timeout: Period(TIMEOUT), system_resolvers }))
    }

    fn zone(&self) -> ZoneName {
        zone()
    }

    fn server(&self) -> DnsServer {
        self.told(0, Answering::Live)
    }

    fn authorities(&self) -> Vec<DnsServer> {
        self.all().into_iter().map(named).collect()
    }

    /// Each server has an address of its own, and a free port.
    fn reach(&self, found: DnsServer) -> DnsServer {
        assert_eq!(found.at.port(), 53);
        let listens = self.all().into_iter().find(|server| server.address.ip() == found.at.ip());
        DnsServer { at: listens.unwrap().address, ..found }
    }

    fn silent(&self) -> DnsServer {
        self.told(1, Answering::Silent)
    }

    fn refusing(&self) -> DnsServer {
        self.told(2, Answering::Refused)
    }

    async fn set(&self, records: &[Held]) {
        self.booth.set(&zone(), records).await;
    }

    fn has_system_resolver(&self) -> bool {
        true
    }
}

/// The check of a side's own DNS server: each "site" is a name server.
#[async_trait]
impl CheckHarness for Servers {
    fn check(&self) -> Arc<dyn Check> {
        let port = self.all()[0].address.port();
        Arc::new(DnsCheck::new(DnsCheckOptions {
            port,
            expect: Some("192.0.2.1".to_owned()),
            authoritative: true,
            timeout: Period(TIMEOUT),
            ..DnsCheckOptions::default()
        }))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    async fn site(&self, health: Health) -> Subject {
        let name = DnsName::new("www.example.org").unwrap();
        let listening: SocketAddr = self.all()[0].address;
        let (address, answer) = match health {
            Health::Healthy => (listening.ip(), "192.0.2.1"),
            // Nothing listens at this address, at whatever port.
            Health::Down => (IpAddr::from([127, 0, 53, 9]), "192.0.2.1"),
            Health::Wrong(_) => (listening.ip(), "192.0.2.2"),
        };
        let answer: IpAddr = answer.parse().unwrap();
        self.booth.set(&zone(), &[Held::plain(name.clone(), answer)]).await;
        Subject { name, address }
    }

    async fn hanging_site(&self) -> Option<Subject> {
        let subject = self.site(Health::Healthy).await;
        self.told(0, Answering::Silent);
        Some(subject)
    }
}

switchover_tests::resolver_contract!(resolver, Servers::new());
switchover_tests::check_contract!(check, Servers::new());
