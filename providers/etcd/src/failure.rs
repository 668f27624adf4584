//! What it means that a member gave no result. Codes are gRPC's (<https://grpc.io/docs/guides/status-codes/>), words are those of
//! etcd's `api/v3rpc/rpctypes/error.go`.

use std::fmt;

use switchover::port::{StateError, causes};

use crate::wire::Refused;

/// The longest that another's words may be in a message.
const LONGEST_WORDS: usize = 300;

/// Why one member gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It took no connection, answered nothing, or not to the end. What was asked may have been done.
    Silent(String),
    /// It has no leader, changed its leader, or is overloaded. What was asked may have been done.
    Unsettled(String),
    /// What came is no answer of etcd's gateway.
    Garbled(String),
    /// It belongs to another cluster than the members before.
    Foreign(String),
    /// The token is not, or no longer, known.
    Token(String),
    /// The user may not do this, or is not known. Nothing was done.
    Denied(String),
    /// The database has reached its limit. What was asked may have been done all the same.
    Full(String),
    /// The request is larger than this etcd takes. Nothing was done.
    TooLarge(String),
    /// Anything else that was refused. Nothing was done.
    Refused(String),
}

impl Failure {
    /// Reads a refusal: `status` of HTTP, and the body. `scrubbed` takes secrets out of etcd's words.
    pub(crate) fn of(status: u16, body: &[u8], scrubbed: impl Fn(&str) -> String) -> Self {
        const INVALID: u32 = 3;
        const EXHAUSTED: u32 = 8;
        let Ok(Refused { code, error, message }) = serde_json::from_slice(body) else {
            return Self::unreadable(status, body);
        };
        let words = if message.is_empty() { error } else { message };
        let words = format!("etcd says: {} (code {code})", short(&scrubbed(&words)));
        let says = |part: &str| words.contains(part);
        match code {
            // Cancelled, unknown, too late, aborted, internal, unavailable.
            1 | 2 | 4 | 10 | 13 | 14 => Self::Unsettled(words),
            EXHAUSTED if says("space exceeded") => Self::Full(words),
            EXHAUSTED if says("larger than max") => Self::TooLarge(words),
            EXHAUSTED => Self::Unsettled(words),
            INVALID if says("too large") => Self::TooLarge(words),
            INVALID if says("revision of auth store is old") => Self::Token(words),
            INVALID if says("user name is empty") || says("user ID or password") => Self::Denied(words),
            16 => Self::Token(words),
            7 => Self::Denied(words),
            _ => Self::Refused(words),
        }
    }

    fn unreadable(status: u16, body: &[u8]) -> Self {
        match status {
            // As 3.4.23 does: where users are asked for, no certificate may seem to name one.
            400 if body.starts_with(b"CommonName of client") => Self::Refused(
                "etcd's gateway takes no certificate with a CommonName while authentication is on; use one without"
                    .to_owned(),
            ),
            404 => Self::Refused(
                "there is no /v3 gateway at this address; it needs etcd 3.4 or later, with --enable-grpc-gateway"
                    .to_owned(),
            ),
            500.. => Self::Unsettled(format!("HTTP {status}")),
            _ => Self::Garbled(format!("HTTP {status}, and no answer of etcd's gateway")),
        }
    }

    /// A request that got no whole answer.
    pub(crate) fn lost(error: reqwest::Error) -> Self {
        Self::Silent(causes(&error.without_url()))
    }

    /// Whether another member, or the same one a little later, may do better. Everything that this crate asks may be asked again.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Unsettled(_) | Self::Garbled(_) | Self::Token(_) => true,
            Self::Foreign(_) | Self::Denied(_) | Self::Full(_) | Self::TooLarge(_) | Self::Refused(_) => {
                false
            }
        }
    }

    /// What it means for the journal.
    pub(crate) fn for_journal(self, place: &str) -> StateError {
        let place = place.to_owned();
        match self {
            Self::Silent(why) | Self::Unsettled(why) | Self::Garbled(why) => {
                StateError::Unavailable { place, why }
            }
            Self::Full(why) => StateError::Full {
                place,
                why: format!("{why}; compact and defragment it, then `etcdctl alarm disarm`"),
            },
            Self::Denied(why) | Self::Token(why) => StateError::Unusable {
                place,
                why: format!(
                    "{why}; look at `user` and `password`, and at what the user's role may read and write"
                ),
            },
            Self::TooLarge(why) => StateError::Unusable {
                place,
                why: format!("{why}; leave `--max-request-bytes` of etcd at its default or above"),
            },
            Self::Foreign(why) | Self::Refused(why) => StateError::Unusable { place, why },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(why)
            | Self::Unsettled(why)
            | Self::Garbled(why)
            | Self::Foreign(why)
            | Self::Token(why)
            | Self::Denied(why)
            | Self::Full(why)
            | Self::TooLarge(why)
            | Self::Refused(why) => f.write_str(why),
        }
    }
}

/// Another's words on one line, cut where they are long.
pub(crate) fn short(words: &str) -> String {
    let plain: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match plain.char_indices().nth(LONGEST_WORDS) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &[u8]) -> Failure {
        Failure::of(status, body, str::to_owned)
    }

    fn of(code: u32, words: &str) -> Failure {
        read(400, format!(r#"{{"error":"{words}","code":{code}}}"#).as_bytes())
    }

    #[test]
    fn refusals_are_told_apart_by_code_and_words() {
        assert!(matches!(of(14, "etcdserver: leader changed"), Failure::Unsettled(_)));
        assert!(matches!(of(8, "etcdserver: mvcc: database space exceeded"), Failure::Full(_)));
        assert!(matches!(of(8, "etcdserver: too many requests"), Failure::Unsettled(_)));
        assert!(matches!(of(8, "grpc: received message larger than max (9 vs. 4)"), Failure::TooLarge(_)));
        assert!(matches!(of(3, "etcdserver: request is too large"), Failure::TooLarge(_)));
        assert!(matches!(of(3, "etcdserver: revision of auth store is old"), Failure::Token(_)));
        assert!(matches!(of(16, "etcdserver: invalid auth token"), Failure::Token(_)));
        assert!(matches!(of(3, "etcdserver: user name is empty"), Failure::Denied(_)));
        assert!(matches!(of(7, "etcdserver: permission denied"), Failure::Denied(_)));
        assert!(matches!(of(3, "etcdserver: duplicate key given in txn request"), Failure::Refused(_)));
        let newer = read(503, br#"{"code":14,"message":"etcdserver: no leader","details":[]}"#);
        assert_eq!(newer, Failure::Unsettled("etcd says: etcdserver: no leader (code 14)".to_owned()));
    }

    #[test]
    fn what_is_no_answer_of_etcd_is_said_to_be_none() {
        assert!(read(404, b"404 page not found").to_string().contains("--enable-grpc-gateway"));
        assert!(read(400, b"CommonName of client sending a request").to_string().contains("use one without"));
        assert!(matches!(read(502, b"<html>"), Failure::Unsettled(_)));
        assert!(matches!(read(401, b"<html>"), Failure::Garbled(_)));
    }
}
