//! The contracts of core's ports, held against the fakes and the providers; and the journal on top of them.
//! Providers whose servers must be installed run theirs where those are started: `providers/rfc2136`, `providers/ec2`.

#![expect(
    clippy::unwrap_used,
    reason = "everything in this binary runs inside tests, where a panic is a failure"
)]

mod announce;
mod child;
mod cloudflare;
mod cloudflare_api;
mod dns;
mod fake_side;
mod fakes;
mod fixed;
mod gitlab;
mod gitlab_api;
mod http;
mod journal;
mod sandbox;
mod sqlite;
mod sqlite_crash;
mod sqlite_disk;
