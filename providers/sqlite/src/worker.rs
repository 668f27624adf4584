//! The one thread that works on the file, so that no executor is ever blocked and any executor will do.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use futures_channel::oneshot;
use rusqlite::Connection;
use switchover::port::StoreError;

use crate::place::Place;

type Job = Box<dyn FnOnce(&Place, &Connection) + Send>;

/// Hands jobs to the thread. The thread closes the file and ends when this is dropped and the jobs before are done.
pub(crate) struct Worker {
    place: Place,
    jobs: Sender<Job>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Worker").field(&self.place).finish()
    }
}

impl Worker {
    pub(crate) fn start(place: Place, connection: Connection) -> Result<Self, StoreError> {
        let (jobs, queue) = channel();
        let of_thread = place.clone();
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || work(&of_thread, &connection, &queue))
            .map_err(|error| place.unusable(format!("no thread could be started for it: {error}")))?;
        Ok(Self { place, jobs })
    }

    /// Runs a job after all jobs before it and brings its answer back. The job runs even if the future is dropped.
    pub(crate) async fn call<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        T: Send + 'static,
        J: FnOnce(&Place, &Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let gone = || self.place.unavailable("its thread has ended");
        let job = Box::new(move |place: &Place, connection: &Connection| {
            // Nobody may wait any more: the caller was dropped.
            drop(answer.send(job(place, connection)));
        });
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn work(place: &Place, connection: &Connection, queue: &Receiver<Job>) {
    for job in queue {
        job(place, connection);
    }
}
