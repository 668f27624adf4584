//! Refuse every write to a store on one side, and prove it.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::store::{IN_FLIGHT, failed, find, inspect, side, without_renewals};
use super::{Acted, Context, Look, Perform};
use crate::journal::{Fact, StepState};
use crate::model::{SideName, StoreRef};
use crate::port::{Access, DataError, FreezeOrder, FreezeProof, StoreSide};

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
    /// Whether it counts only once writes were tried and refused. A fence that follows such a freeze of the same run needs no other proof where
    /// its process watched that freeze all the time. Where it did not, the store must stand where it stood when the freeze was proved.
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
        let began = context.ports.clock.monotonic();
        match self.tried(context).await {
            Ok(proof) => {
                self.watch(context, began, self.action.lease());
                Look::Done(vec![Fact::Frozen { side: self.action.side.clone(), proof }])
            }
            Err(look) => look,
        }
    }

    async fn tried(&self, context: &Context<'_>) -> Result<FreezeProof, Look> {
        let found = find(context, &self.action.store).map_err(Look::Refused)?;
        found.prove_frozen(&self.action.side).await.map_err(|error| match error {
            DataError::Unreachable { .. } | DataError::Unknown { .. } => Look::Unseen(error.to_string()),
            DataError::Unauthorized { .. }
            | DataError::Unfit { .. }
            | DataError::Failed { .. }
            | DataError::Guarded { .. }
            | DataError::NotFrozen { .. }
            | DataError::Lapsed { .. }
            | DataError::BadBackup { .. }
            | DataError::Lost => Look::NotReady { why: error.to_string(), partial: true },
        })
    }

    fn watch(&self, context: &Context<'_>, at: Duration, lease: Option<Duration>) {
        if let Some(lease) = lease {
            context.watched.begin(&self.action.store, at, lease);
        }
    }

    /// Before a freeze is made lasting that this process did not watch all the time: it may have run out, and a clock that was set back would hide
    /// that. Nothing was written if the store stands where it stood when the freeze was proved, which a write in between would have moved.
    async fn unbroken(&self, context: &Context<'_>) -> Result<(), Look> {
        let Some(Proved { lease, position }) = self.proved(context).await else { return Ok(()) };
        let began = context.ports.clock.monotonic();
        if context.watched.holds(&self.action.store, began) {
            return Ok(());
        }
        let now = self.tried(context).await?.position;
        if now.is_some() && now == position {
            self.watch(context, began, Some(lease));
            return Ok(());
        }
        let told =
            |position: Option<String>| position.unwrap_or_else(|| "a place that it does not tell".to_owned());
        let why = format!(
            "{} on side {}: nobody watched its freeze all the time, so it may have run out and let writes through; it stood at {} when it was \
             proved, and stands at {}",
            self.action.store,
            self.action.side,
            told(position),
            told(now),
        );
        Err(Look::NotReady { why, partial: true })
    }

    /// The freeze of the same side that this run proved before; `None` for one that lasts from the start.
    async fn proved(&self, context: &Context<'_>) -> Option<Proved> {
        let FreezeStore { store, side, lease_ms, prove } = self.action;
        if lease_ms.is_some() || *prove {
            return None;
        }
        let journal = context.journal.lock().await;
        let run = journal.state().run(context.run)?;
        run.plan.steps().find_map(|step| {
            let freeze = step.action.as_freeze_store()?;
            let lease = freeze.lease().filter(|_| freeze.store == *store && freeze.side == *side)?;
            Some(Proved { lease, position: position(run.step(&step.id).forward) })
        })
    }
}

/// A freeze with a lease, and where the store stood when it was proved.
struct Proved {
    lease: Duration,
    position: Option<String>,
}

fn position(state: Option<StepState>) -> Option<String> {
    let StepState::Succeeded { facts, .. } = state? else { return None };
    facts.into_iter().find_map(
        |fact| {
            if let Fact::Frozen { proof, .. } = fact { proof.position } else { None }
        },
    )
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
            Reading::Otherwise => match self.unbroken(context).await {
                Ok(()) => Look::Ready { partial: false },
                Err(look) => look,
            },
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
        let sent = context.ports.clock.monotonic();
        match found.freeze(&self.action.side, &order).await {
            Ok(()) => {
                self.watch(context, sent, self.action.lease());
                Acted::Accepted(Vec::new())
            }
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
