//! A controller: what it read of the journal, and what it is about to do.

use std::sync::Arc;

use switchover::journal::{
    Entry, EntryHash, Event, FORMAT, Failure, FailureKind, Nonce, Outcome, PairState, RunState, StepState,
    Way,
};
use switchover::model::{RunId, StepId};
use switchover::plan::Step;

use crate::outside::Change;

/// A step in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Job {
    /// Its place among the steps of the plan.
    pub(crate) step: usize,
    pub(crate) back: bool,
}

impl Job {
    pub(crate) fn way(self) -> Way {
        if self.back { Way::Back } else { Way::Forward }
    }
}

/// Where a controller is between two moments at which something else may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// No process.
    Away,
    /// Looks for what is next.
    Works,
    /// Has seen that the step can be done, and written that it is about to make the call. `fresh`: what it saw is not too old to act on.
    Announced(Job, Change, bool),
    /// Waits for the answer.
    Waits(Job),
    /// Was told that the call was taken; looking must show it.
    Accepted(Job),
    /// Takes a run back that has crossed its pivot.
    Heedless,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Controller {
    pub(crate) at: At,
    /// The journal as far as it knows it.
    pub(crate) known: PairState,
}

pub(crate) fn run_id(number: usize) -> RunId {
    RunId::new(format!("20260101T00000{number}Z-00000{number}")).expect("a run's id")
}

/// The entry that a controller writes next.
pub(crate) fn entry(known: &PairState, event: Event) -> Entry {
    let claims = matches!(event, Event::Claimed { .. });
    Entry {
        format: FORMAT,
        seq: known.next,
        epoch: if claims { known.epoch.next() } else { known.epoch },
        at: jiff::Timestamp::UNIX_EPOCH,
        nonce: Nonce("0".repeat(32)),
        previous: known.head.clone().unwrap_or_else(EntryHash::none),
        event,
    }
}

pub(crate) fn latest(known: &PairState) -> &RunState {
    known.runs.last().map(Arc::as_ref).expect("a run")
}

/// What is left to do of the open run: steps that may be done next, in no order. None: it can be closed.
pub(crate) fn next(run: &RunState) -> Vec<Job> {
    if run.turned_back.is_some() {
        let all: Vec<&Step> = run.plan.steps().collect();
        let mut left = all.iter().enumerate().rev().filter(|(_, step)| {
            let record = run.step(&step.id);
            step.undo.is_some() && record.may_have_acted() && !record.succeeded(Way::Back)
        });
        return left.next().map(|(step, _)| Job { step, back: true }).into_iter().collect();
    }
    let mut before = 0;
    for (place, stage) in run.plan.stages.iter().enumerate() {
        let left = stage.steps.iter().enumerate();
        let left = left.filter(|(_, step)| !run.is_settled(place, step, Way::Forward));
        let left: Vec<Job> = left.map(|(at, _)| Job { step: before + at, back: false }).collect();
        if !left.is_empty() {
            return left;
        }
        before += stage.steps.len();
    }
    Vec::new()
}

/// The other steps of the pivot's stage, while none of them has acted: all are looked at before the first acts.
pub(crate) fn together(run: &RunState, job: Job) -> Vec<Job> {
    let stage = run.plan.pivot_stage().and_then(|place| run.plan.stages.get(place));
    let Some(stage) = stage.filter(|_| !run.pivot_crossed()) else { return vec![job] };
    let place = |step: &Step| run.plan.steps().position(|one| one.id == step.id).expect("its place");
    let all: Vec<Job> = stage.steps.iter().map(|step| Job { step: place(step), back: false }).collect();
    if all.contains(&job) { all } else { vec![job] }
}

pub(crate) fn planned(run: &RunState, job: Job) -> &Step {
    run.plan.steps().nth(job.step).expect("a step of the plan")
}

pub(crate) fn step_id(known: &PairState, job: Job) -> (RunId, StepId) {
    let run = latest(known);
    (run.id.clone(), planned(run, job).id.clone())
}

pub(crate) fn failed(known: &PairState, job: Job, kind: FailureKind) -> Event {
    let (run, step) = step_id(known, job);
    let failure = Failure { kind, message: String::new() };
    Event::StepFailed { run, step, way: job.way(), failure }
}

pub(crate) fn succeeded(known: &PairState, job: Job) -> Event {
    let (run, step) = step_id(known, job);
    Event::StepSucceeded { run, step, way: job.way(), facts: Vec::new(), requests: 0 }
}

pub(crate) fn started(known: &PairState, job: Job) -> Event {
    let (run, step) = step_id(known, job);
    Event::StepStarted { run, step, way: job.way() }
}

/// Whether the run is over, and whether it swapped.
pub(crate) fn over(run: &RunState) -> Option<bool> {
    run.finished.map(|(outcome, _)| match outcome {
        Outcome::Completed | Outcome::CompletedWithExceptions => true,
        Outcome::Undone | Outcome::Abandoned | Outcome::Superseded => false,
    })
}

/// What tells one state of a journal from another: how often it changed hands, and how far its latest run is.
pub(crate) type Told = (u64, usize, Vec<[u8; 2]>, bool, Option<bool>, bool);

pub(crate) fn told(known: &PairState) -> Told {
    let Some(run) = known.runs.last() else { return Told::default() };
    let of = |state: Option<&StepState>| match state {
        None => 0,
        Some(StepState::Started { .. }) => 1,
        Some(StepState::Succeeded { .. }) => 2,
        Some(StepState::Failed { failure, .. }) => 3 + failure.kind as u8,
    };
    let steps = run.plan.steps().map(|step| {
        let record = run.step(&step.id);
        [of(record.way(Way::Forward)), of(record.way(Way::Back))]
    });
    (
        known.epoch.0,
        known.runs.len(),
        steps.collect(),
        run.turned_back.is_some(),
        over(run),
        run.paused.is_some(),
    )
}
