//! A store whose data is a set of numbers, each the write of a client, on virtual time and with scripted faults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use switchover::model::{RunId, SideName, Verification};
use switchover::port::{
    Access, Advance, Clock as _, Copied, DataError, Depth, FreezeOrder, FreezeProof, Inspection, Method,
    Overseer, Store, StoreProblem, StoreSide, Stream, SyncOrder, SyncPurpose, Synced, Unit,
};

use super::backups::Kept;
use super::rescue::Absence;
use super::script::Script;
use super::{VirtualClock, lock};

/// How long a request may be on its way: the engine counts on it.
const IN_FLIGHT: Duration = Duration::from_secs(5);

/// The calls that can be made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataCall {
    /// [`Store::inspect`].
    Inspect,
    /// [`Store::freeze`].
    Freeze,
    /// [`Store::prove_frozen`].
    Prove,
    /// [`Store::thaw`].
    Thaw,
    /// [`Store::sync`].
    Sync,
    /// [`switchover::port::Rescue::look`].
    Look,
    /// [`switchover::port::Rescue::take_over`].
    TakeOver,
    /// [`switchover::port::Rescue::keep`].
    Keep,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFault {
    /// [`DataError::Unreachable`]; nothing was done.
    Unreachable,
    /// [`DataError::Failed`]; nothing shows.
    Failed,
    /// [`DataError::Unknown`]; it was not done.
    UnknownLost,
    /// [`DataError::Unknown`]; it was done.
    UnknownLanded,
    /// The freeze is reported, and writes still get through.
    Leaks,
}

/// How a side refuses writes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Guarded {
    Open,
    Shut {
        by: RunId,
        until: Option<Timestamp>,
    },
    /// Shut by the books, open in truth.
    Leaky {
        by: RunId,
        until: Option<Timestamp>,
    },
    /// Without any means to refuse.
    None,
}

#[derive(Debug)]
pub(super) struct Side {
    pub(super) writes: BTreeSet<u64>,
    guarded: Guarded,
    pub(super) copied: Option<Copied>,
    diverged: bool,
    pub(super) absence: Option<Absence>,
    /// Whether a sync to it broke off.
    pub(super) half_done: bool,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) method: Method,
    pub(super) took: Duration,
    pub(super) sides: BTreeMap<SideName, Side>,
    /// The side that was given up, until a sync brings it back into step.
    pub(super) given_up: Option<SideName>,
    /// The side that the other one took the data over from, until a sync brings it back into step.
    pub(super) taken_from: Option<SideName>,
    /// What was kept of a side that was given up: by which run, of which side, and what.
    pub(super) kept_aside: Vec<(RunId, SideName, BTreeSet<u64>)>,
    /// Whether somebody said that what diverged may go.
    pub(super) may_discard: bool,
    /// Whether its last syncs believe a freeze that stands in the books.
    gullible: bool,
    /// What stands in the way, as the store says it.
    problems: Vec<StoreProblem>,
    /// Whether both sides are one place.
    shared: bool,
    /// The side that sends, where data streams.
    pub(super) stream: Option<SideName>,
    /// What a snapshot store keeps.
    pub(super) kept: Kept,
    script: Script<DataCall, DataFault>,
}

/// A store on two sides. Clones are one store. The first side starts as the writable one, the second frozen by a sync of long ago.
#[derive(Debug, Clone)]
pub struct FakeStore {
    pub(super) clock: VirtualClock,
    pub(super) inner: Arc<Mutex<Inner>>,
}

fn run_of_long_ago() -> RunId {
    RunId::new("20260101T000000Z-000000").expect("a run's id")
}

