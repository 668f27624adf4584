//! Telling people, over whatever they read.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::Announcement;

/// Why an announcement was not taken. Never holds a secret: not the URL of a webhook, not a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// The service takes no more for now.
    #[error("{place}: the service takes no more announcements for now{}", after(*.retry_after))]
    Throttled {
        /// Which service, without anything secret.
        place: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The service could not be reached, failed, or did not answer in time. It may have taken the announcement.
    #[error("{place}: no usable answer: {why}")]
    Unavailable {
        /// Which service.
        place: String,
        /// What happened.
        why: String,
    },
    /// It was never set up: its table in the configuration or its secret is not usable.
    #[error("{place}: it is not set up: {why}")]
    Unready {
        /// Its name.
        place: String,
        /// Why, without anything secret.
        why: String,
    },
    /// The service said no, and will say no again.
    #[error("{place}: refused: {why}")]
    Refused {
        /// Which service.
        place: String,
        /// The service's words, cut short.
        why: String,
    },
}

fn after(wait: Option<Duration>) -> String {
    wait.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default()
}

impl AnnounceError {
    /// Whether the same announcement may be taken later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } => true,
            Self::Refused { .. } | Self::Unready { .. } => false,
        }
    }
}

/// A way of telling people.
#[async_trait]
pub trait Announcer: Debug + Send + Sync {
    /// Tells, once, within a timeout of its own of at most ten seconds. Does not try again: whoever calls decides how often.
    ///
    /// Ok promises that the service took it, not that anybody read it. May be repeated: a repeated announcement carries the same
    /// [`Announcement::key`], so that a receiver that minds keys shows it once. One that does not mind keys may show it twice if
    /// the answer to the first was lost.
    async fn announce(&self, announcement: &Announcement) -> Result<(), AnnounceError>;

    /// Proves as much as can be proved without telling anybody anything, within five seconds; each kind's documentation says how
    /// much that is. May be repeated.
    async fn prove(&self) -> Result<(), AnnounceError>;
}
