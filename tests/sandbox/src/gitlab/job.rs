//! One job and how it goes: by the clock, from being played to its end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::seed::JobSeed;

/// How a job ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ends {
    /// Well.
    #[default]
    Success,
    /// Badly.
    Failed,
    /// Cancelled, as by somebody else.
    Canceled,
    /// Never.
    Hangs,
}

/// How a job goes once it was played.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) pending: Duration,
    pub(super) takes: Duration,
    pub(super) ends: Ends,
    pub(super) log: String,
}

impl From<&JobSeed> for Course {
    fn from(seed: &JobSeed) -> Course {
        Course {
            pending: Duration::from_millis(seed.pending_ms),
            takes: Duration::from_millis(seed.takes_ms),
            ends: seed.ends,
            log: seed.log.clone(),
        }
    }
}

/// Where a job stands.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// It waits to be played.
    Manual,
    /// Played at this moment; the course says the rest.
    Played(Timestamp),
    /// Cancelled at the second moment, after it was played at the first.
    Cancelled(Timestamp, Timestamp),
}

/// A job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) pipeline: u64,
    pub(super) name: String,
    pub(super) stage: String,
    pub(super) environment: Option<String>,
    pub(super) protected: bool,
    pub(super) course: Course,
    pub(super) phase: Phase,
    pub(super) created: Timestamp,
    pub(super) user: String,
    /// Whether a newer attempt took its place.
    pub(super) retried: bool,
}

/// A job's state at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) status: &'static str,
    pub(super) started: Option<Timestamp>,
    pub(super) finished: Option<Timestamp>,
}

fn after(moment: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    moment.checked_add(span).unwrap_or(Timestamp::MAX)
}

impl Job {
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        match self.phase {
            Phase::Manual => Standing { status: "manual", started: None, finished: None },
            Phase::Cancelled(played, at) => {
                let started = Some(after(played, self.course.pending)).filter(|began| *began <= at);
                Standing { status: "canceled", started, finished: Some(at) }
            }
            Phase::Played(played) => self.running(played, now),
        }
    }

    fn running(&self, played: Timestamp, now: Timestamp) -> Standing {
        let began = after(played, self.course.pending);
        if now < began {
            return Standing { status: "pending", started: None, finished: None };
        }
        let over = after(began, self.course.takes);
        let (status, finished) = match self.course.ends {
            _ if now < over => ("running", None),
            Ends::Hangs => ("running", None),
            Ends::Success => ("success", Some(over)),
            Ends::Failed => ("failed", Some(over)),
            Ends::Canceled => ("canceled", Some(over)),
        };
        Standing { status, started: Some(began), finished }
    }

    /// Whether it waits to be played.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Manual)
    }

    /// Whether it is over. Only such a job is run again (`Ci::RetryJobService`).
    pub(super) fn is_complete(&self, now: Timestamp) -> bool {
        matches!(self.standing(now).status, "success" | "failed" | "canceled")
    }
}
