//! The safety gates that can be opened, each by its own flag.

use std::collections::BTreeSet;

use clap::Args;
use switchover::plan::Waiver;

/// Gates that a person opens; each needs a reason.
#[derive(Debug, Clone, Default, Args)]
pub struct Gates {
    /// Let the side take production without having passed its checks; needs --reason
    #[arg(long, requires = "reason", conflicts_with_all = ["prepare", "restore_ttl", "resume", "abort"])]
    pub skip_checks: bool,
}

impl Gates {
    /// Those that shall be open.
    pub fn waivers(&self) -> BTreeSet<Waiver> {
        let asked = [(self.skip_checks, Waiver::Checks)];
        asked.into_iter().filter_map(|(open, waiver)| open.then_some(waiver)).collect()
    }
}
