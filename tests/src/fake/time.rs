//! Virtual time, and the executor that lets it pass when everything waits for it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use switchover::port::Clock;

use super::lock;

/// Longer than anything under test may take, in virtual time.
const FOR_EVER: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How long a real thread (such as one that works on a file) may take, in real time.
const REAL_PATIENCE: Duration = Duration::from_secs(30);

type Ticket = (Duration, u64);

/// Somebody else's clock that time passes by, such as the paused one of another executor.
#[async_trait]
pub trait Pace: std::fmt::Debug + Send + Sync {
    /// The time that has passed by it.
    fn passed(&self) -> Duration;

    /// Returns when so much has passed.
    async fn pass(&self, duration: Duration);
}

#[derive(Debug, Default)]
struct Timeline {
    pace: Option<Arc<dyn Pace>>,
    start: Timestamp,
    elapsed: Duration,
    step: SignedDuration,
    halted: bool,
    tickets: u64,
    sleepers: BTreeMap<Ticket, Option<Waker>>,
}

impl Timeline {
    fn passed(&self) -> Duration {
        self.elapsed + self.pace.as_ref().map(|pace| pace.passed()).unwrap_or_default()
    }

    /// Takes out the sleepers whose time has come, in the order of their deadlines.
    fn due(&mut self) -> Vec<Waker> {
        let later = self.sleepers.split_off(&(self.elapsed, u64::MAX));
        std::mem::replace(&mut self.sleepers, later).into_values().flatten().collect()
    }
}

/// A clock that stands still while anything works, and jumps to the next deadline when everything waits. Clones show one time.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    timeline: Arc<Mutex<Timeline>>,
}

impl VirtualClock {
    /// A clock that starts at this moment.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { timeline: Arc::new(Mutex::new(Timeline { start, ..Timeline::default() })) }
    }

    /// Lets time pass by somebody else's clock from now on, on whose executor everything must run then.
    pub fn follow(&self, pace: Arc<dyn Pace>) {
        lock(&self.timeline).pace = Some(pace);
    }

    /// The virtual time since the clock was made.
    pub fn elapsed(&self) -> Duration {
        lock(&self.timeline).passed()
    }

    /// Lets time pass, and wakes whoever waited for it.
    pub fn advance(&self, by: Duration) {
        let mut timeline = lock(&self.timeline);
        timeline.elapsed += by;
        let due = timeline.due();
        drop(timeline);
        due.into_iter().for_each(Waker::wake);
    }

    /// Sets the time of day forward or back, as NTP or a person would. The monotonic time does not notice.
    pub fn step_wall_clock(&self, by: SignedDuration) {
        lock(&self.timeline).step += by;
    }

    /// Kills the process that runs on this clock: from here on nothing of it happens, until [`VirtualClock::run_until_crash`] has
    /// returned.
    pub fn halt(&self) {
        lock(&self.timeline).halted = true;
    }

    /// Returns at once while the process lives, and never when it was killed. Every fake awaits it before it does anything.
    pub async fn alive(&self) {
        poll_fn(|_| if lock(&self.timeline).halted { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// Runs a future to its end, letting virtual time pass whenever it waits.
    ///
    /// # Panics
    ///
    /// If it can never end: it waits for nothing, or for more than a year of virtual time; or if it was crashed.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.run_until_crash(future).expect("the process was crashed; run it with `run_until_crash`")
    }

    /// Runs a future until it ends or is killed by [`VirtualClock::halt`]. `None` if it was killed; it is dropped then, with
    /// everything it was about to do, and the clock is ready for the next process.
    pub fn run_until_crash<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let alarm = Arc::new(Alarm { rung: AtomicBool::new(false), thread: thread::current() });
        let waker = Waker::from(Arc::clone(&alarm));
        let mut context = Context::from_waker(&waker);
        loop {
            let polled = future.as_mut().poll(&mut context);
            if self.was_halted() {
                return None;
            }
            if let Poll::Ready(output) = polled {
                return Some(output);
            }
            if !alarm.take() && !self.jump() {
                alarm.wait();
            }
        }
    }

    fn ticket(&self, after: Duration) -> Ticket {
        let mut timeline = lock(&self.timeline);
        timeline.tickets += 1;
        (timeline.elapsed + after, timeline.tickets)
    }

    fn was_halted(&self) -> bool {
        let mut timeline = lock(&self.timeline);
        let halted = std::mem::take(&mut timeline.halted);
        if halted {
            timeline.sleepers.clear();
        }
        halted
    }

    /// Goes to the earliest deadline; whether anybody waits for one. For executors of their own: [`VirtualClock::run`] does so by itself.
    ///
    /// # Panics
    ///
    /// If that is more than a year of virtual time away.
    pub fn jump(&self) -> bool {
        let mut timeline = lock(&self.timeline);
        let Some((&(deadline, _), _)) = timeline.sleepers.first_key_value() else { return false };
        assert!(deadline < FOR_EVER, "it did not end within more than a year of virtual time");
        timeline.elapsed = timeline.elapsed.max(deadline);
        let due = timeline.due();
        drop(timeline);
        due.into_iter().for_each(Waker::wake);
        true
    }
}

