//! The journal of a pair in an `SQLite` file: the embedded default, for pairs that are run from one machine.
//!
//! ```text
//!   SqliteStore ──jobs──► one thread ──► one connection ──► journal.db  (mode 0600, local disk only)
//!   (any executor)                                          journal.db-journal  (only inside a transaction)
//! ```
//!
//! `place` says which files and folders can hold a journal, `file` opens one and makes its tables, `log` reads and appends in
//! plain blocking code, `worker` keeps that code off the async executor, and `fault` turns `SQLite`'s errors into core's.
//! Several processes may use one file at once: the log itself is the lock.
//!
//! # Why a rollback journal
//!
//! The file runs in `SQLite`'s `TRUNCATE` mode with `synchronous=FULL`. An append is durable when it returns: the truncated rollback
//! journal is synced too, which `DELETE` mode leaves out under `FULL` (<https://www.sqlite.org/pragma.html#pragma_synchronous>: `EXTRA`
//! is there for that). `WAL` would be as safe, but at rest its newest entries may stand in a second file, and whoever copies
//! the first alone loses them; for an audit trail one file is worth more than readers that never wait.

mod fault;
mod file;
mod log;
mod place;
#[cfg(test)]
mod tests;
mod worker;

use std::path::PathBuf;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::journal::{Entry, Seq};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, StateError, StateStore};

use worker::Worker;

/// Where the journal is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteOptions {
    /// The file, on a local disk. It is created if it is missing; its folder is not.
    pub path: PathBuf,
}

/// Journals in an `SQLite` file. One file may hold those of several pairs.
///
/// Runs on any executor: the file is worked on in a thread of its own. A call whose future is dropped still happens, so an
/// append that is not awaited to its end may stand or not, as after a crash. Dropping the store waits for what was asked of it, and closes
/// the file.
#[derive(Debug)]
pub struct SqliteStore {
    worker: Worker,
}

impl SqliteStore {
    /// Opens the file, or creates it with mode 0600, and checks that it can hold a journal. May be repeated.
    ///
    /// An existing file that others may read or write is tightened to 0600 where it is ours, rather than refused: a failover must
    /// not stop at a file's mode, and an entry that somebody changed is found by the hash chain. Blocks for about a
    /// millisecond; for up to five seconds while another process holds the file.
    ///
    /// # Errors
    ///
    /// [`StateError::Unusable`] if the folder is missing, not writable or open to others; if the path is not a plain file or not one of
    /// ours; if it lies on a network file system (checked on Linux only). [`StateError::Newer`] for a file of a newer version,
    /// [`StateError::Full`] if a new file finds no room, [`StateError::Unavailable`] if another process holds the file for too long.
    pub fn open(options: &SqliteOptions) -> Result<Self, StateError> {
        let place = place::Place::prepare(&options.path)?;
        let connection = file::connect(&place)?;
        Ok(Self { worker: Worker::start(place, connection)? })
    }
}

#[async_trait]
impl StateStore for SqliteStore {
    async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        let pair = pair.clone();
        self.worker.call(move |place, connection| log::read(place, connection, &pair, from)).await
    }

    async fn append_at(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        let (pair, entry) = (pair.clone(), entry.clone());
        self.worker.call(move |place, connection| log::append_at(place, connection, &pair, at, &entry)).await
    }

    async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        let (pair, beat) = (pair.clone(), beat.clone());
        self.worker.call(move |place, connection| log::beat(place, connection, &pair, &beat)).await
    }

    async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        let pair = pair.clone();
        self.worker.call(move |place, connection| log::last_beat(place, connection, &pair)).await
    }
}
