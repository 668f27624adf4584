//! A whole pair in memory: both sides, the names, the servers, the journal and the time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use switchover::model::{
    Activity, AddressName, AnnouncerName, Endpoint, Environment, EnvironmentName, Pair, Role, RoleValues,
    Schedule, ScheduleId, SettingName, SettingRef, SettingValue, SideName, StatusGate, StatusPageName,
    StoreName, StorePolicy, StoreRef,
};
use switchover::port::{
    AddressBook, Announcer, Backups, Check, Meter, Method, NameService, Ports, RoleTable, StatusPage, Store,
};

use super::gigadb;
use super::{
    FakeAddresses, FakeAnnouncer, FakeCheck, FakeDelivery, FakeNames, FakePage, FakeResolver, FakeStore,
    FakeTable, Health, Held, HeldSetting, MemoryStore, SeededEntropy, VirtualClock,
};

/// A pair and everything outside it, each part open to the test's hands.
#[derive(Debug, Clone)]
pub struct World {
    /// The pair, to be changed at will before it is used.
    pub pair: Pair,
    /// The time that all parts share.
    pub clock: VirtualClock,
    /// The one name service.
    pub names: FakeNames,
    /// The address book of each side.
    pub books: BTreeMap<SideName, FakeAddresses>,
    /// The stores, where a test put some: none at first.
    pub stores: BTreeMap<StoreRef, FakeStore>,
    /// What brings releases and settings to each side, where a test asked for it: none at first.
    pub deliveries: BTreeMap<SideName, FakeDelivery>,
    /// What each setting shall say, by role.
    pub values: BTreeMap<SettingRef, RoleValues>,
    /// The one check.
    pub check: FakeCheck,
    /// The DNS servers.
    pub resolver: FakeResolver,
    /// The journal.
    pub store: MemoryStore,
    /// The announcers, where a test put some: none at first.
    pub announcers: BTreeMap<AnnouncerName, FakeAnnouncer>,
    /// The document with the role table, where a test put one: none at first.
    pub role_table: Option<FakeTable>,
    /// The status pages, where a test put some: none at first.
    pub status_pages: BTreeMap<StatusPageName, FakePage>,
    /// Where nonces come from.
    pub entropy: SeededEntropy,
    /// Counts the requests to the name service and the address books.
    pub meter: Meter,
}

impl World {
    /// `GigaDB`'s pair: 16 names in 2 environments (`staging`, `live`) and 2 zones, `hongkong` in production and `sydney` waiting,
    /// everything healthy, TTLs of 300 s.
    ///
    /// One authoritative server serves a change after 1 s, the other after 3 s; two resolvers of the public keep answers.
    pub fn gigadb() -> Self {
        let clock = VirtualClock::default();
        let meter = Meter::default();
        let names = FakeNames::new(&clock, &meter);
        let pair = gigadb::pair();
        let books =
            pair.sides.iter().map(|side| (side.name.clone(), FakeAddresses::new(&side.name, &clock, &meter)));
        let world = Self {
            books: books.collect(),
            stores: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            values: BTreeMap::new(),
            announcers: BTreeMap::new(),
            role_table: None,
            status_pages: BTreeMap::new(),
            check: FakeCheck::new(&clock),
            resolver: FakeResolver::new(&clock, &names),
            store: MemoryStore::new(&clock),
            entropy: SeededEntropy::new(1),
            pair,
            clock,
            names,
            meter,
        };
        world.fill_books();
        world.fill_zones();
        world.add_servers();
        world
    }

