//! What a side's service starts by the clock (a nightly sync, a nightly pipeline), paused while roles change.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::RemoteError;
use crate::model::{Activity, Schedule, ScheduleId};

/// What came of pausing or resuming a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Switched {
    /// It was changed, and the service shows it.
    Done,
    /// It was so already; nothing was sent.
    Already,
}

/// The schedules of one side. Every method may be repeated and converges.
#[async_trait]
pub trait Schedules: Debug + Send + Sync {
    /// Every schedule of the side, paused ones too. Changes nothing. Never part of them: a page that could not be read is an error.
    async fn list(&self) -> Result<Vec<Schedule>, RemoteError>;

    /// Pauses or resumes a schedule and keeps everything else of it. What it started before goes on.
    ///
    /// [`RemoteError::NotFound`] if there is none of that id. A call whose answer was lost is looked for once; [`RemoteError::Unknown`] if it
    /// does not show.
    async fn switch(&self, schedule: &ScheduleId, to: Activity) -> Result<Switched, RemoteError>;

    /// Proves that the credentials may pause and resume a schedule, and changes nothing.
    async fn prove_write(&self, schedule: &ScheduleId) -> Result<(), RemoteError>;

    /// The longest time after which a request without an answer may still be carried out, counted from when it was sent.
    fn in_flight(&self) -> Duration;
}
