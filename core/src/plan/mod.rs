//! What a run will do: immutable, with real values, made by a pure function and looked over by another.
//!
//! [`plan`] decides everything; [`verify`] knows nothing of how it decided and checks the result against the safety rules.

mod digest;
mod drill;
mod finalize;
mod gate;
mod planner;
mod rehearsal;
mod release;
mod steps;
mod stores;
mod sync;
mod types;
mod verify;

pub use digest::{DigestError, PlanDigest};
pub use planner::{PlanError, Request, plan};
pub use sync::{SyncRequest, plan_sync};
pub use types::{Intent, OnFailure, Plan, Shift, Stage, Step};
pub use verify::{Violation, verify};
