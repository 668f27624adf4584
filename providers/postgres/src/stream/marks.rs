//! Marks travel with the stream: whoever sees one knows that everything committed before it is there.

use std::time::Duration;

use switchover::model::Direction;
use switchover::port::{Advance, DataError, Overseer, Unit};
use tokio::time::{Instant, sleep};
use tokio_postgres::types::Type;

use super::look::Half;
use super::work::Work;
use crate::lsn::Lsn;

/// A mark as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    id: String,
    /// The source's time right before it was made, in microseconds since 1970.
    pub(super) moment: i64,
    /// Where the source stood right afterwards.
    pub(super) position: Lsn,
}

/// Older marks go; a deletion of what is not there is no error on the other side. The time is read before the commit: whatever was
/// committed earlier than that is before the mark.
const MAKE: &str = "WITH gone AS (DELETE FROM switchover.mark) \
    INSERT INTO switchover.mark VALUES ($1 || '/' || pg_catalog.gen_random_uuid()::text, switchover.micros()) \
    RETURNING id, moment, pg_catalog.pg_current_wal_insert_lsn()::text";

const ARRIVED: &str = "SELECT EXISTS (SELECT FROM switchover.mark WHERE id = $1)";

const FIRST_POLL: Duration = Duration::from_millis(2);
const LAST_POLL: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(1);
/// How often applying may fail before nobody waits for it any longer.
const ERRORS: i64 = 3;

impl Mark {
    /// A mark that was not made: what one would say.
    pub(super) fn now(halves: &Halves) -> Self {
        Self { id: String::new(), moment: halves.from.now, position: halves.from.position }
    }
}

impl Work<'_> {
    /// Makes a mark at the source.
    pub(super) async fn mark(&self) -> Result<Mark, DataError> {
        let (server, session) = self.from();
        let run = self.order.run.as_str();
        let row = session
            .query_typed_one(MAKE, &[(&run, Type::TEXT)])
            .await
            .map_err(|error| server.told(&error))?;
        let position = row.get::<_, &str>(2).parse().unwrap_or(Lsn(0));
        Ok(Mark { id: row.get(0), moment: row.get(1), position })
    }

    /// Waits until a mark is there, and every table has its first copy.
    pub(super) async fn await_mark(&self, mark: &Mark, overseer: &dyn Overseer) -> Result<(), DataError> {
        self.await_copies(overseer).await?;
        let (server, session) = self.to();
        let before = self.halves().await?;
        let (mut poll, mut looked) = (FIRST_POLL, Instant::now());
        loop {
            let row = session
                .query_typed_one(ARRIVED, &[(&mark.id, Type::TEXT)])
                .await
                .map_err(|error| server.told(&error))?;
            if row.get(0) {
                return Ok(());
            }
            if looked.elapsed() > LOOK {
                let halves = self.halves().await?;
                self.refuse_broken(&before, &halves)?;
                overseer.advance(&behind(&before, &halves, mark.position));
                looked = Instant::now();
            }
            self.refuse_late("the stream has not caught up")?;
            sleep(poll).await;
            poll = (poll * 2).min(LAST_POLL);
        }
    }

    /// Waits until every table has its first copy.
    async fn await_copies(&self, overseer: &dyn Overseer) -> Result<(), DataError> {
        let before = self.halves().await?;
        let mut poll = FIRST_POLL;
        loop {
            let halves = self.halves().await?;
            let subscription = halves.to.subscription.as_ref();
            let (tables, copying) = subscription.map_or((0, 1), |sub| (sub.tables, sub.copying));
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            overseer.advance(&Advance {
                phase: "copying tables".into(),
                done: count(tables - copying),
                total: Some(count(tables)),
                unit: Unit::Parts,
            });
            if copying == 0 {
                return Ok(());
            }
            self.refuse_broken(&before, &halves)?;
            self.refuse_late(&format!("{copying} of {tables} tables are still being copied"))?;
            sleep(poll).await;
            poll = (poll * 2).min(LAST_POLL);
        }
    }

    fn refuse_late(&self, what: &str) -> Result<(), DataError> {
        if self.begun.elapsed() > self.order.deadline {
            return Err(self.to().0.failed(format!("{what} within {:?}", self.order.deadline)));
        }
        Ok(())
    }

    fn refuse_broken(&self, before: &Halves, now: &Halves) -> Result<(), DataError> {
        let (server, _) = self.to();
        if now.from.slot.as_ref().is_none_or(|slot| slot.lost) {
            return Err(self.slot_lost());
        }
        let errors = |halves: &Halves| halves.to.subscription.as_ref().map_or(0, |sub| sub.errors);
        let failed = errors(now) - errors(before);
        if failed >= ERRORS {
            let why = format!(
                "the stream from {} fails again and again ({failed} times just now)",
                self.from().0.place()
            );
            return Err(server.unfit(
                why,
                "the server's log there says why: a row that is in the way, or a login that is refused",
            ));
        }
        Ok(())
    }

    /// The slot does not keep what the stand-by still needs.
    pub(super) fn slot_lost(&self) -> DataError {
        self.from().0.unfit(
            format!("the slot `{}` is lost: what the stand-by still needs is no longer kept", self.stream()),
            "a routine sync copies everything anew; raise max_slot_wal_keep_size if it was reached",
        )
    }
}

fn behind(before: &Halves, now: &Halves, goal: Lsn) -> Advance {
    let applied = |halves: &Halves| {
        let confirmed = halves.from.slot.as_ref().and_then(|slot| slot.confirmed);
        let applied = halves.to.subscription.as_ref().and_then(|sub| sub.applied);
        confirmed.max(applied).unwrap_or(Lsn(0))
    };
    let total = goal.ahead_of(applied(before));
    let done = applied(now).ahead_of(applied(before)).min(total);
    Advance { phase: "catching up".into(), done, total: Some(total), unit: Unit::Bytes }
}

/// Both halves of the stream of an order.
#[derive(Debug, Clone)]
pub(super) struct Halves {
    pub(super) from: Half,
    pub(super) to: Half,
}

impl Work<'_> {
    /// Reads both halves at once.
    pub(super) async fn halves(&self) -> Result<Halves, DataError> {
        let (from, to) = (self.from(), self.to());
        let (forth, back, publication) = (self.stream(), self.reverse(), self.names.publication());
        let (from, to) = futures_util::future::try_join(
            Half::read(from.0, from.1, [&forth, &back, &publication]),
            Half::read(to.0, to.1, [&back, &forth, &publication]),
        )
        .await?;
        Ok(Halves { from, to })
    }

    /// The name of the stream that is ordered.
    pub(super) fn stream(&self) -> String {
        self.names.stream_to(self.direction().to())
    }

    /// The name of the stream that leads the other way.
    pub(super) fn reverse(&self) -> String {
        self.names.stream_to(self.direction().from())
    }

    fn direction(&self) -> &Direction {
        &self.order.direction
    }
}
