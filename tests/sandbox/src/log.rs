//! The log of requests to the API.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// One request, in the order of arrival. It names the token and never holds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestEntry {
    /// When it arrived.
    pub at: Timestamp,
    /// Milliseconds since the sandbox started.
    pub at_ms: u64,
    /// The method.
    pub method: String,
    /// The path below `/client/v4`.
    pub path: String,
    /// What follows the question mark; empty if nothing does.
    pub query: String,
    /// The name of the token, if it is one of the seed's.
    pub token: Option<String>,
    /// The status that was sent; `None` while there is no answer, or if there never is one.
    pub status: Option<u16>,
    /// Milliseconds from arrival to the end of the work; `None` until then.
    pub took_ms: Option<u64>,
    /// Whether it changed records.
    pub applied: bool,
}

/// The entries since the last clearing. A number stays an entry's own, so that a call which ends after a clearing
/// does not write into another's entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    first: usize,
    entries: Vec<RequestEntry>,
}

impl Log {
    /// Adds an entry and gives its number.
    pub(crate) fn push(&mut self, entry: RequestEntry) -> usize {
        self.entries.push(entry);
        self.first + self.entries.len() - 1
    }

    pub(crate) fn entry(&mut self, number: usize) -> Option<&mut RequestEntry> {
        self.entries.get_mut(number.checked_sub(self.first)?)
    }

    pub(crate) fn entries(&self) -> &[RequestEntry] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.first += self.entries.len();
        self.entries.clear();
    }
}

/// Milliseconds of a duration; saturates after half a billion years.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
