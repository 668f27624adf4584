//! The safety gates that can be opened and the steps that can be left out, each by its own flag.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use switchover::config::Period;
use switchover::model::GroupName;
use switchover::plan::Waiver;

/// All but a swap, a revert and a failover.
const OTHERS: [&str; 7] = ["prepare", "restore_ttl", "finalize", "reprotect", "resume", "abort", "drill"];
/// All but a swap and a revert.
const OTHERS_AND_FAILOVER: [&str; 8] =
    ["prepare", "restore_ttl", "finalize", "reprotect", "resume", "abort", "drill", "failover"];
/// All but a swap.
const OTHERS_AND_WAYS_BACK: [&str; 2] = ["mode", "drill"];

/// Gates that a person opens and steps that a person leaves out; each needs a reason.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "command-line flags, resolved into one set at once")]
pub struct Gates {
    /// Let the side take production without having passed its checks; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS)]
    pub skip_checks: bool,
    /// Lay no change embargo on production; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_FAILOVER)]
    pub skip_embargo: bool,
    /// Leave running what the stand-by starts by the clock; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_FAILOVER)]
    pub skip_schedules: bool,
    /// Deploy nothing, users get what the stand-by runs, even if that cannot be read; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_FAILOVER)]
    pub skip_deployment: bool,
    /// Leave the settings of both sides as they are; `--reprotect` brings them into line later; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_FAILOVER)]
    pub skip_settings: bool,
    /// Do not bring the stand-by's data up to date for those who are asked; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_WAYS_BACK)]
    pub skip_review_copy: bool,
    /// Do not ask this group for its approval; may be given several times; needs --reason
    #[arg(long, value_name = "GROUP", requires = "reason", conflicts_with_all = OTHERS_AND_WAYS_BACK)]
    pub skip_approval: Vec<GroupName>,
    /// Wait for no maintenance window; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_WAYS_BACK)]
    pub skip_window: bool,
    /// Do not watch the new production before the run ends; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_FAILOVER)]
    pub skip_soak: bool,
    /// Set out whatever vendors' status pages say; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS_AND_WAYS_BACK)]
    pub skip_status_pages: bool,
    /// Tell nobody; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS)]
    pub skip_announcements: bool,
    /// Leave the role table in its document as it is; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = OTHERS)]
    pub skip_role_table: bool,
    /// With --failover: take a copy over that a sync left unfinished, a mixture of old and new; needs --reason
    #[arg(long, requires = "reason", requires = "failover")]
    pub accept_unfinished_copy: bool,
    /// With --failover: how much time's writes may be lost (`14h`, `1h 30m`); needs --reason
    #[arg(long, value_name = "PERIOD", requires = "reason", requires = "failover")]
    pub accept_data_loss: Option<Period>,
    /// With --reprotect: write over what diverged on the lost side without keeping it; needs --reason
    #[arg(long, requires = "reason", requires = "reprotect")]
    pub discard_diverged: bool,
}

/// The flag that opens a gate or leaves a step out.
pub(crate) fn flag_of(waiver: &Waiver) -> String {
    let flag = match waiver {
        Waiver::Approval(group) => return format!("--skip-approval {group}"),
        Waiver::Checks => "--skip-checks",
        Waiver::UnfinishedCopy => "--accept-unfinished-copy",
        Waiver::KeepDiverged => "--discard-diverged",
        Waiver::Embargo => "--skip-embargo",
        Waiver::Schedules => "--skip-schedules",
        Waiver::Deployment => "--skip-deployment",
        Waiver::Window => "--skip-window",
        Waiver::Soak => "--skip-soak",
        Waiver::StatusPages => "--skip-status-pages",
        Waiver::Settings => "--skip-settings",
        Waiver::ReviewCopy => "--skip-review-copy",
        Waiver::Announcements => "--skip-announcements",
        Waiver::RoleTable => "--skip-role-table",
    };
    flag.to_owned()
}

impl Gates {
    /// Those that shall be open or left out.
    pub fn waivers(&self) -> BTreeSet<Waiver> {
        let groups = self.skip_approval.iter().cloned().map(Waiver::Approval);
        let asked = [
            (self.skip_checks, Waiver::Checks),
            (self.accept_unfinished_copy, Waiver::UnfinishedCopy),
            (self.discard_diverged, Waiver::KeepDiverged),
            (self.skip_embargo, Waiver::Embargo),
            (self.skip_schedules, Waiver::Schedules),
            (self.skip_deployment, Waiver::Deployment),
            (self.skip_window, Waiver::Window),
            (self.skip_soak, Waiver::Soak),
            (self.skip_status_pages, Waiver::StatusPages),
            (self.skip_settings, Waiver::Settings),
            (self.skip_review_copy, Waiver::ReviewCopy),
            (self.skip_announcements, Waiver::Announcements),
            (self.skip_role_table, Waiver::RoleTable),
        ];
        asked.into_iter().filter_map(|(open, waiver)| open.then_some(waiver)).chain(groups).collect()
    }

    /// How much time's writes may be lost.
    pub fn accept_loss(&self) -> Option<Duration> {
        self.accept_data_loss.map(|period| period.0)
    }
}
