//! The safety gates that can be opened, each by its own flag.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use switchover::config::Period;
use switchover::plan::Waiver;

/// Gates that a person opens; each needs a reason.
#[derive(Debug, Clone, Default, Args)]
pub struct Gates {
    /// Let the side take production without having passed its checks; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = ["prepare", "restore_ttl", "reprotect", "resume", "abort"])]
    pub skip_checks: bool,
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

impl Gates {
    /// Those that shall be open.
    pub fn waivers(&self) -> BTreeSet<Waiver> {
        let asked = [
            (self.skip_checks, Waiver::Checks),
            (self.accept_unfinished_copy, Waiver::UnfinishedCopy),
            (self.discard_diverged, Waiver::KeepDiverged),
        ];
        asked.into_iter().filter_map(|(open, waiver)| open.then_some(waiver)).collect()
    }

    /// How much time's writes may be lost.
    pub fn accept_loss(&self) -> Option<Duration> {
        self.accept_data_loss.map(|period| period.0)
    }
}
