//! The safety gates that a person may open, and the steps that a person may leave out, each by its own name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::GroupName;
use crate::observe::{Finding, FindingKind, Place};

/// A gate that somebody opened, or a step that somebody left out, by its own flag and with a reason. A plan holds those that it was made
/// with, so its digest and the journal say which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiver {
    /// A side takes production without having passed its checks; afterwards a check that fails is an exception in the report and stops
    /// nothing.
    Checks,
    /// A failover takes a copy over that a sync left unfinished: a mixture of old and new.
    UnfinishedCopy,
    /// A reprotect writes over what diverged on the lost side without keeping it.
    KeepDiverged,
    /// A swap lays no embargo on production.
    Embargo,
    /// A swap leaves running what the stand-by starts by the clock.
    Schedules,
    /// A swap deploys nothing: a release is taken into production as the stand-by has it, and what runs need not be known.
    Deployment,
    /// A swap does not ask this group.
    Approval(GroupName),
    /// A swap waits for no window; a moment that was named still holds.
    Window,
    /// A swap ends without having watched the new production.
    Soak,
    /// A swap sets out whatever vendors' status pages say.
    StatusPages,
    /// A swap leaves the settings of both sides as they are.
    Settings,
    /// A swap does not bring the stand-by's data up to date for those who are asked.
    ReviewCopy,
    /// A swap tells nobody.
    Announcements,
    /// A swap leaves the role table as it is.
    RoleTable,
}

impl Waiver {
    /// What would have to be left out for a finding to stop no swap, if there is such a thing.
    pub fn of(finding: &Finding) -> Option<Self> {
        if matches!(finding.place, Place::StatusPage { .. }) {
            return Some(Self::StatusPages);
        }
        let known = [
            (Self::Checks, [FindingKind::CheckFailed].as_slice()),
            (Self::Deployment, &[FindingKind::ReleaseUnfit, FindingKind::ReleasesUnreadable]),
            (Self::Embargo, &[FindingKind::EmbargoUnreadable, FindingKind::EmbargoNotWritable]),
            (Self::Schedules, &[FindingKind::SchedulesUnreadable, FindingKind::ScheduleMissing]),
            (
                Self::Settings,
                &[
                    FindingKind::SettingsUnreadable,
                    FindingKind::SettingsNotWritable,
                    FindingKind::SettingMissing,
                    FindingKind::SettingHidden,
                    FindingKind::SettingForeign,
                    FindingKind::SettingUnfit,
                ],
            ),
        ];
        known.into_iter().find_map(|(waiver, kinds)| kinds.contains(&finding.kind).then_some(waiver))
    }

    /// The group that is not asked, if it is that.
    pub fn group(&self) -> Option<&GroupName> {
        if let Self::Approval(group) = self { Some(group) } else { None }
    }

    /// What is left out or not waited for, in words.
    pub fn meaning(&self) -> String {
        let words = match self {
            Self::Checks => "the checks of the side that takes production",
            Self::UnfinishedCopy => "a copy of the data that is whole",
            Self::KeepDiverged => "keeping what diverged on the lost side",
            Self::Embargo => "the change embargo on production",
            Self::Schedules => "the pause of the stand-by's schedules",
            Self::Deployment => "the deployment of the release to the stand-by",
            Self::Settings => "the settings of the new roles",
            Self::ReviewCopy => "a copy of the data for those who are asked",
            Self::Announcements => "announcements",
            Self::RoleTable => "the role table",
            Self::Approval(group) => return format!("the approval of {group}"),
            Self::Window => "the window",
            Self::Soak => "watching the new production",
            Self::StatusPages => "what vendors' status pages say",
        };
        words.to_owned()
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checks => f.pad("checks"),
            Self::UnfinishedCopy => f.pad("unfinished copy"),
            Self::KeepDiverged => f.pad("keep diverged"),
            Self::Embargo => f.pad("embargo"),
            Self::Schedules => f.pad("schedules"),
            Self::Deployment => f.pad("deployment"),
            Self::Approval(group) => write!(f, "approval of {group}"),
            Self::Window => f.pad("window"),
            Self::Soak => f.pad("soak"),
            Self::StatusPages => f.pad("status pages"),
            Self::Settings => f.pad("settings"),
            Self::ReviewCopy => f.pad("review copy"),
            Self::Announcements => f.pad("announcements"),
            Self::RoleTable => f.pad("role table"),
        }
    }
}
