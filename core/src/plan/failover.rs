//! The planner of a failover: production may be gone, so no step waits for it, and what may be lost was accepted before.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::planner::{asked_for, finished, left_part_way, without_moves};
use super::steps::{
    Names, hold_stage, read_back_stage, restore_stage, stage, standby_checks, step, swap_stage,
};
use super::swap::forgiving;
use super::{Intent, OnFailure, Plan, PlanError, Request, Shift, Stage, Step, Waiver};
use crate::action::{Action, FenceLost, Hold, TakeOver, ThawStore, between, milliseconds};
use crate::config::Period;
use crate::journal::PairState;
use crate::model::{Environment, EnvironmentName, Pair, SideName, StoreRef};
use crate::observe::{Finding, Lost, Snapshot};
use crate::port::LoneSide;

/// How long the checks of the stand-by may take, second tries included.
const CHECK_DEADLINE: Duration = Duration::from_secs(15);
/// How long a takeover may take, unclear answers included.
const TAKE_OVER_DEADLINE: Duration = Duration::from_secs(120);
/// How long a thaw may take: to promote a replica takes minutes.
const THAW_DEADLINE: Duration = Duration::from_secs(1800);
/// How long the lost side delays the pivot at most, beside one try of [`FIRST_PATIENCE`] where it answers.
pub(super) const FENCE_BEFORE: Duration = Duration::from_secs(1);
/// How long the one try before the pivot may take.
pub(super) const FIRST_PATIENCE: Duration = Duration::from_millis(1500);
/// How long each later try may take: writes that are under way are waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the lost side is tried at least after the pivot.
const FENCE_AFTER: Duration = Duration::from_secs(5);

/// What may be lost of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The store.
    pub store: StoreRef,
    /// The moment up to which the stand-by holds everything.
    pub since: Timestamp,
    /// How long that was ago when the plan was made, in milliseconds.
    pub age_ms: u64,
}

impl Loss {
    /// How long ago the newest whole data of the stand-by is of.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.age_ms)
    }
}

/// What a plan may lose, store by store, as of a moment; nothing for a plan that is no failover.
pub fn losses(plan: &Plan, at: Timestamp) -> Vec<Loss> {
    let taken = plan.steps().filter_map(|step| step.action.as_take_over());
    let loss = |taken: &TakeOver| Loss {
        store: taken.store.clone(),
        since: taken.as_of,
        age_ms: milliseconds(between(taken.as_of, at)),
    };
    taken.map(loss).collect()
}

/// Why a failover that may lose this much is refused, and what it would need.
pub(super) fn refused(losses: &[Loss], accepted: Option<Duration>) -> String {
    let each: Vec<String> = losses.iter().map(Loss::to_string).collect();
    let accepted = match accepted {
        Some(accepted) => format!("and {} was accepted", Period(accepted)),
        None => "and nobody accepted that".to_owned(),
    };
    format!("{}, {accepted}", each.join("; "))
}

/// The least that has to be accepted for these losses, with time to type it: a minute more, in whole minutes.
pub fn to_accept(losses: &[Loss]) -> Duration {
    let largest = losses.iter().map(Loss::age).max().unwrap_or_default();
    Duration::from_secs((largest.as_secs() / 60 + 2) * 60)
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.strftime("%F %T UTC");
        let age = Period(Duration::from_secs(self.age().as_secs()));
        write!(f, "{}: writes since {since} ({age}) may be lost", self.store)
    }
}

/// A store that is taken over.
struct Taking {
    store: StoreRef,
    from: SideName,
    to: SideName,
    since: Timestamp,
}

