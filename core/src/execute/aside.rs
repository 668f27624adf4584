//! What only tells people: it begins with its stage, goes on beside whatever follows, and is waited for at the end alone.
//!
//! A webhook that hangs must delay neither the pivot nor anything after it, and must not keep a failed run from being undone.

use std::future::pending;
use std::pin::{Pin, pin};

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;

use super::run::{Forward, Run};
use super::step::StepEnd;
use crate::action::Action;
use crate::journal::{Event, Failure, FailureKind, JournalError, RunState, StepState, Way};
use crate::model::{Announcement, Moment};
use crate::plan::{Stage, Step};
use crate::report;

type Aside<'a> = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send + 'a>>;

/// The steps that go on beside the stages.
#[derive(Default)]
pub(super) struct Asides<'a>(FuturesUnordered<Aside<'a>>);

impl<'a> Asides<'a> {
    pub(super) fn begin(&mut self, steps: impl Iterator<Item = Aside<'a>>) {
        self.0.extend(steps);
    }

    /// Waits for some work and for nothing else, while the steps go on.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let next = async {
                // An empty set is at its end at once, and would never let the work go on.
                if self.0.is_empty() { pending().await } else { self.0.next().await }
            };
            match select(work.as_mut(), pin!(next)).await {
                Either::Left((done, _)) => return done,
                // An append that failed fails every later one in the same way: the work learns it there.
                Either::Right((_, _)) => {}
            }
        }
    }

    async fn ended(mut self) -> Result<(), JournalError> {
        while let Some(ended) = self.0.next().await {
            ended?;
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Performs a step that goes on beside the stages, unless it is over.
    pub(super) fn aside<'a>(&'a self, place: usize, step: &'a Step) -> Aside<'a> {
        Box::pin(async move {
            // One that failed is not tried again by a resumed run: its moment has passed.
            let over = self.with_state(|state| match state.step(&step.id).forward {
                Some(StepState::Succeeded { .. } | StepState::Failed { .. }) => true,
                Some(StepState::Started { .. }) | None => false,
            });
            if !over.await {
                match self.step(place, step, Way::Forward).await? {
                    StepEnd::Done | StepEnd::Failed(_) | StepEnd::Stopped => {}
                }
            }
            Ok(())
        })
    }

    /// Waits for what still goes on. A run that failed or was stopped does not wait; one that is done waits until each deadline has
    /// passed, and has to say of every step how it ended.
    pub(super) async fn come_to_an_end(&self, asides: Asides<'_>, end: &Forward) -> Result<(), JournalError> {
        match end {
            Forward::Done => {
                asides.ended().await?;
                self.give_up_the_rest().await
            }
            Forward::Stopped | Forward::Failed(_) => {
                self.hurry.stop();
                asides.ended().await
            }
        }
    }

    /// Writes down that those which were stopped before they were taken have failed.
    async fn give_up_the_rest(&self) -> Result<(), JournalError> {
        for step in self.plan.stages.iter().flat_map(Stage::aside) {
            let kind = match self.with_state(|state| state.step(&step.id)).await.forward {
                Some(StepState::Succeeded { .. } | StepState::Failed { .. }) => continue,
                Some(StepState::Started { .. }) => FailureKind::Deadline,
                None => FailureKind::NotReady,
            };
            let failure = Failure { kind, message: "somebody asked to stop before it was taken".to_owned() };
            let (run, step) = (self.id.clone(), step.id.clone());
            self.append(Event::StepFailed { run, step, way: Way::Forward, failure }).await?;
        }
        Ok(())
    }
}

/// What an action tells people, if it tells them anything.
pub(super) fn announcement(state: &RunState, action: &Action, anchor: Timestamp) -> Option<Announcement> {
    let announce = action.as_announce()?;
    let at = match announce.moment {
        Moment::Begins => state.started,
        Moment::Swapped
        | Moment::Finished
        | Moment::Undone
        | Moment::Paused
        | Moment::ApprovalNeeded
        | Moment::Test => anchor,
    };
    Some(report::announcement(state, announce.moment, &announce.to, at))
}
