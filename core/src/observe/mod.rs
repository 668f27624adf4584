//! Looking at the world: [`look`] only reads, [`assess`] only thinks.
//!
//! ```text
//! look (async, all systems at once) ──► Observation ──► assess (pure) ──► Snapshot with findings
//! ```

mod assess;
mod finding;
mod look;
mod lost;
mod lost_side;
mod names;
mod sides;
mod snapshot;
mod stores;
mod suggest;

pub use assess::assess;
pub use finding::{Finding, FindingKind, Place, Severity};
pub(crate) use look::not_connected;
pub use look::{Observation, SideObservation, look, prove};
pub use lost::{LIMIT, Lost, LostObservation, assess_lost, look_lost, successors};
pub use snapshot::{NameView, RoleState, Snapshot};
pub use stores::data_age;
