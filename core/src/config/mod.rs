//! The configuration: raw TOML in, pairs that can only be valid out, every problem reported at once with its place.

mod scalar;

pub use scalar::{Period, PeriodError, SecretRef};
