//! How long writes were refused, store by store; and how long a plan will refuse them, by what earlier runs took.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::action::{between, milliseconds};
use crate::journal::{PairState, RunState, StepState, Way};
use crate::model::StoreRef;
use crate::plan::{Plan, Stage, Step};
use crate::port::SyncPurpose;

/// The time in which nobody could write to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The store.
    pub store: StoreRef,
    /// When the freeze began; writers in flight may have been waited for after that.
    pub from: Timestamp,
    /// From then until a side took writes again, in milliseconds; `None` if none is known to.
    pub refused_ms: Option<u64>,
}

/// The windows of a run.
pub(super) fn windows(run: &RunState) -> Vec<Window> {
    let leased = run
        .plan
        .steps()
        .filter(|step| step.action.as_freeze_store().is_some_and(|freeze| freeze.lease_ms.is_some()));
    leased.filter_map(|step| window(run, step)).collect()
}

fn window(run: &RunState, step: &Step) -> Option<Window> {
    let store = step.action.as_freeze_store()?.store.clone();
    let from = match run.step(&step.id).forward? {
        StepState::Started { at } => at,
        StepState::Succeeded { started, .. } | StepState::Failed { started, .. } => started,
    };
    let thawed =
        run.plan.steps().filter(|other| other.action.as_thaw_store().is_some_and(|thaw| thaw.store == store));
    let again = ended(run, step, Way::Back);
    let until = thawed.filter_map(|thaw| ended(run, thaw, Way::Forward)).chain(again).min();
    Some(Window { store, from, refused_ms: until.map(|until| milliseconds(between(from, until))) })
}

fn ended(run: &RunState, step: &Step, way: Way) -> Option<Timestamp> {
    match run.step(&step.id).way(way)? {
        StepState::Succeeded { at, .. } => Some(*at),
        StepState::Started { .. } | StepState::Failed { .. } => None,
    }
}

/// How long a plan will refuse writes to its stores, as far as earlier runs tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// From the first freeze to the thaw, in milliseconds: the sum of what is known.
    pub refused_ms: u64,
    /// The stores whose last sync was never measured.
    pub unmeasured: Vec<StoreRef>,
}

impl Estimate {
    /// Estimates a plan; `None` if it refuses no writes.
    pub fn of(plan: &Plan, history: &PairState) -> Option<Self> {
        let pivot = plan.pivot_stage()?;
        let is_freeze = |step: &Step| step.action.as_freeze_store().is_some();
        let first = plan.stages.iter().position(|stage| stage.steps.iter().any(is_freeze))?;
        let mut estimate = Self { refused_ms: 0, unmeasured: Vec::new() };
        for stage in plan.stages.iter().take(pivot + 1).skip(first) {
            estimate.add(stage, history);
        }
        Some(estimate)
    }

    fn add(&mut self, stage: &Stage, history: &PairState) {
        let mut longest = Duration::ZERO;
        for step in &stage.steps {
            match history.expected(&step.id).or_else(|| by_routine(step, history)) {
                Some(took) => longest = longest.max(took),
                None => self.unmeasured.extend(step.action.as_sync_store().map(|sync| sync.store.clone())),
            }
        }
        self.refused_ms = self.refused_ms.saturating_add(milliseconds(longest));
    }
}

/// What the store's latest sync took: a last sync takes no longer, as less is left to move or as much.
pub(super) fn by_routine(step: &Step, history: &PairState) -> Option<Duration> {
    let sync = step.action.as_sync_store().filter(|sync| sync.purpose == SyncPurpose::Final)?;
    let last = history.stores.get(&sync.store)?.last.as_ref()?;
    (last.synced.took_ms > 0).then(|| Duration::from_millis(last.synced.took_ms))
}
