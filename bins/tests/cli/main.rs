//! What a person meets on the command line: every text, exit code and refusal, held as golden files.
//!
//! `INSTA_UPDATE=always cargo test -p switchover-bins --test cli` writes the golden files anew; read the difference.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here, with its place")]

mod arguments;
mod configuration;
mod data;
mod dead_man;
mod drift;
mod drill;
mod exit_codes;
mod failover;
mod fallback;
mod init;
mod pair;
mod part_way;
mod people;
mod reference;
mod stand;
mod support;
