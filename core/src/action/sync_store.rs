//! Bring a store's data from production to the stand-by.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{self, Either};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::perform::{doubling, milliseconds};
use super::store::{IN_FLIGHT, failed, find, inspect, run_out, side};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{BackupKey, Direction, Manifest, StoreRef, Verification};
use crate::port::{Access, Copied, DataError, Inspection, SyncOrder, SyncPurpose, Synced};

/// A sync of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncStore {
    /// The store.
    pub store: StoreRef,
    /// From the side that is production by then, to the other one.
    pub direction: Direction,
    /// What for.
    pub purpose: SyncPurpose,
    /// The key of the backup; `None`: the minute in which the run began, in UTC, or the first one after it under which there is no backup
    /// but this run's own.
    pub key: Option<BackupKey>,
    /// How to compare afterwards.
    pub verify: Verification,
    /// Whether the stand-by's data may be lost even where it holds what production does not.
    pub overwrite: bool,
    /// How long it may take, in milliseconds.
    pub deadline_ms: u64,
}

#[derive(Debug)]
pub(super) struct Syncing<'a> {
    action: &'a SyncStore,
    synced: Option<Synced>,
}

impl<'a> Syncing<'a> {
    pub(super) fn new(action: &'a SyncStore) -> Self {
        Self { action, synced: None }
    }

    /// Two runs in one minute would give two backups one key, and the second would restore what the first had made.
    async fn key(&self, context: &Context<'_>) -> Result<BackupKey, DataError> {
        if let Some(key) = &self.action.key {
            return Ok(key.clone());
        }
        let mut minute = context.began;
        loop {
            let key = BackupKey::by_hand(&minute.to_zoned(TimeZone::UTC));
            let Some(backups) = context.ports.backups.get(&self.action.store) else { return Ok(key) };
            let found = backups.find(&key).await?.and_then(|backup| backup.manifest);
            match (found, minute.checked_add(SignedDuration::from_mins(1))) {
                (Some(of), Ok(next)) if !self.is_of_this_run(&of, context) => minute = next,
                _ => return Ok(key),
            }
        }
    }

    fn is_of_this_run(&self, backup: &Manifest, context: &Context<'_>) -> bool {
        backup.source == *self.action.direction.from() && backup.finished > context.began
    }

    fn order(&self, context: &Context<'_>, key: BackupKey) -> SyncOrder {
        let action = self.action;
        SyncOrder {
            direction: action.direction.clone(),
            purpose: action.purpose,
            run: context.run.clone(),
            key,
            verify: action.verify,
            overwrite: action.overwrite,
            deadline: Duration::from_millis(action.deadline_ms),
        }
    }

    fn sight(&self, context: &Context<'_>, inspection: &Inspection) -> Result<Look, Look> {
        let action = self.action;
        if action.purpose == SyncPurpose::Rehearsal {
            return Ok(match &self.synced {
                Some(synced) => Look::Done(vec![Fact::Synced(Box::new(synced.clone()))]),
                None => Look::Ready { partial: false },
            });
        }
        let source = side(inspection, &action.store, action.direction.from())?;
        let target = side(inspection, &action.store, action.direction.to())?;
        if self.arrived(context, inspection, target.copied.as_ref()) {
            return Ok(Look::Done(vec![self.fact(target.copied.as_ref())]));
        }
        if let Some(synced) = &self.synced {
            // To wait for it would be to wait for the deadline.
            let why = format!(
                "{}: the sync ended well ({}), and the stand-by does not show it",
                target.place, synced.copied.as_of
            );
            return Ok(Look::NotReady { why, partial: true });
        }
        let frozen = matches!(&source.access, Access::Frozen { by, .. } if by == context.run);
        if action.purpose == SyncPurpose::Final && !frozen {
            let why = format!("{}: the source of the last sync is not frozen by this run", source.place);
            return Ok(Look::NotReady { why, partial: false });
        }
        Ok(Look::Ready { partial: false })
    }

    /// What was synced: as this process did it, or as it stands beside the data where another process did.
    fn fact(&self, copied: Option<&Copied>) -> Fact {
        match (&self.synced, copied) {
            (Some(synced), _) => Fact::Synced(Box::new(synced.clone())),
            (None, Some(copied)) => Fact::Synced(Box::new(Synced::found(copied.clone()))),
            (None, None) => Fact::AlreadyDone,
        }
    }

    /// Whether the stand-by holds what this step shall bring, by what stands beside the data itself.
    fn arrived(&self, context: &Context<'_>, inspection: &Inspection, copied: Option<&Copied>) -> bool {
        let (run, from) = (context.run, self.action.direction.from());
        // What an earlier stage of this run brought is no reason to bring nothing now: days may lie between the two.
        let now = |copied: &Copied| {
            self.action.purpose == SyncPurpose::Final
                || self.synced.is_some()
                || copied.as_of >= context.anchor
        };
        let flows = inspection.stream.as_ref().is_none_or(|stream| stream.running && stream.from == *from);
        let copied = copied.is_some_and(|copied| {
            copied.run == *run
                && copied.from == *from
                && now(copied)
                // How it was compared is told and not asked for: a file system that replicates itself compares nothing.
                && (copied.complete || self.action.purpose != SyncPurpose::Final)
        });
        copied && (flows || self.action.purpose == SyncPurpose::Final)
    }
}

#[async_trait]
impl Perform for Syncing<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let inspection = match inspect(context, &self.action.store).await {
            Ok(inspection) => inspection,
            Err(look) => return look,
        };
        match self.sight(context, &inspection) {
            Ok(look) | Err(look) => look,
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Acted::Refused(why),
        };
        let order = match self.key(context).await {
            Ok(key) => self.order(context, key),
            Err(error) => return failed(&error),
        };
        let clock = &context.ports.clock;
        let began = clock.monotonic();
        let stopped = run_out(context, order.deadline);
        let work = found.sync(&order, &*context.overseer);
        match future::select(work, std::pin::pin!(stopped)).await {
            Either::Left((Ok(synced), _)) => {
                let took_ms = milliseconds(clock.monotonic().saturating_sub(began));
                self.synced = Some(Synced { took_ms, ..synced });
                Acted::Accepted(Vec::new())
            }
            Either::Left((Err(error), _)) => failed(&error),
            // Dropped with all that it had begun; a later sync clears away what it left.
            Either::Right((_, _)) if context.stop.is_stopped() => {
                Acted::Later("stopped by its operator".to_owned())
            }
            Either::Right((why, _)) => Acted::Refused(format!("{}: {why}", self.action.store)),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(250), Duration::from_secs(30), looks)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        IN_FLIGHT
    }
}