pub(super) fn failover(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Plan, PlanError> {
    let Some(lost) = &snapshot.lost else {
        return Err(PlanError::LostUnclear(asked_for(pair, request)?));
    };
    let shifts = shifts(pair, snapshot, lost, history, request)?;
    refuse_unfit(snapshot, request)?;
    let stores = stores(pair, lost, &shifts, request)?;
    let accepted = accepted(snapshot, &stores, request)?;
    let plan = made(pair, snapshot, history, request, shifts, (&stores, accepted));
    finished(pair, snapshot, history, plan)
}

/// Production moves away from the lost side, in every environment where it is there or was on its way.
fn shifts(
    pair: &Pair,
    snapshot: &Snapshot,
    lost: &Lost,
    history: &PairState,
    request: &Request,
) -> Result<Vec<Shift>, PlanError> {
    let mut shifts: Vec<Shift> = Vec::new();
    let mut unclear = Vec::new();
    for environment in asked_for(pair, request)? {
        let Some(from) = lost.sides.get(&environment) else {
            unclear.push(environment);
            continue;
        };
        let to = pair.opposite(from)?.name.clone();
        shifts.push(Shift { environment, from: from.clone(), to });
    }
    if !unclear.is_empty() {
        return Err(PlanError::LostUnclear(unclear));
    }
    let sides: BTreeSet<&SideName> = shifts.iter().map(|shift| &shift.from).collect();
    if sides.len() > 1 {
        let each: Vec<String> =
            shifts.iter().map(|shift| format!("{}: {}", shift.environment, shift.from)).collect();
        return Err(PlanError::RolesDiffer(each.join(", ")));
    }
    // What a run that was closed part-way had done already is looked at once more, read back, and written down.
    let is_over =
        |shift: &Shift| is_there(snapshot, shift) && left_part_way(history, &shift.environment).is_none();
    shifts.retain(|shift| !is_over(shift));
    match shifts
        .iter()
        .find_map(|shift| history.owed_in(&shift.environment).filter(|owed| owed.side == shift.to))
    {
        Some(owed) => Err(PlanError::Owed(Box::new(owed))),
        None => Ok(shifts),
    }
}

/// Whether every name and every store has the new role already.
fn is_there(snapshot: &Snapshot, shift: &Shift) -> bool {
    let roles = snapshot.roles.get(&shift.environment);
    let stores = snapshot.stores.iter().filter(|(store, _)| store.environment == shift.environment);
    let mut access = stores.map(|(_, seen)| seen.sides.get(&shift.to).map(|side| &side.access));
    roles.and_then(|roles| roles.production()) == Some(&shift.to)
        && access.all(|access| matches!(access, Some(crate::port::Access::Writable)))
}

fn refuse_unfit(snapshot: &Snapshot, request: &Request) -> Result<(), PlanError> {
    let waived = |finding: &Finding| {
        finding.kind == crate::observe::FindingKind::CheckFailed && request.waivers.contains(&Waiver::Checks)
    };
    let errors: Vec<Finding> = snapshot.errors().filter(|finding| !waived(finding)).cloned().collect();
    if errors.is_empty() { Ok(()) } else { Err(PlanError::Unfit(errors)) }
}

/// The stores of an environment.
fn of_environment<'a>(pair: &'a Pair, environment: &EnvironmentName) -> impl Iterator<Item = StoreRef> + 'a {
    let found = pair.environment(environment).ok();
    found.into_iter().flat_map(Environment::stores).map(|(store, _)| store)
}

fn stores(pair: &Pair, lost: &Lost, shifts: &[Shift], request: &Request) -> Result<Vec<Taking>, PlanError> {
    let (mut taking, mut bare, mut mixed) = (Vec::new(), Vec::new(), Vec::new());
    for shift in shifts {
        for store in of_environment(pair, &shift.environment) {
            let copy = lost.copies.get(&store);
            if let Some(why) = copy.and_then(|copy| copy.unfinished.as_ref()) {
                mixed.push(format!("{store}: {why}"));
            }
            match copy.and_then(whole_since) {
                Some(since) => {
                    taking.push(Taking { store, from: shift.from.clone(), to: shift.to.clone(), since });
                }
                None => bare.push(store),
            }
        }
    }
    if !bare.is_empty() {
        return Err(PlanError::NoCopy(bare));
    }
    if !mixed.is_empty() && !request.waivers.contains(&Waiver::UnfinishedCopy) {
        return Err(PlanError::Unfinished(mixed));
    }
    Ok(taking)
}

/// The moment up to which a copy is known to hold everything.
pub(super) fn whole_since(copy: &LoneSide) -> Option<Timestamp> {
    copy.newest
}

/// How much was accepted, which must be as much as may be lost.
fn accepted(snapshot: &Snapshot, stores: &[Taking], request: &Request) -> Result<Duration, PlanError> {
    let accepted = request.accept_loss;
    let losses: Vec<Loss> = stores
        .iter()
        .map(|taking| Loss {
            store: taking.store.clone(),
            since: taking.since,
            age_ms: milliseconds(between(taking.since, snapshot.at)),
        })
        .collect();
    let largest = losses.iter().map(Loss::age).max();
    match (largest, accepted) {
        (None, accepted) => Ok(accepted.unwrap_or_default()),
        (Some(largest), Some(accepted)) if accepted >= largest => Ok(accepted),
        (Some(_), accepted) => Err(PlanError::LossNotAccepted { losses, accepted }),
    }
}

