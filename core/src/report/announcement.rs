//! What people are told of a run, from its journal alone: told again, it is the same.

use jiff::Timestamp;

use crate::journal::{PauseReason, RunState, StepState};
use crate::model::{Announcement, AnnouncementKey, AnnouncerName, Moment};
use crate::plan::{OnFailure, Step};

/// The most characters of a reason, and of what failed, that people are told. The report has all of it.
const LONGEST: usize = 1_000;

/// The announcement of a moment of a run to one announcer. `at` is when the moment was, as the journal tells it.
pub fn announcement(run: &RunState, moment: Moment, to: &AnnouncerName, at: Timestamp) -> Announcement {
    let release = run.plan.steps().find_map(|step| step.action.as_announce()?.release.clone());
    Announcement {
        key: AnnouncementKey::of(&run.id, moment, to, at),
        moment,
        at,
        pair: run.plan.pair.clone(),
        run: run.id.clone(),
        intent: run.plan.intent,
        shifts: run.plan.shifts.clone(),
        release,
        by: run.holders.first().map(|holder| holder.actor.clone()),
        reason: run.reason.as_deref().map(short),
        detail: detail(run, moment).as_deref().map(short),
    }
}

/// The beginning of a text: services cut off long messages, or refuse them.
fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn detail(run: &RunState, moment: Moment) -> Option<String> {
    match moment {
        Moment::Begins | Moment::Swapped | Moment::ApprovalNeeded | Moment::Test => None,
        Moment::Finished => failed(run, OnFailure::Note),
        Moment::Undone => run.turned_back.clone(),
        Moment::Paused => match run.paused {
            Some(PauseReason::Operator) => Some("somebody asked it to stop".to_owned()),
            Some(PauseReason::FailedStep) | None => failed(run, OnFailure::Stop),
        },
    }
}

/// The steps that failed, with what went wrong.
fn failed(run: &RunState, meant: OnFailure) -> Option<String> {
    let words = |step: &Step| {
        let record = run.step(&step.id);
        let failure = [record.forward, record.back].into_iter().flatten().find_map(|state| match state {
            StepState::Failed { failure, .. } => Some(failure),
            StepState::Started { .. } | StepState::Succeeded { .. } => None,
        })?;
        Some(format!("{}: {}", step.id, failure.message))
    };
    let steps = run.plan.steps().filter(|step| step.on_failure == meant);
    let failed: Vec<String> = steps.filter_map(words).collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}