    /// Everything as core's ports.
    pub fn ports(&self) -> Ports {
        let (books, stores) = (self.books.iter(), self.stores.iter());
        Ports {
            names: [(gigadb::service(), Arc::new(self.names.clone()) as Arc<dyn NameService>)].into(),
            addresses: books
                .map(|(side, book)| (side.clone(), Arc::new(book.clone()) as Arc<dyn AddressBook>))
                .collect(),
            checks: [(gigadb::check(), Arc::new(self.check.clone()) as Arc<dyn Check>)].into(),
            stores: stores
                .map(|(store, fake)| (store.clone(), Arc::new(fake.clone()) as Arc<dyn Store>))
                .collect(),
            backups: (self.stores.iter().filter(|(_, fake)| fake.keeps_backups()))
                .map(|(store, fake)| (store.clone(), Arc::new(fake.clone()) as Arc<dyn Backups>))
                .collect(),
            deliveries: self.deliveries.iter().map(|(side, fake)| (side.clone(), fake.port())).collect(),
            values: self.values.clone(),
            announcers: (self.announcers.iter())
                .map(|(name, fake)| (name.clone(), Arc::new(fake.clone()) as Arc<dyn Announcer>))
                .collect(),
            role_table: self.role_table.clone().map(|fake| Arc::new(fake) as Arc<dyn RoleTable>),
            status_pages: (self.status_pages.iter())
                .map(|(name, fake)| (name.clone(), Arc::new(fake.clone()) as Arc<dyn StatusPage>))
                .collect(),
            resolver: Arc::new(self.resolver.clone()),
            state: Arc::new(self.store.clone()),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(self.entropy.clone()),
            meter: self.meter.clone(),
        }
    }

    /// Puts a store into an environment; the first side holds its data.
    pub fn add_store(&mut self, environment: &str, called: &str, method: Method) -> FakeStore {
        let fake = FakeStore::new(&self.clock, method, self.first(), self.second());
        let name = StoreName::new(called).expect("a store's name");
        let found = self.pair.environments.iter_mut().find(|known| known.name.as_str() == environment);
        let environment = found.expect("an environment of the pair");
        environment.stores.push(StorePolicy::new(name.clone()));
        let store = StoreRef { environment: environment.name.clone(), store: name };
        self.stores.insert(store, fake.clone());
        fake
    }

    /// Gives both sides a delivery, with nothing deployed yet.
    pub fn add_deliveries(&mut self) {
        let sides = self.pair.sides.iter().map(|side| &side.name);
        let made = sides.map(|side| (side.clone(), FakeDelivery::new(side, &self.clock, &self.meter)));
        self.deliveries = made.collect();
    }

    /// Defines a setting on both sides, each with the value of its role.
    pub fn add_setting(&mut self, environment: &str, called: &str, production: &str, standby: &str) {
        let name = SettingName::new(called).expect("a setting's name");
        let found = self.pair.environments.iter_mut().find(|known| known.name.as_str() == environment);
        let environment = found.expect("an environment of the pair");
        environment.settings.push(name.clone());
        let environment = environment.name.clone();
        for (side, value) in [(self.first(), production), (self.second(), standby)] {
            let held = HeldSetting::plain(value);
            self.deliveries[side].settings.define(Some(&environment), &name, held);
        }
        let (production, standby) = (SettingValue::new(production), SettingValue::new(standby));
        self.values.insert(SettingRef { environment, name }, RoleValues { production, standby });
    }

    /// Adds a schedule for the stand-by of an environment: active there, paused on production.
    pub fn add_schedule(&mut self, environment: &str, called: &str) {
        let found = self.pair.environments.iter_mut().find(|known| known.name.as_str() == environment);
        found.expect("an environment of the pair").standby_schedules.push(called.to_owned());
        for (side, activity) in [(self.first(), Activity::Paused), (self.second(), Activity::Active)] {
            self.deliveries[side].schedules.add(Schedule {
                id: ScheduleId::new(called.replace(' ', "-")).expect("an id"),
                name: called.to_owned(),
                activity,
                what: "main, daily".to_owned(),
                owner: None,
            });
        }
    }

    /// Puts in somebody who is told of the pair's swaps.
    pub fn add_announcer(&mut self, called: &str) -> FakeAnnouncer {
        let fake = FakeAnnouncer::new(&self.clock);
        let name = AnnouncerName::new(called).expect("an announcer's name");
        self.pair.announce.push(name.clone());
        self.announcers.insert(name, fake.clone());
        fake
    }

    /// Puts in a document with a role table of every environment.
    pub fn add_role_table(&mut self) -> FakeTable {
        let fake = FakeTable::new(&self.clock);
        let environments = self.pair.environments.iter().map(|environment| environment.name.clone());
        self.pair.role_table = Some(environments.collect());
        self.role_table = Some(fake.clone());
        fake
    }

