//! The words of the design as types: pairs, sides, roles, endpoints and records. No I/O, nothing that can be invalid.

mod address;
mod announcement;
mod backup;
mod data;
mod id;
mod pair;
mod policy;
mod record;
mod release;
mod role_row;
mod setting;
mod store;

pub use address::{AddressKind, Addresses};
pub use announcement::{Announcement, AnnouncementKey, Moment};
pub use backup::{Backup, BackupState, Manifest, Verification};
pub use data::{BackupKey, Direction, KeyError, StoreRef, StoreRefError};
pub use id::{
    AddressName, AnnouncerName, CheckName, DeploymentId, DnsName, EnvironmentName, GroupName, IdError,
    PairName, ReleaseName, RunId, ScheduleId, ServiceName, SettingName, SideName, StatusPageName, StepId,
    StoreName, ZoneName,
};
pub use pair::{
    Column, DnsPolicy, Endpoint, Environment, Pair, PairError, ProbePolicy, Role, Service, Side, StatusGate,
    Zone, ZoneRef,
};
pub use policy::{ApprovalPolicy, Group, MaintenanceWindow, SettingRef, SwapPolicy};
pub use record::{Record, RecordData, RecordId, RecordKind, RecordValue, Ttl};
pub use release::{Activity, Deployment, DeploymentState, LogTail, Schedule};
pub use role_row::{Holding, RoleRow};
pub use setting::{Fingerprint, FingerprintSalt, RoleValues, SettingAttributes, SettingKind, SettingValue};
pub use store::{StorePolicy, Timetable};
