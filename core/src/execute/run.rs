//! One run: stage after stage forward, or step after step back.

use std::time::Duration;

use futures_util::future::{self, Either, join_all, join3};
use futures_util::lock::Mutex;

use super::approach::Approach;
use super::aside::Asides;
use super::probe::Probe;
use super::step::StepEnd;
use super::{Engine, HOLD, Progress, RunEnd, RunError, StopSignal};
use crate::action::Watched;
use crate::journal::{Event, Failure, Journal, JournalError, Outcome, PauseReason, RunState, StepState, Way};
use crate::model::RunId;
use crate::plan::{OnFailure, Plan, Stage, Step};
use crate::port::Beat;

/// A run in the hands of this process.
#[derive(Debug)]
pub(super) struct Run<'e> {
    pub(super) engine: &'e Engine,
    pub(super) id: RunId,
    pub(super) plan: Plan,
    pub(super) journal: Mutex<Journal>,
    /// Held while a freeze is renewed, made lasting or taken back, so that none of these overtakes another.
    pub(super) leases: Mutex<()>,
    /// The freezes that this process knows to have held without a gap.
    pub(super) watched: Watched,
    /// Whether what goes on beside the stages shall come to its end.
    pub(super) hurry: StopSignal,
    /// Whether the plan freezes anything.
    pub(super) freezes: bool,
    pub(super) requests_before: u64,
    /// When this process took the run over, by the monotonic clock.
    pub(super) since: Duration,
}

/// Where walking ended.
enum Walked {
    Finished(Outcome),
    Paused(PauseReason),
}

impl<'e> Run<'e> {
    pub(super) fn new(engine: &'e Engine, journal: Journal, id: &RunId) -> Result<Self, RunError> {
        let open = journal.state().open_run().filter(|open| open.id == *id).ok_or(RunError::NothingOpen)?;
        let plan = open.plan.clone();
        let requests_before = engine.ports.meter.total();
        let since = engine.ports.clock.monotonic();
        let freezes = plan.steps().any(|step| step.action.as_freeze_store().is_some());
        let (journal, leases, hurry) = (Mutex::new(journal), Mutex::new(()), StopSignal::default());
        let (id, watched) = (id.clone(), Watched::default());
        Ok(Self { engine, id, plan, journal, leases, watched, hurry, freezes, requests_before, since })
    }

    /// Walks until the run is over or has to wait, with a heartbeat and the probe beside it.
    pub(super) async fn walk(self, resumed: bool) -> Result<RunEnd, RunError> {
        self.engine.watcher.on(&Progress::Run { run: &self.id, plan: &self.plan, resumed });
        let probe = Probe::new(self.engine, &self.plan);
        let walked = {
            let work = std::pin::pin!(self.both_ways());
            let beside = std::pin::pin!(join3(self.beat(), self.renew_leases(), probe.watch()));
            match future::select(work, beside).await {
                Either::Left((walked, _)) => walked?,
                Either::Right((((), (), never), _)) => match never {},
            }
        };
        let names = probe.summaries();
        if !names.is_empty() {
            self.append(Event::Probed { run: self.id.clone(), names }).await?;
        }
        self.end(walked).await
    }

    async fn end(self, walked: Walked) -> Result<RunEnd, RunError> {
        let run = self.id.clone();
        let (outcome, paused) = match walked {
            Walked::Finished(outcome) => (Some(outcome), None),
            Walked::Paused(reason) => (None, Some(reason)),
        };
        if let Some(outcome) = outcome {
            self.append(Event::RunFinished { run: run.clone(), outcome }).await?;
        }
        if let Some(reason) = paused.clone() {
            self.append(Event::Paused { run: run.clone(), reason }).await?;
        }
        self.say_alive(Duration::ZERO).await;
        let failures = self.with_state(failures).await;
        Ok(RunEnd { run, outcome, paused, failures })
    }

    pub(super) async fn abandon(self) -> Result<Journal, RunError> {
        let started: Vec<Step> = self.plan.steps().cloned().collect();
        for step in &started {
            self.drain(step, Way::Forward, Way::Forward).await;
        }
        let run = self.id.clone();
        self.append(Event::RunFinished { run, outcome: Outcome::Abandoned }).await?;
        Ok(self.journal.into_inner())
    }

    pub(super) async fn append(&self, event: Event) -> Result<(), JournalError> {
        self.journal.lock().await.append(event).await
    }

    /// Reads this run's state.
    pub(super) async fn with_state<T: Default>(&self, read: impl FnOnce(&RunState) -> T) -> T {
        self.journal.lock().await.state().run(&self.id).map(read).unwrap_or_default()
    }

    async fn both_ways(&self) -> Result<Walked, JournalError> {
        if self.with_state(|state| state.turned_back.is_some()).await {
            return self.back().await;
        }
        match self.forward().await? {
            Forward::Done => Ok(Walked::Finished(self.with_state(exceptions).await.outcome())),
            Forward::Stopped => Ok(Walked::Paused(PauseReason::Operator)),
            Forward::Failed(_) if self.with_state(RunState::pivot_crossed).await => {
                Ok(Walked::Paused(PauseReason::FailedStep))
            }
            Forward::Failed(why) => {
                self.engine.watcher.on(&Progress::TurnedBack { why: &why });
                self.append(Event::TurnedBack { run: self.id.clone(), why }).await?;
                self.back().await
            }
        }
    }

