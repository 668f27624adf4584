//! A delay that spreads the runs of many pairs, and is the same each time for each of them.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::model::{PairName, StoreRef};

/// By how much the runs of a store are delayed: at least nothing, less than `spread`, in whole milliseconds, by its name alone. So the
/// stores of many pairs that share one schedule do not start all at once, and each starts at the same time every day.
pub fn jitter(spread: Duration, pair: &PairName, store: &StoreRef) -> Duration {
    let Some(spread) = u64::try_from(spread.as_millis()).ok().filter(|spread| *spread > 0) else {
        return Duration::ZERO;
    };
    let digest = Sha256::digest(format!("{pair}/{store}"));
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Duration::from_millis(number % spread)
}
