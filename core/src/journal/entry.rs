//! One entry: where it stands, who wrote it, what came before it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Event;

/// The newest format of entries that this program writes and reads.
pub const FORMAT: u32 = 1;

/// The position of an entry in its journal, from 0 without a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How often a pair has changed hands. Every claim raises it by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of the next claim.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Tells an append of ours from another's after an unclear answer: 16 random bytes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub String);

/// The SHA-256 of an entry's bytes, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryHash(pub String);

impl EntryHash {
    /// What the first entry of a journal names as its predecessor.
    pub fn none() -> Self {
        Self("0".repeat(64))
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The format it is written in: [`FORMAT`] or less.
    pub format: u32,
    /// Its position.
    pub seq: Seq,
    /// The epoch of its writer; one more than before for a claim.
    pub epoch: Epoch,
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
    /// Tells it from another's entry.
    pub nonce: Nonce,
    /// The hash of the entry before it.
    pub previous: EntryHash,
    /// What happened.
    pub event: Event,
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A newer program wrote it.
    #[error("written in format {found}, newer than {FORMAT}, the newest this program reads")]
    Newer {
        /// The format found.
        found: u32,
    },
    /// It is cut off or changed.
    #[error("not an entry: {0}")]
    Malformed(String),
}

impl Entry {
    /// The bytes that a store keeps and the hash covers: JSON on one line.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(
            clippy::expect_used,
            reason = "every key of an entry is a string and nothing in it can refuse"
        )]
        serde_json::to_vec(self).expect("an entry is plain data")
    }

    /// Reads what [`Entry::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        // The words may quote what stands there, and are shown on terminals.
        let malformed = |error: serde_json::Error| {
            EntryError::Malformed(error.to_string().replace(char::is_control, " "))
        };
        let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
        if head.format > FORMAT {
            return Err(EntryError::Newer { found: head.format });
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// The hash that the next entry names.
    pub fn hash(&self) -> EntryHash {
        EntryHash(hex::encode(Sha256::digest(self.to_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_broken_entry_speaks_to_no_terminal() {
        let broken = "{\"format\":1,\"\u{1b}[31m\":0}".replace('\u{1b}', "\\u001b");
        let error = Entry::from_bytes(broken.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("[31m") && !error.contains(char::is_control), "{error:?}");
    }
}
