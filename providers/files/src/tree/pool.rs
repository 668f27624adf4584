//! Threads that share jobs, of which each may make more. Latest first, so that few folders are open at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use switchover::port::DataError;

use crate::work::{Control, stopped};

/// After how long a thread without a job looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct State<J> {
    jobs: Vec<J>,
    busy: usize,
    error: Option<DataError>,
}

/// The jobs that are left.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
}

impl<J: Send> Queue<J> {
    /// Adds jobs.
    pub(crate) fn extend(&self, jobs: impl IntoIterator<Item = J>) {
        let mut state = self.state();
        let before = state.jobs.len();
        state.jobs.extend(jobs);
        let added = state.jobs.len().saturating_sub(before);
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
            if let Some(job) = state.jobs.pop() {
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
        let over = state.error.is_some() || (state.busy == 0 && state.jobs.is_empty());
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
pub(crate) fn run<J: Send>(
    threads: u16,
    control: &Control,
    first: Vec<J>,
    work: impl Fn(J, &Queue<J>) -> Result<(), DataError> + Sync,
) -> Result<(), DataError> {
    let state = Mutex::new(State { jobs: first, busy: 0, error: None });
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
