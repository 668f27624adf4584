//! The looks before a step acts, so that steps which belong together can be looked at before the first of them acts.

use std::time::Duration;

use super::Progress;
use super::run::Run;
use super::step::{Call, StepEnd, Walk};
use crate::action::{Context, Look, Perform};
use crate::journal::{JournalError, Way};
use crate::plan::{Intent, Step};

/// What a look showed, and when it began.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) look: Look,
    pub(super) looked: Duration,
}

/// A step that was looked at and has not acted.
#[derive(Debug)]
pub(super) struct Sighted<'a> {
    walk: Walk<'a>,
    performer: Box<dyn Perform + 'a>,
    context: Context<'a>,
    seen: Seen,
}

impl Sighted<'_> {
    /// Whether the step cannot be done as the world is.
    pub(super) fn is_blocked(&self) -> bool {
        match self.seen.look {
            Look::NotReady { .. } | Look::Refused(_) | Look::Declined(_) => true,
            Look::Done(_) | Look::Ready { .. } | Look::Waiting(_) | Look::Unseen(_) => false,
        }
    }
}

/// Where the first looks at a step led.
#[derive(Debug)]
pub(super) enum Approach<'a> {
    /// It is over without having acted, or was done before.
    Ended(StepEnd),
    /// Something was seen.
    Sighted(Box<Sighted<'a>>),
}

impl Approach<'_> {
    /// Whether the step will not be done.
    pub(super) fn is_blocked(&self) -> bool {
        match self {
            Approach::Ended(StepEnd::Failed(_) | StepEnd::Stopped) => true,
            Approach::Ended(StepEnd::Done) => false,
            Approach::Sighted(sighted) => sighted.is_blocked(),
        }
    }
}

impl Run<'_> {
    /// Looks at a step until something is seen, and does nothing yet.
    pub(super) async fn approach<'a>(
        &'a self,
        place: usize,
        step: &'a Step,
        way: Way,
    ) -> Result<Approach<'a>, JournalError> {
        if self.with_state(|state| state.is_settled(place, step, way)).await {
            return Ok(Approach::Ended(StepEnd::Done));
        }
        let action = match (way, &step.undo) {
            (Way::Forward, _) => &step.action,
            (Way::Back, Some(undo)) => undo,
            (Way::Back, None) => return Ok(Approach::Ended(StepEnd::Done)),
        };
        let expected = self.journal.lock().await.state().expected(&step.id);
        self.engine.watcher.on(&Progress::Began { step, way, expected });
        let was_started = self.drain(step, Way::Forward, way).await | self.drain(step, way, way).await;
        let call =
            if was_started { Call::Unknown("an earlier process was cut off".to_owned()) } else { Call::None };
        let mut walk = Walk::new(step, way, self.engine.ports.clock.monotonic(), call);
        if self.plan.intent == Intent::Drill {
            // A drill is for the times: what is done with one look took the time of that look.
            self.start(&mut walk).await?;
        }
        let context = self.context(place, step, action).await;
        let mut performer = action.performer();
        Ok(match self.sight(&mut walk, &mut *performer, &context).await? {
            Ok(seen) => Approach::Sighted(Box::new(Sighted { walk, performer, context, seen })),
            Err(end) => Approach::Ended(end),
        })
    }

    /// Goes on from what was seen until the step is done or its deadline has passed.
    pub(super) async fn finish(&self, sighted: Sighted<'_>) -> Result<StepEnd, JournalError> {
        let Sighted { mut walk, performer, context, seen } = sighted;
        self.until_done(&mut walk, performer, &context, seen).await
    }

    /// Looks until something is seen, or the step ends without.
    pub(super) async fn sight(
        &self,
        walk: &mut Walk<'_>,
        performer: &mut dyn Perform,
        context: &Context<'_>,
    ) -> Result<Result<Seen, StepEnd>, JournalError> {
        loop {
            walk.looks += 1;
            let looked = self.engine.ports.clock.monotonic();
            match performer.look(context).await {
                Look::Unseen(why) => walk.last = why,
                look @ (Look::Done(_)
                | Look::Ready { .. }
                | Look::NotReady { .. }
                | Look::Waiting(_)
                | Look::Declined(_)
                | Look::Refused(_)) => return Ok(Ok(Seen { look, looked })),
            }
            if let Some(end) = self.pause(walk, performer.pause(walk.looks)).await? {
                return Ok(Err(end));
            }
        }
    }
}
