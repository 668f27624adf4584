//! Refuse every write to a store on one side, and prove it.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::store::{IN_FLIGHT, failed, find, inspect, side, without_renewals};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{SideName, StoreRef};
use crate::port::{Access, DataError, FreezeOrder, StoreSide};

/// A freeze of one side of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeStore {
    /// The store.
    pub store: StoreRef,
    /// The side.
    pub side: SideName,
    /// After how long without being renewed it ends by itself, in milliseconds; `None` for a fence, which lasts until somebody thaws it.
    pub lease_ms: Option<u64>,
    /// Whether it counts only once writes were tried and refused. A fence that follows such a freeze of the same run needs no other proof: it is
    /// refused if anything could have been written in between.
    pub prove: bool,
}

impl FreezeStore {
    /// After how long without being renewed it ends by itself.
    pub fn lease(&self) -> Option<Duration> {
        self.lease_ms.map(Duration::from_millis)
    }
}

#[derive(Debug)]
pub(super) struct Freezing<'a> {
    action: &'a FreezeStore,
}

/// How the side reads.
enum Reading {
    AsWanted,
    Otherwise,
    RanOut(String),
    Unguarded,
}

impl<'a> Freezing<'a> {
    pub(super) fn new(action: &'a FreezeStore) -> Self {
        Self { action }
    }

    fn reading(&self, context: &Context<'_>, seen: &StoreSide) -> Reading {
        let fence = self.action.lease_ms.is_none();
        match &seen.access {
            Access::Frozen { by, until } if by == context.run && (!fence || until.is_none()) => {
                Reading::AsWanted
            }
            Access::Lapsed { by, at } if by == context.run => Reading::RanOut(format!(
                "{}: the freeze ran out at {at}, and writes may have arrived since",
                seen.place
            )),
            Access::Frozen { .. } | Access::Writable | Access::Lapsed { .. } => Reading::Otherwise,
            Access::Unguarded => Reading::Unguarded,
        }
    }

    /// A freeze counts when writes were tried and refused, and not because a call returned.
    async fn prove(&self, context: &Context<'_>) -> Look {
        let FreezeStore { store, side, .. } = self.action;
        let found = match find(context, store) {
            Ok(found) => found,
            Err(why) => return Look::Refused(why),
        };
        match found.prove_frozen(side).await {
            Ok(proof) => Look::Done(vec![Fact::Frozen { side: side.clone(), proof }]),
            Err(error @ (DataError::Unreachable { .. } | DataError::Unknown { .. })) => {
                Look::Unseen(error.to_string())
            }
            Err(error) => Look::NotReady { why: error.to_string(), partial: true },
        }
    }
}

#[async_trait]
impl Perform for Freezing<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let inspection = match inspect(context, &self.action.store).await {
            Ok(inspection) => inspection,
            Err(look) => return look,
        };
        let seen = match side(&inspection, &self.action.store, &self.action.side) {
            Ok(seen) => seen,
            Err(look) => return look,
        };
        match self.reading(context, seen) {
            Reading::AsWanted if self.action.prove => self.prove(context).await,
            Reading::AsWanted => Look::Done(Vec::new()),
            Reading::Otherwise => Look::Ready { partial: false },
            Reading::RanOut(why) => Look::NotReady { why, partial: true },
            Reading::Unguarded => Look::Refused(format!(
                "{}: writes cannot be refused here, so a last sync could miss some; configure `freeze`",
                seen.place
            )),
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let order = FreezeOrder { by: context.run.clone(), lease: self.action.lease() };
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Acted::Refused(why),
        };
        let _no_renewal_meanwhile = match without_renewals(context).await {
            Ok(alone) => alone,
            Err(later) => return later,
        };
        match found.freeze(&self.action.side, &order).await {
            Ok(()) => Acted::Accepted(Vec::new()),
            Err(error) => failed(&error),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(200), Duration::from_secs(2), looks)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        IN_FLIGHT
    }
}
