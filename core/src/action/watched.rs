//! Which freezes this process knows to have held without a gap, by its own monotonic clock and nobody else's.
//!
//! A freeze with a lease ends by the store's clock. Where that clock is set back after the lease ran out, the freeze reads as if it had held all the
//! time, and nothing shows that writes were taken in between. So only whoever renewed it in time, each time, believes it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::StoreRef;

/// Until when each freeze is known to hold, by the monotonic clock of this process.
#[derive(Debug, Default)]
pub(crate) struct Watched(Mutex<BTreeMap<StoreRef, Duration>>);

impl Watched {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<StoreRef, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A freeze of this lease held at this moment, and whatever was before it is accounted for.
    pub(crate) fn begin(&self, store: &StoreRef, at: Duration, lease: Duration) {
        self.lock().insert(store.clone(), at.saturating_add(lease));
    }

    /// A freeze was renewed by a call that was sent at this moment. One that may have run out before stays unknown.
    pub(crate) fn renewed(&self, store: &StoreRef, sent: Duration, lease: Duration) {
        if self.holds(store, sent) {
            self.begin(store, sent, lease);
        }
    }

    /// Whether a freeze has held until now, without a gap.
    pub(crate) fn holds(&self, store: &StoreRef, now: Duration) -> bool {
        self.lock().get(store).is_some_and(|until| *until > now)
    }
}
