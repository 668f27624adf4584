//! Strict in-memory implementations of every port, with scripted faults, on virtual time.

mod addresses;
mod announcer;
mod backups;
mod check;
mod data;
mod delivery;
mod entropy;
mod gigadb;
mod name_fault;
mod names;
mod releases;
mod remote;
mod rescue;
mod resolver;
mod role_table;
mod schedules;
mod script;
mod settings;
mod status_page;
mod store;
mod time;
mod world;
mod zone;

pub use addresses::{AddressFault, FakeAddresses};
pub use announcer::{AnnounceFault, FakeAnnouncer};
pub use check::{FakeCheck, Health};
pub use data::{DataCall, DataFault, FakeStore};
pub use delivery::FakeDelivery;
pub use entropy::SeededEntropy;
pub use name_fault::{NameCall, NameFault, NameRequest};
pub use names::FakeNames;
pub use releases::{FakeReleases, Going};
pub use remote::{RemoteCall, RemoteFault};
pub use rescue::Absence;
pub use resolver::{FakeResolver, ServerFault};
pub use role_table::{FakeTable, TableFault};
pub use schedules::FakeSchedules;
pub use settings::{FakeSettings, HeldSetting};
pub use status_page::FakePage;
pub use store::{MemoryStore, StoreCall, StoreFault};
pub use time::{Pace, VirtualClock};
pub use world::World;
pub use zone::Held;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A fake that panicked while it was locked has failed its test already; the others may still be looked at.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
