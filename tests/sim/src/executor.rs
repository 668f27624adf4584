//! The executor: one thread, virtual time, and an order of tasks that the seed chooses.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use switchover_tests::fake::VirtualClock;

use crate::Dice;

/// Something that goes on beside other things.
pub type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Which tasks can go on.
type Ready = Arc<Mutex<Vec<usize>>>;

/// Notes that a task can go on.
struct Bell {
    task: usize,
    rung: AtomicBool,
    ready: Ready,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        }
    }
}

struct Slot<'a> {
    task: Option<Task<'a>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Tasks that share one thread and one clock.
pub struct Executor<'a> {
    clock: VirtualClock,
    dice: Dice,
    ready: Ready,
    slots: Vec<Slot<'a>>,
}

impl<'a> Executor<'a> {
    /// An executor without tasks.
    pub fn new(clock: &VirtualClock, dice: Dice) -> Self {
        Self { clock: clock.clone(), dice, ready: Ready::default(), slots: Vec::new() }
    }

    /// Adds a task.
    pub fn add(&mut self, task: Task<'a>) {
        let bell = Arc::new(Bell {
            task: self.slots.len(),
            rung: AtomicBool::new(false),
            ready: Arc::clone(&self.ready),
        });
        let waker = Waker::from(Arc::clone(&bell));
        waker.wake_by_ref();
        self.slots.push(Slot { task: Some(task), bell, waker });
    }

    /// Runs until the first task is over, and looks at the world after every step of any task.
    ///
    /// # Panics
    ///
    /// If every task waits for nothing that will ever happen, or `after_each` finds something.
    pub fn run(mut self, mut after_each: impl FnMut()) -> u64 {
        let mut steps = 0;
        while self.slots.first().is_some_and(|slot| slot.task.is_some()) {
            match self.next() {
                Some(place) => {
                    self.step(place);
                    steps += 1;
                    after_each();
                }
                None => assert!(self.clock.jump(), "every task waits, and for nothing that will ever happen"),
            }
        }
        steps
    }

    fn next(&mut self) -> Option<usize> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let many = ready.len() as u64;
        (many > 0).then(|| ready.swap_remove(usize::try_from(self.dice.below(many)).unwrap_or_default()))
    }

    fn step(&mut self, place: usize) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        slot.bell.rung.store(false, Ordering::Release);
        let Some(task) = &mut slot.task else { return };
        if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&slot.waker)) {
            slot.task = None;
        }
    }
}

impl std::fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("tasks", &self.slots.len()).finish_non_exhaustive()
    }
}
