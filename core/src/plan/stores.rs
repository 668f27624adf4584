//! The stages of a swap that are about stores: warm up, freeze, bring the last data over, fence, thaw, turn round.

use std::time::Duration;

use super::steps::{stage, step};
use super::{OnFailure, Shift, Stage, Step};
use crate::action::{Action, FreezeStore, SyncStore, ThawStore, milliseconds};
use crate::model::{BackupKey, Direction, Environment, Pair, StorePolicy, StoreRef, Verification};
use crate::observe::Snapshot;
use crate::port::{Access, Method, SyncPurpose};

/// How long a freeze may take, writers in flight waited for and the proof included.
const FREEZE_DEADLINE: Duration = Duration::from_secs(600);
/// Stores whose last sync takes longest are frozen first, so that each refuses writes no longer than it must.
const LONGEST_FIRST: [(Method, &str); 3] =
    [(Method::Snapshot, "backed-up"), (Method::Mirror, "mirrored"), (Method::Streaming, "streamed")];
/// How long a thaw may take.
const THAW_DEADLINE: Duration = Duration::from_secs(120);

/// A store that a swap takes along.
pub(super) struct Moving<'a> {
    store: StoreRef,
    policy: &'a StorePolicy,
    method: Method,
    direction: Direction,
    /// Whether its data has the new roles already: an earlier run got that far.
    moved: bool,
}

/// The stores that a swap takes along.
pub(super) struct Stores<'a>(Vec<Moving<'a>>);

impl<'a> Stores<'a> {
    /// Every store of the environments that shift.
    pub(super) fn moving(pair: &'a Pair, snapshot: &Snapshot, shifts: &[Shift]) -> Self {
        let moving = shifts.iter().flat_map(|shift| {
            let stores = pair.environment(&shift.environment).into_iter().flat_map(Environment::stores);
            stores.filter_map(move |(store, policy)| {
                let seen = snapshot.stores.get(&store)?;
                let direction = Direction::of(pair, &shift.from).ok()?;
                let access = |side| seen.sides.get(side).map(|seen| &seen.access);
                let fenced = matches!(access(&shift.from), Some(Access::Frozen { until: None, .. }));
                let taken = matches!(access(&shift.to), Some(Access::Writable));
                Some(Moving { store, policy, method: seen.method, direction, moved: fenced && taken })
            })
        });
        Self(moving.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the data of every store has the new roles already.
    pub(super) fn all_moved(&self) -> bool {
        self.staying().next().is_none()
    }

    fn staying(&self) -> impl Iterator<Item = &Moving<'a>> {
        self.0.iter().filter(|store| !store.moved)
    }

    /// Brings the stand-by close to production while production still takes writes, where that makes the last sync short.
    pub(super) fn warm_up(&self) -> Option<Stage> {
        let near = self.staying().filter(|store| store.method != Method::Snapshot);
        stage(
            "Bring the stand-by's data close",
            near.map(|store| store.sync("warm up", SyncPurpose::Routine, store.direction.clone())),
        )
    }

    /// Gives the stand-by production's data for people to look at. What is written after it comes with the last sync.
    pub(super) fn for_review(&self) -> Option<Stage> {
        let all = self.staying();
        stage(
            "Bring the stand-by's data up to date",
            all.map(|store| store.sync("bring over", SyncPurpose::Routine, store.direction.clone())),
        )
    }

    /// Freezes production and brings over what is left: first the stores that are copied as a whole, because that takes long; those whose
    /// last sync is short are frozen last.
    pub(super) fn last_syncs(&self) -> Vec<Stage> {
        let mut stages = Vec::new();
        for (method, kind) in LONGEST_FIRST {
            let of_kind = || self.staying().filter(move |store| store.method == method);
            stages.extend(stage(
                &format!("Refuse writes to production's {kind} data"),
                of_kind().map(|store| store.freeze("freeze", Some(store.policy.lease))),
            ));
            stages.extend(stage(
                &format!("Bring the last of the {kind} data over"),
                of_kind().map(Moving::last_sync),
            ));
        }
        stages
    }

    /// Makes every freeze lasting: from here on the old side takes no write until somebody thaws it.
    pub(super) fn fence(&self) -> Option<Stage> {
        stage("Fence production", self.0.iter().map(|store| store.freeze("fence", None)))
    }

    /// Lets the new side take writes.
    pub(super) fn thaws(&self) -> Vec<Step> {
        self.0.iter().filter_map(Moving::thaw).collect()
    }

    /// Sends what streams the other way. Production works without; the run says if it failed.
    pub(super) fn turns(&self) -> Vec<Option<Step>> {
        let streams = self.staying().filter(|store| store.method == Method::Streaming);
        let turned = streams.map(|store| {
            let step = store.sync("turn round", SyncPurpose::Routine, store.direction.reversed());
            step.map(|step| Step { on_failure: OnFailure::Note, ..step })
        });
        turned.collect()
    }
}

/// Lets data flow to the stand-by of each environment whose production stays.
pub(super) fn follow(pair: &Pair, snapshot: &Snapshot, shifts: &[Shift]) -> Option<Stage> {
    let stores = Stores::moving(pair, snapshot, shifts);
    let syncs = stores.0.iter().map(|store| {
        let step = store.sync("sync", SyncPurpose::Routine, store.direction.clone());
        step.map(|step| Step { on_failure: OnFailure::Note, ..step })
    });
    stage("Let data flow to the stand-by", syncs)
}

impl Moving<'_> {
    fn freeze(&self, verb: &str, lease: Option<Duration>) -> Option<Step> {
        let (store, side) = (self.store.clone(), self.direction.from().clone());
        let lease_ms = lease.map(milliseconds);
        let prove = lease.is_some() || self.moved;
        let id = format!("{verb} {store}");
        let freeze =
            Action::FreezeStore(FreezeStore { store: store.clone(), side: side.clone(), lease_ms, prove });
        let fenced = Some(self.direction.to().clone());
        let undo = Action::ThawStore(ThawStore { store, side, fenced });
        // A fence that an earlier run left is not this run's to take back.
        let undo = (!self.moved).then_some(undo);
        step(&id, freeze, FREEZE_DEADLINE).map(|step| Step { undo, ..step })
    }

