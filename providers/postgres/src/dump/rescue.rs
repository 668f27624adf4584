//! One side by itself: looked at, frozen for a takeover, and kept as a backup.

use async_trait::async_trait;
use switchover::model::{RunId, SideName};
use switchover::port::{
    Access, Backups as _, DataError, FreezeOrder, KeepOrder, Kept, LoneSide, Method, Overseer, Rescue,
    TakenOver, key_to_keep,
};

use super::PostgresDump;
use super::store::look;

#[async_trait]
impl Rescue for PostgresDump {
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError> {
        let seen = look(self.one(side)?).await?.side;
        let newest = seen.copied.as_ref().map(|copied| copied.as_of);
        // A restore takes the place of the data in one step, so nothing is ever half done.
        Ok(LoneSide { method: Method::Snapshot, side: seen, newest, receives: false, unfinished: None })
    }

    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        let one = self.one(side)?;
        let seen = look(one).await?.side;
        match seen.access {
            Access::Frozen { .. } | Access::Lapsed { .. } => {
                one.freezer.freeze(&FreezeOrder { by: run.clone(), lease: None }).await?;
            }
            // Its clients were let in before.
            Access::Writable | Access::Unguarded => {}
        }
        Ok(TakenOver { newest: seen.copied.map(|copied| copied.as_of), notes: Vec::new() })
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        let key = key_to_keep(self, order).await?;
        let backup = self.create(&order.side, &key, overseer).await?;
        Ok(Kept { place: backup.place, bytes: backup.manifest.map(|manifest| manifest.bytes) })
    }
}
