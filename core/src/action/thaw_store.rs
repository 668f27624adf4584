//! Let clients write to a store on one side.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::store::{IN_FLIGHT, failed, find, inspect, is_fenced, side, unseen, without_renewals};
use super::{Acted, Context, Look, Perform};
use crate::model::{SideName, StoreRef};
use crate::port::Access;

/// A thaw of one side of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThawStore {
    /// The store.
    pub store: StoreRef,
    /// The side that shall take writes.
    pub side: SideName,
    /// The side that must be seen fenced before: never are both sides writable. `None` where a freeze is taken back and the other
    /// side is as it was before, and where the other side is lost: it is not asked then.
    pub fenced: Option<SideName>,
}

#[derive(Debug)]
pub(super) struct Thawing<'a> {
    action: &'a ThawStore,
}

impl<'a> Thawing<'a> {
    pub(super) fn new(action: &'a ThawStore) -> Self {
        Self { action }
    }

    /// Looks at the side that is thawed, and at no other.
    async fn alone(&self, context: &Context<'_>) -> Result<Look, Look> {
        let found = find(context, &self.action.store).map_err(Look::Refused)?;
        let seen = found.look(&self.action.side).await.map_err(|error| unseen(&error))?;
        let open = takes_writes(&seen.side.access);
        Ok(if open { Look::Done(Vec::new()) } else { Look::Ready { partial: false } })
    }

    async fn sight(&self, context: &Context<'_>) -> Result<Look, Look> {
        let ThawStore { store, side: thawed, fenced } = self.action;
        let Some(other) = fenced else { return self.alone(context).await };
        let inspection = inspect(context, store).await?;
        let seen = side(&inspection, store, thawed)?;
        if takes_writes(&seen.access) {
            return Ok(Look::Done(Vec::new()));
        }
        let opposite = side(&inspection, store, other)?;
        if !is_fenced(&opposite.access) {
            let why = format!(
                "{}: side {other} is not frozen for good, so letting side {thawed} take writes could leave both writable",
                opposite.place
            );
            return Ok(Look::NotReady { why, partial: false });
        }
        Ok(Look::Ready { partial: false })
    }
}

fn takes_writes(access: &Access) -> bool {
    match access {
        Access::Writable | Access::Unguarded => true,
        Access::Frozen { .. } | Access::Lapsed { .. } => false,
    }
}

#[async_trait]
impl Perform for Thawing<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        match self.sight(context).await {
            Ok(look) | Err(look) => look,
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let found = match find(context, &self.action.store) {
            Ok(found) => found,
            Err(why) => return Acted::Refused(why),
        };
        let _no_renewal_meanwhile = match without_renewals(context).await {
            Ok(alone) => alone,
            Err(later) => return later,
        };
        match found.thaw(&self.action.side).await {
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
