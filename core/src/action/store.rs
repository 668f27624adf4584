//! What the three actions on stores share: finding the store, looking at it, and what its errors mean for a step.

use std::sync::Arc;
use std::time::Duration;

use futures_util::lock::MutexGuard;

use super::{Acted, Context, Look};
use crate::model::{SideName, StoreRef};
use crate::port::{Access, DataError, Depth, Inspection, Store, StoreSide};

/// How long a call to a store whose outcome is unknown may still take effect.
pub(super) const IN_FLIGHT: Duration = Duration::from_secs(5);
/// How often long work looks whether somebody asked to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// How long a call waits for a renewal that is under way. What was seen before it, and the entry that announces it, grow old meanwhile: a
/// store may keep a renewal for minutes, and somebody else may have taken the pair by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits until no freeze is being renewed, and keeps any from being renewed until it is dropped.
///
/// # Errors
///
/// That it took too long: nothing may be called then before everything was looked at and announced once more.
pub(super) async fn without_renewals<'c>(context: &Context<'c>) -> Result<MutexGuard<'c, ()>, Acted> {
    let clock = &context.ports.clock;
    let began = clock.monotonic();
    let alone = context.leases.lock().await;
    if clock.monotonic().saturating_sub(began) > PATIENCE {
        return Err(Acted::Later("a freeze was being renewed for too long".to_owned()));
    }
    Ok(alone)
}

/// The store, or what to say where it is not connected.
pub(super) fn find<'p>(context: &Context<'p>, store: &StoreRef) -> Result<&'p Arc<dyn Store>, String> {
    context.ports.stores.get(store).ok_or_else(|| format!("the store {store} was not connected"))
}

/// Looks at a store; what keeps it from being seen ends the look.
pub(super) async fn inspect(context: &Context<'_>, store: &StoreRef) -> Result<Inspection, Look> {
    let found = find(context, store).map_err(Look::Refused)?;
    found.inspect(Depth::Glance).await.map_err(|error| unseen(&error))
}

/// One side of what was seen.
pub(super) fn side<'i>(
    inspection: &'i Inspection,
    store: &StoreRef,
    side: &SideName,
) -> Result<&'i StoreSide, Look> {
    inspection.sides.get(side).ok_or_else(|| {
        let why = inspection.unread.get(side).map_or("it was not looked at", String::as_str);
        Look::Unseen(format!("{store} on side {side} could not be read: {why}"))
    })
}

/// What a failed look means.
pub(super) fn unseen(error: &DataError) -> Look {
    let text = error.to_string();
    match error {
        DataError::Unreachable { .. } | DataError::Failed { .. } | DataError::Unknown { .. } => {
            Look::Unseen(text)
        }
        DataError::Unauthorized { .. }
        | DataError::Unfit { .. }
        | DataError::Guarded { .. }
        | DataError::NotFrozen { .. }
        | DataError::Lapsed { .. }
        | DataError::BadBackup { .. }
        | DataError::Lost => Look::Refused(text),
    }
}

/// What a failed call means. A long work that failed is not begun again by itself: whoever ordered it decides.
pub(super) fn failed(error: &DataError) -> Acted {
    let text = error.to_string();
    match error {
        DataError::Unreachable { .. } => Acted::Later(text),
        DataError::Guarded { .. } => Acted::Guarded(text),
        DataError::Unauthorized { .. }
        | DataError::Unfit { .. }
        | DataError::Failed { .. }
        | DataError::BadBackup { .. }
        | DataError::Lost => Acted::Refused(text),
        DataError::NotFrozen { .. } | DataError::Lapsed { .. } => Acted::NotReady(text),
        DataError::Unknown { .. } => Acted::Unknown { why: text, in_flight: IN_FLIGHT },
    }
}

/// Waits until somebody asks to stop or the time for long work has run out, and says which.
pub(super) async fn run_out(context: &Context<'_>, deadline: Duration) -> String {
    let clock = &context.ports.clock;
    let began = clock.monotonic();
    loop {
        if context.stop.is_stopped() {
            return "stopped by its operator".to_owned();
        }
        if clock.monotonic().saturating_sub(began) > deadline {
            return format!("not done after {} s", deadline.as_secs());
        }
        clock.sleep(GLANCE).await;
    }
}

/// Whether a side can take no write until somebody thaws it.
pub(super) fn is_fenced(access: &Access) -> bool {
    match access {
        Access::Frozen { until: None, .. } => true,
        Access::Frozen { until: Some(_), .. }
        | Access::Writable
        | Access::Lapsed { .. }
        | Access::Unguarded => false,
    }
}
