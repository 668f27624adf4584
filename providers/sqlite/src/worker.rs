//! The one thread that works on the file, so that no executor is ever blocked and any executor will do.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use rusqlite::Connection;
use switchover::port::StateError;

use crate::place::Place;

type Job = Box<dyn FnOnce(&Place, &Connection) + Send>;

/// Hands jobs to the thread. Dropping it waits for the jobs before and closes the file.
pub(crate) struct Worker {
    place: Place,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Worker").field(&self.place).finish()
    }
}

impl Worker {
    pub(crate) fn start(place: Place, connection: Connection) -> Result<Self, StateError> {
        let (jobs, queue) = channel();
        let of_thread = place.clone();
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || work(&of_thread, &connection, &queue))
            .map_err(|error| place.unusable(format!("no thread could be started for it: {error}")))?;
        Ok(Self { place, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs a job after all jobs before it and brings its answer back. The job runs even if the future is dropped.
    pub(crate) async fn call<T, J>(&self, job: J) -> Result<T, StateError>
    where
        T: Send + 'static,
        J: FnOnce(&Place, &Connection) -> Result<T, StateError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let gone = || self.place.unavailable("its thread has ended");
        let job: Job = Box::new(move |place: &Place, connection: &Connection| {
            // Nobody may wait any more: the caller was dropped.
            drop(answer.send(job(place, connection)));
        });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The queue ends with its sender, and the thread with its queue.
        drop(self.jobs.take());
        // A thread that panicked has told its callers already.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn work(place: &Place, connection: &Connection, queue: &Receiver<Job>) {
    for job in queue {
        job(place, connection);
    }
}
