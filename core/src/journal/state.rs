//! The state of a pair as a fold over its journal. One `match` says which event may follow which.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::data::{self, StoreHistory};
use super::run::{RunState, StepState};
use super::{Entry, EntryHash, Epoch, Event, Fact, Holder, Outcome, Seq, Way};
use crate::action::Purpose;
use crate::model::{DnsName, EnvironmentName, RecordKind, RunId, SideName, StepId, StoreRef, Ttl};
use crate::plan::{Intent, Plan, PlanDigest, Step};

/// An entry that cannot follow what stands before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} cannot follow what stands before it: {why}")]
pub struct IllegalTransition {
    /// Its position.
    pub seq: Seq,
    /// Why not.
    pub why: String,
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

    /// The run that brought a release to production of an environment and was neither finalized nor followed by another swap: the former
    /// production still has the release before.
    pub fn unfinalized(&self, environment: &EnvironmentName) -> Option<&RunState> {
        let touches = |run: &&RunState| {
            let concerned = run.plan.shifts.iter().any(|shift| shift.environment == *environment);
            let over = run.finished.is_some_and(|(outcome, _)| match outcome {
                Outcome::Completed | Outcome::CompletedWithExceptions => true,
                Outcome::Undone | Outcome::Abandoned | Outcome::Superseded => false,
            });
            concerned && over
        };
        let last = self.runs.iter().rev().map(Arc::as_ref).find(touches)?;
        (last.plan.release.is_some() && last.plan.intent != Intent::Finalize).then_some(last)
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
        self.touch(entry);
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
                let planned = self.open(run)?.start(step, *way, entry.at)?;
                if let (Some(sync), Way::Forward) = (data::is_sync(&planned), way) {
                    self.stores.entry(sync.store.clone()).or_default().began(entry.at);
                }
                Ok(())
            }
            Event::StepSucceeded { run, step, way, facts, requests } => {
                let open = self.open(run)?;
                let planned = open.succeed(step, *way, entry.at, facts)?;
                open.count(*requests);
                self.learn_ttls(&planned, *way);
                if let (Some(sync), Way::Forward) = (data::is_sync(&planned), way) {
                    self.stores.entry(sync.store.clone()).or_default().succeeded(run, entry.at, facts);
                }
                Ok(())
            }
            Event::StepFailed { run, step, way, failure } => {
                let planned = self.open(run)?.fail(step, *way, entry.at, failure)?;
                if let (Some(sync), Way::Forward) = (data::is_sync(&planned), way) {
                    self.stores.entry(sync.store.clone()).or_default().failed(entry.at, failure);
                }
                Ok(())
            }
            Event::TurnedBack { run, why } => self.open(run)?.turn_back(why),
            Event::Probed { run, names } => {
                self.open(run)?.probes.extend(names.iter().cloned());
                Ok(())
            }
            Event::Approved { run, digest, group, vote } => {
                self.open(run)?.approve(entry.at, digest, group, vote)
            }
            Event::Withdrawn { run, group, vote } => {
                self.open(run)?.withdraw(entry.at, group, vote);
                Ok(())
            }
            Event::Rejected { run, vote } => {
                self.open(run)?.reject(entry.at, vote);
                Ok(())
            }
            Event::Paused { run, reason } => {
                self.open(run)?.paused = Some(reason.clone());
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
            approvals: Vec::new(),
            withdrawn: Vec::new(),
            rejected: None,
            requests: 0,
            finished: None,
            requests_before: 0,
        }));
        Ok(())
    }

    /// The run, which must be the open one.
    fn open(&mut self, run: &RunId) -> Result<&mut RunState, String> {
        let open = self.runs.last_mut().map(Arc::make_mut);
        open.filter(|last| last.id == *run && last.finished.is_none())
            .ok_or_else(|| format!("run {run} is not open"))
    }

    /// Notes when its holder last said something of the last run. What others say of it, and who takes it over, is no progress of it.
    fn touch(&mut self, entry: &Entry) {
        let progress = match &entry.event {
            Event::StepStarted { .. }
            | Event::StepSucceeded { .. }
            | Event::StepFailed { .. }
            | Event::TurnedBack { .. }
            | Event::Probed { .. }
            | Event::Paused { .. }
            | Event::RunFinished { .. } => true,
            Event::Claimed { .. }
            | Event::RunStarted { .. }
            | Event::Approved { .. }
            | Event::Withdrawn { .. }
            | Event::Rejected { .. } => false,
        };
        if let Some(run) = self.runs.last_mut().map(Arc::make_mut).filter(|_| progress) {
            run.last = entry.at;
        }
    }

    fn finish(&mut self, run: &RunId, at: Timestamp, outcome: Outcome) -> Result<(), String> {
        let open = self.open(run)?;
        open.may_finish(outcome)?;
        open.finished = Some((outcome, at));
        let shifts = match outcome {
            Outcome::Completed | Outcome::CompletedWithExceptions => open.plan.shifts.clone(),
            Outcome::Undone | Outcome::Abandoned | Outcome::Superseded => Vec::new(),
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
