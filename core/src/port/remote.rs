//! Why a remote service did not do what it was asked: for the ports whose services answer over a network.

use std::time::Duration;

/// Why a service did not answer, or did not do it. Every variant but `Unknown` promises that nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// What was asked for is not there, or the credential may not see it: many services do not tell which.
    #[error("{place}: {what} is not there, or these credentials may not see it")]
    NotFound {
        /// Where: the service and the project.
        place: String,
        /// What was asked for.
        what: String,
    },
    /// The credential is unknown, expired or revoked.
    #[error("{place}: the credentials were not accepted: {why}")]
    Unauthorized {
        /// Where.
        place: String,
        /// The service's words.
        why: String,
    },
    /// The credential is good and may not do this.
    #[error("{place}: these credentials may not {what}: {why}")]
    Forbidden {
        /// Where.
        place: String,
        /// What was tried, and what it needs (`change variables (role Maintainer, scope api)`).
        what: String,
        /// The service's words.
        why: String,
    },
    /// The service asks to slow down, and went on asking for longer than the provider waits.
    #[error("{place}: the service takes no more requests for now{}", after(*.retry_after))]
    Throttled {
        /// Where.
        place: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The service refused the request as such.
    #[error("{place}: refused: {why}")]
    Rejected {
        /// Where.
        place: String,
        /// The service's words.
        why: String,
    },
    /// The service could not be reached or gave no usable answer, and nothing can have been changed.
    #[error("{place}: no usable answer: {why}")]
    Unavailable {
        /// Where.
        place: String,
        /// What happened.
        why: String,
    },
    /// A change was sent, its answer never came or could not be understood, and a look did not show it: it may have been made, may be
    /// made yet, or never.
    #[error("{place}: the outcome is unknown: {why}")]
    Unknown {
        /// Where.
        place: String,
        /// What happened.
        why: String,
    },
}

fn after(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default()
}
