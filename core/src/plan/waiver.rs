//! The safety gates that a person may open, each by its own name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A gate that somebody opened by its own flag, with a reason. A plan holds those that it was made with, so its digest and the journal
/// say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiver {
    /// A side takes production without having passed its checks; afterwards a check that fails is an exception in the report and stops
    /// nothing.
    Checks,
    /// A failover takes a copy over that a sync left unfinished: a mixture of old and new.
    UnfinishedCopy,
    /// A reprotect writes over what diverged on the lost side without keeping it.
    KeepDiverged,
}

impl Waiver {
    /// What is not waited for, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Checks => "the checks of the side that takes production",
            Self::UnfinishedCopy => "a copy of the data that is whole",
            Self::KeepDiverged => "keeping what diverged on the lost side",
        }
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Checks => "checks",
            Self::UnfinishedCopy => "unfinished copy",
            Self::KeepDiverged => "keep diverged",
        })
    }
}
