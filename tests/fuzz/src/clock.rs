//! Time that jumps: whoever waits, waits no real time.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use switchover::port::Clock;

/// The moment at which every conversation begins: 2026-11-22 00:00 UTC.
const START: i64 = 1_795_305_600;

/// A clock that goes on by every sleep, at once.
#[derive(Debug, Default)]
pub struct JumpingClock(Mutex<Duration>);

impl JumpingClock {
    fn elapsed(&self) -> Duration {
        *self.0.lock().expect("no holder panics")
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(START).expect("a year of four digits") + self.elapsed()
    }

    fn monotonic(&self) -> Duration {
        self.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().expect("no holder panics") += duration;
    }
}
