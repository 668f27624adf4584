//! The guard on real PostgreSQL, alone and below the store: `tests/postgres/run` starts the clusters, `tests/aws/run` the emulator.
//!
//! `tests/postgres/run tests/aws/run -- cargo test --workspace --features switchover-rds/database --test database -- --test-threads 1`
//!
//! Tests run one at a time: they share cluster A.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail; clippy counts only functions marked as tests"
)]

mod cluster;
#[expect(dead_code, reason = "the emulator's own tests tell it more")]
#[path = "../../../../tests/aws/control.rs"]
mod control;
mod copies;
mod freezing;
mod swap;
