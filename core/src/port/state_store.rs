//! Where the journal of a pair is kept. The log is the lock.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::{Entry, Epoch, Seq};
use crate::model::PairName;

/// What became of an append.
#[must_use = "an append that was not done must stop the run"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The entry stands at that position, durably.
    Done,
    /// Another entry stands there (or this one, from an earlier try: the nonce tells).
    Taken,
    /// It may stand there or not; a read tells.
    Unknown,
}

/// A sign of life of whoever holds a pair. A hint for people and for waiting, never a guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The epoch of the holder.
    pub epoch: Epoch,
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
    /// How long after `at` the holder may be taken for alive.
    pub ttl: Duration,
}

/// Why the journal could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The store cannot be used at all: missing folder, no permission, a network file system.
    #[error("the journal {place} cannot be used: {why}")]
    Unusable {
        /// The file or address.
        place: String,
        /// Why.
        why: String,
    },
    /// There is no room for another entry. Nothing was written.
    #[error("the journal {place} is full: {why}")]
    Full {
        /// The file or address.
        place: String,
        /// Why.
        why: String,
    },
    /// An entry cannot be read as one.
    #[error("the journal {place} is damaged at entry {seq}: {why}")]
    Damaged {
        /// The file or address.
        place: String,
        /// The position.
        seq: Seq,
        /// What is wrong with it.
        why: String,
    },
    /// The journal was written by a newer version of this software.
    #[error(
        "the journal {place} was written by a newer version (format {found}, this program reads up to {known})"
    )]
    Newer {
        /// The file or address.
        place: String,
        /// The format found.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// The store did not answer. Whether anything was written is not known where the call was an append.
    #[error("the journal {place} did not answer: {why}")]
    Unavailable {
        /// The file or address.
        place: String,
        /// What happened.
        why: String,
    },
}

/// Keeps the journals of pairs: append-only, each entry at its position, create-if-absent.
#[async_trait]
pub trait StateStore: Debug + Send + Sync {
    /// Reads the entries of a pair from a position on, in order, without a hole. Linearizable: it sees every append that was
    /// answered `Done` before it began. May be repeated.
    async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError>;

    /// Writes an entry at exactly this position, if nothing stands there, and returns when it is durable.
    ///
    /// May be repeated with the same entry. An error promises that nothing was written, except `Unavailable`, which says as
    /// little as [`Appended::Unknown`].
    async fn append_at(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError>;

    /// Leaves a sign of life. May be lost; may be repeated.
    async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError>;

    /// The latest sign of life, if there is one.
    async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError>;
}
