//! The state of a pair as a fold over its journal. One `match` says which event may follow which.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::data::{self, StoreHistory};
use super::{
    Entry, EntryHash, Epoch, Event, Fact, Failure, FailureKind, Holder, Outcome, PauseReason, ProbeSummary,
    Seq, Way,
};
use crate::action::Purpose;
use crate::model::{DnsName, EnvironmentName, RecordKind, RunId, SideName, StepId, StoreRef, Ttl};
use crate::plan::{OnFailure, Plan, PlanDigest, Step};

/// An entry that cannot follow what stands before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} cannot follow what stands before it: {why}")]
pub struct IllegalTransition {
    /// Its position.
    pub seq: Seq,
    /// Why not.
    pub why: String,
}

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

    /// Whether the action was seen done.
    pub fn succeeded(&self, way: Way) -> bool {
        matches!(self.way(way), Some(StepState::Succeeded { .. }))
    }
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
    /// The requests that it cost, over all processes that worked on it.
    pub requests: u64,
    /// How and when it ended.
    pub finished: Option<(Outcome, Timestamp)>,
    #[serde(skip)]
    requests_before: u64,
}

impl RunState {
    /// The record of a step; an empty one if nothing happened to it.
    pub fn step(&self, id: &StepId) -> StepRecord {
        self.steps.get(id).cloned().unwrap_or_default()
    }

    /// Whether a step of the pivot's stage did something or may have: from here on there is no undoing.
    ///
    /// A stage whose every call was refused has moved nothing and can still be left.
    pub fn pivot_crossed(&self) -> bool {
        let stage = self.plan.pivot_stage().and_then(|place| self.plan.stages.get(place));
        stage.is_some_and(|stage| stage.steps.iter().any(|step| self.step(&step.id).may_have_acted()))
    }

    /// When the last step of a stage was seen done, if all were or need not be.
    pub fn stage_done(&self, place: usize) -> Option<Timestamp> {
        let steps = &self.plan.stages.get(place)?.steps;
        let ends = steps.iter().map(|step| match self.step(&step.id).forward {
            Some(StepState::Succeeded { at, .. } | StepState::Failed { at, .. }) => Some(at),
            Some(StepState::Started { .. }) | None => None,
        });
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

/// Everything a journal says about a pair.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PairState {
    /// The position after the last entry.
    pub next: Seq,
    /// The hash of the last entry.
    #[serde(skip)]
    pub head: Option<EntryHash>,
    /// How often the pair changed hands.
    pub epoch: Epoch,
    /// Who took it last.
    pub holder: Option<Holder>,
    /// All runs, oldest first. Only the last may be unfinished.
    pub runs: Vec<Arc<RunState>>,
    /// The TTL that each record had before `--prepare` lowered it.
    #[serde(skip)]
    pub prepared: BTreeMap<(DnsName, RecordKind), Ttl>,
    /// What it says about each store.
    pub stores: BTreeMap<StoreRef, StoreHistory>,
    /// Which side the journal last saw become production.
    pub production: BTreeMap<EnvironmentName, SideName>,
}

impl PairState {
    /// The run that is not finished, if there is one.
    pub fn open_run(&self) -> Option<&RunState> {
        self.runs.last().map(Arc::as_ref).filter(|run| run.finished.is_none())
    }

    /// The run of that id.
    pub fn run(&self, id: &RunId) -> Option<&RunState> {
        self.runs.iter().map(Arc::as_ref).find(|run| run.id == *id)
    }

    /// How long a step of that id took when it last succeeded in acting.
    pub fn expected(&self, step: &StepId) -> Option<Duration> {
        self.runs.iter().rev().find_map(|run| match run.steps.get(step)?.forward.as_ref()? {
            StepState::Succeeded { started, at, facts } if !facts.contains(&Fact::AlreadyDone) => {
                Duration::try_from(at.duration_since(*started)).ok()
            }
            StepState::Succeeded { .. } | StepState::Started { .. } | StepState::Failed { .. } => None,
        })
    }

