//! Seeing a run go on, and asking it to stop.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::journal::{Fact, Failure, Way};
use crate::model::{DnsName, RunId, StoreRef};
use crate::plan::{Plan, Stage, Step};
use crate::port::Advance;

/// What a run tells while it goes on. The journal remembers; this is for eyes only.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The run begins, or goes on.
    Run {
        /// Its id.
        run: &'a RunId,
        /// What it does.
        plan: &'a Plan,
        /// Whether an earlier process began it.
        resumed: bool,
    },
    /// A stage begins.
    Stage {
        /// The stage.
        stage: &'a Stage,
        /// Its place, from 0.
        place: usize,
    },
    /// A step begins.
    Began {
        /// The step.
        step: &'a Step,
        /// Done or undone.
        way: Way,
        /// How long it took the last time, if it was done before.
        expected: Option<Duration>,
    },
    /// A step is not done yet.
    Waits {
        /// The step.
        step: &'a Step,
        /// What for.
        why: &'a str,
        /// How long it has been going on.
        elapsed: Duration,
    },
    /// A step is done.
    Done {
        /// The step.
        step: &'a Step,
        /// Done or undone.
        way: Way,
        /// What it learnt.
        facts: &'a [Fact],
        /// How long it took.
        elapsed: Duration,
        /// The requests of this process for the run so far.
        requests: u64,
    },
    /// A step failed.
    Failed {
        /// The step.
        step: &'a Step,
        /// Done or undone.
        way: Way,
        /// How.
        failure: &'a Failure,
        /// How long it took.
        elapsed: Duration,
    },
    /// Long work of a step goes on.
    Advances {
        /// The step.
        step: &'a Step,
        /// How far it is.
        advance: &'a Advance,
    },
    /// A freeze could not be renewed, and may end by itself.
    LeaseAtRisk {
        /// The store.
        store: &'a StoreRef,
        /// What happened.
        why: &'a str,
    },
    /// The run turns back and undoes what it did.
    TurnedBack {
        /// Why.
        why: &'a str,
    },
    /// The probe fetched a name without the expected answer.
    ProbeFailed {
        /// The name.
        name: &'a DnsName,
        /// What happened.
        why: &'a str,
    },
}

/// Somebody who watches a run. Called from within the run: it must not block.
pub trait Watcher: Debug + Send + Sync {
    /// Takes note.
    fn on(&self, progress: &Progress<'_>);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn on(&self, _: &Progress<'_>) {}
}

/// Asks a run to stop at the next safe point. Clones ask the same run.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Asks.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