    fn thaw(&self) -> Option<Step> {
        let id = format!("thaw {}", self.store);
        let side = self.direction.to().clone();
        let fenced = Some(self.direction.from().clone());
        step(&id, Action::ThawStore(ThawStore { store: self.store.clone(), side, fenced }), THAW_DEADLINE)
    }

    fn sync(&self, verb: &str, purpose: SyncPurpose, direction: Direction) -> Option<Step> {
        let ordered = SyncStore {
            store: self.store.clone(),
            direction,
            purpose,
            key: None,
            verify: Verification::Counts,
            overwrite: false,
            deadline_ms: milliseconds(self.policy.deadline),
        };
        step(&format!("{verb} {}", self.store), Action::SyncStore(ordered), self.policy.deadline)
    }

    /// The sync after the freeze; taking it back lets a stream go on as before.
    fn last_sync(&self) -> Option<Step> {
        let last = self.sync("final sync", SyncPurpose::Final, self.direction.clone())?;
        let undo = match self.method {
            Method::Streaming => {
                self.sync("final sync", SyncPurpose::Routine, self.direction.clone()).map(|step| step.action)
            }
            Method::Snapshot | Method::Mirror => None,
        };
        Some(Step { undo, ..last })
    }
}

/// One store's sync by itself.
pub(super) struct Ordered {
    pub(super) store: StoreRef,
    pub(super) direction: Direction,
    pub(super) purpose: SyncPurpose,
    pub(super) key: Option<BackupKey>,
    pub(super) verify: Verification,
    pub(super) overwrite: bool,
    pub(super) deadline: Duration,
}

impl Ordered {
    pub(super) fn step(self) -> Option<Step> {
        let id = format!("sync {}", self.store);
        let deadline = self.deadline;
        let sync = SyncStore {
            store: self.store,
            direction: self.direction,
            purpose: self.purpose,
            key: self.key,
            verify: self.verify,
            overwrite: self.overwrite,
            deadline_ms: milliseconds(deadline),
        };
        step(&id, Action::SyncStore(sync), deadline)
    }
}
