//! The planner: from a snapshot, a history and a request to a plan. Synchronous and pure.

use std::collections::BTreeSet;

use super::drill::drill;
use super::finalize::finalize;
use super::gate::refuse_unknown_groups;
use super::rehearsal::refuse_unrehearsed;
use super::steps::{Names, lower_stages, restore_stage};
use super::swap::swap;
use super::{Intent, Plan, PlanError, Request, Shift, Stage, SyncRequest, Waiver};
use crate::journal::{Outcome, PairState, RunState};
use crate::model::{EnvironmentName, Pair, SideName};
use crate::observe::{Finding, FindingKind, NameView, Place, RoleState, Snapshot};

/// Makes a plan. An empty plan means that there is nothing to do.
///
/// Every plan has passed [`super::verify`]. Findings that stop a plan are returned all at once.
pub fn plan(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Plan, PlanError> {
    refuse_open(history, request.intent)?;
    let plan = match request.intent {
        Intent::Switchover => {
            refuse_owed(pair, history, request)?;
            refuse_unfit(snapshot, history, request)?;
            refuse_without_releases(pair, snapshot, request)?;
            let shifts = shifts_of_switchover(pair, snapshot, history, request)?;
            refuse_unknown_groups(pair, request, &shifts)?;
            let plan = swap(pair, snapshot, history, request, shifts)?;
            refuse_unrehearsed(pair, history, &plan)?;
            plan
        }
        Intent::Revert => {
            refuse_owed(pair, history, request)?;
            refuse_unfit(snapshot, history, request)?;
            let shifts = shifts_of_revert(snapshot, history, request)?;
            swap(pair, snapshot, history, request, shifts)?
        }
        Intent::Finalize => {
            refuse_unfit(snapshot, history, request)?;
            finalize(pair, snapshot, history, request)?
        }
        Intent::Drill => {
            refuse_owed(pair, history, request)?;
            drill(pair, snapshot, request)?
        }
        Intent::Prepare => {
            refuse_unfit(snapshot, history, request)?;
            lower(pair, snapshot, request)?
        }
        Intent::RestoreTtl => restore(pair, snapshot, history, request)?,
        Intent::Sync => return super::plan_sync(pair, snapshot, history, &SyncRequest::routine()),
        Intent::Failover => return super::failover::failover(pair, snapshot, history, request),
        Intent::Reprotect => return super::reprotect::reprotect(pair, snapshot, history, request),
    };
    finished(pair, snapshot, history, plan)
}

/// A run that is not finished comes first. A failover goes over it, unless it is a failover itself.
fn refuse_open(history: &PairState, intent: Intent) -> Result<(), PlanError> {
    match history.open_run() {
        Some(open) if intent != Intent::Failover || open.plan.intent == Intent::Failover => {
            Err(PlanError::RunOpen(open.id.clone()))
        }
        Some(_) | None => Ok(()),
    }
}

/// Roles do not move while a side is owed: it may hold what production does not, and its data is old.
fn refuse_owed(pair: &Pair, history: &PairState, request: &Request) -> Result<(), PlanError> {
    let environments = asked_for(pair, request)?;
    match history.owed().into_iter().find(|owed| environments.contains(&owed.environment)) {
        Some(owed) => Err(PlanError::Owed(Box::new(owed))),
        None => Ok(()),
    }
}

/// A plan that has passed every safety rule.
pub(super) fn finished(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    plan: Plan,
) -> Result<Plan, PlanError> {
    let violations = super::verify(pair, snapshot, history, &plan);
    if violations.is_empty() { Ok(plan) } else { Err(PlanError::Unsafe(violations)) }
}

/// The environments that a request is about, in the order of the file.
pub(super) fn asked_for(pair: &Pair, request: &Request) -> Result<Vec<EnvironmentName>, PlanError> {
    for name in &request.environments {
        pair.environment(name)?;
    }
    let all = pair.environments.iter().map(|environment| environment.name.clone());
    Ok(all.filter(|name| request.environments.is_empty() || request.environments.contains(name)).collect())
}

/// Whether the latest run that moved names was closed part-way in that environment, so that names on both sides are to be expected.
pub(super) fn left_part_way<'a>(history: &'a PairState, environment: &EnvironmentName) -> Option<&'a Shift> {
    closed_part_way(history)?.plan.shifts.iter().find(|shift| shift.environment == *environment)
}

