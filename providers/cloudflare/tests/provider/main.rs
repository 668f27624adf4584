//! The provider over real HTTP, against scripted answers: everything that Cloudflare, or what stands in between, may do.

#![expect(clippy::unwrap_used, reason = "a helper that cannot set up its test fails the test")]

mod change;
mod fake;
mod limits;
mod locate;
mod options;
mod proof;
mod read;
mod secrets;
mod server;
mod setup;
