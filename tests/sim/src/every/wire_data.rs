//! Strikes at stores.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use switchover::model::{RunId, SideName};
use switchover::port::{
    DataError, Depth, FreezeOrder, FreezeProof, Inspection, KeepOrder, Kept, LoneSide, Overseer, Rescue,
    Store, SyncOrder, Synced, TakenOver,
};

use super::strike::{Outcome, Sort, Wire};

/// How late a call may take effect; a little less than the engine counts on.
const LATE: Duration = Duration::from_millis(4_900);

#[derive(Debug)]
pub(super) struct StruckStore {
    pub(super) wire: Wire,
    pub(super) to: Arc<dyn Store>,
}

fn said() -> String {
    "it was struck".to_owned()
}

fn unknown(side: &SideName) -> DataError {
    DataError::Unknown { place: side.to_string(), why: said() }
}

fn silent(side: &SideName) -> DataError {
    DataError::Unreachable { place: side.to_string(), why: said() }
}

impl StruckStore {
    /// A call that changes something at one moment.
    async fn change<T>(
        &self,
        what: &str,
        side: &SideName,
        call: impl FnOnce(Arc<dyn Store>) -> BoxFuture<'static, Result<T, DataError>>,
    ) -> Result<T, DataError>
    where
        T: Send + 'static,
    {
        let struck = self.wire.strikes.reach(Sort::Change, || format!("{what} {side}"));
        let call = call(Arc::clone(&self.to));
        if struck == Some(Outcome::LandsLate) {
            self.wire.strikes.send(LATE, async { drop(call.await) });
            return self.wire.dies().await;
        }
        self.struck(struck, side, call).await
    }

    async fn struck<T>(
        &self,
        struck: Option<Outcome>,
        side: &SideName,
        call: impl Future<Output = Result<T, DataError>>,
    ) -> Result<T, DataError> {
        match struck {
            None => call.await,
            Some(Outcome::DiesBefore | Outcome::LandsLate) => self.wire.dies().await,
            Some(Outcome::DiesAfter) => {
                drop(call.await);
                self.wire.dies().await
            }
            Some(Outcome::Refused) => Err(DataError::Failed { place: side.to_string(), why: said() }),
            Some(Outcome::LostLanded) => call.await.and_then(|_| Err(unknown(side))),
            Some(Outcome::LostNever) => Err(unknown(side)),
        }
    }
}

#[async_trait]
impl Rescue for StruckStore {
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError> {
        self.wire.look(|| format!("looks at {side} alone"), self.to.look(side), || silent(side)).await
    }

    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        let (to, run) = (side.clone(), run.clone());
        self.change("takes over", side, |store| Box::pin(async move { store.take_over(&to, &run).await }))
            .await
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        let struck = self.wire.strikes.reach(Sort::Work, || format!("keeps {}", order.side));
        self.struck(struck, &order.side, self.to.keep(order, overseer)).await
    }
}

#[async_trait]
impl Store for StruckStore {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        let silent = || DataError::Unreachable { place: "the store".to_owned(), why: said() };
        self.wire.look(|| "looks at both sides".to_owned(), self.to.inspect(depth), silent).await
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        let (of, order) = (side.clone(), order.clone());
        let what = if order.lease.is_some() { "freezes for a while" } else { "freezes" };
        self.change(what, side, |store| Box::pin(async move { store.freeze(&of, &order).await })).await
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        self.wire
            .look(|| format!("tries to write on {side}"), self.to.prove_frozen(side), || silent(side))
            .await
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        let of = side.clone();
        self.change("thaws", side, |store| Box::pin(async move { store.thaw(&of).await })).await
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let to = order.direction.to();
        let struck = self.wire.strikes.reach(Sort::Work, || format!("syncs to {to} ({:?})", order.purpose));
        self.struck(struck, to, self.to.sync(order, overseer)).await
    }
}
