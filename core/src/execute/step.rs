//! One step: look, start, act, look again until it is done or its deadline has passed.

use std::time::Duration;

use super::Progress;
use super::approach::{Approach, Seen};
use super::aside::announcement;
use super::oversee::StepOverseer;
use super::run::Run;
use crate::action::{Acted, Action, Context, Look, Perform};
use crate::journal::{Event, Fact, Failure, FailureKind, JournalError, RunState, StepState, Way};
use crate::plan::Step;

/// A look this old is not acted on: the process may have slept, and the world may have changed.
const FRESH: Duration = Duration::from_secs(5);
/// The longest sleep between two glances at the stop signal.
const SLICE: Duration = Duration::from_millis(100);

/// How a step left off.
#[derive(Debug)]
pub(super) enum StepEnd {
    Done,
    Failed(Failure),
    Stopped,
}

/// What is known of the latest call of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// None was made.
    None,
    /// It was accepted; looking has not shown it yet.
    Accepted,
    /// It may have happened.
    Unknown(String),
}

/// A step under way in this process.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    step: &'a Step,
    way: Way,
    began: Duration,
    started: bool,
    pub(super) looks: u32,
    call: Call,
    partial: bool,
    facts: Vec<Fact>,
    pub(super) last: String,
}

impl<'a> Walk<'a> {
    pub(super) fn new(step: &'a Step, way: Way, began: Duration, call: Call) -> Self {
        let (partial, started, looks) = (false, false, 0);
        Self { step, way, began, started, looks, call, partial, facts: Vec::new(), last: String::new() }
    }
}

