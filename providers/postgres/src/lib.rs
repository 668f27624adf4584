//! PostgreSQL databases as a store of core: frozen for clients, proved frozen, and streamed by logical replication.
//!
//! ```text
//!   options    what the configuration says
//!   connect    the one place that opens connections, and maps what servers say to core's words
//!   facts      what a server is
//!   freeze     refuse every client's writes, prove it, let them in again
//!   standing   where a server stands in its log, for whoever copies it physically
//!   stream     core's port `Store` by logical replication
//!   dump       core's ports `Store` and `Backups` by pg_dump and pg_restore
//!     tables   what a database consists of, and how two differ       verify   rows counted, or hashed
//!     schema   `pg_dump` and `pg_restore` for a stand-by without tables
//! ```
//!
//! A side keeps what is known of it in its own schema `switchover`, so that it is as true as the data: until when it is frozen and by
//! whom, what it got, what it gave away. A dump that is restored elsewhere leaves out that schema ([`SCHEMA`]) and whatever is called
//! [`GUARD`].
//!
//! # What a server needs
//!
//! - **The admin** is a user of its own, which no client logs in as: its writes are never refused. A superuser; or, on RDS, a member of
//!   `rds_superuser`, `pg_signal_backend` and `pg_read_all_stats` that owns the tables (large objects cannot be guarded then, and preflight
//!   refuses a database that has some).
//! - **To stream:** PostgreSQL 14 or later on both sides, `wal_level = logical`, a free slot and WAL sender and one more for every table that
//!   is copied at the same time, a primary key or another replica identity on every table, and a way from each side's server to the other's
//!   (`replication`). Up to PostgreSQL 15 a server starts one worker in each `wal_retrieve_retry_interval` (5 s); `1s` shortens a turn.
//! - **A stand-by without tables** gets them from `pg_dump`, whose version must be the server's or later; roles must be there. Later migrations
//!   are run on both sides, on the stand-by as the admin: DDL does not stream.
//! - **To copy anew over data** (a lost slot, a stand-by that diverged) the admin makes a database beside the stand-by's, which takes its name
//!   once it holds everything. That needs the room of both, and the database `postgres` to do it from. Whoever reads is thrown out once.
//!
//! # What is not promised
//!
//! - While a side is frozen its clients make no temporary tables either: no event trigger knows them from others before they are there.
//! - Large objects, unlogged tables and materialized views do not stream; preflight names them. Every sync carries the sequences, and a
//!   routine one refreshes the stand-by's materialized views. What `ALTER DATABASE … SET` set stays behind.
//! - A routine sync compares nothing: production goes on writing. The final one does, as it was ordered to.
//! - The hash of a comparison is the server's own. It finds differences; it is no signature.
//! - `sslmode = "require"` trusts whoever answers. The default is `verify-full`.
//! - The password of the stream is kept in `pg_subscription` unless `replication.passfile` names a file on the other side's server.

mod connect;
mod dump;
mod facts;
mod freeze;
mod lsn;
mod options;
mod schema;
mod standing;
mod stream;
mod tables;
mod text;
mod verify;

pub use connect::{Limits, Login, Resolve, Server, Session};
pub use dump::PostgresDump;
pub use facts::Facts;
pub use freeze::{ByHand, Freezer, GUARD, SCHEMA, Seen, problems};
pub use lsn::{Lsn, LsnError};
pub use options::{
    PostgresError, PostgresMethod, PostgresOptions, PostgresReplication, PostgresSide, PostgresUser, SslMode,
};
pub use standing::Standing;
pub use stream::Streaming;
