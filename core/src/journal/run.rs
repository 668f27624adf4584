//! One run as a fold over its entries: which of its steps may follow which.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Fact, Failure, FailureKind, Holder, Outcome, PauseReason, ProbeSummary, Vote, Way};
use crate::action::Gate;
use crate::model::{GroupName, RunId, StepId};
use crate::plan::{OnFailure, Plan, PlanDigest, Step};

/// How far one way of a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// It was about to act; what became of it is not known.
    Started {
        /// When it was for the first time.
        at: Timestamp,
    },
    /// It is done.
    Succeeded {
        /// When it started.
        started: Timestamp,
        /// When it was seen done.
        at: Timestamp,
        /// What it learnt.
        facts: Vec<Fact>,
    },
    /// It failed.
    Failed {
        /// When it started.
        started: Timestamp,
        /// When it failed.
        at: Timestamp,
        /// How.
        failure: Failure,
    },
}

/// Both ways of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StepRecord {
    /// The action.
    pub forward: Option<StepState>,
    /// What undoes it.
    pub back: Option<StepState>,
}

impl StepRecord {
    /// One way of the step.
    pub fn way(&self, way: Way) -> Option<&StepState> {
        match way {
            Way::Forward => self.forward.as_ref(),
            Way::Back => self.back.as_ref(),
        }
    }

    fn way_mut(&mut self, way: Way) -> &mut Option<StepState> {
        match way {
            Way::Forward => &mut self.forward,
            Way::Back => &mut self.back,
        }
    }

    /// Whether the action did something, or may have: everything but never started, not ready, or refused.
    pub fn may_have_acted(&self) -> bool {
        match &self.forward {
            Some(StepState::Started { .. } | StepState::Succeeded { .. }) => true,
            Some(StepState::Failed { failure, .. }) => !failure.kind.is_without_effect(),
            None => false,
        }
    }

    /// Whether a call was about to be made, and nothing says what became of it: it may still be on its way.
    pub fn is_unclear(&self, way: Way) -> bool {
        match self.way(way) {
            Some(StepState::Started { .. }) => true,
            Some(StepState::Failed { failure, .. }) => failure.kind == FailureKind::Unknown,
            Some(StepState::Succeeded { .. }) | None => false,
        }
    }

    /// Whether the action was seen done.
    pub fn succeeded(&self, way: Way) -> bool {
        matches!(self.way(way), Some(StepState::Succeeded { .. }))
    }
}

/// An approval that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// For which group.
    pub group: GroupName,
    /// Who approved.
    pub by: Holder,
    /// When.
    pub at: Timestamp,
    /// When it counts no longer; `None`: as long as the run waits.
    pub expires: Option<Timestamp>,
    /// What was said with it.
    pub why: Option<String>,
}

/// An approval that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// What had been given.
    pub approval: Approval,
    /// When it was taken back.
    pub at: Timestamp,
    /// Why, in words.
    pub why: Option<String>,
}

/// A word against a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Who spoke.
    pub by: Holder,
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub why: Option<String>,
}

/// One run as its entries tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunState {
    /// Its id.
    pub id: RunId,
    /// What it does.
    pub plan: Plan,
    /// The digest of the plan.
    pub digest: PlanDigest,
    /// Why, as its operator said.
    pub reason: Option<String>,
    /// Who began it, and who went on with it.
    pub holders: Vec<Holder>,
    /// When it began.
    pub started: Timestamp,
    /// When its last entry was written.
    pub last: Timestamp,
    /// How far each step is.
    pub steps: BTreeMap<StepId, StepRecord>,
    /// Why it turned back, if it did.
    pub turned_back: Option<String>,
    /// Why it waits, if it does.
    pub paused: Option<PauseReason>,
    /// What the probe saw, stretch by stretch.
    pub probes: Vec<ProbeSummary>,
    /// The approvals that were given and not withdrawn, oldest first.
    pub approvals: Vec<Approval>,
    /// The approvals that were withdrawn, in the order in which they were.
    pub withdrawn: Vec<Withdrawal>,
    /// Who said that it must not happen.
    pub rejected: Option<Rejected>,
    /// The requests that it cost, over all processes that worked on it.
    pub requests: u64,
    /// How and when it ended.
    pub finished: Option<(Outcome, Timestamp)>,
    #[serde(skip)]
    pub(super) requests_before: u64,
}