    async fn forward(&self) -> Result<Forward, JournalError> {
        let mut asides = Asides::default();
        let end = self.stages(&mut asides).await?;
        self.come_to_an_end(asides, &end).await?;
        Ok(end)
    }

    async fn stages<'a>(&'a self, asides: &mut Asides<'a>) -> Result<Forward, JournalError> {
        for (place, stage) in self.plan.stages.iter().enumerate() {
            if self.engine.stop.is_stopped() {
                return Ok(Forward::Stopped);
            }
            self.engine.watcher.on(&Progress::Stage { stage, place });
            asides.begin(stage.aside().map(|step| self.aside(place, step)));
            match asides.beside(self.stage(place, stage)).await? {
                Forward::Done => {}
                end @ (Forward::Stopped | Forward::Failed(_)) => return Ok(end),
            }
        }
        Ok(Forward::Done)
    }

    async fn stage(&self, place: usize, stage: &Stage) -> Result<Forward, JournalError> {
        let ends = if self.can_still_turn_back(place).await {
            self.all_or_none(place, stage).await?
        } else {
            let steps = stage.at_once().map(|step| self.step(place, step, Way::Forward));
            join_all(steps).await.into_iter().collect::<Result<Vec<_>, _>>()?
        };
        let mut end = Forward::Done;
        for (step, ended) in stage.at_once().zip(ends) {
            match (ended, step.on_failure) {
                (StepEnd::Done, OnFailure::Stop | OnFailure::Note)
                | (StepEnd::Failed(_), OnFailure::Note) => {}
                (StepEnd::Failed(failure), OnFailure::Stop) => {
                    end = Forward::Failed(format!("step `{}` failed: {}", step.id, failure.message));
                }
                (StepEnd::Stopped, OnFailure::Stop | OnFailure::Note) => {
                    if let Forward::Done = end {
                        end = Forward::Stopped;
                    }
                }
            }
        }
        Ok(end)
    }

    /// Whether a stage is the one that crosses the pivot, and nothing of it was begun.
    async fn can_still_turn_back(&self, place: usize) -> bool {
        self.plan.pivot_stage() == Some(place) && !self.with_state(RunState::pivot_crossed).await
    }

    /// Looks at every step before the first one acts, and begins none if one cannot be done: a zone that somebody edited since
    /// the plan was made must not leave the pair half swapped.
    async fn all_or_none(&self, place: usize, stage: &Stage) -> Result<Vec<StepEnd>, JournalError> {
        let looks = stage.at_once().map(|step| self.approach(place, step, Way::Forward));
        let approaches = join_all(looks).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let none = approaches.iter().any(Approach::is_blocked);
        let steps = approaches.into_iter().map(async |approach| match approach {
            Approach::Ended(end) => Ok(end),
            Approach::Sighted(sighted) if none && !sighted.is_blocked() => Ok(StepEnd::Stopped),
            Approach::Sighted(sighted) => self.finish(*sighted).await,
        });
        join_all(steps).await.into_iter().collect()
    }

    /// Undoes, last first, every step that did something or may have.
    async fn back(&self) -> Result<Walked, JournalError> {
        let place = self.plan.stages.len();
        for step in self.plan.steps().collect::<Vec<_>>().into_iter().rev() {
            let touched = self.with_state(|state| state.step(&step.id).may_have_acted()).await;
            if step.undo.is_none() || !touched {
                continue;
            }
            match self.step(place, step, Way::Back).await? {
                StepEnd::Done => {}
                StepEnd::Failed(_) => return Ok(Walked::Paused(PauseReason::FailedStep)),
                StepEnd::Stopped => return Ok(Walked::Paused(PauseReason::Operator)),
            }
        }
        Ok(Walked::Finished(Outcome::Undone))
    }

    /// Leaves a sign of life every now and then, for as long as it is polled.
    async fn beat(&self) {
        loop {
            self.say_alive(HOLD).await;
            self.engine.ports.clock.sleep(HOLD / 3).await;
        }
    }

    async fn say_alive(&self, ttl: Duration) {
        let epoch = self.journal.lock().await.state().epoch;
        let beat = Beat { epoch, at: self.engine.ports.clock.now(), ttl };
        // A lost sign of life only makes others wait less; the journal's positions guard the pair.
        drop(self.engine.ports.state.beat(&self.engine.pair.name, &beat).await);
    }
}

pub(super) enum Forward {
    Done,
    Stopped,
    Failed(String),
}

/// Whether a step that may fail did.
#[derive(Default)]
struct Exceptions(bool);

impl Exceptions {
    fn outcome(&self) -> Outcome {
        if self.0 { Outcome::CompletedWithExceptions } else { Outcome::Completed }
    }
}

fn exceptions(state: &RunState) -> Exceptions {
    Exceptions(state.plan.steps().any(|step| !state.step(&step.id).succeeded(Way::Forward)))
}

fn failures(state: &RunState) -> Vec<Failure> {
    let failed = |step: &Step| {
        let record = state.step(&step.id);
        [record.forward, record.back].into_iter().flatten().find_map(|way| match way {
            StepState::Failed { failure, .. } => Some(failure),
            StepState::Started { .. } | StepState::Succeeded { .. } => None,
        })
    };
    state.plan.steps().filter_map(failed).collect()
}
