//! The final sync: production is frozen, the stand-by gets the rest, and the way back is prepared.
//!
//! | after a crash behind | the next final sync of the run | a routine sync after a thaw (abort) |
//! | -- | -- | -- |
//! | nothing yet | does it all | resumes |
//! | the mark | makes another one | resumes |
//! | the sequences | sets them to the same | resumes; sequences are set again next time |
//! | the stream was paused | lets it go on, and pauses it again | lets it go on |
//! | the slot for the way back was made | drops it once the stream has paused again, makes it anew | drops it, lets the stream go on |
//! | `copied` was written | the same | drops it, lets the stream go on; `copied` is written anew |
//! | `handed` was written | finds everything done | `handed` is void since the thaw; the same |

use switchover::model::Verification;
use switchover::port::{DataError, Overseer, Synced};
use tokio_postgres::types::Type;

use super::routine::{Flow, Handed};
use super::sequences;
use super::work::Work;
use crate::freeze::Seen;
use crate::schema::Tools;
use crate::tables::Content;
use crate::verify;

/// How many bytes of tables a final sync counts the rows of: seconds even on a slow disk.
const COUNTED: i64 = 64 << 20;

impl Work<'_> {
    /// A final sync.
    pub(super) async fn finish(
        &self,
        tools: &Tools<'_>,
        gap: u32,
        overseer: &dyn Overseer,
    ) -> Result<Synced, DataError> {
        let (source, standby) = self.seen().await?;
        if let Some(copied) = self.finished_before(&source, &standby).await? {
            return Ok(copied);
        }
        let own = Content::read(self.standby.server, &self.standby.session).await?;
        self.refuse_diverged(&standby, &own).await?;
        self.refuse_open(&source, None)?;
        let notes = match self.flow(tools, &standby, overseer).await? {
            Flow::Flows(notes) => notes,
            Flow::Copied(copied, note) => return Ok(self.synced(copied, 0, vec![note])),
        };
        let mark = self.mark().await?;
        self.await_mark(&mark, overseer).await?;
        let carried = sequences::carry(self.from(), self.to(), gap);
        let content = Content::read(self.source.server, &self.source.session);
        let (_, content) = futures_util::future::try_join(carried, content).await?;
        let (items, verified, note) = self.compared(&content).await?;
        let notes = notes.into_iter().chain(note).collect();
        overseer.permit().await?;
        let slot = self.prepare_way_back().await?;
        let now = Seen::read(self.source.server, &self.source.session).await?;
        self.refuse_open(&now, Some(&source))?;
        let copied = self.copied(&mark, verified, true);
        overseer.permit().await?;
        self.write_copied(&copied).await?;
        self.write_handed(&source, slot).await?;
        Ok(self.synced(copied, items, notes))
    }

    /// The same run's final sync, if nothing has changed since.
    async fn finished_before(&self, source: &Seen, standby: &Seen) -> Result<Option<Synced>, DataError> {
        let (Some(handed), Some(copied)) = (Handed::of(source), &standby.copied) else { return Ok(None) };
        let same = handed.run == self.order.run && copied.run == self.order.run && copied.complete;
        if !same
            || (self.order.verify == Verification::Content && copied.verified != Verification::Content)
            || source.has_opened()
            || standby.has_opened()
            || !standby.is_lasting()
        {
            return Ok(None);
        }
        let halves = self.halves().await?;
        let begins = halves.to.slot.filter(|slot| !slot.lost).and_then(|slot| slot.confirmed);
        if begins.map(|lsn| lsn.to_string()).as_ref() != Some(&handed.slot) {
            return Ok(None);
        }
        let notes = vec!["this run's final sync was done before".to_owned()];
        Ok(Some(self.synced(copied.clone(), 0, notes)))
    }

    /// The source must be frozen, and by the same hold as `before`: a lease that ran out is never renewed.
    fn refuse_open(&self, source: &Seen, before: Option<&Seen>) -> Result<(), DataError> {
        let place = self.source.server.place().to_owned();
        if let Some(at) = source.lapsed() {
            return Err(DataError::Lapsed { place, at });
        }
        if !source.is_frozen() {
            return Err(DataError::NotFrozen {
                place,
                why: "it is not frozen, so that no copy can be complete".to_owned(),
            });
        }
        if before.is_some_and(|before| before.run != source.run) {
            return Err(DataError::NotFrozen {
                place,
                why: "another run took its freeze over meanwhile".to_owned(),
            });
        }
        Ok(())
    }

    /// Compares; the rows, how it was compared, and a note. That everything arrived is known from the mark. Counting makes sure of it, and must not
    /// keep writes refused for longer the larger a database is: tables that take long are left out, and named.
    async fn compared(&self, content: &Content) -> Result<(u64, Verification, Option<String>), DataError> {
        self.patient().await?;
        let (from, how) = (self.from(), self.order.verify);
        if how != Verification::Counts {
            let items = verify::compare(from, self.to(), content, how).await?;
            return Ok((items, how, None));
        }
        let (small, large) = verify::small_part(from.0, from.1, content, COUNTED).await?;
        let items = verify::compare(from, self.to(), &small, how).await?;
        if large.is_empty() {
            return Ok((items, how, None));
        }
        let large: Vec<String> = large.iter().map(ToString::to_string).collect();
        let note = format!("not counted, so that writes are not refused for longer: {}", large.join(", "));
        Ok((items, Verification::None, Some(note)))
    }

    /// Stops the stream, and lets the stand-by keep whatever clients write there from now on; where that begins.
    async fn prepare_way_back(&self) -> Result<String, DataError> {
        self.pause().await?;
        let to = self.to();
        let content = Content::read(to.0, to.1).await?;
        self.publish(to, &content).await?;
        self.make_slot(to, &self.reverse()).await
    }

    /// Says on the source that it gave everything away. Void as soon as anybody can write there.
    async fn write_handed(&self, source: &Seen, slot: String) -> Result<(), DataError> {
        let (server, session) = self.from();
        let direction = &self.order.direction;
        let handed = Handed { to: direction.to().clone(), run: self.order.run.clone(), slot };
        let text = serde_json::to_string(&handed).map_err(|error| server.failed(error.to_string()))?;
        let statement = "UPDATE switchover.state SET handed = $1, opened = false WHERE held AND run IS NOT DISTINCT FROM $2 \
            AND (SELECT last_value FROM switchover.register) > switchover.micros() RETURNING true";
        let rows = session
            .query_typed(statement, &[(&text, Type::TEXT), (&source.run, Type::TEXT)])
            .await
            .map_err(|error| server.told(&error))?;
        if rows.is_empty() {
            let why = "its freeze ended before the sync did".to_owned();
            return Err(DataError::NotFrozen { place: server.place().to_owned(), why });
        }
        Ok(())
    }
}
