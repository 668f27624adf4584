//! Watches that nothing moves.

use std::time::Duration;

use switchover::port::DataError;
use tokio::time::{Instant, sleep};
use tokio_postgres::types::Type;

use crate::connect::{Server, Session};

/// Over which time nothing may move.
const STRETCH: Duration = Duration::from_millis(300);
/// The same where rows are counted: sessions report their counts once a second at most
/// (<https://www.postgresql.org/docs/current/monitoring-stats.html>).
const COUNTED: Duration = Duration::from_millis(1500);
const SAMPLE: Duration = Duration::from_millis(50);

/// What stood still.
pub(super) struct Still {
    /// The WAL position, if it was that.
    pub(super) position: Option<String>,
    /// For how long.
    pub(super) time: Duration,
    /// In words.
    pub(super) what: &'static str,
}

struct Sample {
    position: String,
    /// Rows that were ever changed in this database's own tables.
    changed: i64,
    /// Whoever holds a transaction id and a lock for writing.
    writer: Option<String>,
    /// Whether a subscription of this database applies changes, which are counted like a client's.
    applies: bool,
}

const QUERY: &str = "SELECT pg_catalog.pg_current_wal_insert_lsn()::text, \
    (SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_catalog.pg_stat_user_tables WHERE schemaname <> 'switchover'), \
    (SELECT pg_catalog.format('%s (%s, process %s)', a.usename, a.application_name, a.pid) FROM pg_catalog.pg_stat_activity a \
      WHERE a.datname = pg_catalog.current_database() AND a.backend_xid IS NOT NULL AND a.usename IS DISTINCT FROM $1 \
        AND a.backend_type !~ '^(autovacuum|logical replication|walsender)' \
        AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation' AND l.granted \
          AND l.mode = 'RowExclusiveLock') LIMIT 1), \
    EXISTS (SELECT FROM pg_catalog.pg_stat_subscription WHERE pid IS NOT NULL)";

async fn sample(server: &Server, session: &Session) -> Result<Sample, DataError> {
    let admin = &server.admin_login().user;
    let row =
        session.query_typed_one(QUERY, &[(admin, Type::TEXT)]).await.map_err(|error| server.told(&error))?;
    Ok(Sample { position: row.get(0), changed: row.get(1), writer: row.get(2), applies: row.get(3) })
}

/// Waits for a stretch in which the WAL's position does not move. Where others move it (another database, the stream, a row that is locked for
/// reading), a stretch in which nobody who writes is seen in this database and no row of it is counted as changed.
pub(super) async fn still(server: &Server, session: &Session, within: Duration) -> Result<Still, DataError> {
    let begun = Instant::now();
    loop {
        let from = Instant::now();
        let first = sample(server, session).await?;
        let mut seen = first.writer.clone();
        while from.elapsed() < STRETCH {
            sleep(SAMPLE).await;
            seen = seen.or(sample(server, session).await?.writer);
        }
        let mut last = sample(server, session).await?;
        if last.position == first.position {
            return Ok(Still {
                position: Some(first.position),
                time: from.elapsed(),
                what: "the WAL position",
            });
        }
        while from.elapsed() < COUNTED && seen.is_none() {
            sleep(SAMPLE).await;
            last = sample(server, session).await?;
            seen = last.writer.clone();
        }
        if seen.is_none() && (last.changed == first.changed || last.applies) {
            return Ok(Still { position: None, time: from.elapsed(), what: "the rows of this database" });
        }
        if begun.elapsed() > within {
            let why = match seen {
                Some(who) => format!("{who} is writing"),
                None => {
                    format!("{} rows were changed within {:?}", last.changed - first.changed, from.elapsed())
                }
            };
            return Err(DataError::NotFrozen { place: server.place().to_owned(), why });
        }
    }
}
