//! What failovers left to be done at the side that was lost: a fold over the runs.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{Fact, PairState, RunState, StepState};
use crate::model::{EnvironmentName, RunId, SideName, StoreRef};
use crate::plan::{Intent, Step};

/// One store of a lost side that may hold what production does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Debt {
    /// The store.
    pub store: StoreRef,
    /// When the lost side was proved to refuse writes; `None` if it was not.
    pub fenced: Option<Timestamp>,
    /// Why it could not be fenced, if it could not.
    pub why: Option<String>,
}

/// What is owed in one environment: the lost side is to be frozen, what diverged there kept, and only then may it be the stand-by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owed {
    /// The environment.
    pub environment: EnvironmentName,
    /// The side that was lost.
    pub side: SideName,
    /// The failover that gave it up.
    pub run: RunId,
    /// When that run let the other side take over.
    pub since: Timestamp,
    /// The stores.
    pub stores: Vec<Debt>,
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: side {} is to be reprotected since {}",
            self.environment,
            self.side,
            self.since.strftime("%F %T UTC")
        )?;
        let open = self.stores.iter().filter(|debt| debt.fenced.is_none());
        for debt in open {
            let why = debt.why.as_deref().unwrap_or("nothing is known of it");
            write!(f, "; {} is not fenced ({why})", debt.store)?;
        }
        Ok(())
    }
}

impl PairState {
    /// Everything that is owed, in the order in which it came to be. Nothing is synced to a side that is owed, and production does not
    /// move there.
    pub fn owed(&self) -> Vec<Owed> {
        let mut owed: Vec<Owed> = Vec::new();
        for run in &self.runs {
            match run.plan.intent {
                Intent::Failover => {
                    for fresh in of_failover(run) {
                        owed.retain(|known| known.environment != fresh.environment);
                        owed.push(fresh);
                    }
                }
                Intent::Reprotect => owed.retain(|known| !is_paid_by(known, run)),
                Intent::Switchover
                | Intent::Revert
                | Intent::Prepare
                | Intent::RestoreTtl
                | Intent::Sync
                | Intent::Finalize
                | Intent::Drill => {}
            }
        }
        owed
    }

    /// What is owed in one environment.
    pub fn owed_in(&self, environment: &EnvironmentName) -> Option<Owed> {
        self.owed().into_iter().find(|owed| owed.environment == *environment)
    }
}

/// What one failover owes, whatever was done about it later. Nothing before it may have let the new side take over.
pub fn of_failover(run: &RunState) -> Vec<Owed> {
    let Some(since) = crossed(run).filter(|_| run.plan.intent == Intent::Failover) else { return Vec::new() };
    let owed = run.plan.shifts.iter().map(|shift| {
        let taken = run.plan.steps().filter_map(|step| step.action.as_take_over());
        let stores = taken.map(|taken| &taken.store).filter(|store| store.environment == shift.environment);
        Owed {
            environment: shift.environment.clone(),
            side: shift.from.clone(),
            run: run.id.clone(),
            since,
            stores: stores.map(|store| debt(run, store)).collect(),
        }
    });
    owed.filter(|owed| !owed.stores.is_empty()).collect()
}

/// When a run first may have let the new side take over.
fn crossed(run: &RunState) -> Option<Timestamp> {
    let stage = run.plan.pivot_stage().and_then(|place| run.plan.stages.get(place))?;
    let acted = stage.steps.iter().filter(|step| run.step(&step.id).may_have_acted());
    acted.filter_map(|step| began(run, step)).min()
}

fn began(run: &RunState, step: &Step) -> Option<Timestamp> {
    Some(match run.step(&step.id).forward? {
        StepState::Started { at } => at,
        StepState::Succeeded { started, .. } | StepState::Failed { started, .. } => started,
    })
}

fn debt(run: &RunState, store: &StoreRef) -> Debt {
    let tries: Vec<&Step> = run
        .plan
        .steps()
        .filter(|step| step.action.as_fence_lost().is_some_and(|fence| fence.store == *store))
        .collect();
    let fenced = tries.iter().filter_map(|step| fenced_at(run, step)).min();
    let unproved = tries.iter().any(|step| run.step(&step.id).succeeded(super::Way::Forward));
    let unproved = unproved.then(|| "it says that it refuses writes, and that was not proved".to_owned());
    let why = tries.iter().rev().find_map(|step| failed(run, step)).or(unproved);
    let why = why.filter(|_| fenced.is_none());
    Debt { store: store.clone(), fenced, why }
}

/// When writes to the lost side were tried and refused. That it says so of itself is no fence.
fn fenced_at(run: &RunState, step: &Step) -> Option<Timestamp> {
    match run.step(&step.id).forward? {
        StepState::Succeeded { at, facts, .. } => {
            facts.iter().find(|fact| matches!(fact, Fact::Frozen { .. }))?;
            let told = facts
                .iter()
                .find_map(|fact| if let Fact::Fenced { at, .. } = fact { Some(*at) } else { None });
            Some(told.unwrap_or(at))
        }
        StepState::Started { .. } | StepState::Failed { .. } => None,
    }
}

fn failed(run: &RunState, step: &Step) -> Option<String> {
    match run.step(&step.id).forward? {
        StepState::Failed { failure, .. } => Some(failure.message),
        StepState::Started { .. } | StepState::Succeeded { .. } => None,
    }
}

/// Whether a reprotect brought every store that is owed back into step.
fn is_paid_by(owed: &Owed, run: &RunState) -> bool {
    let synced = |debt: &Debt| {
        run.plan.steps().any(|step| {
            let sync = step.action.as_sync_store();
            let right =
                sync.is_some_and(|sync| sync.store == debt.store && *sync.direction.to() == owed.side);
            right && run.step(&step.id).succeeded(super::Way::Forward)
        })
    };
    run.finished.is_some() && owed.stores.iter().all(synced)
}
