//! The kinds of action, one file each: what it is as data, how it is looked at, and how it is done.

mod announce;
mod await_records;
mod change_records;
mod change_settings;
mod deploy;
mod fence_lost;
mod freeze_store;
mod gate;
mod hold;
mod keep_data;
mod perform;
mod prove_frozen;
mod remote;
mod run_checks;
mod set_embargo;
mod soak;
mod store;
mod switch_schedules;
mod sync_store;
mod take_over;
mod thaw_store;
mod verify_backup;
mod watched;
mod write_role_table;

use serde::{Deserialize, Serialize};

pub(crate) use announce::ANNOUNCE_DEADLINE;
pub use announce::Announce;
pub use await_records::{AwaitRecords, ExpectedName, Servers};
pub use change_records::{ChangeRecords, PlannedChange, Purpose};
pub use change_settings::{ChangeSettings, PlannedSetting};
pub use deploy::Deploy;
pub use fence_lost::FenceLost;
pub use freeze_store::FreezeStore;
pub use gate::{Gate, Window};
pub use hold::Hold;
pub use keep_data::KeepData;
pub(crate) use perform::{Acted, Context, Look, Perform, between, milliseconds};
pub use prove_frozen::ProveFrozen;
pub use run_checks::{PlannedCheck, RunChecks};
pub use set_embargo::{Rule, SetEmbargo};
pub use soak::Soak;
pub use switch_schedules::{PlannedSchedule, SwitchSchedules};
pub use sync_store::SyncStore;
pub use take_over::TakeOver;
pub use thaw_store::ThawStore;
pub use verify_backup::VerifyBackup;
pub(crate) use watched::Watched;
pub(crate) use write_role_table::ROLE_TABLE_DEADLINE;
pub use write_role_table::WriteRoleTable;

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
    /// Refuse every write to a store on one side.
    FreezeStore(FreezeStore),
    /// Let clients write to a store on one side.
    ThawStore(ThawStore),
    /// Bring a store's data from production to the stand-by.
    SyncStore(SyncStore),
    /// Prove that a side of a store refuses writes, as it stands.
    ProveFrozen(ProveFrozen),
    /// Restore a store's newest backup beside the stand-by's data, and compare it.
    VerifyBackup(VerifyBackup),
    /// Bring a release onto one side.
    Deploy(Deploy),
    /// Lay or lift the change embargo of one side.
    SetEmbargo(SetEmbargo),
    /// Pause or resume what one side starts by the clock.
    SwitchSchedules(SwitchSchedules),
    /// Change the settings of one side.
    ChangeSettings(ChangeSettings),
    /// Wait until the swap may happen.
    Gate(Gate),
    /// Watch the new production.
    Soak(Soak),
    /// Tell people of a moment of the run.
    Announce(Announce),
    /// Make the role table in a document true.
    WriteRoleTable(WriteRoleTable),
    /// Make the stand-by's copy of a store one that stands alone.
    TakeOver(TakeOver),
    /// Try to refuse writes to a store on a side that may be gone.
    FenceLost(FenceLost),
    /// Keep what a side of a store holds.
    KeepData(KeepData),
}

