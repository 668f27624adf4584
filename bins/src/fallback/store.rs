//! Data: frozen, brought over, thawed.

use switchover::action::{FreezeStore, SyncStore, ThawStore};
use switchover::config::ProviderSpec;
use switchover::model::{SideName, StoreRef};
use switchover::plan::Intent;
use switchover::port::SyncPurpose;

use super::Hand;

impl<'a> Hand<'a> {
    /// The name by which a freeze by hand is known to whoever looks later.
    pub(super) fn run_by_hand(&self) -> String {
        format!("by-hand-{}", self.plan.digest().short())
    }

    pub(super) fn store_spec(&self, store: &StoreRef) -> Option<&'a ProviderSpec> {
        self.config.stores.get(store).map(|spec| &spec.provider)
    }

    pub(super) fn freeze(&mut self, freeze: &FreezeStore) {
        let Some(spec) = self.store_spec(&freeze.store) else { return };
        let frozen_before = |other: &FreezeStore| other.lease_ms.is_some() && other.store == freeze.store;
        let before = self.plan.steps().filter_map(|step| step.action.as_freeze_store()).any(frozen_before);
        if freeze.lease_ms.is_none() && before {
            return self.page.say(&format!(
                "Nothing to do: what was frozen by hand above stays frozen until it is thawed. See once more that a write to {} on side {} is refused.",
                freeze.store, freeze.side
            ));
        }
        self.page.say(&format!("From here on nobody can write to {} on side {}.", freeze.store, freeze.side));
        self.refuse_writes(spec, &freeze.side);
    }

    pub(super) fn refuse_writes(&mut self, spec: &ProviderSpec, side: &SideName) {
        match spec.kind.as_str() {
            "files" => self.freeze_files(spec, side),
            "rclone" => self.freeze_remote(spec, side),
            #[cfg(feature = "postgres")]
            "postgres" => self.freeze_postgres(spec, side),
            #[cfg(feature = "rds")]
            "rds" => self.freeze_rds(spec, side),
            #[cfg(feature = "efs")]
            "efs" => self.freeze_efs(spec, side),
            _ => self.unknown("make the application refuse writes, and try one", spec),
        }
    }

    pub(super) fn thaw(&mut self, thaw: &ThawStore) {
        let Some(spec) = self.store_spec(&thaw.store) else { return };
        self.page.say(&match &thaw.fenced {
            Some(fenced) => format!(
                "Side {} takes writes from here on. Only if a write to {} on side {fenced} is still refused.",
                thaw.side, thaw.store
            ),
            None => format!("Side {} takes writes from here on.", thaw.side),
        });
        match spec.kind.as_str() {
            "files" => self.thaw_files(spec, &thaw.side),
            "rclone" => self.thaw_remote(spec, &thaw.side),
            #[cfg(feature = "postgres")]
            "postgres" => self.thaw_postgres(spec, &thaw.side),
            #[cfg(feature = "rds")]
            "rds" => self.thaw_rds(spec, &thaw.side),
            #[cfg(feature = "efs")]
            "efs" => self.thaw_efs(spec, &thaw.side),
            _ => self.unknown("let clients write again", spec),
        }
    }

    pub(super) fn sync(&mut self, sync: &SyncStore) {
        let Some(spec) = self.store_spec(&sync.store) else { return };
        self.page.say(match sync.purpose {
            SyncPurpose::Routine if self.plan.intent == Intent::Reprotect => {
                "Only once what diverged is kept: this writes over it."
            }
            SyncPurpose::Final => "The last of the data. Only after a write to its source was seen refused.",
            SyncPurpose::Routine => {
                "May be left out: it only makes a later sync shorter, or can be made up for by `sync-data`."
            }
            SyncPurpose::Rehearsal => "Says what a sync would do.",
        });
        match spec.kind.as_str() {
            "files" => self.sync_files(spec, sync),
            "rclone" => self.sync_remote(spec, sync),
            #[cfg(feature = "postgres")]
            "postgres" => self.sync_postgres(spec, sync),
            #[cfg(feature = "rds")]
            "rds" => self.sync_rds(spec, sync),
            #[cfg(feature = "efs")]
            "efs" => self.sync_efs(spec, sync),
            _ => self.unknown(
                &format!("bring {} from {} to {}", sync.store, sync.direction.from(), sync.direction.to()),
                spec,
            ),
        }
    }
}
