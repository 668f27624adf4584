//! Two real directories, an application that honours a flag, and everything that can go wrong between them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod application;
mod contract;
mod faults;
mod kept;
mod support;
