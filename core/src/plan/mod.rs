//! What a run will do: immutable, with real values, made by a pure function and looked over by another.
//!
//! [`plan`] decides everything; [`verify`] knows nothing of how it decided and checks the result against the safety rules.

mod announce;
mod digest;
mod drill;
mod failover;
mod finalize;
mod gate;
mod in_line;
mod planner;
mod rehearsal;
mod release;
mod reprotect;
mod request;
mod steps;
mod stores;
mod swap;
mod sync;
mod types;
mod verify;
mod waiver;

pub use digest::{DigestError, PlanDigest};
pub use failover::{Loss, losses, to_accept};
pub use planner::{closed_part_way, plan};
pub use request::{PlanError, Request};
pub use sync::{SyncRequest, plan_sync};
pub use types::{Intent, OnFailure, Plan, Shift, Stage, Step};
pub use verify::{Violation, verify};
pub use waiver::Waiver;
