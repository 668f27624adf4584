//! Turns what the SDK reports into the port's errors, in plain words and without a secret.

use std::error::Error;
use std::fmt::Display;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use switchover::port::AddressError;

use crate::settings::{Settings, Whose};

/// The longest that another's words may be in a message: a whole HTML page is no explanation.
const LONGEST_WORDS: usize = 300;

/// What failures are told with.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    pub(crate) whose: Whose,
    limit: String,
    places: String,
}

impl Failures {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (whose, places) = (settings.whose.clone(), settings.places.clone());
        Self { whose, limit: settings.options.operation_timeout.to_string(), places }
    }

    /// Says what went wrong with one call.
    pub(crate) fn of<E>(&self, error: &SdkError<E, HttpResponse>) -> AddressError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // A role that may not be assumed fails before the call itself, inside the search for credentials.
        if let Some(role) = chain(error).find_map(|cause| cause.downcast_ref::<AssumeRoleError>()) {
            return self.told(role, 403);
        }
        if let Some(cause) = chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
            return self.whose.no_credentials(self.without_credentials(cause));
        }
        match error {
            SdkError::ServiceError(answer) => self.told(answer.err(), answer.raw().status().as_u16()),
            SdkError::TimeoutError(_) => self.whose.unavailable(format!("no answer within {}", self.limit)),
            SdkError::DispatchFailure(failure) => {
                let timeout = failure.is_timeout();
                let what = if timeout { "no connection, or no answer, in time" } else { "not reached" };
                self.whose.unavailable(format!("{what}: {}", innermost(error)))
            }
            SdkError::ResponseError(answer) => self.whose.unavailable(format!(
                "HTTP {} with an answer that is not AWS's: {}",
                answer.raw().status().as_u16(),
                innermost(error)
            )),
            // The SDK's enum is not exhaustive; what is left is a request that could not be built.
            SdkError::ConstructionFailure(_) | _ => {
                self.whose.unavailable(format!("the request could not be made: {}", innermost(error)))
            }
        }
    }

    fn without_credentials(&self, cause: &CredentialsError) -> String {
        match cause {
            CredentialsError::CredentialsNotLoaded(_) => {
                format!("none are given; looked in {}", self.places)
            }
            other => format!("they could not be fetched: {}", innermost(other)),
        }
    }

    fn told(&self, error: &impl ProvideErrorMetadata, status: u16) -> AddressError {
        let whose = self.whose.say();
        let Some(code) = error.code().filter(|code| !code.is_empty()).map(plain) else {
            return self.whose.unavailable(format!("HTTP {status} with an answer that is not AWS's"));
        };
        let message = plain(error.message().unwrap_or("no reason given"));
        match Verdict::on(&code, status) {
            Verdict::Unauthorized => AddressError::Unauthorized { whose, code, message },
            Verdict::Busy => self.whose.unavailable(format!(
                "AWS limits how often it may be asked, and did so at every try ({code}): {message}"
            )),
            Verdict::Down => self.whose.unavailable(format!("HTTP {status} ({code}): {message}")),
            Verdict::Rejected => AddressError::Rejected { whose, code, message },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Unauthorized,
    Busy,
    Down,
    Rejected,
}

impl Verdict {
    /// The codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> and
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
pub(crate) fn plain(words: impl Display) -> String {
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
            ("AuthFailure", 401, Verdict::Unauthorized),
            ("UnauthorizedOperation", 403, Verdict::Unauthorized),
            ("ExpiredToken", 403, Verdict::Unauthorized),
            ("RequestLimitExceeded", 503, Verdict::Busy),
            ("InternalError", 500, Verdict::Down),
            ("InvalidParameterValue", 400, Verdict::Rejected),
        ] {
            assert_eq!(Verdict::on(code, status), verdict, "{code}");
        }
    }

    #[test]
    fn words_of_others_are_one_short_line() {
        assert_eq!(plain("a\u{1b}[31m\n  b"), "a[31m b");
        assert_eq!(plain("x".repeat(1000)).chars().count(), LONGEST_WORDS + 1);
    }
}