impl Run<'_> {
    /// Performs a step in one direction, unless the journal says that it is done.
    pub(super) async fn step(&self, place: usize, step: &Step, way: Way) -> Result<StepEnd, JournalError> {
        match self.approach(place, step, way).await? {
            Approach::Ended(end) => Ok(end),
            Approach::Sighted(sighted) => self.finish(*sighted).await,
        }
    }

    /// Between two looks; says how the step ends if there is to be no other.
    pub(super) async fn pause(
        &self,
        walk: &mut Walk<'_>,
        pause: Duration,
    ) -> Result<Option<StepEnd>, JournalError> {
        if let Some(end) = self.out_of_time(walk).await? {
            return Ok(Some(end));
        }
        self.tell(walk);
        Ok(self.sleep(walk, pause).await.then_some(StepEnd::Stopped))
    }

    /// If the journal says that the step was about to act in one direction and not what became of it, waits until no call of it can still
    /// be on its way. Says whether that was so.
    ///
    /// `next` is the direction in which the step goes now. What may arrive late and do no harm on the way forward, as a fence of a lost
    /// side may, would undo an undoing: so that is waited for as long as the undoing's own calls may take.
    ///
    /// The time counts from when this process took the run over, by its own monotonic clock. When the step started says too
    /// little, for it may have called again and again since; and another process's clock, or one that was set, may lie.
    pub(super) async fn drain(&self, step: &Step, way: Way, next: Way) -> bool {
        if !self.with_state(|state| state.step(&step.id).is_unclear(way)).await {
            return false;
        }
        let in_flight = self.in_flight(step, way).await.max(self.in_flight(step, next).await);
        if in_flight.is_zero() {
            return false;
        }
        let clock = &self.engine.ports.clock;
        // The call may have been sent as late as the look before it stayed fresh.
        let left = (in_flight + FRESH).saturating_sub(clock.monotonic().saturating_sub(self.since));
        if !left.is_zero() {
            let why = "waits until no earlier call can still be on its way";
            self.engine.watcher.on(&Progress::Waits { step, why, elapsed: Duration::ZERO });
            clock.sleep(left).await;
        }
        true
    }

    /// How long a call of a step in one direction may be on its way; zero where there is nothing to do in it.
    async fn in_flight(&self, step: &Step, way: Way) -> Duration {
        let action = match way {
            Way::Forward => Some(&step.action),
            Way::Back => step.undo.as_ref(),
        };
        let Some(action) = action else { return Duration::ZERO };
        let context = self.context(0, step, action).await;
        action.performer().in_flight(&context)
    }

    pub(super) async fn context<'a>(&'a self, place: usize, step: &'a Step, action: &Action) -> Context<'a> {
        let (anchor, accepted, began, announcement) = self
            .with_state(|state| {
                // A stage of nothing but what goes on beside it ends never: the one before it counts.
                let before = (0..place).rev().find_map(|before| state.stage_done(before));
                let anchor = before.unwrap_or(state.started);
                let announcement = announcement(state, action, anchor);
                (anchor, accepted(state, action), state.started, announcement)
            })
            .await;
        Context {
            ports: &self.engine.ports,
            run: &self.id,
            began,
            anchor,
            accepted,
            overseer: Box::new(StepOverseer { run: self, step }),
            stop: &self.engine.stop,
            hurry: &self.hurry,
            announcement,
            leases: &self.leases,
            watched: &self.watched,
            journal: &self.journal,
            requests_before: self.requests_before,
        }
    }

    pub(super) async fn until_done(
        &self,
        walk: &mut Walk<'_>,
        mut performer: Box<dyn Perform + '_>,
        context: &Context<'_>,
        mut seen: Seen,
    ) -> Result<StepEnd, JournalError> {
        loop {
            match seen.look {
                Look::Done(facts) => return self.succeed(walk, facts, context).await,
                Look::Ready { partial } => {
                    walk.partial = partial;
                    if let Some(end) = self.ready(walk, &mut *performer, context, seen.looked).await? {
                        return Ok(end);
                    }
                }
                Look::NotReady { why, partial } => {
                    walk.partial = partial;
                    return self.fail(walk, FailureKind::NotReady, why).await;
                }
                Look::Refused(why) => return self.fail(walk, FailureKind::Refused, why).await,
                Look::Declined(why) => return self.fail(walk, FailureKind::Declined, why).await,
                Look::Waiting(why) => {
                    self.start(walk).await?;
                    walk.last = why;
                }
                Look::Unseen(why) => walk.last = why,
            }
            if let Some(end) = self.pause(walk, performer.pause(walk.looks)).await? {
                return Ok(end);
            }
            seen = match self.sight(walk, &mut *performer, context).await? {
                Ok(seen) => seen,
                Err(end) => return Ok(end),
            };
        }
    }

    /// The precondition holds: act, unless a call that was accepted only has to show yet.
    async fn ready(
        &self,
        walk: &mut Walk<'_>,
        performer: &mut dyn Perform,
        context: &Context<'_>,
        looked: Duration,
    ) -> Result<Option<StepEnd>, JournalError> {
        match &walk.call {
            Call::Accepted => {
                "the change was accepted and does not show yet".clone_into(&mut walk.last);
                return Ok(None);
            }
            Call::Unknown(why) => {
                walk.facts.push(Fact::Settled { applied: false, why: why.clone() });
                walk.call = Call::None;
            }
            Call::None => {}
        }
        if self.must_stop(walk.step) {
            return Ok(Some(StepEnd::Stopped));
        }
        // Before every call and not only the first: whoever lost the pair meanwhile learns it here, and makes no call.
        self.write_start(walk).await?;
        if self.engine.ports.clock.monotonic().saturating_sub(looked) > FRESH {
            "what was read had grown old before it could be acted on".clone_into(&mut walk.last);
            return Ok(None);
        }
        match performer.act(context).await {
            Acted::Accepted(facts) => {
                walk.facts.extend(facts);
                walk.call = Call::Accepted;
                walk.looks = 0;
                self.look_after_acting(walk, performer, context).await
            }
            Acted::Refused(why) => self.fail(walk, FailureKind::Refused, why).await.map(Some),
            Acted::Guarded(why) => self.fail(walk, FailureKind::Guarded, why).await.map(Some),
            Acted::NotReady(why) => self.fail(walk, FailureKind::NotReady, why).await.map(Some),
            Acted::Later(why) => {
                walk.last = why;
                Ok(None)
            }
            Acted::Unknown { why, in_flight } => {
                walk.last.clone_from(&why);
                walk.call = Call::Unknown(why);
                self.tell(walk);
                Ok(self.sleep(walk, in_flight).await.then_some(StepEnd::Stopped))
            }
        }
    }

    /// Most changes show at once: one look without a pause.
    async fn look_after_acting(
        &self,
        walk: &mut Walk<'_>,
        performer: &mut dyn Perform,
        context: &Context<'_>,
    ) -> Result<Option<StepEnd>, JournalError> {
        match performer.look(context).await {
            Look::Done(facts) => self.succeed(walk, facts, context).await.map(Some),
            Look::Ready { .. }
            | Look::NotReady { .. }
            | Look::Waiting(_)
            | Look::Declined(_)
            | Look::Unseen(_)
            | Look::Refused(_) => Ok(None),
        }
    }

    /// Writes down that the step began, once.
    pub(super) async fn start(&self, walk: &mut Walk<'_>) -> Result<(), JournalError> {
        if walk.started { Ok(()) } else { self.write_start(walk).await }
    }

    /// Writes down that the step is about to act.
    async fn write_start(&self, walk: &mut Walk<'_>) -> Result<(), JournalError> {
        let (run, step, way) = (self.id.clone(), walk.step.id.clone(), walk.way);
        self.append(Event::StepStarted { run, step, way }).await?;
        walk.started = true;
        Ok(())
    }

    async fn succeed(
        &self,
        walk: &mut Walk<'_>,
        facts: Vec<Fact>,
        context: &Context<'_>,
    ) -> Result<StepEnd, JournalError> {
        if !walk.started {
            self.start(walk).await?;
            if facts.is_empty() {
                walk.facts.push(Fact::AlreadyDone);
            }
        }
        if let Call::Unknown(why) = &walk.call {
            walk.facts.push(Fact::Settled { applied: true, why: why.clone() });
        }
        walk.facts.extend(facts);
        let requests = context.requests();
        let (run, step, way) = (self.id.clone(), walk.step.id.clone(), walk.way);
        let facts = walk.facts.clone();
        self.append(Event::StepSucceeded { run, step, way, facts, requests }).await?;
        let elapsed = self.elapsed(walk);
        let (step, facts) = (walk.step, &walk.facts[..]);
        self.engine.watcher.on(&Progress::Done { step, way, facts, elapsed, requests });
        Ok(StepEnd::Done)
    }

    async fn fail(
        &self,
        walk: &mut Walk<'_>,
        kind: FailureKind,
        message: String,
    ) -> Result<StepEnd, JournalError> {
        let kind = match (&walk.call, kind) {
            (Call::Unknown(_), _) => FailureKind::Unknown,
            (Call::Accepted, kind) if kind.is_without_effect() => FailureKind::Partial,
            (Call::None, kind) if kind.is_without_effect() && walk.partial => FailureKind::Partial,
            (Call::Accepted | Call::None, kind) => kind,
        };
        if kind == FailureKind::Unknown {
            // The call may be an earlier process's, or the one that is to be undone: this walk has written nothing yet.
            self.start(walk).await?;
        }
        let failure = Failure { kind, message };
        let (run, step, way) = (self.id.clone(), walk.step.id.clone(), walk.way);
        self.append(Event::StepFailed { run, step, way, failure: failure.clone() }).await?;
        let (step, elapsed) = (walk.step, self.elapsed(walk));
        self.engine.watcher.on(&Progress::Failed { step, way, failure: &failure, elapsed });
        Ok(StepEnd::Failed(failure))
    }

    async fn out_of_time(&self, walk: &mut Walk<'_>) -> Result<Option<StepEnd>, JournalError> {
        if self.elapsed(walk) < walk.step.deadline() {
            return Ok(None);
        }
        let kind = match (&walk.call, walk.started) {
            (Call::Accepted, _) | (Call::None, true) => FailureKind::Deadline,
            (Call::Unknown(_), _) => FailureKind::Unknown,
            (Call::None, false) => FailureKind::NotReady,
        };
        let message = format!("not done after {} s: {}", walk.step.deadline().as_secs(), walk.last);
        self.fail(walk, kind, message).await.map(Some)
    }

    fn elapsed(&self, walk: &Walk<'_>) -> Duration {
        self.engine.ports.clock.monotonic().saturating_sub(walk.began)
    }

    fn tell(&self, walk: &Walk<'_>) {
        let (step, elapsed) = (walk.step, self.elapsed(walk));
        self.engine.watcher.on(&Progress::Waits { step, why: &walk.last, elapsed });
    }

    /// Whether somebody asked to stop, or the step only goes on beside stages that are over.
    fn must_stop(&self, step: &Step) -> bool {
        self.engine.stop.is_stopped() || step.action.is_aside() && self.hurry.is_stopped()
    }

    /// Sleeps in slices; says whether somebody asked to stop and stopping here is safe.
    async fn sleep(&self, walk: &Walk<'_>, pause: Duration) -> bool {
        let mut left = pause;
        while !left.is_zero() {
            if self.must_stop(walk.step) && walk.call != Call::Accepted {
                return true;
            }
            let slice = left.min(SLICE);
            self.engine.ports.clock.sleep(slice).await;
            left -= slice;
        }
        false
    }
}

/// When the swap of the action's zone was accepted.
fn accepted(state: &RunState, action: &Action) -> Option<jiff::Timestamp> {
    let wait = action.as_await_records()?;
    let of_zone =
        |step: &&Step| step.action.as_change_records().is_some_and(|change| change.zone == wait.zone);
    let swaps = state.plan.steps().filter(of_zone);
    swaps
        .filter_map(|step| match state.step(&step.id).forward? {
            StepState::Succeeded { facts, at, .. } => facts.iter().find_map(Fact::accepted_at).or(Some(at)),
            StepState::Started { .. } | StepState::Failed { .. } => None,
        })
        .min()
}
