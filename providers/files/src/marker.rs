//! The marker of a tree: what it is, what it got, and whether clients may have written since.

use serde::{Deserialize, Serialize};
use switchover::model::{PairName, RunId, SideName, StoreRef};
use switchover::port::{Copied, DataError};

use crate::shelf::{MARKER, Shelf, read_json, write_json};

/// Whose tree it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The pair.
    pub pair: PairName,
    /// The store.
    pub store: StoreRef,
}

/// A moment by the clock of a file system: the time of the last change of an entry, which nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment(pub i64, pub u32);

impl Moment {
    /// Another time, so near that nobody minds.
    pub(crate) fn nearly(self) -> Self {
        Self(self.0, if self.1 == 0 { 1 } else { self.1 - 1 })
    }
}

/// What is known of a tree, kept at its top so that it is as true as the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    /// The format of this file: 1.
    pub(crate) format: u32,
    /// The pair.
    pub(crate) pair: PairName,
    /// The store.
    pub(crate) store: StoreRef,
    /// The side that the tree is of.
    pub(crate) side: SideName,
    /// Made up once for this tree. A mount that is missing, or another one in its place, has another or none.
    pub(crate) tree: String,
    /// The other side's tree, as of the latest sync either way.
    pub(crate) peer: Option<String>,
    /// What it got by its latest sync.
    pub(crate) copied: Option<Copied>,
    /// Whether clients may have written here what the other side does not have.
    pub(crate) opened: bool,
    /// The run that is changing the tree, or broke off in the middle of it.
    pub(crate) working: Option<RunId>,
    /// The moment, by this tree's file system, after which nothing should have changed here if it is the stand-by.
    pub(crate) settled: Option<Moment>,
    /// Bytes in files, as of the latest sync.
    pub(crate) bytes: Option<u64>,
}

impl Marker {
    /// The marker of a tree that has none yet.
    pub(crate) fn new(owner: &Owner, side: &SideName) -> Result<Self, DataError> {
        let mut nonce = [0_u8; 16];
        getrandom::fill(&mut nonce).map_err(|error| DataError::Failed {
            place: side.to_string(),
            why: format!("no randomness to be had: {error}"),
        })?;
        Ok(Self {
            format: 1,
            pair: owner.pair.clone(),
            store: owner.store.clone(),
            side: side.clone(),
            tree: hex::encode(nonce),
            peer: None,
            copied: None,
            opened: true,
            working: None,
            settled: None,
            bytes: None,
        })
    }

    /// Reads a tree's marker.
    pub(crate) fn read(shelf: &dyn Shelf) -> Result<Option<Self>, DataError> {
        read_json(shelf, MARKER)
    }

    /// Writes it.
    pub(crate) fn write(&self, to: &dyn Shelf) -> Result<(), DataError> {
        write_json(to, MARKER, self, true)
    }

    /// What is wrong with finding this marker at a side.
    pub(crate) fn misplaced(&self, owner: &Owner, side: &SideName) -> Option<String> {
        let mine = (self.format, &self.pair, &self.store, &self.side);
        if mine == (1, &owner.pair, &owner.store, side) {
            return None;
        }
        Some(format!(
            "{MARKER} there says that this is {} of {} in pair {}: the same tree mounted twice, or a copy that brought the file along",
            self.side, self.store, self.pair
        ))
    }

    /// Remembers, before a side is opened, that clients may write there from now on.
    pub(crate) fn open(shelf: &dyn Shelf) -> Result<(), DataError> {
        match Self::read(shelf)? {
            Some(mut marker) if !marker.opened => {
                marker.opened = true;
                marker.write(shelf)
            }
            Some(_) | None => Ok(()),
        }
    }
}
