//! One side by itself, for everything that mirrors.

use async_trait::async_trait;
use switchover::model::{RunId, SideName};
use switchover::port::{
    Access, DataError, Depth, FreezeOrder, KeepOrder, Kept, LoneSide, Method, Overseer, Rescue, Store as _,
    TakenOver,
};

use crate::freeze::flag_name;
use crate::mirror::{Keeper, Limits, Mirror};
use crate::session::site;
use crate::shelf::OWN;
use crate::store::{MirrorStore, shown};

#[async_trait]
impl<B: Mirror + Limits + Keeper> Rescue for MirrorStore<B> {
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError> {
        let (seen, _) = self.see(side, Depth::Glance).await?;
        let marker = seen.marker.as_ref();
        let newest = marker.and_then(|marker| marker.copied.as_ref()).map(|copied| copied.as_of);
        let unfinished = marker
            .and_then(|marker| marker.working.as_ref())
            .map(|run| format!("the sync of run {run} to {} did not come to its end", seen.place));
        let (_, side) = shown(seen);
        Ok(LoneSide { method: Method::Mirror, side, newest, receives: false, unfinished })
    }

    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        let (seen, _) = self.see(side, Depth::Glance).await?;
        let newest =
            seen.marker.as_ref().and_then(|marker| marker.copied.as_ref()).map(|copied| copied.as_of);
        let lapsed = matches!(seen.access, Access::Lapsed { .. });
        match seen.access {
            Access::Frozen { .. } | Access::Lapsed { .. } => {
                if lapsed {
                    // What lapsed once, on the stand-by, is no reason to leave it open now.
                    let flag = flag_name(site(&*self.backend, side)?.freeze).to_owned();
                    self.remove(side, flag).await?;
                }
                self.freeze(side, &FreezeOrder { by: run.clone(), lease: None }).await?;
            }
            // Its clients were let in before, or nothing can keep them out.
            Access::Writable | Access::Unguarded => {}
        }
        Ok(TakenOver { newest, notes: Vec::new() })
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        let (side, name) = (order.side.clone(), format!("{OWN}-kept-{}", order.run));
        self.on(order.side.as_str(), order.deadline, Some(overseer), move |backend, _, _, control| {
            backend.keep(&side, &name, control)
        })
        .await
    }
}
