//! A sync while production goes on: set the stream up, turn it round, or see that it flows.

use serde::{Deserialize, Serialize};
use switchover::model::{RunId, SideName, Verification};
use switchover::port::{Advance, Copied, DataError, Overseer, SyncPurpose, Synced, Unit};
use tokio_postgres::types::Type;

use super::marks::{Halves, Mark};
use super::work::Work;
use super::{sequences, views};
use crate::freeze::{Seen, moment};
use crate::schema::Tools;
use crate::tables::Content;

/// What a final sync writes on the side that gave its data away: the other side has everything, and keeps what comes from this moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handed {
    /// To whom.
    pub(super) to: SideName,
    /// By which run.
    pub(super) run: RunId,
    /// Where the slot on the other side begins.
    pub(super) slot: String,
}

impl Handed {
    pub(super) fn of(seen: &Seen) -> Option<Self> {
        seen.handed.as_deref().and_then(|text| serde_json::from_str(text).ok())
    }
}

/// What has to be done so that data flows from the source to the stand-by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The stream is there: let it go on.
    Resume {
        /// Whether it is running already.
        enabled: bool,
    },
    /// The other side kept everything since the roles were swapped: begin there, without a copy.
    Turn,
    /// Copy everything.
    Build(Because),
}

/// What was done to let data flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flow {
    /// It flows; notes for a person.
    Flows(Vec<String>),
    /// Another database has taken the stand-by's place, holds everything, and data flows into it; a note for a person.
    Copied(Copied, String),
}

/// Why everything has to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// There never was a stream, or what there was never came to its end.
    New,
    /// The stand-by's data may go, and was told to.
    Overwrite,
    /// The source no longer keeps what the stand-by needs.
    Lost,
}

/// Decides. The stand-by's data may go wherever this says that it has to be copied.
///
/// | subscription at the stand-by | slot at the source | stand-by | way |
/// | -- | -- | -- | -- |
/// | any | any | opened, may be overwritten | build |
/// | yes | yes, not lost | not opened | resume |
/// | yes | no, or lost | not opened | build |
/// | no | where the stand-by handed over, not lost | not opened since | turn |
/// | no | any other | not opened, or holds nothing | build |
pub(super) fn way(halves: &Halves, standby: &Seen, source_name: &SideName) -> Way {
    let slot = halves.from.slot.as_ref();
    let usable = slot.is_some_and(|slot| !slot.lost);
    if standby.has_opened() {
        let known = standby.copied.is_some() || standby.handed.is_some();
        return Way::Build(if known { Because::Overwrite } else { Because::New });
    }
    if let Some(subscription) = &halves.to.subscription {
        return if usable {
            Way::Resume { enabled: subscription.enabled }
        } else {
            Way::Build(Because::Lost)
        };
    }
    let begins = slot.and_then(|slot| slot.confirmed).map(|lsn| lsn.to_string());
    match Handed::of(standby) {
        Some(handed) if handed.to == *source_name && usable && begins.as_ref() == Some(&handed.slot) => {
            Way::Turn
        }
        Some(_) => Way::Build(Because::Lost),
        None if standby.copied.is_some() => Way::Build(Because::Lost),
        None => Way::Build(Because::New),
    }
}

