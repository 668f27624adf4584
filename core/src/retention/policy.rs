//! What a user asks to be kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many backups to keep, as `keep` says it in the configuration. A backup stays if one of the rules asks for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Counts {
    /// The newest ones, whatever day they are of.
    pub last: u32,
    /// The newest one of each of this many days that have one.
    pub daily: u32,
    /// The newest one of each of this many weeks that have one. Weeks begin on Monday (ISO 8601).
    pub weekly: u32,
    /// The newest one of each of this many months that have one.
    pub monthly: u32,
}

/// What is kept. Without a `keep` in the configuration that is everything; a `keep` that asks for nothing is refused rather than taken
/// for either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Option<Counts>", into = "Option<Counts>")]
pub struct Policy(Option<Counts>);

/// Counts that are no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Every count is zero.
    #[error(
        "`keep` asks for no backup at all; leave it out to keep every one, or give `last`, `daily`, `weekly` or `monthly`"
    )]
    Nothing,
}

impl Policy {
    /// Nothing is ever removed, but what is left of a backup that was never finished.
    pub const EVERYTHING: Self = Self(None);

    /// What the counts ask for, which must be something.
    pub fn new(counts: Counts) -> Result<Self, PolicyError> {
        if counts == Counts::default() { Err(PolicyError::Nothing) } else { Ok(Self(Some(counts))) }
    }

    /// The counts; `None` if everything is kept.
    pub fn counts(&self) -> Option<&Counts> {
        self.0.as_ref()
    }
}

impl TryFrom<Option<Counts>> for Policy {
    type Error = PolicyError;
    fn try_from(counts: Option<Counts>) -> Result<Self, PolicyError> {
        counts.map_or(Ok(Self::EVERYTHING), Self::new)
    }
}

impl From<Policy> for Option<Counts> {
    fn from(policy: Policy) -> Self {
        policy.0
    }
}