impl RunState {
    /// The record of a step; an empty one if nothing happened to it.
    pub fn step(&self, id: &StepId) -> StepRecord {
        self.steps.get(id).cloned().unwrap_or_default()
    }

    /// Whether a step need not be looked at again. A gate that stood open must be open when the run goes through it: it may have been
    /// cut off in between, and a window or an approval may have run out since.
    pub fn is_settled(&self, place: usize, step: &Step, way: Way) -> bool {
        let later = self.plan.stages.iter().skip(place + 1).flat_map(|stage| &stage.steps);
        let gone_through = later.into_iter().any(|step| self.steps.contains_key(&step.id));
        self.step(&step.id).succeeded(way) && (step.action.as_gate().is_none() || gone_through)
    }

    /// The gate that the run has still to go through, if it has one.
    pub fn open_gate(&self) -> Option<&Gate> {
        let stages = self.plan.stages.iter().enumerate();
        let mut steps = stages.flat_map(|(place, stage)| stage.steps.iter().map(move |step| (place, step)));
        let (place, step, gate) =
            steps.find_map(|(place, step)| Some((place, step, step.action.as_gate()?)))?;
        let over = self.turned_back.is_some() || self.is_settled(place, step, Way::Forward);
        (!over).then_some(gate)
    }

    /// Whether a step of the pivot's stage did something or may have: from here on there is no undoing.
    ///
    /// A stage whose every call was refused has moved nothing and can still be left.
    pub fn pivot_crossed(&self) -> bool {
        let stage = self.plan.pivot_stage().and_then(|place| self.plan.stages.get(place));
        stage.is_some_and(|stage| stage.steps.iter().any(|step| self.step(&step.id).may_have_acted()))
    }

