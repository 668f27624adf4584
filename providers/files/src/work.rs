//! Long work on threads of its own, led from a future: it can be dropped, it has a deadline, it asks before it destroys.
//!
//! ```text
//!   future (any executor)            threads
//!   drive() ──────── starts ───────► work(&Control)
//!           ◄─ Ask ──────────────────  control.permit()     waits for the answer, or for the stop
//!           ◄─ Advance ──────────────  control.advance()
//!           ◄─ its end ──────────────
//!   dropped, or past its deadline ─►  control.stopped()     every loop looks
//! ```
//!
//! A permission is good for one second, counted from before it was asked for, on a clock that goes on while the machine sleeps: a
//! process that was stopped and wakes up hours later asks again before it touches anything.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_util::{FutureExt as _, StreamExt as _, select_biased};
use switchover::port::{Advance, Clock, DataError, Overseer, Unit};

/// For how long a permission is good.
const FRESH: Duration = Duration::from_secs(1);

/// For how long one is good to whoever waited for it: the answer itself may take its time.
const AWAITED: Duration = Duration::from_secs(30);

/// How long threads that were told to stop are waited for, so that a late answer is still heard.
const WIND_UP: Duration = Duration::from_secs(5);

enum Event {
    Ask,
    Advance(Advance),
}

#[derive(Debug)]
enum Grant {
    /// Given at this moment; `None`: never yet.
    At(Option<Duration>),
    /// Asked for at this moment.
    Asked(Duration),
    /// Taken back, for good.
    Refused(DataError),
}

/// What the threads hold of the future that waits for them. Clones are one control.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    stop: AtomicBool,
    grant: Mutex<Grant>,
    changed: Condvar,
    events: mpsc::UnboundedSender<Event>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("stop", &self.shared.stop).finish_non_exhaustive()
    }
}

/// What is given back where work ends because it was told to. Nobody waits for it any more.
pub fn stopped() -> DataError {
    DataError::Failed { place: "the work".to_owned(), why: "it was told to stop".to_owned() }
}

impl Control {
    fn new(events: mpsc::UnboundedSender<Event>) -> Self {
        let grant = Mutex::new(Grant::At(None));
        let stop = AtomicBool::new(false);
        Self { shared: Arc::new(Shared { stop, grant, changed: Condvar::new(), events }) }
    }

    /// One that nobody leads: it is never stopped, and has nobody to ask. For short work that has its own end.
    pub fn alone() -> Self {
        Self::new(mpsc::unbounded().0)
    }

    /// Ok until the work is told to stop; every loop asks.
    pub fn go_on(&self) -> Result<(), DataError> {
        if self.shared.stop.load(Ordering::SeqCst) { Err(stopped()) } else { Ok(()) }
    }

    /// Tells the work to stop.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(self.grant());
        self.shared.changed.notify_all();
    }

    /// Tells how far the work is. Never blocks.
    pub fn advance(&self, phase: &str, done: u64, total: Option<u64>, unit: Unit) {
        let done = total.map_or(done, |total| done.min(total));
        let advance = Advance { phase: phase.to_owned(), done, total, unit };
        // Nobody may listen any more: the future was dropped.
        drop(self.shared.events.unbounded_send(Event::Advance(advance)));
    }

    /// Returns when permission was given within the last second; asks for it if need be. To be called right before every act that cannot
    /// be taken back.
    pub fn permit(&self) -> Result<(), DataError> {
        let began = running();
        let mut grant = self.grant();
        loop {
            self.go_on()?;
            match &*grant {
                Grant::Refused(error) => return Err(error.clone()),
                Grant::At(Some(at)) if good(*at, began) => return Ok(()),
                Grant::At(_) => {
                    *grant = Grant::Asked(running());
                    if self.shared.events.unbounded_send(Event::Ask).is_err() {
                        return Err(stopped());
                    }
                }
                Grant::Asked(_) => {}
            }
            grant = self.shared.changed.wait(grant).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets time pass, unless the work is told to stop.
    pub fn pause(&self, time: Duration) -> Result<(), DataError> {
        let until = running().saturating_add(time);
        let mut grant = self.grant();
        loop {
            self.go_on()?;
            let left = until.saturating_sub(running());
            if left.is_zero() {
                return Ok(());
            }
            let waited = self.shared.changed.wait_timeout(grant, left);
            grant = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn answered(&self, answer: Result<(), DataError>) {
        let mut grant = self.grant();
        *grant = match (&*grant, answer) {
            (_, Err(error)) => Grant::Refused(error),
            (Grant::Asked(at), Ok(())) => Grant::At(Some(*at)),
            (Grant::At(_) | Grant::Refused(_), Ok(())) => return,
        };
        drop(grant);
        self.shared.changed.notify_all();
    }

    fn grant(&self) -> MutexGuard<'_, Grant> {
        self.shared.grant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn good(asked: Duration, began: Duration) -> bool {
    let age = running().saturating_sub(asked);
    age < FRESH || (asked >= began && age < AWAITED)
}

/// The time since the machine was started, sleep included
/// (`CLOCK_BOOTTIME`, <https://man7.org/linux/man-pages/man3/clock_gettime.3.html>).
pub(crate) fn running() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Stops the threads when the future that waits for them goes.
struct StopOnDrop(Control);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Runs blocking work on a thread of its own, and answers for it until it ends.
///
/// Runs on any executor. If it is dropped, or the deadline passes, the threads are told to stop, and do so before their next operation.
pub async fn drive<T, W>(
    clock: &dyn Clock,
    deadline: Duration,
    place: &str,
    overseer: Option<&dyn Overseer>,
    work: W,
) -> Result<T, DataError>
where
    T: Send + 'static,
    W: FnOnce(&Control) -> Result<T, DataError> + Send + 'static,
{
    let (events, mut heard) = mpsc::unbounded();
    let (answer, answered) = oneshot::channel();
    let guard = StopOnDrop(Control::new(events));
    let control = guard.0.clone();
    let failed = |why: String| DataError::Failed { place: place.to_owned(), why };
    thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || drop(answer.send(work(&control))))
        .map_err(|error| failed(format!("no thread could be started: {error}")))?;
    let mut answered = answered.fuse();
    let mut alarm = clock.sleep(deadline).fuse();
    let mut late = false;
    loop {
        let event = select_biased! {
            end = answered => return match end {
                Ok(Err(_)) if late => Err(failed(overdue(deadline))),
                Ok(end) => end,
                Err(_) => Err(failed("its thread ended without an answer".to_owned())),
            },
            event = heard.next() => event,
            () = alarm => {
                if late {
                    let why = format!("{}, and an operation does not return", overdue(deadline));
                    return Err(DataError::Unreachable { place: place.to_owned(), why });
                }
                late = true;
                guard.0.stop();
                alarm = clock.sleep(WIND_UP).fuse();
                continue;
            }
        };
        match (event, overseer) {
            (Some(Event::Ask), Some(overseer)) => guard.0.answered(overseer.permit().await),
            // Without an overseer there is nobody to be asked.
            (Some(Event::Ask), None) => guard.0.answered(Ok(())),
            (Some(Event::Advance(advance)), Some(overseer)) => overseer.advance(&advance),
            (Some(Event::Advance(_)), None) | (None, _) => {}
        }
    }
}

fn overdue(deadline: Duration) -> String {
    format!("not done within {}", switchover::config::Period(deadline))
}
