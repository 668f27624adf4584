//! Counts requests, so that a run can say what it cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that all providers of a pair share. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Counts one request to a name service or an address book. Called when the request is sent, whatever becomes of it.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The requests counted so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