/// The latest run that moved names, if it was closed part-way: until another one has come to its end, names may lead to both sides, and
/// neither side may take writes.
pub fn closed_part_way(history: &PairState) -> Option<&RunState> {
    let last = history.runs.iter().rev().map(AsRef::as_ref).find(|run| moved_names(run))?;
    match last.finished {
        Some((Outcome::Abandoned | Outcome::Superseded, _)) => Some(last),
        Some((Outcome::Completed | Outcome::CompletedWithExceptions | Outcome::Undone, _)) | None => None,
    }
}

/// Whether a run is over and moved names, or some of them.
pub(super) fn moved_names(run: &RunState) -> bool {
    let outcome = run.finished.map(|(outcome, _)| outcome);
    let moved = match outcome {
        Some(Outcome::Completed | Outcome::CompletedWithExceptions | Outcome::Abandoned) => true,
        Some(Outcome::Superseded) => run.pivot_crossed(),
        Some(Outcome::Undone) | None => false,
    };
    run.plan.pivot.is_some() && moved
}

fn refuse_unfit(snapshot: &Snapshot, history: &PairState, request: &Request) -> Result<(), PlanError> {
    let explained = |finding: &Finding| {
        let environment = match &finding.place {
            Place::Endpoint { environment, .. } | Place::Environment { environment } => Some(environment),
            Place::Store { store } => Some(&store.environment),
            Place::Setting { setting } => Some(&setting.environment),
            Place::Pair
            | Place::Side { .. }
            | Place::Zone { .. }
            | Place::Delivery { .. }
            | Place::Announcer { .. }
            | Place::RoleTable
            | Place::StatusPage { .. } => None,
        };
        let of_roles = matches!(
            finding.kind,
            FindingKind::WrongSide | FindingKind::RolesUnclear | FindingKind::StoreDisagrees
        );
        let expected = of_roles
            && names_a_target(request)
            && environment.is_some_and(|e| left_part_way(history, e).is_some());
        // Trouble at a vendor keeps from setting out, and never from going back.
        let on_the_way_back =
            matches!(finding.place, Place::StatusPage { .. }) && request.intent == Intent::Revert;
        expected || on_the_way_back
    };
    let waived =
        |finding: &Finding| Waiver::of(finding).is_some_and(|waiver| request.waivers.contains(&waiver));
    let stops = |finding: &&Finding| !explained(finding) && !waived(finding);
    let errors: Vec<Finding> = snapshot.errors().filter(stops).cloned().collect();
    if errors.is_empty() { Ok(()) } else { Err(PlanError::Unfit(errors)) }
}

fn names_a_target(request: &Request) -> bool {
    match request.intent {
        Intent::Switchover => request.to.is_some(),
        Intent::Revert => true,
        Intent::Prepare
        | Intent::RestoreTtl
        | Intent::Sync
        | Intent::Finalize
        | Intent::Drill
        | Intent::Failover
        | Intent::Reprotect => false,
    }
}

pub(super) fn refuse_without_releases(
    pair: &Pair,
    snapshot: &Snapshot,
    request: &Request,
) -> Result<(), PlanError> {
    if request.release.is_none() {
        return Ok(());
    }
    for environment in asked_for(pair, request)? {
        let has = |side: &SideName| {
            snapshot.deliveries.get(side).is_some_and(|view| view.releases.contains_key(&environment))
        };
        if let Some(without) = pair.sides.iter().find(|side| !has(&side.name)) {
            return Err(PlanError::NoReleases(format!("side {} in {environment}", without.name)));
        }
    }
    Ok(())
}

