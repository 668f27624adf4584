//! The digest by which a reviewed plan is known again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Plan;

/// The SHA-256 of a plan's JSON, in hexadecimal. Two plans with one digest do the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanDigest(String);

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no plan digest: at least 12 of its 64 hexadecimal digits are needed")]
pub struct DigestError(String);

impl PlanDigest {
    pub(super) fn of(plan: &Plan) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "every key of a plan is a string and nothing in it can refuse"
        )]
        let json = serde_json::to_vec(plan).expect("a plan is plain data");
        Self(hex::encode(Sha256::digest(json)))
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    /// Whether `given` names this digest: all of it, or at least its first twelve digits.
    pub fn is_named_by(&self, given: &PlanDigest) -> bool {
        self.0.starts_with(&given.0)
    }
}

impl FromStr for PlanDigest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let digits = text.to_ascii_lowercase();
        let fits = (12..=64).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_hexdigit());
        if fits { Ok(Self(digits)) } else { Err(DigestError(text.escape_debug().to_string())) }
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
