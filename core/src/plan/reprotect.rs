//! The planner of a reprotect: the side that was lost is frozen, what diverged there is kept, and only then does it become the stand-by.

use std::time::Duration;

use super::in_line::in_line;
use super::planner::{asked_for, finished, without_moves};
use super::steps::{stage, step};
use super::stores::Ordered;
use super::{Intent, Plan, PlanError, Request, Stage, Step, Waiver};
use crate::action::{Action, FreezeStore, KeepData, milliseconds};
use crate::journal::{Owed, PairState};
use crate::model::{Direction, Environment, Pair, StorePolicy, StoreRef, Verification};
use crate::observe::{Finding, FindingKind, Place, RoleState, Snapshot};
use crate::port::SyncPurpose;

/// How long a freeze may take, writers in flight waited for and the proof included.
const FREEZE_DEADLINE: Duration = Duration::from_secs(600);

/// A store of a side that is owed.
struct Returning<'a> {
    store: StoreRef,
    policy: &'a StorePolicy,
    direction: Direction,
}

pub(super) fn reprotect(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Plan, PlanError> {
    let environments = asked_for(pair, request)?;
    let owed: Vec<Owed> =
        history.owed().into_iter().filter(|owed| environments.contains(&owed.environment)).collect();
    let mut plan = without_moves(pair, Intent::Reprotect, Vec::new());
    let in_line = in_line(pair, snapshot, history, &environments);
    if owed.is_empty() && in_line.is_none() {
        return Ok(plan);
    }
    let returning = match returning(pair, snapshot, &owed) {
        Err(PlanError::StillLost { side, .. }) if in_line.is_some() => {
            plan.notes.push(format!(
                "side {side} does not answer yet: it is frozen and gets its data when `swap-roles --reprotect {}` is run again",
                pair.name
            ));
            Vec::new()
        }
        known => known?,
    };
    let keeps = !request.waivers.contains(&Waiver::KeepDiverged);
    plan.waivers =
        request.waivers.iter().filter(|waiver| **waiver == Waiver::KeepDiverged).cloned().collect();
    let kept = keep_stage(&returning).filter(|_| keeps);
    let stages = [freeze_stage(&returning), kept, sync_stage(returning), in_line];
    plan.stages = stages.into_iter().flatten().collect();
    finished(pair, snapshot, history, plan)
}

fn returning<'a>(
    pair: &'a Pair,
    snapshot: &Snapshot,
    owed: &[Owed],
) -> Result<Vec<Returning<'a>>, PlanError> {
    let mut returning = Vec::new();
    for owed in owed {
        refuse_lost(snapshot, owed)?;
        let production = snapshot.roles.get(&owed.environment).and_then(RoleState::production);
        let production = production
            .filter(|side| **side != owed.side)
            .ok_or(PlanError::NoProduction(owed.environment.clone()))?;
        let direction = Direction::of(pair, production)?;
        let stores = pair.environment(&owed.environment).into_iter().flat_map(Environment::stores);
        let due = stores.filter(|(store, _)| owed.stores.iter().any(|debt| debt.store == *store));
        returning.extend(due.map(|(store, policy)| Returning {
            store,
            policy,
            direction: direction.clone(),
        }));
    }
    refuse_unfit(snapshot, &returning)?;
    Ok(returning)
}

/// The side must answer in all that it holds: its addresses and its stores.
fn refuse_lost(snapshot: &Snapshot, owed: &Owed) -> Result<(), PlanError> {
    let silent = |finding: &&Finding| match (&finding.place, finding.kind) {
        (Place::Side { side }, FindingKind::SideUnreadable) => *side == owed.side,
        (Place::Store { store }, FindingKind::StoreUnreadable) => {
            owed.stores.iter().any(|debt| debt.store == *store)
        }
        (
            Place::Pair
            | Place::Side { .. }
            | Place::Zone { .. }
            | Place::Environment { .. }
            | Place::Store { .. }
            | Place::Delivery { .. }
            | Place::Setting { .. }
            | Place::Announcer { .. }
            | Place::RoleTable
            | Place::StatusPage { .. }
            | Place::Endpoint { .. },
            _,
        ) => false,
    };
    let found: Vec<Finding> = snapshot.findings.iter().filter(silent).cloned().collect();
    if found.is_empty() {
        Ok(())
    } else {
        Err(PlanError::StillLost { side: owed.side.clone(), findings: found })
    }
}

/// What stops a freeze or a sync of these stores. That they diverged, or take writes on both sides, is what is mended here.
fn refuse_unfit(snapshot: &Snapshot, returning: &[Returning<'_>]) -> Result<(), PlanError> {
    let stops = |finding: &&Finding| {
        let ours =
            matches!(&finding.place, Place::Store { store } if returning.iter().any(|of| of.store == *store));
        let stands = matches!(
            finding.kind,
            FindingKind::StoreUnfit | FindingKind::StoreShared | FindingKind::StoreUnguarded
        );
        ours && stands
    };
    let errors: Vec<Finding> = snapshot.errors().filter(stops).cloned().collect();
    if errors.is_empty() { Ok(()) } else { Err(PlanError::Unfit(errors)) }
}

/// The lost side first of all takes no more writes, and that is proved.
fn freeze_stage(returning: &[Returning<'_>]) -> Option<Stage> {
    let freezes = returning.iter().map(|of| {
        let freeze = FreezeStore {
            store: of.store.clone(),
            side: of.direction.to().clone(),
            lease_ms: None,
            prove: true,
        };
        step(&format!("freeze {}", of.store), Action::FreezeStore(freeze), FREEZE_DEADLINE)
    });
    stage("Refuse writes on the side that was lost", freezes)
}

fn keep_stage(returning: &[Returning<'_>]) -> Option<Stage> {
    let keeps = returning.iter().map(|of| {
        let keep = KeepData {
            store: of.store.clone(),
            side: of.direction.to().clone(),
            deadline_ms: milliseconds(of.policy.deadline),
        };
        step(&format!("keep {}", of.store), Action::KeepData(keep), of.policy.deadline)
    });
    stage("Keep what diverged there", keeps)
}

fn sync_stage(returning: Vec<Returning<'_>>) -> Option<Stage> {
    let syncs = returning.into_iter().map(|of| {
        let ordered = Ordered {
            store: of.store,
            direction: of.direction,
            purpose: SyncPurpose::Routine,
            key: None,
            verify: Verification::Counts,
            overwrite: true,
            deadline: of.policy.deadline,
        };
        ordered.step()
    });
    let steps: Vec<Option<Step>> = syncs.collect();
    stage("Bring it up to date from production", steps)
}
