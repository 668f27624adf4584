//! The engine, from looking to reporting, on virtual time: what the design promises, held by tests.
//!
//! ```text
//!   findings, planning            what a person is told and asked to confirm      golden files
//!   checker                       every safety rule of a plan has a plan that only it refuses
//!   drill                         everything tried that moves nobody, and how long a swap will take by it
//!   release                       deployed, approved, swapped, finalized or reverted
//!   running, faults, takeover     one run, and everything that can go wrong in it
//!   telling                       people, the role table, and vendors' status pages
//!   journal                       what a journal takes in, in whatever order it comes
//!   lost                          what the simulation found about processes that lost the pair
//!   crash                         a process that dies at every entry and at every moment
//! ```
//!
//! Every run goes through [`switchover_tests::desk::Guard`], which looks at the safety rules at each call that leaves the engine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic of a test's helper is a failure of its test"
)]

mod checker;
mod crash;
mod drill;
mod failover;
mod faults;
mod findings;
mod gates;
mod journal;
mod lost;
mod planning;
mod release;
mod running;
mod stores;
mod support;
mod takeover;
mod telling;
