//! In-memory fakes of every port, and the contracts that every provider of a port keeps.
//!
//! ```text
//!   fake/      World ─► FakeNames  FakeAddresses  FakeCheck  FakeResolver  MemoryStore      for tests of core
//!                          └──────────── all on one VirtualClock ───────────┘
//!   desk/      Desk ─► Process   who types the commands, and the Guard that watches every call of the engine
//!   contract/  state_store  name_service  address_book  check  resolver  store  backups  announcer  …    for tests of providers
//!   polls      a future that is dropped after so many polls
//! ```
//!
//! The fakes are stricter than the real things: a caller that breaks a port's contract panics, and so fails its test. Faults are
//! scripted, time is virtual, nothing is random: the same test does the same every time.
//!
//! ```
//! use switchover_tests::fake::{NameCall, NameFault, World};
//!
//! let world = World::gigadb();
//! world.names.fail_next(NameCall::Change, NameFault::AppliedUnknown);
//! let ports = world.ports();
//! let found = world.run(async { ports.state.read(&world.pair.name, Default::default()).await });
//! assert_eq!(found, Ok(vec![]));
//! ```
//!
//! A provider takes a contract by implementing the contract's small harness and naming it in one macro; see [`contract`].

#![expect(
    clippy::expect_used,
    reason = "everything in this crate runs inside tests, where a panic is a failure"
)]

pub mod contract;
pub mod desk;
pub mod fake;
pub mod polls;
