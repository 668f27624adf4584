//! What is known of a backup, written beside it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BackupKey, PairName, SideName, StoreRef};

/// How thoroughly a copy was compared with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Not at all.
    None,
    /// The number of rows of each table, or of files and bytes.
    Counts,
    /// The content of every row or file.
    Content,
}

/// What is known of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of this manifest: 1.
    pub format: u32,
    /// Its key.
    pub key: BackupKey,
    /// The pair whose data it is.
    pub pair: PairName,
    /// The store.
    pub store: StoreRef,
    /// The side that it was taken from.
    pub source: SideName,
    /// Where that was, as people know it (host, port and database).
    pub place: String,
    /// The moment that its data is of, by the source's clock.
    pub as_of: Timestamp,
    /// When it was complete.
    pub finished: Timestamp,
    /// The size of all its files.
    pub bytes: u64,
    /// The rows (or files) of each part of it (a table).
    pub items: BTreeMap<String, u64>,
    /// A digest of the content of each part, where one was taken.
    pub digests: BTreeMap<String, String>,
    /// The SHA-256 of each of its files, in hexadecimal, by its path within the backup.
    pub files: BTreeMap<String, String>,
    /// The versions of what it was made with and from (`server`, `pg_dump`).
    pub versions: BTreeMap<String, String>,
    /// The latest proof that it can be restored, and when that was; `None` until it was restored once.
    pub verified: Option<(Verification, Timestamp)>,
}

/// Whether a backup can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BackupState {
    /// It is complete.
    Complete,
    /// It was never finished, or is being made right now.
    Partial,
    /// It cannot be used.
    Damaged {
        /// Why not.
        why: String,
    },
}

/// A backup as it is found at its location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Its key.
    pub key: BackupKey,
    /// Whether it can be used.
    pub state: BackupState,
    /// Where it is, as people know it.
    pub place: String,
    /// What is known of it, if its manifest can be read.
    pub manifest: Option<Manifest>,
}
