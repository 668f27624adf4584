//! Looking at the world: [`look`] only reads, [`assess`] only thinks.
//!
//! ```text
//! look (async, all systems at once) ──► Observation ──► assess (pure) ──► Snapshot with findings
//! ```

mod around;
mod ask;
mod assess;
mod delivery;
mod finding;
mod look;
mod lost;
mod lost_side;
mod names;
mod role_rows;
mod sides;
mod snapshot;
mod stores;
mod suggest;

pub use ask::{DeliveryObservation, Denied};
pub use assess::assess;
pub use delivery::{CandidateView, DeliveryView, MeantSetting, SettingState};
pub use finding::{Finding, FindingKind, Place, Severity};
pub(crate) use look::not_connected;
pub use look::{Observation, SideObservation, look, look_at_all, prove, prove_standby};
pub use lost::{LIMIT, Lost, LostObservation, assess_lost, look_lost, successors};
pub use role_rows::{Noted, holding, role_rows};
pub use snapshot::{NameView, RoleState, Snapshot};
pub use stores::data_age;
