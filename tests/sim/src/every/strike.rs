//! What goes wrong at a boundary, and the count of boundaries by which it is found again.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use switchover_tests::fake::VirtualClock;

use crate::{Life, Timeline};

/// What is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A call that changes something at one moment, which may come after the death of whoever made it.
    Change,
    /// Long work of the process itself: it ends with the process.
    Work,
    /// An entry of the journal.
    Entry,
    /// A look.
    Look,
}

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The process dies, and nothing was done or written.
    DiesBefore,
    /// It is done or written, and the process dies before it learns of it.
    DiesAfter,
    /// It is refused for good; a journal is full; a look gets no answer.
    Refused,
    /// It is done or written, and the answer says that nobody knows.
    LostLanded,
    /// It is neither, and the answer says that nobody knows.
    LostNever,
    /// The process dies, and what it sent is done as late as it can be.
    LandsLate,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::DiesBefore,
        Self::DiesAfter,
        Self::Refused,
        Self::LostLanded,
        Self::LostNever,
        Self::LandsLate,
    ];

    /// Those that can be at a boundary of this sort.
    pub fn of(sort: Sort) -> &'static [Self] {
        match sort {
            Sort::Change => &Self::ALL,
            Sort::Work | Sort::Entry => {
                &[Self::DiesBefore, Self::DiesAfter, Self::Refused, Self::LostLanded, Self::LostNever]
            }
            Sort::Look => &[Self::DiesBefore, Self::Refused],
        }
    }

    /// Its word in a case.
    pub fn word(self) -> &'static str {
        match self {
            Self::DiesBefore => "dies-before",
            Self::DiesAfter => "dies-after",
            Self::Refused => "refused",
            Self::LostLanded => "lost-landed",
            Self::LostNever => "lost-never",
            Self::LandsLate => "lands-late",
        }
    }
}

/// One boundary struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// Which, counted from 0 over all processes that are struck.
    pub at: usize,
    /// How.
    pub outcome: Outcome,
}

/// Something that was sent by a process that is dead.
type Letter = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Inner {
    planned: Vec<Strike>,
    armed: bool,
    passed: Vec<Sort>,
    letters: Vec<Letter>,
    postman: Option<Waker>,
}

/// The strikes of one case, and the boundaries that were passed. Clones are one.
#[derive(Clone)]
pub(crate) struct Strikes {
    clock: VirtualClock,
    timeline: Timeline,
    inner: Arc<Mutex<Inner>>,
}

impl fmt::Debug for Strikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strikes").field("planned", &self.lock().planned).finish_non_exhaustive()
    }
}

impl Strikes {
    pub(crate) fn new(planned: &[Strike], clock: &VirtualClock, timeline: &Timeline) -> Self {
        let inner = Inner { planned: planned.to_vec(), ..Inner::default() };
        Self { clock: clock.clone(), timeline: timeline.clone(), inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on boundaries count, or do no more.
    pub(crate) fn arm(&self, armed: bool) {
        self.lock().armed = armed;
    }

    /// What was passed so far.
    pub(crate) fn passed(&self) -> Vec<Sort> {
        self.lock().passed.clone()
    }

    /// How many strikes were never reached.
    pub(crate) fn left(&self) -> usize {
        let inner = self.lock();
        inner.planned.iter().filter(|strike| strike.at >= inner.passed.len()).count()
    }

    /// A boundary is reached; says how it goes wrong, if it does.
    pub(crate) fn reach(&self, sort: Sort, what: impl FnOnce() -> String) -> Option<Outcome> {
        let mut inner = self.lock();
        if !inner.armed {
            return None;
        }
        let at = inner.passed.len();
        inner.passed.push(sort);
        let struck = inner.planned.iter().find(|strike| strike.at == at).map(|strike| strike.outcome);
        self.timeline.note(self.clock.elapsed(), || match struck {
            None => format!("boundary {at}: {}", what()),
            Some(outcome) => format!("boundary {at}: {} <== {}", what(), outcome.word()),
        });
        struck
    }

    /// Does something after the death of whoever sent it.
    pub(crate) fn send(&self, after: Duration, letter: impl Future<Output = ()> + Send + 'static) {
        let clock = self.clock.clone();
        let mut inner = self.lock();
        inner.letters.push(Box::pin(async move {
            switchover::port::Clock::sleep(&clock, after).await;
            letter.await;
        }));
        if let Some(waker) = inner.postman.take() {
            waker.wake();
        }
    }

    /// Brings every letter, for ever.
    pub(crate) async fn deliver(&self) {
        let mut under_way = FuturesUnordered::new();
        std::future::poll_fn(|context| {
            {
                let mut inner = self.lock();
                under_way.extend(inner.letters.drain(..));
                inner.postman = Some(context.waker().clone());
            }
            while let Poll::Ready(Some(())) = under_way.poll_next_unpin(context) {}
            Poll::<()>::Pending
        })
        .await;
    }
}

/// One process at its boundaries.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) strikes: Strikes,
    pub(crate) life: Life,
}

impl Wire {
    /// The process dies here.
    pub(crate) async fn dies<T>(&self) -> T {
        self.life.end();
        std::future::pending().await
    }

    /// A look, which may get no answer.
    pub(crate) async fn look<T, E>(
        &self,
        what: impl FnOnce() -> String,
        look: impl Future<Output = Result<T, E>>,
        silent: impl FnOnce() -> E,
    ) -> Result<T, E> {
        match self.strikes.reach(Sort::Look, what) {
            None => look.await,
            Some(Outcome::Refused) => Err(silent()),
            Some(
                Outcome::DiesBefore
                | Outcome::DiesAfter
                | Outcome::LostLanded
                | Outcome::LostNever
                | Outcome::LandsLate,
            ) => self.dies().await,
        }
    }
}
