//! What there is of a stream on each side.

use futures_util::future::join;
use switchover::port::DataError;
use tokio_postgres::types::{ToSql, Type};

use crate::connect::{Server, Session};
use crate::freeze::is_missing;
use crate::lsn::Lsn;

/// A slot: what the sending side keeps for the receiving one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// Whether somebody receives from it.
    pub(super) active: bool,
    /// Whether what it should keep is gone.
    pub(super) lost: bool,
    /// What the receiver has confirmed.
    pub(super) confirmed: Option<Lsn>,
}

/// A subscription on the receiving side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    /// Whether it is meant to run.
    pub(super) enabled: bool,
    /// Whether a worker is at it.
    pub(super) working: bool,
    /// The tables that it has.
    pub(super) tables: i64,
    /// How many of them are still being copied for the first time.
    pub(super) copying: i64,
    /// Up to where transactions were applied.
    pub(super) applied: Option<Lsn>,
    /// How often applying failed.
    pub(super) errors: i64,
}

/// What there is on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Half {
    /// The slot of the stream that leads away from this side.
    pub(super) slot: Option<Slot>,
    /// The subscription of the stream that leads here.
    pub(super) subscription: Option<Subscription>,
    /// Whether the publication exists here.
    pub(super) published: bool,
    /// Where this side stands.
    pub(super) position: Lsn,
    /// The server's time in microseconds since 1970.
    pub(super) now: i64,
    /// When the newest mark was made that arrived here or was made here.
    pub(super) mark: Option<i64>,
}

/// $1: the stream that leads away, $2: the one that leads here, $3: the publication.
const QUERY: &str = "SELECT pg_catalog.pg_current_wal_insert_lsn()::text, (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint, \
    EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = $3), \
    l.slot_name IS NOT NULL, coalesce(l.active, false), coalesce(l.wal_status = 'lost', false), \
    l.confirmed_flush_lsn::text, \
    s.oid IS NOT NULL, coalesce(s.subenabled, false), \
    EXISTS (SELECT FROM pg_catalog.pg_stat_subscription w WHERE w.subid = s.oid AND w.relid IS NULL AND w.pid IS NOT NULL), \
    (SELECT count(*) FROM pg_catalog.pg_subscription_rel r WHERE r.srsubid = s.oid), \
    (SELECT count(*) FROM pg_catalog.pg_subscription_rel r WHERE r.srsubid = s.oid AND r.srsubstate <> 'r'), \
    (SELECT o.remote_lsn::text FROM pg_catalog.pg_replication_origin_status o WHERE o.external_id = 'pg_' || s.oid::text), \
    {errors} \
    FROM (VALUES (1)) one (one) \
    LEFT JOIN pg_catalog.pg_replication_slots l ON l.slot_name = $1 AND l.database = pg_catalog.current_database() \
    LEFT JOIN pg_catalog.pg_subscription s ON s.subname = $2 \
      AND s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

/// PostgreSQL 15 counts them.
const ERRORS: &str = "coalesce((SELECT e.apply_error_count + e.sync_error_count FROM pg_catalog.pg_stat_subscription_stats e WHERE e.subid = s.oid), 0)";

const MARK: &str = "SELECT max(moment) FROM switchover.mark";

impl Half {
    /// Reads it. Needs no part of ours to be installed.
    pub(super) async fn read(
        server: &Server,
        session: &Session,
        names: [&str; 3],
    ) -> Result<Self, DataError> {
        let version = server.version(session).await?;
        let query = QUERY.replace("{errors}", if version >= 150_000 { ERRORS } else { "0::bigint" });
        let [away, here, publication] = names;
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&away, Type::TEXT), (&here, Type::TEXT), (&publication, Type::TEXT)];
        // Sent together, answered together.
        let (row, mark) =
            join(session.query_typed_one(&query, &parameters), session.query_typed_one(MARK, &[])).await;
        let row = row.map_err(|error| server.told(&error))?;
        let mark = match mark {
            Ok(row) => row.get(0),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(server.told(&error)),
        };
        let lsn = |column: usize| row.get::<_, Option<&str>>(column).and_then(|text| text.parse().ok());
        let slot =
            row.get::<_, bool>(3).then(|| Slot { active: row.get(4), lost: row.get(5), confirmed: lsn(6) });
        let subscription = row.get::<_, bool>(7).then(|| Subscription {
            enabled: row.get(8),
            working: row.get(9),
            tables: row.get(10),
            copying: row.get(11),
            applied: lsn(12),
            errors: row.get(13),
        });
        let position = lsn(0).unwrap_or(Lsn(0));
        Ok(Self { slot, subscription, published: row.get(2), position, now: row.get(1), mark })
    }
}
