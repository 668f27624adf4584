//! Where a server stands in its write-ahead log, and whether it writes that itself.

use jiff::Timestamp;
use switchover::port::DataError;

use crate::connect::Server;
use crate::freeze::moment;
use crate::lsn::Lsn;

/// Where a server stands in its write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It writes.
    Writes {
        /// Behind everything that was written, acknowledged or not.
        position: Lsn,
        /// The moment of the look, by the server's clock.
        at: Timestamp,
    },
    /// It is a replica that replays what another server writes, and takes no writes of clients.
    Replays {
        /// Up to where it has replayed; `None` if it has replayed nothing.
        position: Option<Lsn>,
        /// When the latest transaction that it has replayed was committed, by its source's clock.
        committed: Option<Timestamp>,
    },
}

const QUERY: &str = "SELECT r.recovers, \
    (CASE WHEN r.recovers THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text, \
    (extract(epoch FROM CASE WHEN r.recovers THEN pg_catalog.pg_last_xact_replay_timestamp() \
      ELSE pg_catalog.clock_timestamp() END) * 1000000)::bigint, \
    pg_catalog.current_setting('wal_block_size')::bigint FROM (SELECT pg_catalog.pg_is_in_recovery() AS recovers) r";

impl Standing {
    /// Asks a server. Changes nothing, and may be repeated.
    ///
    /// [`DataError::Failed`] if the server was promoted in the middle of the answer, or says what is no position.
    pub async fn read(server: &Server) -> Result<Self, DataError> {
        let session = server.admin().await?;
        let row = session.query_typed_one(QUERY, &[]).await.map_err(|error| server.told(&error))?;
        server.keep(session);
        let (recovers, position): (bool, Option<String>) = (row.get(0), row.get(1));
        let time = row.get::<_, Option<i64>>(2).and_then(moment);
        let position = position.map(|text| text.parse::<Lsn>()).transpose();
        let position = position.map_err(|error| server.failed(error.to_string()))?;
        if recovers {
            return Ok(Self::Replays { position, committed: time });
        }
        let page = u64::try_from(row.get::<_, i64>(3)).unwrap_or(0);
        match (position, time) {
            (Some(position), Some(at)) => Ok(Self::Writes { position: position.before_header(page), at }),
            _ => Err(server.failed("it does not say where it stands in its log")),
        }
    }
}
