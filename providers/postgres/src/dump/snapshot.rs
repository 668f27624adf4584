//! One moment of the source, held open: what is dumped, counted and described is of this moment and no other.

use jiff::Timestamp;
use switchover::port::DataError;
use tokio_postgres::types::Type;

use super::about::About;
use super::measure::{self, Table};
use crate::connect::{Server, Session};

/// The snapshot must come first in its transaction, and `now()` is the transaction's start: never later than what the snapshot shows.
const BEGIN: &str = "SET statement_timeout = 0; SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = 0; \
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

const EXPORT: &str = "SELECT pg_catalog.pg_export_snapshot(), (extract(epoch FROM pg_catalog.now()) * 1000000)::bigint, \
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END::text, \
    pg_catalog.pg_database_size(pg_catalog.current_database())";

/// A moment of the source. Exists as long as its session does.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) session: Session,
    /// What `pg_dump --snapshot` wants.
    pub(super) id: String,
    pub(super) as_of: Timestamp,
    pub(super) position: String,
    pub(super) bytes: u64,
    pub(super) about: About,
    pub(super) tables: Vec<Table>,
}

impl Snapshot {
    /// Opens it on a side.
    pub(super) async fn open(server: &Server) -> Result<Self, DataError> {
        let session = server.admin_in(&server.side().database).await?;
        session.batch_execute(BEGIN).await.map_err(|error| server.told(&error))?;
        let row = session.query_typed_one(EXPORT, &[]).await.map_err(|error| server.told(&error))?;
        let as_of = Timestamp::from_microsecond(row.get(1))
            .map_err(|error| server.failed(format!("the server's clock is out of range: {error}")))?;
        let (id, position): (String, String) = (row.get(0), row.get(2));
        let bytes = u64::try_from(row.get::<_, i64>(3)).unwrap_or(0);
        let about = About { position: Some(position.clone()), ..About::read(server, &session).await? };
        let tables = measure::tables(server, &session).await?;
        Ok(Self { session, id, as_of, position, bytes, about, tables })
    }

    /// Another connection that sees the same moment.
    pub(super) async fn share(&self, server: &Server) -> Result<Session, DataError> {
        let session = server.admin_in(&server.side().database).await?;
        let adopt = format!("{BEGIN}; SET TRANSACTION SNAPSHOT {}", crate::text::literal(&self.id));
        session.batch_execute(&adopt).await.map_err(|error| server.told(&error))?;
        Ok(session)
    }

    /// Whether any table has a row: a database that was emptied, or never filled, is no source.
    pub(super) async fn has_rows(&self, server: &Server) -> Result<bool, DataError> {
        for table in &self.tables {
            let sql = format!("SELECT EXISTS (SELECT FROM ONLY {})", table.quoted());
            let row = self.session.query_typed_one(&sql, &[]).await.map_err(|error| server.told(&error))?;
            if row.get(0) {
                return Ok(true);
            }
        }
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata WHERE $1 <> '')";
        let row = self
            .session
            .query_typed_one(sql, &[(&self.id, Type::TEXT)])
            .await
            .map_err(|error| server.told(&error))?;
        Ok(row.get(0))
    }
}
