//! One file system by itself: looked at, and frozen for a takeover. What it holds cannot be kept by EFS.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use switchover::model::{RunId, SideName};
use switchover::port::{
    Access, DataError, FreezeOrder, KeepOrder, Kept, LoneSide, Method, Overseer, Rescue, Store as _,
    TakenOver,
};

use crate::error::unfit;
use crate::home::marks;
use crate::inspect::side;
use crate::store::EfsStore;

#[async_trait]
impl Rescue for EfsStore {
    async fn look(&self, of: &SideName) -> Result<LoneSide, DataError> {
        let seen = self.look_at(self.home(of)?).boxed().await?;
        let towards = seen.replication.as_ref().filter(|found| found.target == seen.home.id());
        let copied = marks(&seen.system).copied().map(|copied| copied.as_of);
        let newest = copied.into_iter().chain(towards.and_then(|found| found.last)).max();
        let receives = towards.is_some();
        Ok(LoneSide { method: Method::Streaming, side: side(&seen, &[]), newest, receives, unfinished: None })
    }

    /// A destination's replication is deleted by its thaw, which takes minutes; nothing is to be done before.
    async fn take_over(&self, of: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        let seen = Rescue::look(self, of).await?;
        if seen.receives {
            let notes = vec!["its replication ends when it is let take writes".to_owned()];
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

    /// A replication back writes over the whole file system, and EFS has no snapshots
    /// (<https://docs.aws.amazon.com/efs/latest/ug/replication-fail-back.html>).
    async fn keep(&self, order: &KeepOrder, _: &dyn Overseer) -> Result<Kept, DataError> {
        let place = self.home(&order.side)?.place();
        Err(unfit(
            &place,
            "EFS has no means to keep what it holds before a replication writes over it",
            "back it up with AWS Backup, or copy it from a mount; then say so with `--discard-diverged`",
        ))
    }
}
