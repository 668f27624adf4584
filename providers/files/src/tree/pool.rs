//! Threads that share jobs, of which each may make more. Latest first, so that few folders are open at a time; copies from all over the place,
//! because whoever puts a name into a folder keeps everybody else out of that folder meanwhile (a network file system for milliseconds).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use switchover::port::DataError;

use crate::work::{Control, stopped};

/// After how long a thread without a job looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How many scattered jobs may wait while others are made.
const WAITING: usize = 8192;

/// A piece of work.
pub(crate) trait Scatter {
    /// Whether it is better done beside jobs of other folders than beside those of its own.
    fn scattered(&self) -> bool;
}

#[derive(Debug)]
struct State<J> {
    jobs: Vec<J>,
    scattered: Vec<J>,
    /// Where the next scattered job is taken from: any spread will do.
    dice: usize,
    busy: usize,
    error: Option<DataError>,
}

/// The jobs that are left.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
}

impl<J> State<J> {
    fn take(&mut self) -> Option<J> {
        if self.scattered.len() < WAITING
            && let Some(job) = self.jobs.pop()
        {
            return Some(job);
        }
        if self.scattered.is_empty() {
            return None;
        }
        // Steps of a large prime reach every place in turn.
        self.dice = self.dice.wrapping_add(7_368_787);
        let place = self.dice % self.scattered.len();
        Some(self.scattered.swap_remove(place))
    }
}

impl<J: Send + Scatter> Queue<J> {
    /// Adds jobs.
    pub(crate) fn extend(&self, jobs: impl IntoIterator<Item = J>) {
        let mut state = self.state();
        let mut added = 0;
        for job in jobs {
            added += 1;
            if job.scattered() { state.scattered.push(job) } else { state.jobs.push(job) }
        }
        drop(state);
        if added > 1 {
            self.changed.notify_all();
        } else {
            self.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` when there will be none.
    fn next(&self, control: &Control) -> Option<J> {
        let mut state = self.state();
        loop {
            if state.error.is_some() {
                return None;
            }
            if control.go_on().is_err() {
                state.error = Some(stopped());
                return None;
            }
            if let Some(job) = state.take() {
                state.busy += 1;
                return Some(job);
            }
            if state.busy == 0 {
                return None;
            }
            let waited = self.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn done(&self, end: Result<(), DataError>) {
        let mut state = self.state();
        state.busy = state.busy.saturating_sub(1);
        if let Err(error) = end {
            // The first error is the cause; later ones may be its consequences.
            state.error.get_or_insert(error);
        }
        let over =
            state.error.is_some() || (state.busy == 0 && state.jobs.is_empty() && state.scattered.is_empty());
        drop(state);
        if over {
            self.changed.notify_all();
        }
    }
}

fn panicked() -> DataError {
    DataError::Failed {
        place: "the work".to_owned(),
        why: "one of its threads failed; this is a bug".to_owned(),
    }
}

/// Does all jobs and those that they make. The first error ends everything.
pub(crate) fn run<J: Send + Scatter>(
    threads: u16,
    control: &Control,
    first: Vec<J>,
    work: impl Fn(J, &Queue<J>) -> Result<(), DataError> + Sync,
) -> Result<(), DataError> {
    let state = Mutex::new(State { jobs: first, scattered: Vec::new(), dice: 0, busy: 0, error: None });
    let queue = Queue { state, changed: Condvar::new() };
    let (queue, work) = (&queue, &work);
    thread::scope(|scope| {
        let worker = move || {
            while let Some(job) = queue.next(control) {
                // A panic in a job must not leave the others waiting for it.
                let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(job, queue)));
                queue.done(end.unwrap_or_else(|_| Err(panicked())));
            }
        };
        // This thread is one of them; fewer than asked for still do the work.
        for number in 1..threads {
            let named = thread::Builder::new().name(format!("files-{number}")).stack_size(512 * 1024);
            if named.spawn_scoped(scope, worker).is_err() {
                break;
            }
        }
        worker();
    });
    queue.state().error.take().map_or(Ok(()), Err)
}
