//! Prove that a side refuses writes, as it stands: nobody is frozen for it and nobody is thawed.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::store::{find, inspect, side};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{SideName, StoreRef};
use crate::port::{Access, DataError};

/// A proof that a side of a store refuses writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveFrozen {
    /// The store.
    pub store: StoreRef,
    /// The side.
    pub side: SideName,
}

#[derive(Debug)]
pub(super) struct Proving<'a> {
    action: &'a ProveFrozen,
}

impl<'a> Proving<'a> {
    pub(super) fn new(action: &'a ProveFrozen) -> Self {
        Self { action }
    }

    /// A side that says itself that it takes writes is not tried: a write that got through would have to be taken back.
    async fn open(&self, context: &Context<'_>) -> Result<(), Look> {
        let ProveFrozen { store, side: frozen, .. } = self.action;
        let inspection = inspect(context, store).await?;
        let seen = side(&inspection, store, frozen)?;
        let why = match &seen.access {
            Access::Frozen { .. } => return Ok(()),
            Access::Writable => "it takes writes".to_owned(),
            Access::Lapsed { at, .. } => {
                format!("its freeze ran out at {at}, and writes may have arrived since")
            }
            Access::Unguarded => "writes cannot be refused here; configure `freeze`".to_owned(),
        };
        Err(Look::NotReady { why: format!("{}: {why}", seen.place), partial: false })
    }

    async fn prove(&self, context: &Context<'_>) -> Result<Look, Look> {
        self.open(context).await?;
        let ProveFrozen { store, side } = self.action;
        let found = find(context, store).map_err(Look::Refused)?;
        Ok(match found.prove_frozen(side).await {
            Ok(proof) => Look::Done(vec![Fact::Frozen { side: side.clone(), proof }]),
            Err(error @ (DataError::Unreachable { .. } | DataError::Unknown { .. })) => {
                Look::Unseen(error.to_string())
            }
            Err(error) => Look::NotReady { why: error.to_string(), partial: false },
        })
    }
}

#[async_trait]
impl Perform for Proving<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        match self.prove(context).await {
            Ok(look) | Err(look) => look,
        }
    }

    async fn act(&mut self, _: &Context<'_>) -> Acted {
        Acted::Later("a proof changes nothing".to_owned())
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(200), Duration::from_secs(2), looks)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
