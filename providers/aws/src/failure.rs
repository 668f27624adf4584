//! Turns what the SDK reports into plain words, without a secret, and keeps apart what may have happened and what cannot have.

use std::error::Error;
use std::fmt::Display;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use switchover::config::Period;
use switchover::port::{AddressError, DataError};

use crate::settings::Settings;

/// The longest that another's words may be in a message: a whole HTML page is no explanation.
const LONGEST_WORDS: usize = 300;

/// Why a call to AWS did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The AWS files or the options cannot be used.
    #[error("{whose}: {why}")]
    Misconfigured {
        /// Whose account.
        whose: String,
        /// What is wrong.
        why: String,
    },
    /// There are no credentials.
    #[error("{whose}: no credentials: {why}")]
    NoCredentials {
        /// Whose account.
        whose: String,
        /// Why not.
        why: String,
    },
    /// AWS knows the caller and refuses, or does not know it.
    #[error("{whose}: {message} ({code})")]
    Unauthorized {
        /// Whose account.
        whose: String,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// There was no answer, or none that tells what became of the call.
    #[error("{whose}: {why}")]
    Unanswered {
        /// Whose account.
        whose: String,
        /// What happened.
        why: String,
        /// Whether AWS may have done what was asked, all the same.
        perhaps_done: bool,
    },
    /// AWS refused the request; nothing happened.
    #[error("{whose}: {message} ({code})")]
    Rejected {
        /// Whose account.
        whose: String,
        /// AWS's code, such as `DBSnapshotNotFound`.
        code: String,
        /// AWS's words.
        message: String,
    },
}

impl Failure {
    /// AWS's code, where it refused the request.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Unauthorized { code, .. } | Self::Rejected { code, .. } => Some(code),
            Self::Misconfigured { .. } | Self::NoCredentials { .. } | Self::Unanswered { .. } => None,
        }
    }

    /// Whether AWS may have done what was asked although it did not say so.
    pub fn perhaps_done(&self) -> bool {
        matches!(self, Self::Unanswered { perhaps_done: true, .. })
    }

    /// As the failure of a question, about a place.
    pub fn of_reading(self, place: &str) -> DataError {
        let place = place.to_owned();
        match self {
            Self::Misconfigured { whose, why } => {
                DataError::Unfit { place, why: format!("{whose}: {why}"), advice: None }
            }
            Self::NoCredentials { .. } | Self::Unauthorized { .. } => {
                DataError::Unauthorized { place, why: self.to_string() }
            }
            Self::Unanswered { .. } => DataError::Unreachable { place, why: self.to_string() },
            Self::Rejected { .. } => DataError::Failed { place, why: self.to_string() },
        }
    }

    /// As the failure of an address book, which says itself whose account it asked.
    pub fn of_addresses(self) -> AddressError {
        match self {
            Self::Misconfigured { whose, why } => AddressError::Misconfigured { whose, why },
            Self::NoCredentials { whose, why } => AddressError::NoCredentials { whose, why },
            Self::Unauthorized { whose, code, message } => {
                AddressError::Unauthorized { whose, code, message }
            }
            Self::Unanswered { whose, why, perhaps_done: _ } => AddressError::Unavailable { whose, why },
            Self::Rejected { whose, code, message } => AddressError::Rejected { whose, code, message },
        }
    }

    /// As the failure of a call that changes something, about a place: [`DataError::Unknown`] where it may have been done.
    pub fn of_acting(self, place: &str) -> DataError {
        if self.perhaps_done() {
            DataError::Unknown { place: place.to_owned(), why: self.to_string() }
        } else {
            self.of_reading(place)
        }
    }
}

/// What failures are told with.
#[derive(Debug, Clone)]
pub struct Failures {
    whose: String,
    limit: String,
    places: String,
}

