//! What a side says of itself: whether it is frozen, and what it got.

use jiff::Timestamp;
use switchover::model::RunId;
use switchover::port::{Access, Copied, DataError};
use tokio_postgres::error::SqlState;

use crate::connect::{Server, Session};

/// A freeze without an end.
pub(crate) const LASTING: i64 = i64::MAX;

/// The register of a side that is open.
const OPEN: i64 = 1;

/// What a side says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who froze it, or is about to.
    pub run: Option<String>,
    /// Whether that run was told that it is frozen.
    pub held: bool,
    /// Whether clients could write since its data was last known to be equal to the other side's.
    pub opened: bool,
    /// What it got by its latest sync.
    pub copied: Option<Copied>,
    /// What it gave away by a final sync, as the stream wrote it.
    pub handed: Option<String>,
    /// Until when clients are refused, in microseconds since 1970.
    until: i64,
    /// The server's time.
    now: i64,
    /// Whether the freeze came with the data of a server that was frozen together with its replicas, of which this was one.
    inherited: bool,
    /// Which version of the freeze's parts is installed.
    pub(crate) version: Option<String>,
}

/// The timeline by way of JSON: what an older version installed has no such column.
const QUERY: &str = "SELECT s.run, s.held, s.opened, s.copied, s.handed, r.last_value, \
    (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint, \
    pg_catalog.obj_description('switchover'::pg_catalog.regnamespace, 'pg_namespace'), \
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN false ELSE coalesce(pg_catalog.to_jsonb(s) ->> 'timeline' <> \
      pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8), false) END \
    FROM switchover.state s, switchover.register r";

impl Seen {
    fn blank() -> Self {
        Self {
            run: None,
            held: false,
            opened: true,
            copied: None,
            handed: None,
            until: OPEN,
            now: 0,
            inherited: false,
            version: None,
        }
    }

    /// Reads it; a database that was never frozen says that it is open.
    pub async fn read(server: &Server, session: &Session) -> Result<Self, DataError> {
        let row = match session.query_typed_opt(QUERY, &[]).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Self::blank()),
            Err(error) if is_missing(&error) => return Ok(Self::blank()),
            Err(error) => return Err(server.told(&error)),
        };
        let copied: Option<String> = row.get(3);
        let copied = copied.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
            server.failed(format!("switchover.state holds a copy's description that cannot be read: {error}"))
        })?;
        Ok(Self {
            run: row.get(0),
            held: row.get(1),
            opened: row.get(2),
            copied,
            handed: row.get(4),
            until: row.get(5),
            now: row.get(6),
            version: row.get(7),
            inherited: row.get(8),
        })
    }

    /// Whether clients are refused right now, and somebody was told so.
    pub fn is_frozen(&self) -> bool {
        (self.held && self.until > self.now) || self.is_inherited()
    }

    /// Whether a replica was promoted of a server that was frozen together with its replicas: it is frozen until it is thawed.
    fn is_inherited(&self) -> bool {
        self.inherited && self.until != OPEN
    }

    /// Whether clients are refused right now, without an end.
    pub fn is_lasting(&self) -> bool {
        (self.held && self.until == LASTING) || self.is_inherited()
    }

    /// Whether clients may have written since the data was last known to be equal to the other side's.
    pub fn has_opened(&self) -> bool {
        self.opened || (self.until <= self.now && !self.is_inherited())
    }

    /// Whether clients can write.
    pub fn access(&self) -> Access {
        if self.until == OPEN {
            return Access::Writable;
        }
        let name = self.run.as_deref().unwrap_or("unknown");
        // What stands there was a run's id when it was written; whatever else somebody wrote is shown as unknown.
        let by = RunId::new(name).or_else(|_| RunId::new("unknown"));
        let (Ok(by), at) = (by, moment(self.until)) else { return Access::Writable };
        if self.until > self.now || self.is_inherited() {
            let lasts = self.until == LASTING || self.is_inherited();
            let until = at.filter(|_| !lasts);
            return Access::Frozen { by, until };
        }
        at.map_or(Access::Writable, |at| Access::Lapsed { by, at })
    }

    /// When the freeze ran out, if it did.
    pub(crate) fn lapsed(&self) -> Option<Timestamp> {
        (self.until != OPEN && self.until <= self.now && !self.is_inherited())
            .then(|| moment(self.until))
            .flatten()
    }
}

/// Microseconds since 1970 as a moment.
pub(crate) fn moment(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros).ok()
}

/// Whether something that a statement names does not exist (42P01, 3F000, 42883).
pub(crate) fn is_missing(error: &tokio_postgres::Error) -> bool {
    let missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME, SqlState::UNDEFINED_FUNCTION];
    error.code().is_some_and(|code| missing.contains(code))
}