    /// Takes one more entry in, or says why it cannot stand here. The state is unchanged then.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), IllegalTransition> {
        let illegal = |why: String| IllegalTransition { seq: entry.seq, why };
        self.check_place(entry).map_err(illegal)?;
        self.apply_event(entry).map_err(illegal)?;
        self.epoch = entry.epoch;
        self.next = entry.seq.next();
        self.head = Some(entry.hash());
        Ok(())
    }

    fn check_place(&self, entry: &Entry) -> Result<(), String> {
        if entry.seq != self.next {
            return Err(format!("position {} was expected", self.next));
        }
        let head = self.head.clone().unwrap_or_else(EntryHash::none);
        if entry.previous != head {
            return Err("it does not name the hash of the entry before it".to_owned());
        }
        let expected = if entry.event.claimant().is_some() { self.epoch.next() } else { self.epoch };
        if entry.epoch != expected {
            return Err(format!("epoch {expected} was expected, not {}", entry.epoch));
        }
        Ok(())
    }

    fn apply_event(&mut self, entry: &Entry) -> Result<(), String> {
        match &entry.event {
            Event::Claimed { holder } => {
                self.claim(holder);
                Ok(())
            }
            Event::RunStarted { run, plan, digest, reason } => {
                self.start_run(entry.at, run, plan, digest, reason.as_ref())
            }
            Event::StepStarted { run, step, way } => {
                let planned = self.open(run, entry.at)?.start(step, *way, entry.at)?;
                if let (Some(sync), Way::Forward) = (data::is_sync(&planned), way) {
                    self.stores.entry(sync.store.clone()).or_default().began(entry.at);
                }
                Ok(())
            }
            Event::StepSucceeded { run, step, way, facts, requests } => {
                let open = self.open(run, entry.at)?;
                open.count(*requests);
                let planned = open.succeed(step, *way, entry.at, facts)?;
                self.learn_ttls(&planned, *way);
                if let (Some(sync), Way::Forward) = (data::is_sync(&planned), way) {
                    self.stores.entry(sync.store.clone()).or_default().succeeded(run, entry.at, facts);
                }
                Ok(())
            }
            Event::StepFailed { run, step, way, failure } => {
                let planned = self.open(run, entry.at)?.fail(step, *way, entry.at, failure)?;
                if let (Some(sync), Way::Forward) = (data::is_sync(&planned), way) {
                    self.stores.entry(sync.store.clone()).or_default().failed(entry.at, failure);
                }
                Ok(())
            }
            Event::TurnedBack { run, why } => self.open(run, entry.at)?.turn_back(why),
            Event::Probed { run, names } => {
                self.open(run, entry.at)?.probes.extend(names.iter().cloned());
                Ok(())
            }
            Event::Paused { run, reason } => {
                self.open(run, entry.at)?.paused = Some(reason.clone());
                Ok(())
            }
            Event::RunFinished { run, outcome } => self.finish(run, entry.at, *outcome),
        }
    }

    fn claim(&mut self, holder: &Holder) {
        if let Some(run) = self.runs.last_mut().map(Arc::make_mut).filter(|run| run.finished.is_none()) {
            run.holders.push(holder.clone());
            run.paused = None;
            run.requests_before = run.requests;
        }
        self.holder = Some(holder.clone());
    }

    fn start_run(
        &mut self,
        at: Timestamp,
        run: &RunId,
        plan: &Plan,
        digest: &PlanDigest,
        reason: Option<&String>,
    ) -> Result<(), String> {
        let Some(holder) = self.holder.clone() else {
            return Err("nobody had claimed the pair".to_owned());
        };
        if let Some(open) = self.open_run() {
            return Err(format!("run {} is not finished", open.id));
        }
        if self.run(run).is_some() {
            return Err(format!("run {run} was there before"));
        }
        if plan.digest() != *digest {
            return Err("the plan does not have the digest that is written beside it".to_owned());
        }
        self.runs.push(Arc::new(RunState {
            id: run.clone(),
            plan: plan.clone(),
            digest: digest.clone(),
            reason: reason.cloned(),
            holders: vec![holder],
            started: at,
            last: at,
            steps: BTreeMap::new(),
            turned_back: None,
            paused: None,
            probes: Vec::new(),
            requests: 0,
            finished: None,
            requests_before: 0,
        }));
        Ok(())
    }

