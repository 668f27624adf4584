//! How long it takes until users are moved: what a run took, and what a plan will take by what earlier runs and drills took.
//!
//! The time counts from the confirmation, or from the moment at which the gate stood open, until the last step of the stage that moves users
//! is done: the names lead to the new side and its data takes writes. What resolvers keep for a TTL after that is not in it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::windows::by_routine;
use crate::action::{Action, between, milliseconds};
use crate::config::Period;
use crate::journal::{Fact, PairState, RunState, StepState};
use crate::model::{EnvironmentName, Pair, StepId};
use crate::plan::{Plan, Stage, Step};
use crate::port::SyncPurpose;

/// How long users waited for the new side, and how long they may at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// From the confirmation until users were moved, in milliseconds; `None` if they were not.
    pub took_ms: Option<u64>,
    /// The strictest objective of the environments that move, in milliseconds.
    pub objective_ms: u64,
}

impl Recovery {
    /// Holds a run against the objectives of its environments; `None` for a run that moves nobody, and where there is no objective.
    pub fn of(run: &RunState, pair: &Pair) -> Option<Self> {
        let objective = objective(&run.plan, pair)?;
        Some(Self { took_ms: recovered_ms(run), objective_ms: milliseconds(objective) })
    }

    /// Whether users were moved in time.
    pub fn is_met(&self) -> bool {
        self.took_ms.is_some_and(|took| took <= self.objective_ms)
    }
}

/// The strictest recovery-time objective of the environments whose users a plan moves.
fn objective(plan: &Plan, pair: &Pair) -> Option<Duration> {
    plan.pivot.as_ref()?;
    let names = plan.shifts.iter().map(|shift| &shift.environment);
    let rto = |name: &EnvironmentName| pair.environment(name).ok()?.policy.rto;
    names.filter_map(rto).min()
}

/// From the confirmation until everything of the pivot's stage was seen done.
fn recovered_ms(run: &RunState) -> Option<u64> {
    let pivot = run.plan.stages.get(run.plan.pivot_stage()?)?;
    let ends = pivot.steps.iter().map(|step| match run.step(&step.id).forward? {
        StepState::Succeeded { at, .. } => Some(at),
        StepState::Started { .. } | StepState::Failed { .. } => None,
    });
    let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    let began = super::gate_opened(run).unwrap_or(run.started);
    Some(milliseconds(between(began, last)))
}

/// How long a plan will take until users are moved, as far as earlier runs and drills tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// The sum of what is known, stage by stage, in milliseconds.
    pub known_ms: u64,
    /// The steps before that moment that were never measured, nor anything of their kind.
    pub unmeasured: Vec<StepId>,
    /// The strictest objective of the environments that move, in milliseconds.
    pub objective_ms: Option<u64>,
}

impl Expected {
    /// Estimates a plan; `None` if it moves nobody.
    pub fn of(plan: &Plan, pair: &Pair, history: &PairState) -> Option<Self> {
        let pivot = plan.pivot_stage()?;
        let is_gate = |stage: &Stage| stage.steps.iter().any(|step| step.action.as_gate().is_some());
        // Until the gate opens nobody is promised anything.
        let first = plan.stages.iter().position(is_gate).map_or(0, |gate| gate + 1);
        let objective_ms = objective(plan, pair).map(milliseconds);
        let mut expected = Self { known_ms: 0, unmeasured: Vec::new(), objective_ms };
        for stage in plan.stages.iter().take(pivot + 1).skip(first) {
            expected.add(stage, history);
        }
        Some(expected)
    }

    fn add(&mut self, stage: &Stage, history: &PairState) {
        let mut longest = Duration::ZERO;
        for step in stage.at_once() {
            match took(step, history) {
                Some(took) => longest = longest.max(took),
                None => self.unmeasured.push(step.id.clone()),
            }
        }
        self.known_ms = self.known_ms.saturating_add(milliseconds(longest));
    }
}

/// What a step took when it, or something of its kind, last succeeded.
fn took(step: &Step, history: &PairState) -> Option<Duration> {
    // The lost side is given no more than this, whether it answers or not.
    let at_most = step.action.as_fence_lost().map(|fence| step.deadline() + fence.patience());
    history
        .expected(&step.id)
        .or_else(|| by_routine(step, history))
        .or_else(|| by_kind(step, history))
        .or(at_most)
}

fn by_kind(step: &Step, history: &PairState) -> Option<Duration> {
    let runs = history.runs.iter().rev();
    runs.flat_map(|run| run.plan.steps().map(move |other| (run, other)))
        .filter(|(_, other)| is_of_kind(&step.action, &other.action))
        .find_map(|(run, other)| measured(run, other))
}

fn measured(run: &RunState, step: &Step) -> Option<Duration> {
    match run.step(&step.id).forward? {
        StepState::Succeeded { started, at, facts } if !facts.contains(&Fact::AlreadyDone) => {
            Some(between(started, at))
        }
        StepState::Succeeded { .. } | StepState::Started { .. } | StepState::Failed { .. } => None,
    }
}

/// Whether what one action took tells what the other one will.
fn is_of_kind(wanted: &Action, other: &Action) -> bool {
    match wanted {
        Action::ChangeRecords(change) => other
            .as_change_records()
            .is_some_and(|other| other.zone == change.zone && other.purpose == change.purpose),
        // Both sides are built alike.
        Action::RunChecks(_) => other.as_run_checks().is_some(),
        // What a drill proves of the stand-by is the longest part of a freeze: the stretch in which nothing moves.
        Action::FreezeStore(freeze) => other.as_prove_frozen().map_or_else(
            || {
                other.as_freeze_store().is_some_and(|other| {
                    other.store == freeze.store && other.lease_ms.is_some() == freeze.lease_ms.is_some()
                })
            },
            |proof| freeze.prove && proof.store == freeze.store,
        ),
        Action::ThawStore(thaw) => other.as_thaw_store().is_some_and(|other| other.store == thaw.store),
        Action::SyncStore(sync) => other
            .as_sync_store()
            .is_some_and(|other| other.store == sync.store && other.purpose != SyncPurpose::Rehearsal),
        Action::Deploy(deploy) => {
            other.as_deploy().is_some_and(|other| other.environment == deploy.environment)
        }
        Action::SetEmbargo(set) => other.as_set_embargo().is_some_and(|other| other.rule == set.rule),
        Action::SwitchSchedules(switch) => {
            other.as_switch_schedules().is_some_and(|other| other.to == switch.to)
        }
        Action::TakeOver(taken) => other.as_take_over().is_some_and(|other| other.store == taken.store),
        Action::FenceLost(fence) => other.as_fence_lost().is_some_and(|other| other.store == fence.store),
        // None of these stands between the gate and the pivot, or nothing waits for it.
        Action::AwaitRecords(_)
        | Action::Hold(_)
        | Action::ProveFrozen(_)
        | Action::VerifyBackup(_)
        | Action::ChangeSettings(_)
        | Action::Gate(_)
        | Action::Soak(_)
        | Action::Announce(_)
        | Action::WriteRoleTable(_)
        | Action::KeepData(_) => false,
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objective = Period(Duration::from_millis(self.objective_ms));
        match self.took_ms {
            Some(took) if self.is_met() => {
                write!(f, "users were moved after {took} ms, within the objective of {objective}")
            }
            Some(took) => {
                write!(f, "users were moved after {took} ms, later than the objective of {objective}")
            }
            None => write!(f, "users were not moved; the objective is {objective}"),
        }
    }
}
