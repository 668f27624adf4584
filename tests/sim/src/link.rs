//! What stands between a process and the world: its network, which may fail one way only, and its clock, which may be wrong.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use switchover::journal::{Entry, Seq};
use switchover::model::{AddressName, DnsName, PairName, Record, RunId, SideName, ZoneName};
use switchover::port::{
    AddressBook, AddressError, Appended, Beat, Clock, DataError, Depth, FreezeOrder, FreezeProof, Identity,
    Inspection, KeepOrder, Kept, Listing, LoneSide, NameError, NameService, Overseer, Ports, RecordChange,
    Rescue, StateError, StateStore, Store, SyncOrder, Synced, TakenOver, ZoneView,
};
use switchover_tests::fake::{MemoryStore, VirtualClock, World};

use crate::judge::{Judge, is_lazy};
use crate::scenario::{Cut, Target, Way};
use crate::{Life, Plant};

/// After how long a request that gets nowhere is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// One process and its network. Clones are one network.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) process: u32,
    pub(crate) life: Life,
    pub(crate) cuts: Arc<Vec<Cut>>,
    pub(crate) skew: SignedDuration,
    pub(crate) clock: VirtualClock,
    pub(crate) judge: Judge,
    pub(crate) plant: Option<Plant>,
}

impl Link {
    /// Puts itself between a process and its ports.
    pub(crate) fn between(&self, world: &World, mut ports: Ports) -> Ports {
        for service in ports.names.values_mut() {
            *service = Arc::new(Linked { link: self.clone(), to: Arc::clone(service) });
        }
        for (side, book) in &mut ports.addresses {
            let target = if side == world.first() { Target::First } else { Target::Second };
            *book = Arc::new(LinkedBook { link: self.clone(), target, to: Arc::clone(book) });
        }
        for store in ports.stores.values_mut() {
            let first = world.first().clone();
            *store = Arc::new(LinkedStore { link: self.clone(), first, to: Arc::clone(store) });
        }
        ports.state = Arc::new(LinkedState {
            link: self.clone(),
            memory: world.store.clone(),
            to: ports.state.clone(),
        });
        ports.clock = Arc::new(LinkedClock { link: self.clone(), to: Arc::clone(&ports.clock) });
        ports
    }

    fn cut(&self, target: Target) -> Option<Way> {
        let now = self.clock.elapsed();
        let of =
            self.cuts.iter().find(|cut| cut.target == target && cut.at <= now && now < cut.at + cut.lasts);
        of.map(|cut| cut.way)
    }

    /// Asks something, unless the network keeps the question or its answer. `Err`: no answer came.
    async fn ask<T>(&self, target: Target, asked: impl Future<Output = T>) -> Result<T, Way> {
        match self.cut(target) {
            None => Ok(asked.await),
            Some(Way::There) => {
                self.clock.sleep(PATIENCE).await;
                Err(Way::There)
            }
            Some(Way::Back) => {
                drop(asked.await);
                self.clock.sleep(PATIENCE).await;
                Err(Way::Back)
            }
        }
    }
}

fn why() -> String {
    "the network is cut".to_owned()
}

#[derive(Debug)]
struct Linked {
    link: Link,
    to: Arc<dyn NameService>,
}

fn no_names(zone: &ZoneName) -> NameError {
    NameError::Unavailable { zone: zone.clone(), why: why() }
}

#[async_trait]
impl NameService for Linked {
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        let asked = self.link.ask(Target::Names, self.to.read(zone, names)).await;
        asked.unwrap_or_else(|_| Err(no_names(zone)))
    }

    async fn change(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        self.link.judge.acts(self.link.process, || format!("changes records of {zone}"));
        match self.link.ask(Target::Names, self.to.change(zone, changes)).await {
            Ok(answer) => answer,
            Err(Way::There) => Err(no_names(zone)),
            Err(Way::Back) => Err(NameError::Unknown { zone: zone.clone(), why: why() }),
        }
    }

    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        let asked = self.link.ask(Target::Names, self.to.prove_write(zone, records)).await;
        asked.unwrap_or_else(|_| Err(no_names(zone)))
    }

    fn in_flight(&self) -> Duration {
        if self.link.plant == Some(Plant::NoDrain) { Duration::ZERO } else { self.to.in_flight() }
    }
}

#[derive(Debug)]
struct LinkedBook {
    link: Link,
    target: Target,
    to: Arc<dyn AddressBook>,
}

impl LinkedBook {
    fn silent(&self) -> AddressError {
        AddressError::Unavailable { whose: format!("{:?}", self.target), why: why() }
    }
}

#[async_trait]
impl AddressBook for LinkedBook {
    async fn look_up(&self, wanted: &BTreeSet<AddressName>) -> Result<Listing, AddressError> {
        let asked = self.link.ask(self.target, self.to.look_up(wanted)).await;
        asked.unwrap_or_else(|_| Err(self.silent()))
    }

