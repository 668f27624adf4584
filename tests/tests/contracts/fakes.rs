//! The fakes keep the contracts that they are used to check others by.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{AddressName, DnsName, SideName, ZoneName};
use switchover::port::{
    AddressBook, Check, Clock, DnsServer, Meter, NameService, Resolver, StateStore, Subject,
};
use switchover_tests::contract::address_book::{AddressBookHarness, documentation_address};
use switchover_tests::contract::check::CheckHarness;
use switchover_tests::contract::name_service::{Abilities, Comparison, NameServiceHarness};
use switchover_tests::contract::resolver::ResolverHarness;
use switchover_tests::contract::state_store::StateStoreHarness;
use switchover_tests::fake::{
    FakeAddresses, FakeCheck, FakeNames, FakeResolver, Health, Held, MemoryStore, NameCall, NameFault,
    ServerFault, VirtualClock,
};

/// One of each fake, on one clock.
struct Fakes {
    clock: VirtualClock,
    names: FakeNames,
    book: FakeAddresses,
    check: FakeCheck,
    resolver: FakeResolver,
    store: MemoryStore,
}

const AUTHORITY: [u8; 4] = [192, 0, 2, 53];
const SILENT: [u8; 4] = [192, 0, 2, 54];
const REFUSING: [u8; 4] = [192, 0, 2, 55];
const SYSTEM: [u8; 4] = [192, 0, 2, 56];

fn socket(address: [u8; 4]) -> SocketAddr {
    SocketAddr::from((address, 53))
}

fn server(address: [u8; 4]) -> DnsServer {
    DnsServer::from(socket(address))
}

impl Fakes {
    fn new() -> Self {
        let (clock, meter) = (VirtualClock::default(), Meter::default());
        let names = FakeNames::new(&clock, &meter);
        let resolver = FakeResolver::new(&clock, &names);
        for address in [AUTHORITY, SILENT, REFUSING] {
            resolver.add_authority("ns", socket(address), Duration::ZERO);
        }
        resolver.add_resolver("system", socket(SYSTEM), socket(AUTHORITY));
        Self {
            book: FakeAddresses::new(&SideName::new("hongkong").unwrap(), &clock, &meter),
            check: FakeCheck::new(&clock),
            store: MemoryStore::new(&clock),
            clock,
            names,
            resolver,
        }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.clock.run(contract)
    }

    /// A service of its own, all of whose calls go wrong.
    fn broken(&self, fault: &NameFault) -> Arc<dyn NameService> {
        let names = FakeNames::new(&self.clock, &Meter::default());
        for call in [NameCall::Read, NameCall::ProveWrite, NameCall::Change] {
            names.fail_always(call, fault.clone());
        }
        Arc::new(names)
    }
}

fn zone() -> ZoneName {
    ZoneName::new("example.org").unwrap()
}

#[async_trait]
impl StateStoreHarness for Fakes {
    async fn open(&self) -> Arc<dyn StateStore> {
        Arc::new(self.store.clone())
    }
}

#[async_trait]
impl NameServiceHarness for Fakes {
    fn service(&self) -> Arc<dyn NameService> {
        Arc::new(self.names.clone())
    }

    fn zones(&self) -> [ZoneName; 2] {
        [zone(), ZoneName::new("example.net").unwrap()]
    }

    fn abilities(&self) -> Abilities {
        Abilities { comparison: Comparison::Values, attributes: true }
    }

    async fn set(&self, zone: &ZoneName, records: &[Held]) {
        self.names.set_zone(zone, records);
    }

    async fn held(&self, zone: &ZoneName) -> Vec<Held> {
        self.names.held(zone)
    }

    fn reader(&self) -> Arc<dyn NameService> {
        for call in [NameCall::ProveWrite, NameCall::Change] {
            self.names.fail_always(call, NameFault::Forbidden);
        }
        self.service()
    }

    fn stranger(&self) -> Arc<dyn NameService> {
        self.broken(&NameFault::Unauthorized)
    }

    fn unreachable(&self) -> Arc<dyn NameService> {
        self.broken(&NameFault::Unavailable)
    }

    async fn lose_next_answer(&self) -> bool {
        self.names.fail_next(NameCall::Change, NameFault::AppliedUnknown);
        true
    }
}

#[async_trait]
impl AddressBookHarness for Fakes {
    fn book(&self) -> Arc<dyn AddressBook> {
        Arc::new(self.book.clone())
    }

    fn allows_duplicates(&self) -> bool {
        true
    }

    async fn set(&self, names: &[AddressName]) -> Vec<IpAddr> {
        let addresses: Vec<IpAddr> = (0..names.len()).map(documentation_address).collect();
        for (name, address) in names.iter().zip(&addresses) {
            self.book.add(name, *address);
        }
        addresses
    }
}

#[async_trait]
impl CheckHarness for Fakes {
    fn check(&self) -> Arc<dyn Check> {
        Arc::new(self.check.clone())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn site(&self, health: Health) -> Subject {
        let address = documentation_address(0);
        self.check.set(address, health);
        Subject { name: DnsName::new("www.example.org").unwrap(), address }
    }

    async fn hanging_site(&self) -> Option<Subject> {
        Some(self.site(Health::Down).await)
    }
}

#[async_trait]
impl ResolverHarness for Fakes {
    fn resolver(&self) -> Arc<dyn Resolver> {
        Arc::new(self.resolver.clone())
    }

    fn zone(&self) -> ZoneName {
        zone()
    }

    fn server(&self) -> DnsServer {
        server(AUTHORITY)
    }

    fn authorities(&self) -> Vec<DnsServer> {
        let server = |address| DnsServer { label: "ns".to_owned(), at: socket(address) };
        [AUTHORITY, SILENT, REFUSING].map(server).to_vec()
    }

    fn reach(&self, found: DnsServer) -> DnsServer {
        found
    }

    fn silent(&self) -> DnsServer {
        self.resolver.set_fault(socket(SILENT), Some(ServerFault::Silent));
        server(SILENT)
    }

    fn refusing(&self) -> DnsServer {
        self.resolver.set_fault(socket(REFUSING), Some(ServerFault::Answers("REFUSED".to_owned())));
        server(REFUSING)
    }

    async fn set(&self, records: &[Held]) {
        self.names.set_zone(&zone(), records);
    }

    fn has_system_resolver(&self) -> bool {
        true
    }
}

switchover_tests::state_store_contract!(state_store, Fakes::new());
switchover_tests::name_service_contract!(name_service, Fakes::new());
switchover_tests::address_book_contract!(address_book, Fakes::new());
switchover_tests::check_contract!(check, Fakes::new());
switchover_tests::resolver_contract!(resolver, Fakes::new());