impl Work<'_> {
    /// Refuses a stand-by that holds what production does not.
    pub(super) async fn refuse_diverged(&self, standby: &Seen, content: &Content) -> Result<(), DataError> {
        if !standby.has_opened() || self.order.overwrite {
            return Ok(());
        }
        let (server, session) = self.to();
        let why = if standby.copied.is_some() || standby.handed.is_some() {
            "clients could write here since the latest sync, and may have written what production does not hold".to_owned()
        } else {
            match content.first_filled(server, session).await? {
                None => return Ok(()),
                Some(table) => format!("it was never synced, and holds rows in {table}"),
            }
        };
        Err(DataError::Guarded {
            place: server.place().to_owned(),
            why,
            advice: Some("keep what is needed of it elsewhere, then order the sync to overwrite".to_owned()),
        })
    }

    /// Sees that data flows from the source to the stand-by; what it did, in words.
    pub(super) async fn flow(
        &self,
        tools: &Tools<'_>,
        standby: &Seen,
        overseer: &dyn Overseer,
    ) -> Result<Flow, DataError> {
        overseer.permit().await?;
        let (source, own) = self.contents().await?;
        self.refuse_unfit(&source)?;
        let halves = self.halves().await?;
        let way = way(&halves, standby, self.order.direction.from());
        let filled = self.must_go(way, &source, &own).await?;
        self.freeze_standby(standby, overseer).await?;
        overseer.permit().await?;
        self.drop_reverse(&halves).await?;
        match way {
            Way::Build(because) if filled => {
                let copied = self.rebuild(tools, overseer).await?;
                Ok(Flow::Copied(copied, because.note().to_owned()))
            }
            Way::Build(because) => {
                self.build(tools, overseer).await?;
                Ok(Flow::Flows(vec![because.note().to_owned()]))
            }
            Way::Turn => {
                self.refuse_different(&source, &own)?;
                self.publish(self.from(), &source).await?;
                self.subscribe(false).await?;
                Ok(Flow::Flows(vec!["the stream was turned round".to_owned()]))
            }
            Way::Resume { enabled } => {
                self.refuse_different(&source, &own)?;
                let changed = self.publish(self.from(), &source).await?;
                let partitions = i64::try_from(source.streamed().count() + 1).unwrap_or(i64::MAX);
                let tables = halves.to.subscription.as_ref().map_or(0, |subscription| subscription.tables);
                self.resume(enabled, changed || tables != partitions).await?;
                Ok(Flow::Flows(vec![]))
            }
        }
    }

    /// Whether the stand-by holds rows that must go. A final sync copies everything only where there is nothing yet: else it would take hours
    /// where seconds were planned.
    async fn must_go(&self, way: Way, source: &Content, own: &Content) -> Result<bool, DataError> {
        let Way::Build(because) = way else { return Ok(false) };
        self.refuse_empty(source, own).await?;
        let filled = own.first_filled(self.standby.server, &self.standby.session).await?;
        match (self.order.purpose, because, filled) {
            (SyncPurpose::Final, Because::Lost, _) => Err(self.slot_lost()),
            (SyncPurpose::Final, Because::New | Because::Overwrite, Some(table)) => {
                Err(self.standby.server.unfit(
                    format!("everything would have to be copied anew over what it holds ({table} has rows)"),
                    "thaw production, and run a routine sync that may overwrite first",
                ))
            }
            (SyncPurpose::Final | SyncPurpose::Routine | SyncPurpose::Rehearsal, _, filled) => {
                Ok(filled.is_some())
            }
        }
    }

    /// Drops what leads from the stand-by to the source. The subscription first: a slot that somebody needs is never made anew.
    pub(super) async fn drop_reverse(&self, halves: &Halves) -> Result<(), DataError> {
        let reverse = self.reverse();
        if halves.from.subscription.is_some() {
            self.drop_subscription(self.from(), &reverse).await?;
        }
        if halves.to.slot.is_some() {
            self.drop_slot(self.to(), &reverse).await?;
        }
        Ok(())
    }

    /// A routine sync.
    pub(super) async fn routine(
        &self,
        tools: &Tools<'_>,
        gap: u32,
        overseer: &dyn Overseer,
    ) -> Result<Synced, DataError> {
        let (_, standby) = self.seen().await?;
        let own = Content::read(self.standby.server, &self.standby.session).await?;
        self.refuse_diverged(&standby, &own).await?;
        let mut notes = match self.flow(tools, &standby, overseer).await? {
            Flow::Flows(notes) => notes,
            Flow::Copied(copied, note) => return Ok(self.synced(copied, 0, vec![note])),
        };
        let mark = self.mark().await?;
        self.await_mark(&mark, overseer).await?;
        overseer.permit().await?;
        // Should production be lost, the stand-by has those of this moment.
        sequences::carry(self.from(), self.to(), gap).await?;
        notes.extend(views::refresh(self.to()).await?);
        let copied = self.copied(&mark, Verification::None, false);
        self.write_copied(&copied).await?;
        if self.order.verify != Verification::None {
            notes.push("not compared: production goes on writing while data streams".to_owned());
        }
        Ok(self.synced(copied, 0, notes))
    }

    /// What a routine sync would do.
    pub(super) async fn rehearse(&self, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let (_, standby) = self.seen().await?;
        let ((source, own), halves) = futures_util::future::try_join(self.contents(), self.halves()).await?;
        self.refuse_diverged(&standby, &own).await?;
        self.refuse_unfit(&source)?;
        if !own.tables.is_empty() {
            self.refuse_different(&source, &own)?;
        }
        overseer.advance(&Advance { phase: "comparing".into(), done: 1, total: Some(1), unit: Unit::Parts });
        let note = match way(&halves, &standby, self.order.direction.from()) {
            Way::Resume { enabled: true } => "the stream flows",
            Way::Resume { enabled: false } => "the stream would be started again",
            Way::Turn => "the stream would be turned round",
            Way::Build(because) => because.note(),
        };
        let mark = Mark::now(&halves);
        let copied = self.copied(&mark, Verification::None, false);
        Ok(self.synced(copied, 0, vec![note.to_owned()]))
    }

    pub(super) fn synced(&self, copied: Copied, items: u64, notes: Vec<String>) -> Synced {
        let took_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Synced { copied, bytes: 0, items, deleted: 0, took_ms, notes }
    }

    pub(super) fn copied(&self, mark: &Mark, verified: Verification, complete: bool) -> Copied {
        Copied {
            from: self.order.direction.from().clone(),
            run: self.order.run.clone(),
            key: self.order.key.clone(),
            as_of: moment(mark.moment).unwrap_or_default(),
            verified,
            complete,
            position: Some(mark.position.to_string()),
        }
    }

    /// Says on the stand-by what it got. Committed with everything before it on disk.
    pub(super) async fn write_copied(&self, copied: &Copied) -> Result<(), DataError> {
        let (server, session) = self.to();
        let text = serde_json::to_string(copied).map_err(|error| server.failed(error.to_string()))?;
        session
            .query_typed(
                "UPDATE switchover.state SET copied = $1, handed = NULL, opened = false",
                &[(&text, Type::TEXT)],
            )
            .await
            .map(drop)
            .map_err(|error| server.told(&error))
    }
}

impl Because {
    fn note(self) -> &'static str {
        match self {
            Self::New => "everything is copied for the first time",
            Self::Overwrite => "everything is copied anew over what the stand-by held",
            Self::Lost => {
                "everything is copied anew: the source no longer keeps what the stand-by still needed"
            }
        }
    }
}
