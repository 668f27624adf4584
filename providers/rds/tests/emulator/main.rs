//! The store against the emulator: moto with RDS's states, refusals and data in front of it.
//!
//! `tests/aws/run`, or one room of it: `tests/aws/run -- cargo test -p switchover-rds --features emulator --test emulator faults::`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail; clippy counts only functions marked as tests"
)]

mod contract;
#[path = "../../../../tests/aws/control.rs"]
mod control;
mod crash;
mod faults;
mod guard;
mod replica;
mod snapshot;
mod world;
