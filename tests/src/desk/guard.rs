//! Looks at the safety rules at every call that leaves the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::action::{Action, ChangeRecords};
use switchover::journal::{Entry, Event, FailureKind, Seq, Way};
use switchover::model::{DnsName, PairName, Record, RecordValue, Role, StepId, ZoneName};
use switchover::plan::{Plan, Step};
use switchover::port::{
    Appended, Beat, NameError, NameService, Ports, RecordChange, StateError, StateStore, ZoneView,
};

use crate::fake::{FakeNames, MemoryStore, World};

/// What the names of the pair said in one zone at one time.
type ZoneState = BTreeMap<DnsName, Vec<RecordValue>>;

#[derive(Debug, Default)]
struct Seen {
    states: BTreeMap<ZoneName, Vec<ZoneState>>,
    spared: BTreeSet<DnsName>,
}

/// Panics, and so fails its test, when after any call
/// - a name of the pair has no address record, or more than before;
/// - a name leads to an address that belongs to neither side of its endpoint;
///
/// or when a process
/// - changes records that no entry in the journal announces, or to what the plan does not say;
/// - announces an undoing after the pivot;
/// - changes records after one of its appends was refused.
#[derive(Debug, Clone)]
pub struct Guard {
    world: World,
    seen: Arc<Mutex<Seen>>,
    idle: bool,
}

impl Guard {
    /// One that watches a world, from a look at it as it is.
    pub fn new(world: &World) -> Self {
        let guard = Self { world: world.clone(), seen: Arc::default(), idle: false };
        guard.check();
        guard
    }

    /// One that only stands by, for a world in which nothing is run.
    pub fn unchecked(world: &World) -> Self {
        Self { world: world.clone(), seen: Arc::default(), idle: true }
    }

    /// Takes note that the test itself edits a name by hand.
    pub fn spare(&self, name: &DnsName) {
        self.seen.lock().expect("a lock that nobody panicked under").spared.insert(name.clone());
    }

    /// The ports of one process, watched.
    pub fn ports(&self) -> Ports {
        let mut ports = self.world.ports();
        let refused = Arc::new(Mutex::new(false));
        for service in ports.names.values_mut() {
            let names = self.world.names.clone();
            *service = Arc::new(WatchedNames { guard: self.clone(), names, refused: Arc::clone(&refused) });
        }
        ports.state =
            Arc::new(WatchedStore { guard: self.clone(), store: self.world.store.clone(), refused });
        ports
    }

    /// How often the records of the pair's names in a zone really became different.
    pub fn moves(&self, zone: &ZoneName) -> usize {
        self.check();
        self.seen
            .lock()
            .expect("a lock that nobody panicked under")
            .states
            .get(zone)
            .map_or(0, |states| states.len() - 1)
    }

    /// Looks at the names now.
    pub fn check(&self) {
        if self.idle {
            return;
        }
        let now = self.world.clock.elapsed();
        let mut seen = self.seen.lock().expect("a lock that nobody panicked under");
        let mut states: BTreeMap<ZoneName, ZoneState> = BTreeMap::new();
        for endpoint in self.world.endpoints() {
            let sides: BTreeSet<IpAddr> =
                self.world.books.values().flat_map(|book| book.of(&endpoint.address)).collect();
            for role in Role::ALL {
                let name = endpoint.name(role);
                let records = self.world.names.seen_at(name, now).unwrap_or_default();
                let values: Vec<RecordValue> = addressed(records);
                if !seen.spared.contains(name) {
                    assert!(!values.is_empty(), "{name} has no address record at {now:?}");
                    for value in &values {
                        let address = value.data.address().expect("a lock that nobody panicked under");
                        assert!(
                            sides.contains(&address),
                            "{name} leads to {address}, of neither side, at {now:?}"
                        );
                    }
                }
                states.entry(endpoint.zone(role).zone.clone()).or_default().insert(name.clone(), values);
            }
        }
        for (zone, state) in states {
            let known = seen.states.entry(zone).or_default();
            if let Some(before) = known.last() {
                for (name, values) in &state {
                    assert_eq!(
                        values.len(),
                        before[name].len(),
                        "{name} has another number of records at {now:?}"
                    );
                }
            }
            if known.last() != Some(&state) {
                known.push(state);
            }
        }
    }

    /// The journal as far as it can be read: the half of an entry may stand at its end.
    fn entries(&self) -> Vec<Entry> {
        let (store, pair) = (&self.world.store, &self.world.pair.name);
        (0..store.length(pair).0).map_while(|at| store.entry(pair, Seq(at))).collect()
    }

