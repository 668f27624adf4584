//! The planner: from a snapshot, a history and a request to a plan. Synchronous and pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::drill::drill;
use super::finalize::finalize;
use super::gate::{gate_stage, soak_stage};
use super::rehearsal::refuse_unrehearsed;
use super::release::Deliveries;
use super::steps::{
    Names, checks, hold_stage, lower_stages, read_back_stage, restore_stage, standby_checks, swap_stage,
};
use super::stores::Stores;
use super::{Intent, Plan, Shift, Stage, Step, SyncRequest};
use crate::action::Window;
use crate::journal::{Outcome, PairState, RunState};
use crate::model::{EnvironmentName, Pair, PairError, ReleaseName, Role, RunId, SideName, StoreRef};
use crate::observe::{Finding, FindingKind, NameView, Place, RoleState, Snapshot};

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What for.
    pub intent: Intent,
    /// The environments to change; all if none are named.
    pub environments: BTreeSet<EnvironmentName>,
    /// The side that shall be production; the other one than now if none is named.
    pub to: Option<SideName>,
    /// The release that the stand-by gets before it takes production.
    pub release: Option<ReleaseName>,
    /// The moment before which nobody is moved.
    pub at: Option<Timestamp>,
    /// The next maintenance windows of those environments that have some, in order.
    pub windows: BTreeMap<EnvironmentName, Vec<Window>>,
}

