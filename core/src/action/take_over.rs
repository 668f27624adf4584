//! Make the stand-by's copy of a store one that stands alone, without asking the side that is lost.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::store::{IN_FLIGHT, failed, find, unseen};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{RunId, SideName, StoreRef};
use crate::port::{Access, LoneSide, TakenOver};

/// A takeover of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeOver {
    /// The store.
    pub store: StoreRef,
    /// The side that takes it over.
    pub side: SideName,
    /// The moment up to which that side held everything when the plan was made: what was written later may be lost.
    pub as_of: Timestamp,
    /// How much time's writes somebody accepted to lose, in milliseconds.
    pub accepted_ms: u64,
}

#[derive(Debug)]
pub(super) struct TakingOver<'a> {
    action: &'a TakeOver,
    taken: Option<TakenOver>,
}

impl<'a> TakingOver<'a> {
    pub(super) fn new(action: &'a TakeOver) -> Self {
        Self { action, taken: None }
    }

    fn fact(&self, seen: &LoneSide) -> Fact {
        let (newest, notes) = match &self.taken {
            Some(taken) => (taken.newest, taken.notes.clone()),
            None => (seen.newest, Vec::new()),
        };
        // What the journal knows of it may be newer than what stands beside the data.
        let as_of = newest.map_or(self.action.as_of, |newest| newest.max(self.action.as_of));
        Fact::TakenOver { side: self.action.side.clone(), as_of, notes }
    }

    fn sight(&self, run: &RunId, seen: &LoneSide) -> Look {
        // A replica receives until it is thawed: there the answer to the call has to do.
        let alone = !seen.receives || self.taken.is_some();
        let done = match &seen.side.access {
            Access::Frozen { by, .. } => alone && (by == run || self.taken.is_some()),
            Access::Writable | Access::Unguarded => alone,
            Access::Lapsed { .. } => false,
        };
        if done { Look::Done(vec![self.fact(seen)]) } else { Look::Ready { partial: false } }
    }
}

#[async_trait]
impl Perform for TakingOver<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Look::Refused(why),
        };
        match found.look(&self.action.side).await {
            Ok(seen) => self.sight(context.run, &seen),
            Err(error) => unseen(&error),
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Acted::Refused(why),
        };
        match found.take_over(&self.action.side, context.run).await {
            Ok(taken) => {
                self.taken = Some(taken);
                Acted::Accepted(Vec::new())
            }
            Err(error) => failed(&error),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(100), Duration::from_secs(2), looks)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        IN_FLIGHT
    }
}