impl Failures {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            whose: settings.whose.clone(),
            limit: Period(settings.connection.operation_timeout).to_string(),
            places: settings.places.clone(),
        }
    }

    /// Whose account it is, as a person says it: `profile Upstream in ap-east-1`.
    pub fn whose(&self) -> &str {
        &self.whose
    }

    /// Says what went wrong with one call.
    pub fn of<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // A role that may not be assumed fails before the call itself, inside the search for credentials.
        if let Some(role) = chain(error).find_map(|cause| cause.downcast_ref::<AssumeRoleError>()) {
            return self.told(role, 403);
        }
        if let Some(cause) = chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
            return Failure::NoCredentials {
                whose: self.whose.clone(),
                why: self.without_credentials(cause),
            };
        }
        match error {
            SdkError::ServiceError(answer) => self.told(answer.err(), answer.raw().status().as_u16()),
            SdkError::TimeoutError(_) => self.unanswered(format!("no answer within {}", self.limit), true),
            SdkError::DispatchFailure(failure) => {
                let timeout = failure.is_timeout();
                let what = if timeout { "no connection, or no answer, in time" } else { "not reached" };
                let connected = !failure.as_connector_error().is_some_and(|error| is_refusal(error));
                self.unanswered(format!("{what}: {}", innermost(error)), connected)
            }
            SdkError::ResponseError(answer) => {
                let status = answer.raw().status().as_u16();
                let words = innermost(error);
                self.unanswered(format!("HTTP {status} with an answer that is not AWS's: {words}"), true)
            }
            // The SDK's enum is not exhaustive; what is left is a request that could not be built.
            SdkError::ConstructionFailure(_) | _ => {
                self.unanswered(format!("the request could not be made: {}", innermost(error)), false)
            }
        }
    }

    fn unanswered(&self, why: String, perhaps_done: bool) -> Failure {
        Failure::Unanswered { whose: self.whose.clone(), why, perhaps_done }
    }

    fn without_credentials(&self, cause: &CredentialsError) -> String {
        match cause {
            CredentialsError::CredentialsNotLoaded(_) => {
                format!("none are given; looked in {}", self.places)
            }
            other => format!("they could not be fetched: {}", innermost(other)),
        }
    }

    fn told(&self, error: &impl ProvideErrorMetadata, status: u16) -> Failure {
        let whose = self.whose.clone();
        let Some(code) = error.code().filter(|code| !code.is_empty()).map(plain) else {
            return self.unanswered(format!("HTTP {status} with an answer that is not AWS's"), status >= 500);
        };
        let message = plain(error.message().unwrap_or("no reason given"));
        match Verdict::on(&code, status) {
            Verdict::Unauthorized => Failure::Unauthorized { whose, code, message },
            Verdict::Busy => self.unanswered(
                format!("AWS limits how often it may be asked, and did so at every try ({code}): {message}"),
                false,
            ),
            Verdict::Down => self.unanswered(format!("HTTP {status} ({code}): {message}"), true),
            Verdict::Rejected => Failure::Rejected { whose, code, message },
        }
    }
}

/// Whether nobody was there to take the request.
fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Unauthorized,
    Busy,
    Down,
    Rejected,
}

impl Verdict {
    /// The codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>,
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html> and
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>.
    fn on(code: &str, status: u16) -> Self {
        match code {
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "Blocked"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "NotAuthorized"
            | "OptInRequired"
            | "PendingVerification"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "UnauthorizedOperation"
            | "UnrecognizedClientException" => Self::Unauthorized,
            "BandwidthLimitExceeded"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException" => Self::Busy,
            _ if status >= 500 => Self::Down,
            _ => Self::Rejected,
        }
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The innermost cause: what the system said, without the layers that passed it on.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, plain)
}

/// Another's words, on one line, without control characters, and not without end.
pub fn plain(words: impl Display) -> String {
    let words = words.to_string();
    let one_line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut clean = one_line.chars().filter(|c| !c.is_control());
    let short: String = clean.by_ref().take(LONGEST_WORDS).collect();
    if clean.next().is_some() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        for (code, status, verdict) in [
            ("AccessDenied", 403, Verdict::Unauthorized),
            ("AuthFailure", 401, Verdict::Unauthorized),
            ("UnauthorizedOperation", 403, Verdict::Unauthorized),
            ("RequestLimitExceeded", 503, Verdict::Busy),
            ("InvalidParameterValue", 400, Verdict::Rejected),
            ("ExpiredToken", 403, Verdict::Unauthorized),
            ("Throttling", 400, Verdict::Busy),
            ("InternalFailure", 500, Verdict::Down),
            ("DBSnapshotNotFound", 404, Verdict::Rejected),
        ] {
            assert_eq!(Verdict::on(code, status), verdict, "{code}");
        }
    }

    #[test]
    fn only_what_may_have_been_done_is_of_unknown_outcome() {
        let unanswered =
            |perhaps_done| Failure::Unanswered { whose: "w".into(), why: "x".into(), perhaps_done };
        assert!(matches!(unanswered(true).of_acting("p"), DataError::Unknown { .. }));
        assert!(matches!(unanswered(false).of_acting("p"), DataError::Unreachable { .. }));
        assert!(matches!(unanswered(true).of_reading("p"), DataError::Unreachable { .. }));
    }

    #[test]
    fn words_of_others_are_one_short_line() {
        assert_eq!(plain("a\u{1b}[31m\n  b"), "a[31m b");
        assert_eq!(plain("x".repeat(1000)).chars().count(), LONGEST_WORDS + 1);
    }
}