impl Default for VirtualClock {
    /// A clock that starts at noon UTC on 21 November 2026.
    fn default() -> Self {
        Self::starting_at("2026-11-21T12:00:00Z".parse().expect("a timestamp"))
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let timeline = lock(&self.timeline);
        let passed = SignedDuration::try_from(timeline.passed()).expect("less than a year") + timeline.step;
        timeline.start + passed
    }

    fn monotonic(&self) -> Duration {
        self.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.alive().await;
        let pace = lock(&self.timeline).pace.clone();
        if let Some(pace) = pace {
            return pace.pass(duration).await;
        }
        let ticket = self.ticket(duration);
        let _leaves = Leaves { clock: self, ticket };
        poll_fn(|context| {
            let mut timeline = lock(&self.timeline);
            if timeline.elapsed >= ticket.0 && !timeline.halted {
                return Poll::Ready(());
            }
            timeline.sleepers.insert(ticket, Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// Takes a sleeper off the list when it is dropped, so that time does not pass for nobody.
struct Leaves<'a> {
    clock: &'a VirtualClock,
    ticket: Ticket,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        lock(&self.clock.timeline).sleepers.remove(&self.ticket);
    }
}

/// Notes that something can go on.
struct Alarm {
    rung: AtomicBool,
    thread: Thread,
}

impl Alarm {
    fn take(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }

    /// Nobody waits for virtual time, so a real thread must be at work.
    fn wait(&self) {
        let started = std::time::Instant::now();
        while !self.take() {
            let left = REAL_PATIENCE.checked_sub(started.elapsed());
            thread::park_timeout(left.expect("everything waits, and for nothing that will ever happen"));
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{join, join_all, select};

    use super::*;

    #[test]
    fn time_passes_only_when_everything_waits() {
        let clock = VirtualClock::default();
        let order = Mutex::new(Vec::new());
        let sleeper = |seconds: u64| {
            let (clock, order) = (&clock, &order);
            async move {
                clock.sleep(Duration::from_secs(seconds)).await;
                lock(order).push((seconds, clock.elapsed().as_secs()));
            }
        };
        clock.run(join_all([30, 10, 20, 10].map(sleeper)));
        assert_eq!(*lock(&order), [(10, 10), (10, 10), (20, 20), (30, 30)]);
    }

    #[test]
    fn a_sleep_that_is_dropped_does_not_move_the_clock() {
        let clock = VirtualClock::default();
        let short = Box::pin(clock.sleep(Duration::from_secs(1)));
        let long = Box::pin(clock.sleep(Duration::from_secs(3600)));
        clock.run(async { drop(select(short, long).await) });
        clock.run(thread_is_done());
        assert_eq!(clock.elapsed(), Duration::from_secs(1));
    }

    /// Waits for a real thread, and for no virtual time.
    async fn thread_is_done() {
        let mut started = false;
        poll_fn(|context| {
            if std::mem::replace(&mut started, true) {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                waker.wake();
            });
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn a_crash_drops_everything_that_was_under_way() {
        let clock = VirtualClock::default();
        let acted = AtomicBool::new(false);
        let bystander = async {
            clock.sleep(Duration::from_secs(1)).await;
            acted.store(true, Ordering::Release);
        };
        let victim = async { clock.halt() };
        assert!(clock.run_until_crash(join(victim, bystander)).is_none());
        assert!(!acted.load(Ordering::Acquire));
        assert_eq!(clock.run_until_crash(async { 7 }), Some(7));
    }

    #[test]
    #[should_panic(expected = "more than a year")]
    fn what_never_ends_is_noticed() {
        let clock = VirtualClock::default();
        clock.run(async {
            loop {
                clock.sleep(Duration::from_secs(24 * 60 * 60)).await;
            }
        });
    }

    #[test]
    fn the_wall_clock_can_be_set_back_and_the_monotonic_time_goes_on() {
        let clock = VirtualClock::default();
        let before = clock.now();
        clock.step_wall_clock(SignedDuration::from_secs(-3600));
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now().duration_since(before), SignedDuration::from_secs(60 - 3600));
        assert_eq!(clock.monotonic(), Duration::from_secs(60));
    }
}
