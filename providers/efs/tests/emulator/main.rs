//! The store against the emulator, which replicates by EFS's documentation and lets clients write as the policies say.
//!
//! `tests/aws/run`, or one room of it: `tests/aws/run -- cargo test -p switchover-efs --features emulator --test emulator states::`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail; clippy counts only functions marked as tests"
)]

mod contract;
#[path = "../../../../tests/aws/control.rs"]
mod control;
mod crash;
mod states;
mod world;
