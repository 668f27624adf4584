//! How a swap of an environment is conducted: who must approve it, when it may happen, and what is watched afterwards.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EnvironmentName, GroupName, SettingName};

/// A setting of a pair: which environment, which setting. In text `ENVIRONMENT/SETTING`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingRef {
    /// The environment.
    pub environment: EnvironmentName,
    /// The setting.
    pub name: SettingName,
}

impl fmt::Display for SettingRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.environment, self.name))
    }
}

/// People of whom some must approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// Who belongs to it, as [`Holder::actor`](crate::journal::Holder::actor) calls them.
    pub members: BTreeSet<String>,
    /// How many of them must approve.
    pub needed: u32,
}

/// Who must approve a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalPolicy {
    /// The groups, all of which must approve; nobody is asked if there are none.
    pub groups: Vec<Group>,
    /// How long a run waits for them.
    pub expire: Duration,
    /// Whether whoever began the run may approve it.
    pub by_requester: bool,
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self { groups: Vec::new(), expire: Duration::from_secs(3 * 86_400), by_requester: false }
    }
}

/// A time in which a swap may happen, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// When it opens, as crontab writes it.
    pub opens: String,
    /// How long it stays open.
    pub lasts: Duration,
    /// The time zone of `opens`.
    pub time_zone: String,
}

/// How a swap of an environment is conducted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwapPolicy {
    /// Who must approve it.
    pub approval: ApprovalPolicy,
    /// When it may happen; at any time if there are none.
    pub windows: Vec<MaintenanceWindow>,
    /// How long the new production is watched before the run ends.
    pub soak: Option<Duration>,
    /// How long users may wait at most from the confirmation until they are moved (the recovery-time objective).
    pub rto: Option<Duration>,
    /// The environment on which the same must have succeeded before.
    pub rehearse_on: Option<EnvironmentName>,
}
