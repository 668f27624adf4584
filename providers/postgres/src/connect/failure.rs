//! From what the client library and the server say to core's words.

use switchover::port::DataError;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// Says what a failed statement or connection means for whoever asked.
///
/// The text is the server's own; no statement and no parameter of ours stands in it.
pub(crate) fn told(place: &str, error: &Error) -> DataError {
    let place = place.to_owned();
    match error.as_db_error() {
        Some(said) => refused(place, said),
        None => DataError::Unreachable { place, why: chain(error) },
    }
}

/// As [`told`], where an answer that was lost leaves open what was done.
pub(crate) fn told_of_act(place: &str, error: &Error) -> DataError {
    match told(place, error) {
        DataError::Unreachable { place, why } => DataError::Unknown { place, why },
        other => other,
    }
}

fn refused(place: String, said: &DbError) -> DataError {
    let code = said.code();
    let why = words(said);
    let class = code.code().get(..2).unwrap_or_default();
    if *code == SqlState::INSUFFICIENT_PRIVILEGE || class == "28" {
        return DataError::Unauthorized { place, why };
    }
    if *code == SqlState::INVALID_CATALOG_NAME {
        return DataError::Unfit { place, why, advice: None };
    }
    // Connection exceptions, too many connections, and an operator's intervention but a cancelled statement
    // (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    if class == "08"
        || *code == SqlState::TOO_MANY_CONNECTIONS
        || (class == "57" && *code != SqlState::QUERY_CANCELED)
    {
        return DataError::Unreachable { place, why };
    }
    if *code == SqlState::DISK_FULL || says_full(&why) {
        return full(place, &why);
    }
    DataError::Failed { place, why }
}

/// Whether a server's or a tool's words are about a file that cannot grow. A limit of a file's size or a quota has no code of its own:
/// <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/error/elog.c> (`errcode_for_file_access`).
pub(crate) fn says_full(words: &str) -> bool {
    ["No space left on device", "Disk quota exceeded", "File too large", "could not extend file"]
        .iter()
        .any(|said| words.contains(said))
}

/// A disk that has no room left.
pub(crate) fn full(place: String, why: &str) -> DataError {
    DataError::Failed { place, why: format!("the disk is full: {why}; make room and try again") }
}

/// The server's words on one line, with its code.
pub(crate) fn words(said: &DbError) -> String {
    let mut text = format!("{} ({})", said.message(), said.code().code());
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(more);
    }
    text.replace('\n', " ")
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}