    /// Puts in a status page that says that all is well.
    pub fn add_status_page(&mut self, called: &str, gate: StatusGate) -> FakePage {
        let fake = FakePage::new(&self.clock);
        let name = StatusPageName::new(called).expect("a status page's name");
        self.pair.status_pages.insert(name.clone(), gate);
        self.status_pages.insert(name, fake.clone());
        fake
    }

    /// Lets virtual time pass.
    pub async fn sleep(&self, duration: Duration) {
        switchover::port::Clock::sleep(&self.clock, duration).await;
    }

    /// Runs a future to its end; see [`VirtualClock::run`].
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.clock.run(future)
    }

    /// Runs a future until it ends or the store crashes it; see [`VirtualClock::run_until_crash`]. What was sent before the
    /// crash still arrives.
    pub fn run_until_crash<F: Future>(&self, future: F) -> Option<F::Output> {
        self.clock.run_until_crash(future)
    }

    /// The side that is production at the beginning.
    pub fn first(&self) -> &SideName {
        &self.pair.sides[0].name
    }

    /// The side that waits at the beginning.
    pub fn second(&self) -> &SideName {
        &self.pair.sides[1].name
    }

    /// The address of a name on a side.
    pub fn address(&self, side: &SideName, name: &AddressName) -> IpAddr {
        *self.books[side].of(name).first().expect("an address under the name")
    }

    /// The side that every production name of an environment leads to, with every stand-by name leading to the other side, by the
    /// truth of the name service; `None` while that is not so.
    pub fn production(&self, environment: &EnvironmentName) -> Option<SideName> {
        let environment = self.pair.environment(environment).expect("an environment of the pair");
        let mut sides = self.pair.sides.iter().map(|side| &side.name);
        sides.find(|side| self.is_production(environment, side)).cloned()
    }

    /// Makes every address of a side answer like this to the check.
    pub fn set_health(&self, side: &SideName, health: &Health) {
        for endpoint in self.endpoints() {
            self.check.set(self.address(side, &endpoint.address), health.clone());
        }
    }

    /// Every endpoint of the pair.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.pair.environments.iter().flat_map(|environment| &environment.endpoints)
    }

    fn is_production(&self, environment: &Environment, side: &SideName) -> bool {
        let other = &self.pair.opposite(side).expect("a side of the pair").name;
        environment.endpoints.iter().all(|endpoint| {
            let leads = |role, to| {
                self.names.leads_to(endpoint.name(role)) == [self.address(to, &endpoint.address)].into()
            };
            leads(Role::Production, side) && leads(Role::Standby, other)
        })
    }

    fn fill_books(&self) {
        for (side, book) in &self.books {
            for endpoint in self.endpoints() {
                let address = gigadb::address(side, &endpoint.address);
                if book.of(&endpoint.address).is_empty() {
                    book.add(&endpoint.address, address);
                    self.check.set(address, Health::Healthy);
                }
            }
        }
    }

    fn fill_zones(&self) {
        for zone in gigadb::ZONES.map(gigadb::zone) {
            let mut held = gigadb::scenery(&zone);
            for (role, side) in Role::ALL.into_iter().zip([self.first(), self.second()]) {
                let here = self.endpoints().filter(|endpoint| endpoint.zone(role).zone == zone);
                held.extend(here.map(|endpoint| {
                    Held::plain(endpoint.name(role).clone(), self.address(side, &endpoint.address))
                }));
            }
            self.names.set_zone(&zone, &held);
        }
    }

    fn add_servers(&self) {
        let delays = [Duration::from_secs(1), Duration::from_secs(3)];
        for ((label, address), delay) in gigadb::AUTHORITIES.into_iter().zip(delays) {
            self.resolver.add_authority(label, gigadb::at_port_53(address), delay);
        }
        let upstreams = gigadb::AUTHORITIES.map(|(_, address)| gigadb::at_port_53(address));
        for ((label, address), upstream) in gigadb::RESOLVERS.into_iter().zip(upstreams) {
            self.resolver.add_resolver(label, gigadb::at_port_53(address), upstream);
        }
    }
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
