//! What a failover lost at most, store by store, told from its run alone.

use jiff::Timestamp;
use serde::Serialize;

use crate::journal::{Fact, RunState, StepState, of_failover};
use crate::model::{SideName, StoreRef};
use crate::plan::Step;

/// The time whose writes a failover may have lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LossWindow {
    /// The store.
    pub store: StoreRef,
    /// The side that was given up.
    pub side: SideName,
    /// The moment up to which the new production holds everything.
    pub from: Timestamp,
    /// When the side that was given up was proved to refuse writes; if it was not, when the new one took over.
    pub until: Timestamp,
    /// Whether the side that was given up was proved to refuse writes. If not, what it took after `until` is lost as well.
    pub fenced: bool,
}

/// The windows of a run: none for one that is no failover, or never let the new side take over.
pub(super) fn losses(run: &RunState) -> Vec<LossWindow> {
    let owed = of_failover(run).into_iter();
    let windows = owed.flat_map(|owed| {
        let (since, side) = (owed.since, owed.side);
        owed.stores.into_iter().filter_map(move |debt| {
            let from = newest(run, &debt.store)?;
            let took_over = thawed(run, &debt.store).unwrap_or(since);
            Some(LossWindow {
                store: debt.store,
                side: side.clone(),
                from,
                until: debt.fenced.unwrap_or(took_over).max(from),
                fenced: debt.fenced.is_some(),
            })
        })
    });
    windows.collect()
}

fn succeeded(run: &RunState, step: &Step) -> Option<(Timestamp, Vec<Fact>)> {
    match run.step(&step.id).forward? {
        StepState::Succeeded { at, facts, .. } => Some((at, facts)),
        StepState::Started { .. } | StepState::Failed { .. } => None,
    }
}

/// The moment that the takeover found, or the plan's.
fn newest(run: &RunState, store: &StoreRef) -> Option<Timestamp> {
    let of_store = |step: &&Step| step.action.as_take_over().is_some_and(|taken| taken.store == *store);
    let step = run.plan.steps().find(of_store)?;
    let told = succeeded(run, step).and_then(|(_, facts)| {
        facts
            .iter()
            .find_map(|fact| if let Fact::TakenOver { as_of, .. } = fact { Some(*as_of) } else { None })
    });
    told.or_else(|| step.action.as_take_over().map(|taken| taken.as_of))
}

fn thawed(run: &RunState, store: &StoreRef) -> Option<Timestamp> {
    let of_store = |step: &&Step| step.action.as_thaw_store().is_some_and(|thaw| thaw.store == *store);
    succeeded(run, run.plan.steps().find(of_store)?).map(|(at, _)| at)
}

/// What a reprotect kept, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptData {
    /// The store.
    pub store: StoreRef,
    /// The side whose data it was.
    pub side: SideName,
    /// Where it lies.
    pub place: String,
    /// Its size in bytes, where that is known.
    pub bytes: Option<u64>,
}

/// Everything that a run kept.
pub(super) fn kept(run: &RunState) -> Vec<KeptData> {
    let steps = run.plan.steps().filter_map(|step| Some((step, step.action.as_keep_data()?)));
    let kept = steps.filter_map(|(step, keep)| {
        succeeded(run, step)?.1.into_iter().find_map(|fact| {
            let Fact::Kept { side, place, bytes } = fact else { return None };
            Some(KeptData { store: keep.store.clone(), side, place, bytes })
        })
    });
    kept.collect()
}

impl LossWindow {
    /// The window as a sentence.
    pub fn told(&self) -> String {
        let clock = |at: Timestamp| at.strftime("%F %T%.3f").to_string();
        let span = format!(
            "{}: writes to {} between {} and {} UTC may be lost",
            self.store,
            self.side,
            clock(self.from),
            clock(self.until)
        );
        if self.fenced {
            return span;
        }
        format!("{span}, and all that {} took later, for it is not known to refuse writes", self.side)
    }
}
