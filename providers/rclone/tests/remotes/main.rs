//! Two directories and the real rclone, an application that honours a flag, and what goes wrong between them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../files/tests/trees/application.rs"]
mod application;
mod contract;
mod faults;
mod support;