    /// When the last step of a stage was seen done, if all were or need not be. What goes on beside its stage does not count; `None`
    /// for a stage of nothing else.
    pub fn stage_done(&self, place: usize) -> Option<Timestamp> {
        let steps = self.plan.stages.get(place)?.at_once();
        let ends = steps.map(|step| match self.step(&step.id).forward {
            Some(StepState::Succeeded { at, .. } | StepState::Failed { at, .. }) => Some(at),
            Some(StepState::Started { .. }) | None => None,
        });
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

impl RunState {
    pub(super) fn planned(&self, step: &StepId) -> Result<Step, String> {
        self.plan.step(step).cloned().ok_or_else(|| format!("the plan has no step {step}"))
    }

    pub(super) fn count(&mut self, requests: u64) {
        self.requests = self.requests_before.saturating_add(requests);
    }

    pub(super) fn start(&mut self, step: &StepId, way: Way, at: Timestamp) -> Result<Step, String> {
        let planned = self.planned(step)?;
        match (way, &self.turned_back) {
            (Way::Forward, Some(_)) => {
                return Err(format!("step {step} goes forward after the run turned back"));
            }
            (Way::Back, None) => return Err(format!("step {step} is undone before the run turned back")),
            (Way::Forward, None) | (Way::Back, Some(_)) => {}
        }
        if way == Way::Back && planned.undo.is_none() {
            return Err(format!("step {step} has nothing to undo"));
        }
        let record = self.steps.entry(step.clone()).or_default();
        if record.succeeded(way) && planned.action.as_gate().is_none() {
            return Err(format!("step {step} starts again after it was done"));
        }
        // A step that tries again says so before each call; it began with the first.
        let at = match record.way(way) {
            Some(StepState::Started { at: first }) => *first,
            Some(StepState::Succeeded { .. } | StepState::Failed { .. }) | None => at,
        };
        *record.way_mut(way) = Some(StepState::Started { at });
        Ok(planned)
    }

    fn started(&self, step: &StepId, way: Way) -> Result<Timestamp, String> {
        match self.steps.get(step).and_then(|record| record.way(way)) {
            Some(StepState::Started { at }) => Ok(*at),
            Some(StepState::Succeeded { .. } | StepState::Failed { .. }) | None => {
                Err(format!("step {step} ends without having been started"))
            }
        }
    }

    pub(super) fn succeed(
        &mut self,
        step: &StepId,
        way: Way,
        at: Timestamp,
        facts: &[Fact],
    ) -> Result<Step, String> {
        let planned = self.planned(step)?;
        let started = self.started(step, way)?;
        let record = self.steps.entry(step.clone()).or_default();
        *record.way_mut(way) = Some(StepState::Succeeded { started, at, facts: facts.to_vec() });
        Ok(planned)
    }

    pub(super) fn fail(
        &mut self,
        step: &StepId,
        way: Way,
        at: Timestamp,
        failure: &Failure,
    ) -> Result<Step, String> {
        let planned = self.planned(step)?;
        let started = match failure.kind {
            // Looking can fail before anything was started.
            FailureKind::NotReady
            | FailureKind::Refused
            | FailureKind::Guarded
            | FailureKind::Declined
            | FailureKind::Partial => self.started(step, way).unwrap_or(at),
            FailureKind::Deadline | FailureKind::Unknown => self.started(step, way)?,
        };
        let record = self.steps.entry(step.clone()).or_default();
        *record.way_mut(way) = Some(StepState::Failed { started, at, failure: failure.clone() });
        Ok(planned)
    }

    /// Takes an approval in. Whether it counts is the gate's to say; a second one of the same person for the same group replaces the first.
    pub(super) fn approve(
        &mut self,
        at: Timestamp,
        digest: &PlanDigest,
        group: &GroupName,
        vote: &Vote,
    ) -> Result<(), String> {
        if *digest != self.digest {
            return Err("another plan than the run's was approved".to_owned());
        }
        self.approvals.retain(|given| !is_of(given, group, vote));
        let Vote { by, why, expires } = vote.clone();
        self.approvals.push(Approval { group: group.clone(), by, at, expires, why });
        Ok(())
    }

    pub(super) fn withdraw(&mut self, at: Timestamp, group: &GroupName, vote: &Vote) {
        let taken = self.approvals.extract_if(.., |given| is_of(given, group, vote));
        self.withdrawn.extend(taken.map(|approval| Withdrawal { approval, at, why: vote.why.clone() }));
    }

    pub(super) fn reject(&mut self, at: Timestamp, vote: &Vote) {
        let Vote { by, why, .. } = vote.clone();
        self.rejected = Some(Rejected { by, at, why });
    }

    pub(super) fn turn_back(&mut self, why: &str) -> Result<(), String> {
        if self.pivot_crossed() {
            return Err("the run turns back after its pivot".to_owned());
        }
        if self.turned_back.is_some() {
            return Err("the run turned back before".to_owned());
        }
        self.turned_back = Some(why.to_owned());
        Ok(())
    }

    pub(super) fn may_finish(&self, outcome: Outcome) -> Result<(), String> {
        let done = |step: &Step| self.step(&step.id).succeeded(Way::Forward);
        let noted = |step: &Step| {
            let failed = matches!(self.step(&step.id).forward, Some(StepState::Failed { .. }));
            failed && step.on_failure == OnFailure::Note
        };
        match outcome {
            Outcome::Completed if !self.plan.steps().all(done) => {
                Err("the run ends completed before all of its steps succeeded".to_owned())
            }
            Outcome::CompletedWithExceptions if !self.plan.steps().all(|step| done(step) || noted(step)) => {
                Err("the run ends before all of its steps did".to_owned())
            }
            Outcome::Undone if self.turned_back.is_none() => {
                Err("the run ends undone and never turned back".to_owned())
            }
            Outcome::Abandoned if !self.pivot_crossed() => {
                Err("the run is abandoned before its pivot".to_owned())
            }
            Outcome::Completed
            | Outcome::CompletedWithExceptions
            | Outcome::Undone
            | Outcome::Abandoned
            | Outcome::Superseded => Ok(()),
        }
    }
}

/// Whether an approval is what that person said for that group.
fn is_of(given: &Approval, group: &GroupName, vote: &Vote) -> bool {
    given.group == *group && given.by.actor == vote.by.actor
}
