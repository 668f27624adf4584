//! Core's clock and randomness on tokio and the operating system.
//!
//! Core asks for time, sleep and randomness through its own ports, so that it runs on any executor and under a simulated
//! clock. A program on tokio hands in these two:
//!
//! ```
//! use switchover::port::{Clock as _, Entropy as _};
//! use switchover_runtime::{OsEntropy, TokioClock};
//!
//! let clock = TokioClock::new();
//! let mut nonce = [0_u8; 16];
//! OsEntropy.fill(&mut nonce);
//! assert!(clock.monotonic() <= clock.monotonic());
//! ```

use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use switchover::port::{Clock, Entropy};

/// The machine's clock; sleeps on tokio's timer.
///
/// [`Clock::sleep`] must be awaited inside a tokio runtime whose time driver is enabled (`enable_time`), and panics
/// elsewhere. The monotonic time counts from when the clock was made; clones count from the same moment. On Linux it stands
/// still while the machine is suspended (`CLOCK_MONOTONIC`, <https://man7.org/linux/man-pages/man3/clock_gettime.3.html>),
/// so a wait only ever gets longer.
#[derive(Debug, Clone)]
pub struct TokioClock {
    origin: Instant,
}

impl TokioClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's source of randomness (`getrandom(2)` on Linux).
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(
            clippy::expect_used,
            reason = "a nonce that can be guessed or repeated breaks the journal's lock; stopping is the safe answer"
        )]
        getrandom::fill(bytes).expect("the operating system has a source of randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn sleeps_at_least_as_long_as_asked() {
        let clock = TokioClock::new();
        let before = clock.monotonic();
        clock.sleep(Duration::from_millis(20)).await;
        assert!(clock.monotonic() >= before + Duration::from_millis(20));
    }

    #[test]
    fn monotonic_time_goes_on_in_clones() {
        let clock = TokioClock::new();
        let first = clock.monotonic();
        let clone = clock.clone();
        assert!(clone.monotonic() >= first);
        assert!(clock.monotonic() >= first);
    }

    #[test]
    fn now_is_the_system_time() {
        let system = Timestamp::try_from(std::time::SystemTime::now()).unwrap();
        let ours = TokioClock::new().now();
        assert!(ours.duration_since(system).abs() < jiff::SignedDuration::from_secs(5));
    }

    #[test]
    fn entropy_does_not_repeat() {
        let mut first = [0_u8; 16];
        let mut second = [0_u8; 16];
        OsEntropy.fill(&mut first);
        OsEntropy.fill(&mut second);
        assert_ne!(first, second);
        assert_ne!(first, [0; 16]);
    }
}