impl FakeStore {
    /// A store that is in sync, `first` being production.
    pub fn new(clock: &VirtualClock, method: Method, first: &SideName, second: &SideName) -> Self {
        let took = match method {
            Method::Snapshot => Duration::from_secs(20),
            Method::Mirror => Duration::from_secs(4),
            Method::Streaming => Duration::from_millis(200),
        };
        let run = run_of_long_ago();
        let copied = Copied {
            from: first.clone(),
            run: run.clone(),
            key: "20260101".parse().expect("a key"),
            as_of: clock.now(),
            verified: Verification::Content,
            complete: false,
            position: None,
        };
        let side = |guarded, copied| Side {
            writes: BTreeSet::new(),
            guarded,
            copied,
            diverged: false,
            absence: None,
            half_done: false,
        };
        let sides = BTreeMap::from([
            (first.clone(), side(Guarded::Open, None)),
            (second.clone(), side(Guarded::Shut { by: run, until: None }, Some(copied))),
        ]);
        let stream = (method == Method::Streaming).then(|| first.clone());
        let inner = Inner {
            method,
            took,
            sides,
            given_up: None,
            taken_from: None,
            kept_aside: Vec::new(),
            may_discard: false,
            gullible: false,
            problems: Vec::new(),
            shared: false,
            stream,
            kept: Kept::default(),
            script: Script::default(),
        };
        Self { clock: clock.clone(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// Makes the next call of this kind go wrong.
    pub fn fail_next(&self, call: DataCall, fault: DataFault) {
        lock(&self.inner).script.plan(call, fault);
    }

    /// Makes every call of this kind go wrong, until [`FakeStore::heal`].
    pub fn fail_always(&self, call: DataCall, fault: DataFault) {
        lock(&self.inner).script.keep(call, fault);
    }

    /// Takes all faults back that have not happened yet.
    pub fn heal(&self) {
        lock(&self.inner).script.lift();
    }

    /// Takes a side away, or gives it back.
    pub fn set_lost(&self, side: &SideName, lost: bool) {
        lock(&self.inner).side(side).absence = lost.then_some(Absence::Gone);
    }

    /// Opens a side by hand, as somebody might in the night.
    pub fn open_by_hand(&self, side: &SideName) {
        lock(&self.inner).side(side).guarded = Guarded::Open;
    }

    /// Shuts a side by hand, without an end.
    pub fn shut_by_hand(&self, side: &SideName) {
        lock(&self.inner).side(side).guarded = Guarded::Shut { by: run_of_long_ago(), until: None };
    }

    /// Takes away every means to refuse writes.
    pub fn unguard(&self) {
        lock(&self.inner).sides.values_mut().for_each(|side| side.guarded = Guarded::None);
    }

    /// Says that something stands in the way.
    pub fn complain(&self, problem: StoreProblem) {
        lock(&self.inner).problems.push(problem);
    }

    /// Makes both sides one place.
    pub fn share(&self) {
        lock(&self.inner).shared = true;
    }

    /// Makes its last syncs believe a freeze that stands in the books, as a provider does that does not look again.
    pub fn believe_freezes(&self) {
        lock(&self.inner).gullible = true;
    }

    /// Forgets that anything was ever copied.
    pub fn forget_copies(&self) {
        let mut inner = lock(&self.inner);
        inner.sides.values_mut().for_each(|side| side.copied = None);
        inner.stream = None;
    }

    /// A client writes on a side: whether that was acknowledged.
    ///
    /// # Panics
    ///
    /// If both sides would take it, and none was given up: never are both writable.
    pub fn write(&self, side: &SideName, write: u64) -> bool {
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        let open: Vec<&SideName> =
            inner.sides.iter().filter(|(_, side)| side.takes_writes(now)).map(|(name, _)| name).collect();
        assert!(
            open.len() < 2 || inner.given_up.is_some() || inner.taken_from.is_some(),
            "both sides take writes: {open:?}"
        );
        if inner.sides[side].absence == Some(Absence::Gone) || !inner.sides[side].takes_writes(now) {
            return false;
        }
        let sends = inner.stream.as_ref() == Some(side) && inner.sides[side].absence.is_none();
        let here = inner.side(side);
        here.writes.insert(write);
        here.diverged |= here.copied.is_some();
        if sends {
            for (_, other) in inner.sides.iter_mut().filter(|(name, _)| *name != side) {
                other.writes.insert(write);
            }
        }
        true
    }

    /// Whether it makes backups by key.
    pub fn keeps_backups(&self) -> bool {
        lock(&self.inner).method == Method::Snapshot
    }

    /// Every write that a side holds.
    pub fn held(&self, side: &SideName) -> BTreeSet<u64> {
        lock(&self.inner).sides[side].writes.clone()
    }

    /// The sides that take writes at this moment.
    pub fn writable(&self) -> Vec<SideName> {
        let now = self.clock.now();
        let inner = lock(&self.inner);
        inner.sides.iter().filter(|(_, side)| side.takes_writes(now)).map(|(name, _)| name.clone()).collect()
    }

    pub(super) async fn begin(&self, call: DataCall) -> Result<Option<DataFault>, DataError> {
        self.clock.alive().await;
        let sent = self.clock.elapsed();
        self.clock.sleep(Duration::from_millis(10)).await;
        let (place, why) = ("memory".to_owned(), "the test said so".to_owned());
        // A store does not wait for the rest of a request for ever: whoever slept in the middle of one finds that it came to nothing.
        if self.clock.elapsed().saturating_sub(sent) > IN_FLIGHT {
            return Err(DataError::Unreachable { place, why: "the request was given up".to_owned() });
        }
        let fault = lock(&self.inner).script.take(&[call]);
        match fault {
            Some(DataFault::Unreachable) => Err(DataError::Unreachable { place, why }),
            Some(DataFault::Failed) => Err(DataError::Failed { place, why }),
            Some(DataFault::UnknownLost) => Err(DataError::Unknown { place, why }),
            Some(DataFault::UnknownLanded | DataFault::Leaks) | None => Ok(fault),
        }
    }

    fn copy(&self, order: &SyncOrder) -> Result<Copied, DataError> {
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        let (from, to) = (order.direction.from().clone(), order.direction.to().clone());
        let place = to.to_string();
        if order.purpose != SyncPurpose::Rehearsal && inner.taken_from.as_ref() == Some(&to) {
            let kept =
                inner.kept_aside.iter().any(|(_, of, held)| *of == to && *held == inner.sides[&to].writes);
            assert!(kept || inner.may_discard, "what diverged on {to} is written over and was not kept");
            assert!(!inner.sides[&to].takes_writes(now), "{to} is written over while it takes writes");
        }
        if inner.sides[&to].diverged && !order.overwrite && inner.stream.is_none() {
            let why = "it holds what production does not".to_owned();
            return Err(DataError::Guarded { place, why, advice: None });
        }
        let complete = order.purpose == SyncPurpose::Final && inner.is_shut(&from, now);
        if order.purpose == SyncPurpose::Final && !complete {
            return Err(DataError::NotFrozen {
                place: from.to_string(),
                why: "the source takes writes".to_owned(),
            });
        }
        let copied = Copied {
            from: from.clone(),
            run: order.run.clone(),
            key: order.key.clone(),
            as_of: now,
            verified: order.verify.max(Verification::Counts),
            complete,
            position: Some(inner.sides[&from].writes.len().to_string()),
        };
        if order.purpose == SyncPurpose::Rehearsal {
            return Ok(copied);
        }
        let writes = inner.sides[&from].writes.clone();
        if inner.method == Method::Snapshot {
            inner.kept.keep(&order.key, &from, now, writes.clone())?;
        }
        if complete {
            inner.side(&from).diverged = false;
            inner.hold_on_to(&from);
        }
        let turns = inner.method == Method::Streaming;
        if inner.given_up.as_ref() == Some(&to) {
            inner.given_up = None;
        }
        if inner.taken_from.as_ref() == Some(&to) {
            inner.taken_from = None;
        }
        let target = inner.side(&to);
        target.half_done = false;
        if turns && order.purpose == SyncPurpose::Routine && !order.overwrite {
            // A stream adds what it carries; it takes nothing away.
            target.writes.extend(writes);
        } else {
            target.writes = writes;
        }
        target.copied = Some(copied.clone());
        target.diverged = false;
        if target.takes_writes(now) || !matches!(target.guarded, Guarded::Shut { until: None, .. }) {
            target.guarded = Guarded::Shut { by: order.run.clone(), until: None };
        }
        if turns {
            // The last sync hands the data over: nothing flows until somebody says which way.
            inner.stream = (order.purpose != SyncPurpose::Final).then_some(from);
        }
        Ok(copied)
    }
}

impl Inner {
    /// A side as a look finds it.
    pub(super) fn seen(&self, name: &SideName, now: Timestamp) -> StoreSide {
        let side = &self.sides[name];
        StoreSide {
            place: format!("memory of {name}"),
            identity: if self.shared { "one".to_owned() } else { name.to_string() },
            access: side.access(now),
            copied: side.copied.clone(),
            diverged: side.diverged && self.stream.is_none(),
            bytes: Some(side.writes.len() as u64 * 8),
        }
    }

    /// Whether a last sync takes a side for frozen.
    fn is_shut(&self, side: &SideName, now: Timestamp) -> bool {
        let by_the_books = matches!(self.sides[side].access(now), Access::Frozen { .. });
        !self.sides[side].takes_writes(now) || self.gullible && by_the_books
    }

    /// A side that was given up is so no more: the other one has all that it holds.
    pub(super) fn hold_on_to(&mut self, side: &SideName) {
        self.given_up.take_if(|given| given == side);
        self.taken_from.take_if(|taken| taken == side);
    }

    pub(super) fn side(&mut self, name: &SideName) -> &mut Side {
        self.sides.get_mut(name).expect("a side of the store")
    }
}

impl Side {
    /// Other data takes the place of what is there, and the side is shut.
    pub(super) fn restore(&mut self, writes: BTreeSet<u64>) {
        self.writes = writes;
        self.guarded = Guarded::Shut { by: run_of_long_ago(), until: None };
    }

    /// Shuts it for a run, without an end.
    pub(super) fn shut(&mut self, run: &RunId) {
        self.guarded = Guarded::Shut { by: run.clone(), until: None };
    }

    fn takes_writes(&self, now: Timestamp) -> bool {
        match &self.guarded {
            Guarded::Open | Guarded::Leaky { .. } | Guarded::None => true,
            Guarded::Shut { until, .. } => until.is_some_and(|until| until <= now),
        }
    }

    pub(super) fn access(&self, now: Timestamp) -> Access {
        match &self.guarded {
            Guarded::Open => Access::Writable,
            Guarded::None => Access::Unguarded,
            Guarded::Shut { by, until } | Guarded::Leaky { by, until } => match until {
                Some(until) if *until <= now => Access::Lapsed { by: by.clone(), at: *until },
                Some(_) | None => Access::Frozen { by: by.clone(), until: *until },
            },
        }
    }
}

pub(super) fn landed(fault: Option<DataFault>) -> Result<(), DataError> {
    match fault {
        Some(DataFault::UnknownLanded) => {
            Err(DataError::Unknown { place: "memory".to_owned(), why: "no answer came".to_owned() })
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn inspect(&self, _: Depth) -> Result<Inspection, DataError> {
        self.begin(DataCall::Inspect).await?;
        let names: Vec<SideName> = lock(&self.inner).sides.keys().cloned().collect();
        let looks = names.iter().map(|name| async move { (name.clone(), self.answered(name).await) });
        let answers = futures_util::future::join_all(looks).await;
        let now = self.clock.now();
        let inner = lock(&self.inner);
        let mut unread = BTreeMap::new();
        for (name, answer) in answers {
            unread.extend(answer.err().map(|error| (name, error.to_string())));
        }
        let seen = inner.sides.keys().filter(|name| !unread.contains_key(*name));
        Ok(Inspection {
            method: inner.method,
            sides: seen.map(|name| (name.clone(), inner.seen(name, now))).collect(),
            unread: unread.clone(),
            stream: inner.stream.as_ref().map(|from| Stream {
                from: from.clone(),
                running: true,
                state: "streaming".to_owned(),
                lag_bytes: Some(0),
                caught_up_to: Some(now),
            }),
            problems: inner.problems.clone(),
        })
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        let fault = self.begin(DataCall::Freeze).await?;
        self.answered(side).await?;
        let now = self.clock.now();
        {
            let mut inner = lock(&self.inner);
            let side = inner.side(side);
            if let Access::Lapsed { by, at } = side.access(now)
                && by == order.by
            {
                return Err(DataError::Lapsed { place: "memory".to_owned(), at });
            }
            let lasting = matches!(side.access(now), Access::Frozen { by, until: None } if by == order.by);
            let until = order
                .lease
                .filter(|_| !lasting)
                .map(|lease| now + SignedDuration::try_from(lease).expect("a lease of a sensible length"));
            let by = order.by.clone();
            side.guarded = match fault {
                Some(DataFault::Leaks) => Guarded::Leaky { by, until },
                _ => Guarded::Shut { by, until },
            };
        }
        landed(fault)
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        self.begin(DataCall::Prove).await?;
        self.answered(side).await?;
        self.clock.sleep(Duration::from_millis(300)).await;
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        let side = inner.side(side);
        if side.takes_writes(now) {
            let why = "a write was accepted".to_owned();
            return Err(DataError::NotFrozen { place: "memory".to_owned(), why });
        }
        let position = Some(side.writes.len().to_string());
        Ok(FreezeProof { attempts: 3, refused: "frozen".to_owned(), position, still_ms: 300 })
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        let fault = self.begin(DataCall::Thaw).await?;
        self.answered(side).await?;
        {
            let mut inner = lock(&self.inner);
            let now = self.clock.now();
            let other = inner.sides.iter().find(|(name, other)| *name != side && other.takes_writes(now));
            let other = other
                .filter(|(name, _)| ![&inner.given_up, &inner.taken_from].contains(&&Some((*name).clone())));
            assert!(other.is_none(), "{side} is thawed while the other side takes writes");
            let late = inner
                .given_up
                .as_ref()
                .filter(|given| *given != side && inner.stream.as_ref() == Some(*given));
            assert!(late.is_none(), "{side} is thawed while late writes can still arrive there");
            inner.side(side).guarded = Guarded::Open;
        }
        landed(fault)
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let fault = self.begin(DataCall::Sync).await?;
        self.answered(order.direction.from()).await?;
        self.answered(order.direction.to()).await?;
        let steps = 4;
        let took = lock(&self.inner).took;
        for done in 0..steps {
            overseer.advance(&Advance {
                phase: "copying".to_owned(),
                done,
                total: Some(steps),
                unit: Unit::Parts,
            });
            self.clock.sleep(took / 4).await;
        }
        overseer.permit().await?;
        let copied = self.copy(order)?;
        landed(fault)?;
        let items = lock(&self.inner).sides[order.direction.from()].writes.len() as u64;
        Ok(Synced { items, bytes: items * 8, ..Synced::found(copied) })
    }
}