impl Action {
    /// What performs it.
    pub(crate) fn performer(&self) -> Box<dyn Perform + '_> {
        match self {
            Self::ChangeRecords(action) => Box::new(change_records::Change::new(action)),
            Self::AwaitRecords(action) => Box::new(await_records::Wait::new(action)),
            Self::RunChecks(action) => Box::new(run_checks::Checking::new(action)),
            Self::Hold(action) => Box::new(hold::Holding::new(action)),
            Self::FreezeStore(action) => Box::new(freeze_store::Freezing::new(action)),
            Self::ThawStore(action) => Box::new(thaw_store::Thawing::new(action)),
            Self::SyncStore(action) => Box::new(sync_store::Syncing::new(action)),
            Self::ProveFrozen(action) => Box::new(prove_frozen::Proving::new(action)),
            Self::VerifyBackup(action) => Box::new(verify_backup::Verifying::new(action)),
            Self::Deploy(action) => Box::new(deploy::Deploying::new(action)),
            Self::SetEmbargo(action) => Box::new(set_embargo::Setting::new(action)),
            Self::SwitchSchedules(action) => Box::new(switch_schedules::Switching::new(action)),
            Self::ChangeSettings(action) => Box::new(change_settings::Changing::new(action)),
            Self::Gate(action) => Box::new(gate::Waiting::new(action)),
            Self::Soak(action) => Box::new(soak::Soaking::new(action)),
            Self::Announce(action) => Box::new(announce::Announcing::new(action)),
            Self::WriteRoleTable(action) => Box::new(write_role_table::Writing::new(action)),
            Self::TakeOver(action) => Box::new(take_over::TakingOver::new(action)),
            Self::FenceLost(action) => Box::new(fence_lost::Fencing::new(action)),
            Self::KeepData(action) => Box::new(keep_data::Keeping::new(action)),
        }
    }

    /// Whether it goes on beside its stage and whatever follows, so that nothing waits for it before the end of the run.
    pub fn is_aside(&self) -> bool {
        self.as_announce().is_some()
    }

    /// The change of records, if it is one.
    pub fn as_change_records(&self) -> Option<&ChangeRecords> {
        if let Self::ChangeRecords(action) = self { Some(action) } else { None }
    }

    /// The wait for servers, if it is one.
    pub fn as_await_records(&self) -> Option<&AwaitRecords> {
        if let Self::AwaitRecords(action) = self { Some(action) } else { None }
    }

    /// The checks, if it is some.
    pub fn as_run_checks(&self) -> Option<&RunChecks> {
        if let Self::RunChecks(action) = self { Some(action) } else { None }
    }

    /// The hold, if it is one.
    pub fn as_hold(&self) -> Option<&Hold> {
        if let Self::Hold(action) = self { Some(action) } else { None }
    }

    /// The freeze, if it is one.
    pub fn as_freeze_store(&self) -> Option<&FreezeStore> {
        if let Self::FreezeStore(action) = self { Some(action) } else { None }
    }

    /// The thaw, if it is one.
    pub fn as_thaw_store(&self) -> Option<&ThawStore> {
        if let Self::ThawStore(action) = self { Some(action) } else { None }
    }

    /// The sync, if it is one.
    pub fn as_sync_store(&self) -> Option<&SyncStore> {
        if let Self::SyncStore(action) = self { Some(action) } else { None }
    }

    /// The proof of a freeze, if it is one.
    pub fn as_prove_frozen(&self) -> Option<&ProveFrozen> {
        if let Self::ProveFrozen(action) = self { Some(action) } else { None }
    }

    /// The trial of a backup, if it is one.
    pub fn as_verify_backup(&self) -> Option<&VerifyBackup> {
        if let Self::VerifyBackup(action) = self { Some(action) } else { None }
    }

    /// The deployment, if it is one.
    pub fn as_deploy(&self) -> Option<&Deploy> {
        if let Self::Deploy(action) = self { Some(action) } else { None }
    }

    /// The change of the embargo, if it is one.
    pub fn as_set_embargo(&self) -> Option<&SetEmbargo> {
        if let Self::SetEmbargo(action) = self { Some(action) } else { None }
    }

    /// The schedules, if it switches some.
    pub fn as_switch_schedules(&self) -> Option<&SwitchSchedules> {
        if let Self::SwitchSchedules(action) = self { Some(action) } else { None }
    }

    /// The change of settings, if it is one.
    pub fn as_change_settings(&self) -> Option<&ChangeSettings> {
        if let Self::ChangeSettings(action) = self { Some(action) } else { None }
    }

    /// The gate, if it is one.
    pub fn as_gate(&self) -> Option<&Gate> {
        if let Self::Gate(action) = self { Some(action) } else { None }
    }

    /// The soak, if it is one.
    pub fn as_soak(&self) -> Option<&Soak> {
        if let Self::Soak(action) = self { Some(action) } else { None }
    }

    /// The announcement, if it is one.
    pub fn as_announce(&self) -> Option<&Announce> {
        if let Self::Announce(action) = self { Some(action) } else { None }
    }

    /// The writing of the role table, if it is that.
    pub fn as_write_role_table(&self) -> Option<&WriteRoleTable> {
        if let Self::WriteRoleTable(action) = self { Some(action) } else { None }
    }

    /// The takeover, if it is one.
    pub fn as_take_over(&self) -> Option<&TakeOver> {
        if let Self::TakeOver(action) = self { Some(action) } else { None }
    }

    /// The fence at a side that may be gone, if it is one.
    pub fn as_fence_lost(&self) -> Option<&FenceLost> {
        if let Self::FenceLost(action) = self { Some(action) } else { None }
    }

    /// What is kept, if it is that.
    pub fn as_keep_data(&self) -> Option<&KeepData> {
        if let Self::KeepData(action) = self { Some(action) } else { None }
    }
}
