//! One side by itself: looked at, frozen for a takeover, and kept as a snapshot.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use switchover::model::{RunId, SideName};
use switchover::port::{
    Access, Backups as _, DataError, FreezeOrder, KeepOrder, Kept, LoneSide, Method, Overseer, Rescue,
    Store as _, TakenOver, key_to_keep,
};

use crate::home::marks;
use crate::inspect::side;
use crate::options::RdsMethod;
use crate::store::{RdsStore, is_replica};

#[async_trait]
impl Rescue for RdsStore {
    async fn look(&self, of: &SideName) -> Result<LoneSide, DataError> {
        let seen = self.look_at(self.home(of)?).boxed().await?;
        let newest = marks(seen.found.tag_list()).copied().map(|copied| copied.as_of);
        let unfinished = seen.unfinished.then(|| {
            "putting a new instance in its place was interrupted; the next sync finishes it".to_owned()
        });
        Ok(LoneSide {
            method: match self.options.method {
                RdsMethod::Snapshot => Method::Snapshot,
                RdsMethod::Replica => Method::Streaming,
            },
            newest,
            receives: is_replica(&seen.found),
            unfinished,
            side: side(&seen, &[]),
        })
    }

    /// A replica is promoted by its thaw, which takes minutes; nothing is to be done before.
    async fn take_over(&self, of: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        let seen = Rescue::look(self, of).await?;
        if seen.receives {
            let notes = vec!["the replica is promoted when it is let take writes".to_owned()];
            return Ok(TakenOver { newest: seen.newest, notes });
        }
        match seen.side.access {
            Access::Frozen { .. } | Access::Lapsed { .. } => {
                self.freeze(of, &FreezeOrder { by: run.clone(), lease: None }).await?;
            }
            // Its clients were let in before, or nothing can keep them out.
            Access::Writable | Access::Unguarded => {}
        }
        Ok(TakenOver { newest: seen.newest, notes: Vec::new() })
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        let key = key_to_keep(self, order).await?;
        let backup = self.create(&order.side, &key, overseer).boxed().await?;
        Ok(Kept { place: backup.place, bytes: backup.manifest.map(|manifest| manifest.bytes) })
    }
}