    /// An entry that nothing has answered yet must announce the change.
    fn announced(&self, zone: &ZoneName, changes: &[RecordChange]) {
        let entries = self.entries();
        let tale = Tale::of(&entries).expect("records are changed and no run is in the journal");
        let mut under_way = tale.plan.steps().filter_map(|step| tale.under_way(step));
        let announced = under_way
            .any(|action| action.zone.zone == *zone && changes.iter().all(|change| says(action, change)));
        assert!(
            announced,
            "{zone} is changed and the journal does not say what is about to be done: {changes:?}"
        );
    }

    /// What an entry may not announce, unless its position is taken and it will be refused.
    fn lawful(&self, entry: &Entry) {
        if entry.seq < self.world.store.length(&self.world.pair.name) {
            return;
        }
        let back = match &entry.event {
            Event::TurnedBack { .. } => true,
            Event::StepStarted { way, .. } => *way == Way::Back,
            _ => false,
        };
        if !back {
            return;
        }
        let entries = self.entries();
        let crossed = Tale::of(&entries).is_some_and(|tale| tale.pivot_crossed());
        assert!(!crossed, "something is undone after the pivot: {:?}", entry.event);
    }
}

fn addressed(records: Vec<Record>) -> Vec<RecordValue> {
    records.into_iter().map(|record| record.value).filter(|value| value.data.address().is_some()).collect()
}

fn says(action: &ChangeRecords, change: &RecordChange) -> bool {
    action.changes.iter().any(|planned| {
        planned.name == change.before.name
            && planned.kind == change.before.kind()
            && planned.from == change.before.value
            && planned.to == change.after
    })
}

/// The latest run, read from its entries by other code than the engine's.
struct Tale<'a> {
    plan: &'a Plan,
    latest: BTreeMap<&'a StepId, &'a Event>,
}

impl<'a> Tale<'a> {
    fn of(entries: &'a [Entry]) -> Option<Self> {
        let mut tale = None;
        for entry in entries {
            match &entry.event {
                Event::RunStarted { plan, .. } => tale = Some(Self { plan, latest: BTreeMap::new() }),
                Event::StepStarted { step, .. }
                | Event::StepSucceeded { step, .. }
                | Event::StepFailed { step, .. } => {
                    tale.as_mut()?.latest.insert(step, &entry.event);
                }
                _ => {}
            }
        }
        tale
    }

    fn under_way(&self, step: &'a Step) -> Option<&'a ChangeRecords> {
        let Event::StepStarted { way, .. } = self.latest.get(&step.id)? else { return None };
        let action = match way {
            Way::Forward => Some(&step.action),
            Way::Back => step.undo.as_ref(),
        };
        match action? {
            Action::ChangeRecords(change) => Some(change),
            _ => None,
        }
    }

    fn pivot_crossed(&self) -> bool {
        let Some(place) = self.plan.pivot_stage() else { return false };
        self.plan.stages[place].steps.iter().any(|step| match self.latest.get(&step.id) {
            Some(Event::StepFailed { failure, .. }) => {
                !matches!(failure.kind, FailureKind::NotReady | FailureKind::Refused)
            }
            Some(_) => true,
            None => false,
        })
    }
}

#[derive(Debug)]
struct WatchedNames {
    guard: Guard,
    names: FakeNames,
    refused: Arc<Mutex<bool>>,
}

#[async_trait]
impl NameService for WatchedNames {
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        let answer = self.names.read(zone, names).await;
        self.guard.check();
        answer
    }

    async fn change(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        assert!(
            !*self.refused.lock().expect("a lock that nobody panicked under"),
            "{zone} is changed after an append was refused"
        );
        self.guard.announced(zone, changes);
        let answer = self.names.change(zone, changes).await;
        self.guard.check();
        answer
    }

    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        let answer = self.names.prove_write(zone, records).await;
        self.guard.check();
        answer
    }

    fn in_flight(&self) -> Duration {
        self.names.in_flight()
    }
}

#[derive(Debug)]
struct WatchedStore {
    guard: Guard,
    store: MemoryStore,
    refused: Arc<Mutex<bool>>,
}

#[async_trait]
impl StateStore for WatchedStore {
    async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        self.store.read(pair, from).await
    }

    async fn append_at(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        self.guard.check();
        self.guard.lawful(entry);
        let answer = self.store.append_at(pair, at, entry).await;
        if let Err(StateError::Full { .. }) = answer {
            *self.refused.lock().expect("a lock that nobody panicked under") = true;
        }
        answer
    }

    async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        self.store.beat(pair, beat).await
    }

    async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        self.store.last_beat(pair).await
    }
}
