//! A side that is lost: nothing waits for it, and what it holds when it is back is kept before anything is written over it.

use switchover::action::{FenceLost, KeepData, TakeOver};
use switchover::config::Period;

use super::Hand;

impl Hand<'_> {
    /// What is frozen receives nothing by itself, unless something replicates into it.
    pub(super) fn take_over(&mut self, taken: &TakeOver) {
        let Some(spec) = self.store_spec(&taken.store) else { return };
        self.page.say(&format!(
            "Side {} holds {} as of {} UTC. What was written elsewhere after that is lost here.",
            taken.side,
            taken.store,
            taken.as_of.strftime("%F %T"),
        ));
        match spec.kind.as_str() {
            "files" | "rclone" => self.page.say("Nothing to do: nothing arrives there but by a sync."),
            #[cfg(feature = "postgres")]
            "postgres" => self.take_over_postgres(spec, &taken.side),
            #[cfg(feature = "rds")]
            "rds" => self.page.say("Nothing to do: a replica stands alone once it is promoted, below."),
            #[cfg(feature = "efs")]
            "efs" => self.page.say("Nothing to do: the replication ends where it is thawed, below."),
            _ => self.unknown("see that nothing arrives there by itself any more", spec),
        }
    }

    pub(super) fn fence_lost(&mut self, fence: &FenceLost) {
        let Some(spec) = self.store_spec(&fence.store) else { return };
        self.page.say(&format!(
            "Side {} is to refuse writes to {}, if it answers. Wait for nothing: break off what takes longer than {}, and go on with the next step \
             whatever this one says.",
            fence.side,
            fence.store,
            Period(fence.patience()),
        ));
        self.refuse_writes(spec, &fence.side);
    }

    pub(super) fn keep(&mut self, keep: &KeepData) {
        let Some(spec) = self.store_spec(&keep.store) else { return };
        self.page.say(&format!(
            "All of {} that side {} holds, in a place that no sync writes to. Go on only when it is complete.",
            keep.store, keep.side
        ));
        match spec.kind.as_str() {
            "files" => self.keep_files(spec, &keep.side),
            "rclone" => self.keep_remote(spec, &keep.side),
            #[cfg(feature = "postgres")]
            "postgres" => self.keep_postgres(spec, &keep.side),
            #[cfg(feature = "rds")]
            "rds" => self.keep_rds(spec, &keep.side),
            #[cfg(feature = "efs")]
            "efs" => self.by_hand(
                "EFS keeps nothing by itself: back the file system up, or copy it from where it is mounted",
            ),
            _ => self.unknown("copy it to where nothing writes over it", spec),
        }
    }
}
