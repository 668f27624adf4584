//! One side by itself: looked at, taken over without the other one, and kept under another name.
//!
//! A takeover stops the subscription and leaves it: before the pivot a routine sync may let it go on; a thaw, and the first sync the other
//! way, end it for good.

use async_trait::async_trait;
use switchover::model::{RunId, SideName};
use switchover::port::{
    Access, DataError, FreezeOrder, KeepOrder, Kept, LoneSide, Method, Overseer, Rescue, StoreSide, TakenOver,
};
use tokio::time::{Duration, Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::aside::OFFICE;
use super::look::{Half, Subscription};
use super::{Streaming, sequences};
use crate::connect::{Server, Session};
use crate::facts::Facts;
use crate::freeze::{Seen, moment};
use crate::text::identifier;

/// A server takes 63 bytes of a name.
const LONGEST: usize = 63;
/// How often clients are thrown out before a copy of their database is given up.
const ATTEMPTS: u32 = 20;
/// How long the worker that applies changes may take to stop.
const STOPS: Duration = Duration::from_secs(30);

/// Ends whoever holds the lock of a sync: its run has lost the pair, and may hang on a side that is gone.
const EVICT: &str = "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_locks \
    WHERE locktype = 'advisory' AND granted AND pid <> pg_catalog.pg_backend_pid() \
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
      AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = $1";

const WORKERS: &str = "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_subscription \
    WHERE subname = $1 AND pid IS NOT NULL";

/// What was read of the side.
struct Alone {
    seen: Seen,
    half: Half,
    facts: Facts,
}

impl Alone {
    fn receives(&self) -> bool {
        self.half.subscription.as_ref().is_some_and(|subscription| subscription.enabled)
    }

    /// The newest mark that arrived: everything committed before it is here, unless a table is still being copied.
    fn newest(&self) -> Option<jiff::Timestamp> {
        let copied = self.seen.copied.as_ref().map(|copied| copied.as_of)?;
        let mark = self.half.mark.and_then(moment).filter(|_| self.unfinished().is_none());
        Some(mark.map_or(copied, |mark| mark.max(copied)))
    }

    fn unfinished(&self) -> Option<String> {
        let copying = self.half.subscription.as_ref().map_or(0, |Subscription { copying, .. }| *copying);
        (copying > 0).then(|| format!("{copying} tables are still being copied for the first time"))
    }

    fn side(&self, server: &Server) -> StoreSide {
        let known = self.seen.copied.is_some() || self.seen.handed.is_some();
        StoreSide {
            place: server.place().to_owned(),
            identity: self.facts.identity.clone(),
            access: self.seen.access(),
            copied: self.seen.copied.clone(),
            diverged: known && self.seen.has_opened(),
            bytes: Some(self.facts.bytes),
        }
    }
}

impl Streaming {
    fn other(&self, side: &SideName) -> SideName {
        let mut others = self.sides.iter().map(|(server, _)| server.name()).filter(|name| *name != side);
        others.next().unwrap_or(side).clone()
    }

    async fn read_alone(&self, server: &Server, session: &Session) -> Result<Alone, DataError> {
        let away = self.names.stream_to(&self.other(server.name()));
        let (here, publication) = (self.names.stream_to(server.name()), self.names.publication());
        let seen = Seen::read(server, session).await?;
        let half = Half::read(server, session, [&away, &here, &publication]).await?;
        let facts = Facts::read(server, session).await?;
        Ok(Alone { seen, half, facts })
    }

    /// Stops what leads here, and returns when nothing more is applied.
    async fn stop_receiving(&self, server: &Server, session: &Session) -> Result<(), DataError> {
        let told = |error: tokio_postgres::Error| server.told(&error);
        let name = self.names.stream_to(server.name());
        session.query_typed(EVICT, &[(&self.names.lock(), Type::INT8)]).await.map_err(told)?;
        let stop = format!("ALTER SUBSCRIPTION {} DISABLE", identifier(&name));
        session.batch_execute(&stop).await.map_err(told)?;
        let begun = Instant::now();
        loop {
            let row = session.query_typed_one(WORKERS, &[(&name, Type::TEXT)]).await.map_err(told)?;
            if row.get::<_, i64>(0) == 0 {
                return Ok(());
            }
            if begun.elapsed() > STOPS {
                return Err(server.failed("the worker that applies changes does not stop"));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Copies the database within its server, where no sync writes to it.
    async fn copy_within(
        &self,
        server: &Server,
        name: &str,
        overseer: &dyn Overseer,
    ) -> Result<(), DataError> {
        let office = server.admin_in(OFFICE).await?;
        let told = |error: tokio_postgres::Error| server.told(&error);
        let (quoted, database) = (identifier(name), &server.side().database);
        let whole = server.version(&office).await? >= 150_000;
        let strategy = if whole { " STRATEGY FILE_COPY" } else { "" };
        let create = format!("CREATE DATABASE {quoted} TEMPLATE {}{strategy}", identifier(database));
        let throw_out =
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1";
        office.batch_execute("SET statement_timeout = 0; SET lock_timeout = '15s'").await.map_err(told)?;
        for _ in 0..ATTEMPTS {
            overseer.permit().await?;
            server.forget();
            office.query_typed(throw_out, &[(database, Type::TEXT)]).await.map_err(told)?;
            match office.batch_execute(&create).await {
                Ok(()) => return Ok(()),
                Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => return Ok(()),
                Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {
                    sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(server.told_of_act(&error)),
            }
        }
        Err(server.failed("clients come back to the database faster than it can be copied"))
    }
}

#[async_trait]
impl Rescue for Streaming {
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError> {
        let (server, _) = self.side(side)?;
        let session = server.admin().await?;
        let alone = self.read_alone(server, &session).await?;
        server.keep(session);
        Ok(LoneSide {
            method: Method::Streaming,
            side: alone.side(server),
            newest: alone.newest(),
            receives: alone.receives(),
            unfinished: alone.unfinished(),
        })
    }

    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        let (server, freezer) = self.side(side)?;
        let session = server.admin().await?;
        let before = self.read_alone(server, &session).await?;
        if before.half.subscription.is_some() {
            self.stop_receiving(server, &session).await?;
        }
        let mut notes = Vec::new();
        match before.seen.access() {
            Access::Frozen { by, until: None } if by == *run => {}
            Access::Frozen { .. } | Access::Lapsed { .. } => {
                let moved = sequences::advance(server, &session, self.sequence_gap).await?;
                notes.extend(moved);
                freezer.freeze(&FreezeOrder { by: run.clone(), lease: None }).await?;
            }
            // Its clients were let in before, and hand out their own numbers.
            Access::Writable | Access::Unguarded => {}
        }
        // What arrived until the stream was stopped counts.
        let newest = self.read_alone(server, &session).await?.newest();
        server.keep(session);
        Ok(TakenOver { newest, notes })
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        let (server, _) = self.side(&order.side)?;
        let name = kept_name(&server.side().database, &order.run);
        let session = server.admin().await?;
        let bytes = Facts::read(server, &session).await?.bytes;
        drop(session);
        self.copy_within(server, &name, overseer).await?;
        let beside = server.beside(&name);
        Ok(Kept { place: beside.place().to_owned(), bytes: Some(bytes) })
    }
}

/// The name under which a run keeps a database: `gigadb_diverged_20261121t150207z_3f9a1c`.
fn kept_name(database: &str, run: &RunId) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let ending: String = run.as_str().chars().map(plain).take(40).collect();
    let ending = format!("_diverged_{ending}");
    let mut stem = database.to_owned();
    while stem.len() + ending.len() > LONGEST {
        stem.pop();
    }
    stem + &ending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_what_is_kept_says_what_and_when_and_fits_a_server() {
        let run = RunId::new("20261121T150207Z-3f9a1c").unwrap();
        assert_eq!(kept_name("gigadb", &run), "gigadb_diverged_20261121t150207z_3f9a1c");
        assert!(kept_name(&"ü".repeat(31), &run).len() <= LONGEST);
    }
}
