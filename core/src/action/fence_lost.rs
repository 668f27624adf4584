//! Try to refuse writes on a side that may be gone. Nothing waits for that side longer than is said.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::store::{failed, find, is_fenced, unseen};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{SideName, StoreRef};
use crate::port::{Access, DataError, FreezeOrder, within};

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
}

impl<'a> Fencing<'a> {
    pub(super) fn new(action: &'a FenceLost) -> Self {
        Self { action }
    }

    fn silent(&self, limit: Duration) -> String {
        let FenceLost { store, side, .. } = self.action;
        format!("{store} on side {side}: no answer within {} ms", limit.as_millis())
    }

    fn sight(&self, context: &Context<'_>, access: &Access) -> Look {
        match access {
            access if is_fenced(access) => {
                let (side, at) = (self.action.side.clone(), context.ports.clock.now());
                Look::Done(vec![Fact::Fenced { side, at }])
            }
            Access::Frozen { .. } | Access::Writable | Access::Lapsed { .. } => {
                Look::Ready { partial: false }
            }
            Access::Unguarded => Look::Refused(format!(
                "{} on side {}: the store has no means to refuse writes",
                self.action.store, self.action.side
            )),
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
            Some(Ok(seen)) => self.sight(context, &seen.side.access),
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
            Some(Ok(())) => Acted::Accepted(Vec::new()),
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
