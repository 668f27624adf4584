//! `PostgreSQL` databases as a store of core: frozen for clients, proved frozen, and streamed by logical replication.
//!
//! ```text
//!   options    what the configuration says
//!   connect    the one place that opens connections, and maps what servers say to core's words
//!   facts      what a server is
//!   freeze     refuse every client's writes, prove it, let them in again
//!   stream     core's port `Store` by logical replication
//! ```

mod connect;
mod dump;
mod facts;
mod freeze;
mod lsn;
mod options;
mod schema;
mod stream;
mod tables;
mod text;
mod verify;

pub use connect::{Login, Resolve, Server, Session};
pub use dump::PostgresDump;
pub use facts::Facts;
pub use freeze::{Freezer, GUARD, SCHEMA, Seen, problems};
pub use lsn::{Lsn, LsnError};
pub use options::{
    PostgresError, PostgresMethod, PostgresOptions, PostgresReplication, PostgresSide, PostgresUser, SslMode,
};
pub use stream::Streaming;
