//! Time and randomness, so that core runs on any executor and under a simulated one.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Tells and passes time.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// The time now. It may jump; core never subtracts two of these to guard anything but a wait that only gets longer.
    fn now(&self) -> Timestamp;

    /// The time since some fixed moment, never going backwards.
    fn monotonic(&self) -> Duration;

    /// Returns after at least `duration`. May be dropped at any time.
    async fn sleep(&self, duration: Duration);
}

/// A source of bytes that nobody can guess.
pub trait Entropy: Debug + Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