    async fn identity(&self) -> Result<Option<Identity>, AddressError> {
        let asked = self.link.ask(self.target, self.to.identity()).await;
        asked.unwrap_or_else(|_| Err(self.silent()))
    }
}

#[derive(Debug)]
struct LinkedStore {
    link: Link,
    first: SideName,
    to: Arc<dyn Store>,
}

impl LinkedStore {
    fn target(&self, side: &SideName) -> Target {
        if *side == self.first { Target::First } else { Target::Second }
    }

    async fn change<T>(
        &self,
        side: &SideName,
        what: &str,
        asked: impl Future<Output = Result<T, DataError>>,
    ) -> Result<T, DataError> {
        self.link.judge.acts(self.link.process, || format!("{what} {side}"));
        let place = side.to_string();
        match self.link.ask(self.target(side), asked).await {
            Ok(answer) => answer,
            Err(Way::There) => Err(DataError::Unreachable { place, why: why() }),
            Err(Way::Back) => Err(DataError::Unknown { place, why: why() }),
        }
    }

    async fn read<T>(
        &self,
        side: &SideName,
        asked: impl Future<Output = Result<T, DataError>>,
    ) -> Result<T, DataError> {
        let asked = self.link.ask(self.target(side), asked).await;
        asked.unwrap_or_else(|_| Err(DataError::Unreachable { place: side.to_string(), why: why() }))
    }
}

#[async_trait]
impl Rescue for LinkedStore {
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError> {
        self.read(side, self.to.look(side)).await
    }

    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        self.change(side, "takes over", self.to.take_over(side, run)).await
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        self.change(&order.side, "keeps", self.to.keep(order, overseer)).await
    }
}

#[async_trait]
impl Store for LinkedStore {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        let mut seen = self.to.inspect(depth).await?;
        // A side that cannot be reached is not seen, and the other one is.
        for side in seen.sides.keys().cloned().collect::<Vec<_>>() {
            if self.link.cut(self.target(&side)).is_some() {
                seen.sides.remove(&side);
                seen.unread.insert(side, why());
            }
        }
        Ok(match self.link.plant {
            Some(plant) => plant.bend_look(seen),
            None => seen,
        })
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        self.change(side, "freezes", self.to.freeze(side, order)).await
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        if self.link.plant == Some(Plant::FreezeBelieved) {
            return Ok(FreezeProof {
                attempts: 0,
                refused: "believed".to_owned(),
                position: None,
                still_ms: 0,
            });
        }
        self.read(side, self.to.prove_frozen(side)).await
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        self.change(side, "thaws", self.to.thaw(side)).await
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let order = self.link.plant.map_or(order.clone(), |plant| plant.bend_sync(order, &self.first));
        let to = order.direction.to();
        self.change(to, "syncs to", self.to.sync(&order, overseer)).await
    }
}

#[derive(Debug)]
struct LinkedState {
    link: Link,
    memory: MemoryStore,
    to: Arc<dyn StateStore>,
}

fn no_journal() -> StateError {
    StateError::Unavailable { place: "in memory".to_owned(), why: why() }
}

impl LinkedState {
    async fn written(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        let answer = self.link.ask(Target::Journal, self.to.append_at(pair, at, entry)).await;
        let answer = answer.unwrap_or_else(|_| Err(no_journal()))?;
        match (answer, self.link.plant) {
            (Appended::Taken, Some(Plant::NoFencingToken)) => Ok(Appended::Done),
            (answer, _) => Ok(answer),
        }
    }
}

#[async_trait]
impl StateStore for LinkedState {
    async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        let asked = self.link.ask(Target::Journal, self.to.read(pair, from)).await;
        asked.unwrap_or_else(|_| Err(no_journal()))
    }

    async fn append_at(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        if self.link.life.before_entry().await {
            self.memory.tear(pair, entry);
            std::future::pending::<()>().await;
        }
        if self.link.plant == Some(Plant::WrittenLater) && is_lazy(entry) {
            return Ok(Appended::Done);
        }
        let answer = self.written(pair, at, entry).await;
        self.link.life.after_entry().await;
        answer
    }

    async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        let asked = self.link.ask(Target::Journal, self.to.beat(pair, beat)).await;
        asked.unwrap_or_else(|_| Err(no_journal()))
    }

    async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        let asked = self.link.ask(Target::Journal, self.to.last_beat(pair)).await;
        asked.unwrap_or_else(|_| Err(no_journal()))
    }
}

#[derive(Debug)]
struct LinkedClock {
    link: Link,
    to: Arc<dyn Clock>,
}

#[async_trait]
impl Clock for LinkedClock {
    fn now(&self) -> Timestamp {
        self.to.now() + self.link.skew
    }

    fn monotonic(&self) -> Duration {
        self.to.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.to.sleep(duration).await;
    }
}
