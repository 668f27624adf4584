//! What a server is: its version, and what tells one database from another.

use switchover::port::DataError;

use crate::connect::{Server, Session};

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its version as a number: 150018 is 15.18.
    pub version: i32,
    /// What two configurations of one database have in common: the cluster's identifier and the database's name. Not its id: a
    /// copy that was made beside it takes its name.
    pub identity: String,
    /// The size of the database in bytes.
    pub bytes: u64,
    /// The amount of WAL that is written.
    pub wal_level: String,
}

impl Facts {
    /// Asks for them.
    pub async fn read(server: &Server, session: &Session) -> Result<Self, DataError> {
        let row = session
            .query_typed_one(
                "SELECT pg_catalog.current_setting('server_version_num')::int, \
                 (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) || '/' || d.datname, \
                 pg_catalog.pg_database_size(d.oid), pg_catalog.current_setting('wal_level') \
                 FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
                &[],
            )
            .await
            .map_err(|error| server.told(&error))?;
        Ok(Self {
            version: row.get(0),
            identity: row.get(1),
            bytes: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
            wal_level: row.get(3),
        })
    }

    /// The major version.
    pub fn major(&self) -> i32 {
        self.version / 10_000
    }
}