    fn open(&mut self, run: &RunId, at: Timestamp) -> Result<&mut RunState, String> {
        let open =
            self.runs.last_mut().map(Arc::make_mut).filter(|last| last.id == *run && last.finished.is_none());
        let open = open.ok_or_else(|| format!("run {run} is not open"))?;
        open.last = at;
        Ok(open)
    }

    fn finish(&mut self, run: &RunId, at: Timestamp, outcome: Outcome) -> Result<(), String> {
        let open = self.open(run, at)?;
        open.may_finish(outcome)?;
        open.finished = Some((outcome, at));
        let shifts = match outcome {
            Outcome::Completed | Outcome::CompletedWithExceptions => open.plan.shifts.clone(),
            Outcome::Undone | Outcome::Abandoned => Vec::new(),
        };
        self.production.extend(shifts.into_iter().map(|shift| (shift.environment, shift.to)));
        Ok(())
    }

    fn learn_ttls(&mut self, step: &Step, way: Way) {
        let Some(change) = step.action.as_change_records() else { return };
        let lowered = match (change.purpose, way) {
            (Purpose::LowerTtl, Way::Forward) => true,
            (Purpose::LowerTtl, Way::Back) | (Purpose::RestoreTtl, Way::Forward) => false,
            (Purpose::RestoreTtl, Way::Back) | (Purpose::Swap, _) => return,
        };
        for record in &change.changes {
            let key = (record.name.clone(), record.kind.clone());
            if lowered {
                self.prepared.entry(key).or_insert(record.from.ttl);
            } else {
                self.prepared.remove(&key);
            }
        }
    }
}

impl RunState {
    fn planned(&self, step: &StepId) -> Result<Step, String> {
        self.plan.step(step).cloned().ok_or_else(|| format!("the plan has no step {step}"))
    }

    fn count(&mut self, requests: u64) {
        self.requests = self.requests_before + requests;
    }

    fn start(&mut self, step: &StepId, way: Way, at: Timestamp) -> Result<Step, String> {
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
        if record.succeeded(way) {
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

    fn succeed(&mut self, step: &StepId, way: Way, at: Timestamp, facts: &[Fact]) -> Result<Step, String> {
        let planned = self.planned(step)?;
        let started = self.started(step, way)?;
        let record = self.steps.entry(step.clone()).or_default();
        *record.way_mut(way) = Some(StepState::Succeeded { started, at, facts: facts.to_vec() });
        Ok(planned)
    }

    fn fail(&mut self, step: &StepId, way: Way, at: Timestamp, failure: &Failure) -> Result<Step, String> {
        let planned = self.planned(step)?;
        let started = match failure.kind {
            // Looking can fail before anything was started.
            FailureKind::NotReady | FailureKind::Refused | FailureKind::Guarded | FailureKind::Partial => {
                self.started(step, way).unwrap_or(at)
            }
            FailureKind::Deadline | FailureKind::Unknown => self.started(step, way)?,
        };
        let record = self.steps.entry(step.clone()).or_default();
        *record.way_mut(way) = Some(StepState::Failed { started, at, failure: failure.clone() });
        Ok(planned)
    }

    fn turn_back(&mut self, why: &str) -> Result<(), String> {
        if self.pivot_crossed() {
            return Err("the run turns back after its pivot".to_owned());
        }
        if self.turned_back.is_some() {
            return Err("the run turned back before".to_owned());
        }
        self.turned_back = Some(why.to_owned());
        Ok(())
    }

    fn may_finish(&self, outcome: Outcome) -> Result<(), String> {
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
            Outcome::Completed | Outcome::CompletedWithExceptions | Outcome::Undone | Outcome::Abandoned => {
                Ok(())
            }
        }
    }
}
