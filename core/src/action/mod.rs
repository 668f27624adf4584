//! The kinds of action, one file each: what it is as data, how it is looked at, and how it is done.

mod await_records;
mod change_records;
mod hold;
mod perform;
mod run_checks;

use serde::{Deserialize, Serialize};

pub use await_records::{AwaitRecords, ExpectedName, Servers};
pub use change_records::{ChangeRecords, PlannedChange, Purpose};
pub use hold::Hold;
pub(crate) use perform::{Acted, Context, Look, Perform, between, milliseconds};
pub use run_checks::{PlannedCheck, RunChecks};

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Change records in one zone.
    ChangeRecords(ChangeRecords),
    /// Wait until servers serve what was changed.
    AwaitRecords(AwaitRecords),
    /// Ask a side whether it is fit.
    RunChecks(RunChecks),
    /// Keep the old side until nobody can be sent there any more.
    Hold(Hold),
}

impl Action {
    /// What performs it.
    pub(crate) fn performer(&self) -> Box<dyn Perform + '_> {
        match self {
            Self::ChangeRecords(action) => Box::new(change_records::Change::new(action)),
            Self::AwaitRecords(action) => Box::new(await_records::Wait::new(action)),
            Self::RunChecks(action) => Box::new(run_checks::Checking::new(action)),
            Self::Hold(action) => Box::new(hold::Holding::new(action)),
        }
    }
}
