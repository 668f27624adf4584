//! What the executor asks of an action: look, and act where looking says that it is ready.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::lock::Mutex;
use jiff::Timestamp;

use super::Watched;
use crate::execute::StopSignal;
use crate::journal::{Fact, Journal};
use crate::model::{Announcement, RunId};
use crate::port::{Overseer, Ports};

/// What an action may know of its run.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The outside world.
    pub(crate) ports: &'a Ports,
    /// When the stage before this one was done, or the run began.
    pub(crate) anchor: Timestamp,
    /// When the swap was accepted, where the action's zone was swapped before.
    pub(crate) accepted: Option<Timestamp>,
    /// The run.
    pub(crate) run: &'a RunId,
    /// When the run began.
    pub(crate) began: Timestamp,
    /// Watches long work and may take its permission back.
    pub(crate) overseer: Box<dyn Overseer + 'a>,
    /// Whether somebody asked to stop.
    pub(crate) stop: &'a StopSignal,
    /// Whether what goes on beside the stages shall come to its end.
    pub(crate) hurry: &'a StopSignal,
    /// What people are told, where the action tells them.
    pub(crate) announcement: Option<Announcement>,
    /// Held while a freeze is renewed, made lasting or taken back, so that none of these overtakes another.
    pub(crate) leases: &'a Mutex<()>,
    /// The freezes that this process knows to have held without a gap.
    pub(crate) watched: &'a Watched,
    /// The pair's journal, for what others said in it meanwhile.
    pub(crate) journal: &'a Mutex<Journal>,
    /// The requests that were counted when this process began to work on the run.
    pub(crate) requests_before: u64,
}

impl Context<'_> {
    /// The requests of this process for the run so far.
    pub(crate) fn requests(&self) -> u64 {
        self.ports.meter.total().saturating_sub(self.requests_before)
    }
}

/// What looking shows.
#[derive(Debug)]
pub(crate) enum Look {
    /// It is done.
    Done(Vec<Fact>),
    /// Its precondition holds right now; [`Perform::act`] may follow at once.
    Ready {
        /// Whether part of it is done already.
        partial: bool,
    },
    /// The world is neither as before nor as afterwards.
    NotReady {
        /// What is different.
        why: String,
        /// Whether part of it is done already.
        partial: bool,
    },
    /// It is not done, and only time will do it.
    Waiting(String),
    /// Somebody said no, or nobody said yes in time.
    Declined(String),
    /// It could not be seen; trying again may help.
    Unseen(String),
    /// It could not be seen, and trying again will not help.
    Refused(String),
}

/// What acting led to.
#[derive(Debug)]
pub(crate) enum Acted {
    /// The call was accepted; looking will show it.
    Accepted(Vec<Fact>),
    /// The call was refused and nothing was done.
    Refused(String),
    /// It was not done because it could destroy data.
    Guarded(String),
    /// The precondition no longer held and nothing was done.
    NotReady(String),
    /// Nothing was done, and trying again may help.
    Later(String),
    /// It may have been done, may be done within this time, or never.
    Unknown {
        /// What happened.
        why: String,
        /// How long it may still be on its way.
        in_flight: Duration,
    },
}

/// Performs one action. Holds what it saw between two looks; never decides what to do.
#[async_trait]
pub(crate) trait Perform: Debug + Send + Sync {
    /// Looks at the world. Changes nothing.
    async fn look(&mut self, context: &Context<'_>) -> Look;

    /// Acts on what the last look saw.
    async fn act(&mut self, context: &Context<'_>) -> Acted;

    /// How long to wait before the next look, after this many looks.
    fn pause(&self, looks: u32) -> Duration;

    /// How long a call from an earlier process may still be on its way; zero for an action that only looks.
    fn in_flight(&self, context: &Context<'_>) -> Duration;
}

/// Doubling from `first` up to `most`.
pub(crate) fn doubling(first: Duration, most: Duration, looks: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(looks.saturating_sub(1).min(16))).min(most)
}

/// A length of time in milliseconds, as journals keep it.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The time from one moment to a later one; zero if a clock went back between them.
pub(crate) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}
