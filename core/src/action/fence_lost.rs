//! Try to refuse writes on a side that may be gone. Nothing waits for that side longer than is said.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::store::{failed, find, is_fenced, unseen};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{SideName, StoreRef};
use crate::port::{Access, DataError, FreezeOrder, Store, within};

/// How long a look at the side may take.
const LOOK: Duration = Duration::from_secs(1);

/// A fence at a side that may not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FenceLost {
    /// The store.
    pub store: StoreRef,
    /// The side that is lost.
    pub side: SideName,
    /// How long one try may take, in milliseconds.
    pub patience_ms: u64,
    /// Whether it counts only once writes were tried and refused. Before the pivot there is no time for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prove: bool,
}

impl FenceLost {
    /// How long one try may take.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }
}

#[derive(Debug)]
pub(super) struct Fencing<'a> {
    action: &'a FenceLost,
    acted: bool,
}

impl<'a> Fencing<'a> {
    pub(super) fn new(action: &'a FenceLost) -> Self {
        Self { action, acted: false }
    }

    fn silent(&self, limit: Duration) -> String {
        let FenceLost { store, side, .. } = self.action;
        format!("{store} on side {side}: no answer within {} ms", limit.as_millis())
    }

    async fn sight(&self, context: &Context<'_>, store: &dyn Store, access: &Access) -> Look {
        match access {
            access if is_fenced(access) && self.action.prove => self.prove(context, store).await,
            access if is_fenced(access) => Look::Done(vec![self.fenced(context)]),
            Access::Frozen { .. } | Access::Writable | Access::Lapsed { .. } => {
                Look::Ready { partial: false }
            }
            Access::Unguarded => Look::Refused(format!(
                "{} on side {}: the store has no means to refuse writes",
                self.action.store, self.action.side
            )),
        }
    }

    fn fenced(&self, context: &Context<'_>) -> Fact {
        Fact::Fenced { side: self.action.side.clone(), at: context.ports.clock.now() }
    }

    /// What the side says of itself does not count. A fence that lets writes through is made once more; then only time will tell.
    async fn prove(&self, context: &Context<'_>, store: &dyn Store) -> Look {
        let side = &self.action.side;
        match within(&*context.ports.clock, self.action.patience(), store.prove_frozen(side)).await {
            Some(Ok(proof)) => {
                Look::Done(vec![self.fenced(context), Fact::Frozen { side: side.clone(), proof }])
            }
            Some(Err(DataError::NotFrozen { .. })) if !self.acted => Look::Ready { partial: true },
            Some(Err(error @ DataError::NotFrozen { .. })) => Look::Waiting(error.to_string()),
            Some(Err(error)) => unseen(&error),
            None => Look::Unseen(self.silent(self.action.patience())),
        }
    }
}

#[async_trait]
impl Perform for Fencing<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Look::Refused(why),
        };
        match within(&*context.ports.clock, LOOK, found.look(&self.action.side)).await {
            Some(Ok(seen)) => self.sight(context, &**found, &seen.side.access).await,
            Some(Err(error)) => unseen(&error),
            None => Look::Unseen(self.silent(LOOK)),
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Acted::Refused(why),
        };
        let order = FreezeOrder { by: context.run.clone(), lease: None };
        let patience = self.action.patience();
        match within(&*context.ports.clock, patience, found.freeze(&self.action.side, &order)).await {
            Some(Ok(())) => {
                self.acted = true;
                Acted::Accepted(Vec::new())
            }
            // To freeze again does no harm, so nothing is waited out.
            Some(Err(DataError::Unknown { place, why })) => Acted::Later(format!("{place}: {why}")),
            Some(Err(error)) => failed(&error),
            None => Acted::Later(self.silent(patience)),
        }
    }

    fn pause(&self, _: u32) -> Duration {
        Duration::from_secs(1)
    }

    /// A call of an earlier process may freeze the side late, as it shall.
    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
