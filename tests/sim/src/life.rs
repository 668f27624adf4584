//! The life of a process: it may die or fall asleep between any two awaits, and at any entry of its journal.

use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use switchover::port::Clock as _;
use switchover_tests::fake::VirtualClock;

/// A moment in the life of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When it was polled so many times.
    Poll(u64),
    /// Just before it writes its so many'th entry, from 0.
    BeforeEntry(u64),
    /// When that entry is written, before the process learns of it.
    AfterEntry(u64),
}

/// What happens to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It dies.
    Dies(Moment),
    /// It sleeps, as by SIGSTOP, and goes on.
    Sleeps(Moment, Duration),
    /// It dies while this entry is being written, half of which stays.
    DiesWriting(u64),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poll(polls) => write!(f, "after {polls} polls"),
            Self::BeforeEntry(nth) => write!(f, "before its entry {nth}"),
            Self::AfterEntry(nth) => write!(f, "after its entry {nth}"),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dies(moment) => write!(f, "dies {moment}"),
            Self::Sleeps(moment, long) => write!(f, "sleeps for {long:?} {moment}"),
            Self::DiesWriting(nth) => write!(f, "dies while it writes its entry {nth}"),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    fates: Vec<Fate>,
    polls: u64,
    entries: u64,
    dead: bool,
    tired: Option<Duration>,
}

/// The life of one process. Clones are one life.
#[derive(Debug, Clone, Default)]
pub struct Life(Arc<Mutex<Inner>>);

impl Life {
    /// A life with these fates.
    pub fn with(fates: &[Fate]) -> Self {
        Self(Arc::new(Mutex::new(Inner { fates: fates.to_vec(), ..Inner::default() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is over.
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Ends it. Whoever lives it must not go on.
    pub(crate) fn end(&self) {
        self.lock().dead = true;
    }

    /// Lets happen what is to happen at this moment, and returns when the process lives on.
    async fn pass(&self, moment: Moment) {
        self.reach(moment);
        if self.is_dead() {
            pending::<()>().await;
        }
        if self.lock().tired.is_some() {
            yield_once().await;
        }
    }

    fn reach(&self, moment: Moment) {
        let mut inner = self.lock();
        for fate in inner.fates.clone() {
            match fate {
                Fate::Dies(when) if when == moment => inner.dead = true,
                Fate::Sleeps(when, long) if when == moment => inner.tired = Some(long),
                Fate::Dies(_) | Fate::Sleeps(..) | Fate::DiesWriting(_) => {}
            }
        }
    }

    /// The process is about to write; whether the entry will be torn. It is dead then.
    pub(crate) async fn before_entry(&self) -> bool {
        let nth = self.lock().entries;
        self.pass(Moment::BeforeEntry(nth)).await;
        let mut inner = self.lock();
        let torn = inner.fates.contains(&Fate::DiesWriting(nth));
        inner.dead |= torn;
        torn
    }

    /// The process has written.
    pub(crate) async fn after_entry(&self) {
        let nth = self.lock().entries;
        self.lock().entries += 1;
        self.pass(Moment::AfterEntry(nth)).await;
    }

    fn polled(&self) {
        self.lock().polls += 1;
        let polls = self.lock().polls;
        self.reach(Moment::Poll(polls));
    }

    fn falls_asleep(&self) -> Option<Duration> {
        self.lock().tired.take()
    }
}

/// Lets everybody else go first.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A process at work: ends with what it came to, or with `None` when it died. What it was about to do is dropped then.
pub struct Mortal<'a, T> {
    life: Life,
    clock: VirtualClock,
    work: Boxed<'a, T>,
    nap: Option<Boxed<'a, ()>>,
}

impl<'a, T> Mortal<'a, T> {
    /// Some work of a process with this life.
    pub fn new(life: Life, clock: &VirtualClock, work: impl Future<Output = T> + 'a) -> Self {
        Self { life, clock: clock.clone(), work: Box::pin(work), nap: None }
    }

    /// Sleeps if it is time to; whether it does.
    fn naps(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(long) = self.life.falls_asleep() {
            let clock = self.clock.clone();
            self.nap = Some(Box::pin(async move { clock.sleep(long).await }));
        }
        let asleep = self.nap.as_mut().is_some_and(|nap| nap.as_mut().poll(context).is_pending());
        if !asleep {
            self.nap = None;
        }
        asleep
    }
}

impl<T> Future for Mortal<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.naps(context) {
            return Poll::Pending;
        }
        self.life.polled();
        if self.naps(context) {
            return Poll::Pending;
        }
        if self.life.is_dead() {
            return Poll::Ready(None);
        }
        match self.work.as_mut().poll(context) {
            _ if self.life.is_dead() => Poll::Ready(None),
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Mortal<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mortal").field("life", &self.life).finish_non_exhaustive()
    }
}
