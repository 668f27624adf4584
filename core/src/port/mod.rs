//! The ports: what core asks of the outside world. Small, object-safe, and without defaults; providers implement them.

mod address_book;
mod announcer;
mod backups;
mod causes;
mod check;
mod clock;
mod delivery;
mod embargo;
mod meter;
mod name_service;
mod releases;
mod remote;
mod rescue;
mod resolver;
mod role_table;
mod schedules;
mod settings;
mod state_store;
mod status_page;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use address_book::{AddressBook, AddressError, Attachment, Identity, Listing, NamedAddress};
pub use announcer::{AnnounceError, Announcer};
pub use backups::Backups;
pub use causes::causes;
pub use check::{Check, CheckFailure, Subject};
pub use clock::{Clock, Entropy};
pub use delivery::Delivery;
pub use embargo::{Embargo, EmbargoView, Imposed, Reach};
pub use meter::Meter;
pub use name_service::{Conflict, NameError, NameService, RecordChange, ZoneView};
pub use releases::{
    Candidate, DeployOrder, Deploying, Obstacle, Progress, ReleaseError, ReleaseView, Releases,
};
pub use remote::RemoteError;
pub(crate) use rescue::within;
pub use rescue::{KeepOrder, Kept, LoneSide, Rescue, TakenOver, key_to_keep};
pub use resolver::{Answer, DnsServer, ResolveError, Resolver};
pub use role_table::{RoleTable, RoleTableError, TableVersion, TableView};
pub use schedules::{Schedules, Switched};
pub use settings::{
    Absence, Found, Reading, Setting, SettingChange, SettingError, SettingOutcome, SettingView, Settings,
};
pub use state_store::{Appended, Beat, StateError, StateStore};
pub use status_page::StatusPage;
pub use store::{
    Access, Advance, Copied, DataError, Depth, FreezeOrder, FreezeProof, Inspection, Method, Overseer, Store,
    StoreProblem, StoreSide, Stream, SyncOrder, SyncPurpose, Synced, Unit,
};

use crate::model::{
    AnnouncerName, CheckName, RoleValues, ServiceName, SettingRef, SideName, StatusPageName, StoreRef,
};

/// Every outside system of one pair, ready to be asked.
#[derive(Debug, Clone)]
pub struct Ports {
    /// The name services, by the name the configuration gives them.
    pub names: BTreeMap<ServiceName, Arc<dyn NameService>>,
    /// The address book of each side.
    pub addresses: BTreeMap<SideName, Arc<dyn AddressBook>>,
    /// The configured checks.
    pub checks: BTreeMap<CheckName, Arc<dyn Check>>,
    /// The stores of every environment.
    pub stores: BTreeMap<StoreRef, Arc<dyn Store>>,
    /// The backups of those stores that keep some.
    pub backups: BTreeMap<StoreRef, Arc<dyn Backups>>,
    /// What brings releases and settings to each side, where there is such.
    pub deliveries: BTreeMap<SideName, Delivery>,
    /// What each setting says, by role.
    pub values: BTreeMap<SettingRef, RoleValues>,
    /// The pair's ways of telling people.
    pub announcers: BTreeMap<AnnouncerName, Arc<dyn Announcer>>,
    /// The document that holds the pair's role table, if there is one.
    pub role_table: Option<Arc<dyn RoleTable>>,
    /// The status pages that are looked at before a swap.
    pub status_pages: BTreeMap<StatusPageName, Arc<dyn StatusPage>>,
    /// Asks DNS servers directly.
    pub resolver: Arc<dyn Resolver>,
    /// Holds the journal.
    pub state: Arc<dyn StateStore>,
    /// Tells and passes time.
    pub clock: Arc<dyn Clock>,
    /// Makes nonces.
    pub entropy: Arc<dyn Entropy>,
    /// Counts the requests that the providers make.
    pub meter: Meter,
}