impl Request {
    /// All environments, with nothing special.
    pub fn of(intent: Intent) -> Self {
        Self {
            intent,
            environments: BTreeSet::new(),
            to: None,
            release: None,
            at: None,
            windows: BTreeMap::new(),
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The pair has no such side or environment.
    #[error(transparent)]
    Unknown(#[from] PairError),
    /// A run is not finished; it must be resumed or aborted first.
    #[error("run {0} is not finished")]
    RunOpen(RunId),
    /// The world is not as it must be.
    #[error("the pair is not fit for this: {} problem{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Unfit(Vec<Finding>),
    /// The environments do not agree on the production side.
    #[error(
        "the environments have different production sides ({0}); name an environment or the side that shall be production"
    )]
    RolesDiffer(String),
    /// It cannot be told which side is production.
    #[error("in {0} it cannot be told which side is production, so data has no direction")]
    NoProduction(EnvironmentName),
    /// The pair has no such store.
    #[error("the pair has no store {0}")]
    NoSuchStore(StoreRef),
    /// No release waits for its end.
    #[error("no release waits to be finalized")]
    NothingToFinalize,
    /// Different releases wait for their end in different environments.
    #[error("{one} and {other} wait to be finalized; name an environment")]
    ReleasesDiffer {
        /// One of them.
        one: ReleaseName,
        /// Another one.
        other: ReleaseName,
    },
    /// Data must not flow to the stand-by before its release is the same as production's.
    #[error("in {environment} data flows again when run {run} was finalized or reverted")]
    ReleaseOpen {
        /// The environment.
        environment: EnvironmentName,
        /// The run that brought the release.
        run: RunId,
    },
    /// Both sides must be able to run a release.
    #[error("a release was asked for, and {0} has no releases: configure `delivery` for both sides")]
    NoReleases(String),
    /// No maintenance window opens.
    #[error("no maintenance window of {0} opens at the time that was asked for")]
    NoWindow(EnvironmentName),
    /// The same was not done where it is rehearsed.
    #[error("{environment} is swapped only after {on}: {why}")]
    NotRehearsed {
        /// The environment.
        environment: EnvironmentName,
        /// Where it is rehearsed.
        on: EnvironmentName,
        /// What is missing.
        why: String,
    },
    /// There is no switchover to take back.
    #[error("there is nothing to revert: {0}")]
    NothingToRevert(String),
    /// The planner made a plan that breaks a safety rule: a fault of this program, and nothing was done.
    #[error("the plan breaks a safety rule and was thrown away: {}", list(.0))]
    Unsafe(Vec<super::Violation>),
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Makes a plan. An empty plan means that there is nothing to do.
///
/// Every plan has passed [`super::verify`]. Findings that stop a plan are returned all at once.
pub fn plan(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Plan, PlanError> {
    if let Some(open) = history.open_run() {
        return Err(PlanError::RunOpen(open.id.clone()));
    }
    let plan = match request.intent {
        Intent::Switchover => {
            refuse_unfit(snapshot, history, request)?;
            refuse_without_releases(pair, snapshot, request)?;
            let shifts = shifts_of_switchover(pair, snapshot, history, request)?;
            let plan = swap(pair, snapshot, history, request, shifts)?;
            refuse_unrehearsed(pair, history, &plan)?;
            plan
        }
        Intent::Revert => {
            refuse_unfit(snapshot, history, request)?;
            let shifts = shifts_of_revert(snapshot, history, request)?;
            swap(pair, snapshot, history, request, shifts)?
        }
        Intent::Finalize => {
            refuse_unfit(snapshot, history, request)?;
            finalize(pair, snapshot, history, request)?
        }
        Intent::Drill => drill(pair, snapshot, request)?,
        Intent::Prepare => {
            refuse_unfit(snapshot, history, request)?;
            lower(pair, snapshot, request)?
        }
        Intent::RestoreTtl => restore(pair, snapshot, history, request)?,
        Intent::Sync => return super::plan_sync(pair, snapshot, history, &SyncRequest::routine()),
    };
    finished(pair, snapshot, history, plan)
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
fn left_part_way<'a>(history: &'a PairState, environment: &EnvironmentName) -> Option<&'a Shift> {
    let last = history.runs.iter().rev().map(AsRef::as_ref).find(|run| moved_names(run))?;
    match last.finished {
        Some((Outcome::Abandoned, _)) => {
            last.plan.shifts.iter().find(|shift| shift.environment == *environment)
        }
        Some((Outcome::Completed | Outcome::CompletedWithExceptions | Outcome::Undone, _)) | None => None,
    }
}

/// Whether a run is over and moved names, or some of them.
fn moved_names(run: &RunState) -> bool {
    let outcome = run.finished.map(|(outcome, _)| outcome);
    run.plan.pivot.is_some() && outcome.is_some_and(|outcome| outcome != Outcome::Undone)
}

fn refuse_unfit(snapshot: &Snapshot, history: &PairState, request: &Request) -> Result<(), PlanError> {
    let explained = |finding: &Finding| {
        let environment = match &finding.place {
            Place::Endpoint { environment, .. } | Place::Environment { environment } => Some(environment),
            Place::Store { store } => Some(&store.environment),
            Place::Setting { setting } => Some(&setting.environment),
            Place::Pair | Place::Side { .. } | Place::Zone { .. } | Place::Delivery { .. } => None,
        };
        let of_roles = matches!(
            finding.kind,
            FindingKind::WrongSide | FindingKind::RolesUnclear | FindingKind::StoreDisagrees
        );
        of_roles
            && names_a_target(request)
            && environment.is_some_and(|e| left_part_way(history, e).is_some())
    };
    let errors: Vec<Finding> = snapshot.errors().filter(|finding| !explained(finding)).cloned().collect();
    if errors.is_empty() { Ok(()) } else { Err(PlanError::Unfit(errors)) }
}

fn names_a_target(request: &Request) -> bool {
    match request.intent {
        Intent::Switchover => request.to.is_some(),
        Intent::Revert => true,
        Intent::Prepare | Intent::RestoreTtl | Intent::Sync | Intent::Finalize | Intent::Drill => false,
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
        | Intent::Drill => Ok(run),
    }
}

fn swap(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
    shifts: Vec<Shift>,
) -> Result<Plan, PlanError> {
    let names = Names::moving(snapshot, &shifts);
    let release = request.release.clone();
    let mut plan = Plan { release, shifts, ..Plan::without_stages(pair, request.intent) };
    let stores = Stores::moving(pair, snapshot, &plan.shifts);
    let Some(swap) = pivot_stage(&names, &stores) else {
        plan.shifts.clear();
        return Ok(plan);
    };
    plan.pivot = swap.steps.first().map(|step| step.id.clone());
    plan.notes = notes(pair, &names, &stores);
    let deliveries = Deliveries { pair, snapshot };
    let after = [
        stores.fence(),
        Some(swap),
        read_back_stage(pair, snapshot, &names, &plan.shifts, beside_read_back(&plan, &deliveries, &stores)),
        hold_stage(pair, &names, &plan.shifts),
        soak(pair, snapshot, &plan.shifts),
        // A release is closed by its finalize.
        if plan.release.is_none() { deliveries.reopen(&plan.shifts) } else { None },
        restore_stage(&names, history),
    ];
    let before = until_last_syncs(pair, snapshot, request, &plan, &stores)?;
    let data = stores.last_syncs().into_iter();
    plan.stages = before.into_iter().chain(data).chain(after.into_iter().flatten()).collect();
    Ok(plan)
}

/// Everything before production is frozen: it may take days.
fn until_last_syncs(
    pair: &Pair,
    snapshot: &Snapshot,
    request: &Request,
    plan: &Plan,
    stores: &Stores<'_>,
) -> Result<Vec<Stage>, PlanError> {
    let deliveries = Deliveries { pair, snapshot };
    let check = |verb| standby_checks(pair, snapshot, &plan.shifts, verb);
    let targets = plan.shifts.iter().map(|shift| (&shift.environment, &shift.to, &shift.from));
    let deploy = plan
        .release
        .as_ref()
        .and_then(|release| deliveries.deploy(release, "Deploy the release to the stand-by", targets));
    let gate =
        if plan.intent == Intent::Switchover { gate_stage(pair, request, &plan.shifts)? } else { None };
    let mut stages = vec![deliveries.quiet(&plan.shifts), deploy];
    if gate.is_some() {
        stages.extend([stores.for_review(), check("check stand-by for review"), gate]);
    }
    stages.extend([check("check stand-by"), stores.warm_up()]);
    Ok(stages.into_iter().flatten().collect())
}

/// What must be done soon after the pivot and keeps no user waiting.
fn beside_read_back(plan: &Plan, deliveries: &Deliveries<'_>, stores: &Stores<'_>) -> Vec<Option<Step>> {
    let mut steps = deliveries.settings(&plan.shifts);
    // The former production runs the release before: it gets no data of the new one until it is finalized.
    if plan.release.is_none() {
        steps.extend(stores.turns());
    }
    steps
}

fn soak(pair: &Pair, snapshot: &Snapshot, shifts: &[Shift]) -> Option<Stage> {
    let watched = checks(pair, snapshot, shifts, Role::Production).into_values().flatten().collect();
    soak_stage(pair, shifts, watched)
}

/// Moves the names and lets the new side take writes. Where an earlier run moved the names and no more, what it left of that.
fn pivot_stage(names: &Names, stores: &Stores<'_>) -> Option<Stage> {
    match swap_stage(names) {
        Some(mut swap) => {
            swap.steps.extend(stores.thaws());
            Some(swap)
        }
        None if stores.all_moved() => None,
        None => Some(Stage { title: "Let the new production take writes".to_owned(), steps: stores.thaws() }),
    }
}

fn notes(pair: &Pair, names: &Names, stores: &Stores<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let longest = names.longest_ttl();
    if longest > pair.dns.swap_ttl && !names.all_proxied() {
        notes.push(format!(
            "some records may be kept for {} s: until then users can reach the old side; `swap-roles --prepare` lowers TTLs ahead",
            longest.as_secs()
        ));
    }
    if names.any_proxied() {
        notes.push(
            "proxied names show Cloudflare's edge in DNS, which follows within five minutes; they are read back from the API"
                .to_owned(),
        );
    }
    if stores.is_empty() {
        notes.push("this moves names only: data written on a side stays on that side".to_owned());
    }
    notes
}

fn in_scope<'a>(
    pair: &Pair,
    snapshot: &'a Snapshot,
    request: &Request,
) -> Result<Vec<&'a NameView>, PlanError> {
    let environments = asked_for(pair, request)?;
    Ok(snapshot.names.iter().filter(|view| environments.contains(&view.environment)).collect())
}

fn without_moves(pair: &Pair, intent: Intent, stages: Vec<Stage>) -> Plan {
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
