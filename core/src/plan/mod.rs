//! What a run will do: immutable, with real values, made by a pure function.

mod digest;
mod types;

pub use digest::PlanDigest;
pub use types::{Intent, OnFailure, Plan, Shift, Stage, Step};