fn made(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
    shifts: Vec<Shift>,
    (stores, accepted): (&[Taking], Duration),
) -> Plan {
    let names = Names::moving(snapshot, &shifts);
    let mut plan = Plan { shifts, ..without_moves(pair, Intent::Failover, Vec::new()) };
    let Some(pivot) = pivot_stage(&names, stores) else {
        plan.shifts.clear();
        return plan;
    };
    plan.pivot = pivot.steps.first().map(|step| step.id.clone());
    plan.waivers.clone_from(&request.waivers);
    let unchecked = plan.waivers.contains(&Waiver::Checks);
    let checks =
        (!unchecked).then(|| standby_checks(pair, snapshot, &plan.shifts, "check stand-by")).flatten();
    let read_back = read_back_stage(pair, snapshot, &names, &plan.shifts, Vec::new());
    plan.notes = notes(pair, stores);
    plan.stages = [
        checks.map(hurried),
        take_over_stage(stores, accepted),
        Some(pivot),
        read_back.map(|stage| forgiving(stage, unchecked)),
        hold_stage(pair, &names, &plan.shifts).map(|stage| fencing(stage, stores)),
        restore_stage(&names, history),
    ]
    .into_iter()
    .flatten()
    .collect();
    super::announce::tell(&mut plan, pair, snapshot, history);
    plan
}

fn notes(pair: &Pair, stores: &[Taking]) -> Vec<String> {
    if stores.is_empty() {
        return vec![
            "no store is configured, so this moves names only: what is written on a side stays on that side"
                .to_owned(),
        ];
    }
    vec![format!(
        "the lost side may hold what the new production does not: when it answers again, run `swap-roles --reprotect {}`, which \
         refuses writes there, keeps what diverged, and makes it the stand-by",
        pair.name
    )]
}

fn hurried(mut stage: Stage) -> Stage {
    for step in &mut stage.steps {
        step.deadline_ms = milliseconds(CHECK_DEADLINE);
    }
    stage
}

/// The stand-by stands alone from here on; and the lost side is told to refuse writes, if it hears.
fn take_over_stage(stores: &[Taking], accepted: Duration) -> Option<Stage> {
    let takes = stores.iter().map(|taking| {
        let action = Action::TakeOver(TakeOver {
            store: taking.store.clone(),
            side: taking.to.clone(),
            as_of: taking.since,
            accepted_ms: milliseconds(accepted),
        });
        step(&format!("take over {}", taking.store), action, TAKE_OVER_DEADLINE)
    });
    let fences = stores.iter().map(|taking| {
        let fence = fence(taking, "fence lost", (FIRST_PATIENCE, FENCE_BEFORE), false)?;
        // Else a failover that fails before its pivot would leave nobody who takes writes.
        let undo = Action::ThawStore(ThawStore {
            store: taking.store.clone(),
            side: taking.from.clone(),
            fenced: Some(taking.to.clone()),
        });
        Some(Step { undo: Some(undo), ..fence })
    });
    stage("Take the data over, and fence the lost side if it answers", takes.chain(fences))
}

fn fence(
    taking: &Taking,
    verb: &str,
    (patience, deadline): (Duration, Duration),
    prove: bool,
) -> Option<Step> {
    let action = Action::FenceLost(FenceLost {
        store: taking.store.clone(),
        side: taking.from.clone(),
        patience_ms: milliseconds(patience),
        prove,
    });
    let made = step(&format!("{verb} {}", taking.store), action, deadline)?;
    Some(Step { on_failure: OnFailure::Note, ..made })
}

/// Moves the names and lets the new side take writes, without a look at the lost one.
fn pivot_stage(names: &Names<'_>, stores: &[Taking]) -> Option<Stage> {
    let thaws = stores.iter().filter_map(|taking| {
        let action = Action::ThawStore(ThawStore {
            store: taking.store.clone(),
            side: taking.to.clone(),
            fenced: None,
        });
        step(&format!("thaw {}", taking.store), action, THAW_DEADLINE)
    });
    match swap_stage(names) {
        Some(mut swap) => {
            swap.steps.extend(thaws);
            Some(swap)
        }
        None => stage("Let the new production take writes", thaws.map(Some)),
    }
}

/// The lost side may come back while the old records run out: it is tried for as long. That it refuses writes is proved here, where users
/// have been moved and nobody waits for it.
fn fencing(mut hold: Stage, stores: &[Taking]) -> Stage {
    let longest = hold.steps.iter().filter_map(|step| step.action.as_hold()).map(Hold::duration).max();
    let deadline = longest.unwrap_or_default().max(FENCE_AFTER);
    let fences = stores.iter().map(|taking| fence(taking, "fence again", (PATIENCE, deadline), true));
    hold.steps.extend(fences.flatten());
    hold
}
