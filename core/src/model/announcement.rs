//! What people are told of a run, as plain data.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{AnnouncerName, PairName, ReleaseName, RunId};
use crate::plan::{Intent, Shift};

/// The moments of which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A run begins.
    Begins,
    /// The roles are swapped and checked: the new production serves.
    Swapped,
    /// The run is at its end.
    Finished,
    /// The run failed or was taken back, and everything it did was undone.
    Undone,
    /// The run stopped part-way and waits for somebody.
    Paused,
    /// The run waits for an approval.
    ApprovalNeeded,
    /// Nothing happens; somebody tries whether announcements arrive.
    Test,
}

impl Moment {
    /// Every moment.
    pub const ALL: [Self; 7] = [
        Self::Begins,
        Self::Swapped,
        Self::Finished,
        Self::Undone,
        Self::Paused,
        Self::ApprovalNeeded,
        Self::Test,
    ];

    /// Its name in the configuration, in plans and in signed webhooks.
    pub fn key(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Swapped => "swapped",
            Self::Finished => "finished",
            Self::Undone => "undone",
            Self::Paused => "paused",
            Self::ApprovalNeeded => "approval_needed",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Begins => "the run begins",
            Self::Swapped => "the new production serves",
            Self::Finished => "the run is at its end",
            Self::Undone => "the run was undone",
            Self::Paused => "the run stopped part-way",
            Self::ApprovalNeeded => "the run waits for an approval",
            Self::Test => "a test",
        })
    }
}

/// The key by which a receiver knows a repeated announcement again: 35 letters, digits and `_`, the same for the same moment of
/// the same run to the same announcer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnnouncementKey(String);

impl AnnouncementKey {
    /// The key of a moment. A run can come to a moment several times (it pauses, is resumed, pauses again); `at` tells these apart.
    pub fn of(run: &RunId, moment: Moment, to: &AnnouncerName, at: Timestamp) -> Self {
        let text = format!("{run}\n{}\n{to}\n{}", moment.key(), at.as_millisecond());
        // Half of a SHA-256 is enough to tell announcements apart; what is left is short enough for every header.
        Self(format!("sw_{}", &hex::encode(Sha256::digest(text))[..32]))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AnnouncementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What people are told of one moment of a run. Holds no secret: it leaves the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// The key by which a repeated announcement is known again.
    pub key: AnnouncementKey,
    /// What happened.
    pub moment: Moment,
    /// When it happened.
    pub at: Timestamp,
    /// The pair.
    pub pair: PairName,
    /// The run.
    pub run: RunId,
    /// What the run is for.
    pub intent: Intent,
    /// The environments, with the side that was production before and the one that is afterwards.
    pub shifts: Vec<Shift>,
    /// The release that the run brings, if it brings one.
    pub release: Option<ReleaseName>,
    /// Who began the run.
    pub by: Option<String>,
    /// Why, as its operator said.
    pub reason: Option<String>,
    /// What failed, or what is waited for.
    pub detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(run: &str, moment: Moment, to: &str, at: i64) -> AnnouncementKey {
        let (run, to) = (RunId::new(run).unwrap(), AnnouncerName::new(to).unwrap());
        AnnouncementKey::of(&run, moment, &to, Timestamp::from_second(at).unwrap())
    }

    #[test]
    fn one_announcement_has_one_key_and_another_one_another() {
        let first = key("run-1", Moment::Begins, "ops", 1);
        assert_eq!(first, key("run-1", Moment::Begins, "ops", 1));
        for other in [
            key("run-2", Moment::Begins, "ops", 1),
            key("run-1", Moment::Swapped, "ops", 1),
            key("run-1", Moment::Begins, "all", 1),
            key("run-1", Moment::Begins, "ops", 2),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_key_holds_nothing_that_a_header_or_a_signature_could_stumble_over() {
        let key = key("run.with.dots", Moment::Paused, "an.announcer", 1);
        assert_eq!(key.as_str().len(), 35);
        assert!(key.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{key}");
    }
}
