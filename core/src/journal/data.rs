//! What a journal says about the data of a pair: when each store was last synced, and how that went.

use jiff::Timestamp;
use serde::Serialize;

use super::{Fact, Failure};
use crate::model::{RunId, Verification};
use crate::plan::Step;
use crate::port::{SyncPurpose, Synced};

/// The latest sync of a store that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastSync {
    /// The run.
    pub run: RunId,
    /// When it ended.
    pub at: Timestamp,
    /// What it brought.
    pub synced: Synced,
}

/// What a journal says about one store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StoreHistory {
    /// The latest sync that succeeded.
    pub last: Option<LastSync>,
    /// When a sync last began.
    pub attempted: Option<Timestamp>,
    /// How the latest sync failed, if it did.
    pub failed: Option<(Failure, Timestamp)>,
    /// How many syncs failed in all.
    pub failures: u64,
    /// When all content was last compared.
    pub content_compared: Option<Timestamp>,
}

/// Whether a step brings data over for good.
pub(super) fn is_sync(step: &Step) -> Option<&crate::action::SyncStore> {
    step.action.as_sync_store().filter(|sync| sync.purpose != SyncPurpose::Rehearsal)
}

impl StoreHistory {
    pub(super) fn began(&mut self, at: Timestamp) {
        self.attempted = Some(at);
    }

    pub(super) fn succeeded(&mut self, run: &RunId, at: Timestamp, facts: &[Fact]) {
        let Some(synced) = facts.iter().find_map(Fact::synced) else { return };
        if synced.copied.verified == Verification::Content {
            self.content_compared = Some(at);
        }
        self.failed = None;
        self.last = Some(LastSync { run: run.clone(), at, synced: synced.clone() });
    }

    pub(super) fn failed(&mut self, at: Timestamp, failure: &Failure) {
        self.attempted = Some(at);
        self.failures += 1;
        self.failed = Some((failure.clone(), at));
    }
}
