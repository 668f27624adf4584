//! Keep what a side holds before anything is written over it.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::store::{IN_FLIGHT, failed, find, is_fenced, unseen};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{SideName, StoreRef};
use crate::port::{KeepOrder, Kept, LoneSide, within};

/// What one side of a store holds, to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepData {
    /// The store.
    pub store: StoreRef,
    /// The side, which must be frozen for good.
    pub side: SideName,
    /// How long it may take, in milliseconds.
    pub deadline_ms: u64,
}

#[derive(Debug)]
pub(super) struct Keeping<'a> {
    action: &'a KeepData,
    kept: Option<Kept>,
}

impl<'a> Keeping<'a> {
    pub(super) fn new(action: &'a KeepData) -> Self {
        Self { action, kept: None }
    }

    fn sight(&self, seen: &LoneSide) -> Look {
        if let Some(kept) = &self.kept {
            let fact =
                Fact::Kept { side: self.action.side.clone(), place: kept.place.clone(), bytes: kept.bytes };
            return Look::Done(vec![fact]);
        }
        if !is_fenced(&seen.side.access) {
            let why =
                format!("{}: it is not frozen for good, so what it holds may still change", seen.side.place);
            return Look::NotReady { why, partial: false };
        }
        Look::Ready { partial: false }
    }
}

#[async_trait]
impl Perform for Keeping<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Look::Refused(why),
        };
        match found.look(&self.action.side).await {
            Ok(seen) => self.sight(&seen),
            Err(error) => unseen(&error),
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Acted::Refused(why),
        };
        let deadline = Duration::from_millis(self.action.deadline_ms);
        let (side, run, began) = (self.action.side.clone(), context.run.clone(), context.began);
        let order = KeepOrder { side, run, began, deadline };
        match within(&*context.ports.clock, deadline, found.keep(&order, &*context.overseer)).await {
            Some(Ok(kept)) => {
                self.kept = Some(kept);
                Acted::Accepted(Vec::new())
            }
            Some(Err(error)) => failed(&error),
            None => Acted::Refused(format!("{}: not done after {} s", self.action.store, deadline.as_secs())),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(250), Duration::from_secs(5), looks)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        IN_FLIGHT
    }
}