fn shifts_of_switchover(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Vec<Shift>, PlanError> {
    let environments = asked_for(pair, request)?;
    if let Some(to) = &request.to {
        let from = pair.opposite(to)?.name.clone();
        let moves = environments
            .into_iter()
            .filter(|name| left_part_way(history, name).is_some() || production(snapshot, name) != Some(to));
        return Ok(moves
            .map(|environment| Shift { environment, from: from.clone(), to: to.clone() })
            .collect());
    }
    let held: Vec<(EnvironmentName, SideName)> = environments
        .into_iter()
        .filter_map(|name| Some((name.clone(), production(snapshot, &name)?.clone())))
        .collect();
    let sides: BTreeSet<&SideName> = held.iter().map(|(_, side)| side).collect();
    if sides.len() > 1 {
        let each: Vec<String> = held.iter().map(|(name, side)| format!("{name}: {side}")).collect();
        return Err(PlanError::RolesDiffer(each.join(", ")));
    }
    held.into_iter()
        .map(|(environment, from)| {
            let to = pair.opposite(&from)?.name.clone();
            Ok(Shift { environment, from, to })
        })
        .collect()
}

fn production<'a>(snapshot: &'a Snapshot, environment: &EnvironmentName) -> Option<&'a SideName> {
    snapshot.roles.get(environment).and_then(RoleState::production)
}

fn shifts_of_revert(
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Vec<Shift>, PlanError> {
    let wanted =
        |shift: &&Shift| request.environments.is_empty() || request.environments.contains(&shift.environment);
    let last = last_that_moved(history, |run| run.plan.shifts.iter().any(|shift| wanted(&shift)))?;
    let back: Vec<Shift> = last
        .plan
        .shifts
        .iter()
        .filter(wanted)
        .map(|shift| Shift {
            environment: shift.environment.clone(),
            from: shift.to.clone(),
            to: shift.from.clone(),
        })
        .collect();
    if back.is_empty() {
        return Err(PlanError::NothingToRevert(format!("run {} moved none of these environments", last.id)));
    }
    let abandoned = |shift: &Shift| left_part_way(history, &shift.environment).is_some();
    Ok(back
        .into_iter()
        .filter(|shift| abandoned(shift) || production(snapshot, &shift.environment) != Some(&shift.to))
        .collect())
}

/// The latest run that moved any of the wanted environments.
fn last_that_moved(history: &PairState, wanted: impl Fn(&RunState) -> bool) -> Result<&RunState, PlanError> {
    let moved = history.runs.iter().rev().map(AsRef::as_ref).find(|run| moved_names(run) && wanted(run));
    let run = moved.ok_or_else(|| {
        PlanError::NothingToRevert(
            "the journal holds no finished switchover of these environments".to_owned(),
        )
    })?;
    match run.plan.intent {
        Intent::Revert if run.finished.is_some_and(|(outcome, _)| outcome != Outcome::Abandoned) => {
            Err(PlanError::NothingToRevert(format!(
                "run {} was a revert already; swap the roles instead",
                run.id
            )))
        }
        Intent::Switchover
        | Intent::Revert
        | Intent::Prepare
        | Intent::RestoreTtl
        | Intent::Sync
        | Intent::Finalize
        | Intent::Drill
        | Intent::Failover
        | Intent::Reprotect => Ok(run),
    }
}

fn in_scope<'a>(
    pair: &Pair,
    snapshot: &'a Snapshot,
    request: &Request,
) -> Result<Vec<&'a NameView>, PlanError> {
    let environments = asked_for(pair, request)?;
    Ok(snapshot.names.iter().filter(|view| environments.contains(&view.environment)).collect())
}

pub(super) fn without_moves(pair: &Pair, intent: Intent, stages: Vec<Stage>) -> Plan {
    Plan { stages, ..Plan::without_stages(pair, intent) }
}

fn lower(pair: &Pair, snapshot: &Snapshot, request: &Request) -> Result<Plan, PlanError> {
    let views = in_scope(pair, snapshot, request)?;
    let mut plan = without_moves(pair, Intent::Prepare, lower_stages(pair, snapshot, &views));
    if views.iter().flat_map(|view| &view.records).any(|record| record.proxied) {
        plan.notes.push("proxied names have no TTL of their own and stay as they are".to_owned());
    }
    Ok(plan)
}

fn restore(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Plan, PlanError> {
    let views = in_scope(pair, snapshot, request)?;
    let names = Names::staying(&views);
    Ok(without_moves(pair, Intent::RestoreTtl, restore_stage(&names, history).into_iter().collect()))
}
