//! The contracts of core's ports, held against the fakes and the providers that need no server; and the journal on top of them.

#![expect(
    clippy::unwrap_used,
    reason = "everything in this binary runs inside tests, where a panic is a failure"
)]

mod child;
mod fakes;
mod journal;
mod sqlite;
mod sqlite_crash;
mod sqlite_disk;
