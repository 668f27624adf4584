//! What a failure means to the ports.

use switchover::port::RemoteError;

use crate::answer::Failure;

/// What was tried: for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// Server and project.
    pub(crate) place: &'a str,
    /// What it is about (`the tag v4.4.0`).
    pub(crate) what: &'a str,
    /// What was tried and what it needs (`read variables (role Maintainer, scope api)`).
    pub(crate) act: &'a str,
}

/// Whether a request that failed was to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It was not, or it is known that it did not.
    None,
    /// It was, and a request without an answer may have.
    Possible,
}

/// The port's error for a failure.
pub(crate) fn remote(failure: Failure, attempt: Attempt, effect: Effect) -> RemoteError {
    let (place, why) = (attempt.place.to_owned(), failure.to_string());
    match failure {
        Failure::Throttled(retry_after) => RemoteError::Throttled { place, retry_after },
        Failure::Refused(refusal) => match refusal.status {
            401 => RemoteError::Unauthorized { place, why },
            403 => RemoteError::Forbidden { place, what: attempt.act.to_owned(), why },
            404 if refusal.words.contains("Project") => {
                RemoteError::NotFound { place, what: "the project".to_owned() }
            }
            404 => RemoteError::NotFound { place, what: attempt.what.to_owned() },
            300..=399 => {
                let why =
                    format!("{why}; has the project moved? Its new path belongs into the configuration");
                RemoteError::Rejected { place, why }
            }
            _ => RemoteError::Rejected { place, why },
        },
        Failure::NotSent(_) => RemoteError::Unavailable { place, why },
        Failure::Silent(_) | Failure::OutOfOrder(_) | Failure::Garbled(_) => match effect {
            Effect::None => RemoteError::Unavailable { place, why },
            Effect::Possible => RemoteError::Unknown { place, why },
        },
    }
}

/// Whether the server says that what was asked for is not there, while the project is.
pub(crate) fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if refusal.status == 404 && !refusal.words.contains("Project"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Refusal;

    fn told(status: u16, words: &str, effect: Effect) -> RemoteError {
        let attempt = Attempt { place: "GitLab x", what: "the tag v1", act: "read tags" };
        remote(Failure::Refused(Refusal { status, words: words.to_owned() }), attempt, effect)
    }

    #[test]
    fn each_refusal_has_its_error() {
        assert!(matches!(told(401, "401 Unauthorized", Effect::Possible), RemoteError::Unauthorized { .. }));
        assert_eq!(
            told(403, "403 Forbidden", Effect::Possible).to_string(),
            "GitLab x: these credentials may not read tags: HTTP 403 Forbidden"
        );
        assert_eq!(
            told(404, "404 Project Not Found", Effect::None).to_string(),
            "GitLab x: the project is not there, or these credentials may not see it"
        );
        assert!(told(404, "404 Tag Not Found", Effect::None).to_string().contains("the tag v1"));
        assert!(told(301, "Moved", Effect::None).to_string().contains("has the project moved?"));
    }

    #[test]
    fn only_a_change_without_an_answer_is_unknown() {
        let attempt = Attempt { place: "x", what: "y", act: "z" };
        for failure in
            [Failure::Silent(String::new()), Failure::OutOfOrder(502), Failure::Garbled(String::new())]
        {
            let change = remote(failure.clone(), attempt, Effect::Possible);
            assert!(matches!(change, RemoteError::Unknown { .. }), "{failure:?}");
            assert!(matches!(remote(failure, attempt, Effect::None), RemoteError::Unavailable { .. }));
        }
        let unsent = remote(Failure::NotSent(String::new()), attempt, Effect::Possible);
        assert!(matches!(unsent, RemoteError::Unavailable { .. }));
    }
}
