//! Looks at the rules after every event: whatever breaks one ends the run with a panic that says which.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchover::journal::{Entry, Event, Outcome, PairState, Seq};
use switchover::model::{Role, RunId};
use switchover::plan::Intent;
use switchover_tests::fake::World;

use crate::Timeline;

/// A process that lost the pair may make the call that it had announced before, while what it saw is fresh.
const SAME_BREATH: Duration = Duration::from_secs(6);

/// What stands in every secret setting, and nowhere else.
pub(crate) const CANARY: &str = "canary-5f1c";

#[derive(Debug, Default)]
struct Inner {
    /// The journal, read entry by entry from its bytes.
    replay: PairState,
    /// Who claimed the pair last, and when.
    claim: Option<(u32, Duration)>,
    /// The longest TTL when the open run began.
    old_ttl: Duration,
    /// When every server was last seen to agree in the open run.
    agreed: Option<Duration>,
}

/// Looks at one world. Clones are one judge.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    world: World,
    timeline: Timeline,
    inner: Arc<Mutex<Inner>>,
}

impl Judge {
    pub(crate) fn new(world: &World, timeline: &Timeline) -> Self {
        Self { world: world.clone(), timeline: timeline.clone(), inner: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the journal says, by a reading of its own.
    pub(crate) fn replayed(&self) -> PairState {
        self.lock().replay.clone()
    }

    /// Whether a run is open.
    pub(crate) fn is_busy(&self) -> bool {
        self.lock().replay.open_run().is_some()
    }

    /// A process is about to change something of the pair.
    pub(crate) fn acts(&self, process: u32, what: impl Fn() -> String) {
        let now = self.world.clock.elapsed();
        self.timeline.note(now, || format!("process {process} {}", what()));
        let claim = self.lock().claim;
        let (holder, since) =
            claim.unwrap_or_else(|| panic!("process {process} {}: nobody holds the pair", what()));
        let late = now.saturating_sub(since);
        assert!(
            holder == process || late <= SAME_BREATH,
            "process {process} {} and does not hold the pair: process {holder} has, for {late:?}",
            what()
        );
    }

    /// Looks at everything that must hold at every moment.
    pub(crate) fn look(&self) {
        self.read_on();
        self.one_writable();
    }

    /// Reads what was written since, as a process would that begins now.
    fn read_on(&self) {
        let pair = &self.world.pair.name;
        let length = self.world.store.length(pair);
        if length == self.lock().replay.next {
            return;
        }
        let mut inner = self.lock();
        while inner.replay.next < length {
            let at = inner.replay.next;
            // Torn: nobody can read it, until somebody takes it out.
            let Some(entry) = self.world.store.entry(pair, at) else { return };
            if !self.world.deliveries.is_empty() {
                let bytes = self.world.store.bytes(pair, at).unwrap_or_default();
                no_secret(&String::from_utf8_lossy(&bytes), "the journal");
            }
            inner.replay.apply(&entry).unwrap_or_else(|fault| panic!("the journal does not replay: {fault}"));
            self.learn(&mut inner, &entry);
        }
    }

    fn learn(&self, inner: &mut Inner, entry: &Entry) {
        let now = self.world.clock.elapsed();
        self.timeline
            .note(now, || format!("entry {} (epoch {}): {}", entry.seq, entry.epoch, told(&entry.event)));
        match &entry.event {
            Event::Claimed { holder } => inner.claim = Some((holder.process, now)),
            Event::RunStarted { .. } => {
                inner.old_ttl = self.longest_ttl();
                inner.agreed = None;
            }
            Event::StepSucceeded { run, step, .. } => {
                let plan = inner.replay.run(run).map(|run| run.plan.clone());
                let action = plan.as_ref().and_then(|plan| plan.step(step)).map(|step| &step.action);
                if action.is_some_and(|action| action.as_await_records().is_some()) {
                    inner.agreed = Some(now);
                }
                if action.is_some_and(|action| action.as_hold().is_some()) {
                    self.held_long_enough(inner, run, now);
                }
            }
            Event::StepStarted { .. }
            | Event::StepFailed { .. }
            | Event::TurnedBack { .. }
            | Event::Probed { .. }
            | Event::Approved { .. }
            | Event::Withdrawn { .. }
            | Event::Rejected { .. }
            | Event::Paused { .. }
            | Event::RunFinished { .. } => {}
        }
    }

    /// The old TTL and the margin have passed since every server agreed.
    fn held_long_enough(&self, inner: &Inner, run: &RunId, now: Duration) {
        let intent = inner.replay.run(run).map(|run| run.plan.intent);
        let Some(agreed) = inner.agreed.filter(|_| intent != Some(Intent::Prepare)) else { return };
        let (held, due) = (now.saturating_sub(agreed), inner.old_ttl + self.world.pair.dns.margin);
        // A little less: entries take their time too.
        let enough = held + Duration::from_secs(1) >= due;
        assert!(enough, "the old side was held for {held:?} and not for {due:?}");
    }

    fn longest_ttl(&self) -> Duration {
        let now = self.world.clock.elapsed();
        let names = self.world.endpoints().flat_map(|endpoint| Role::ALL.map(|role| endpoint.name(role)));
        let records = names.flat_map(|name| self.world.names.seen_at(name, now).unwrap_or_default());
        let addressed = records.filter(|record| record.value.data.address().is_some());
        addressed.map(|record| record.value.ttl.duration()).max().unwrap_or_default()
    }

    /// Never do both sides of a store take writes, unless a failover went over a side that did not hear it.
    fn one_writable(&self) {
        for (name, store) in &self.world.stores {
            if store.writable().len() < 2 {
                continue;
            }
            let inner = self.lock();
            let over = inner.replay.open_run().is_some_and(|run| run.plan.intent == Intent::Failover);
            let owed = inner.replay.owed().iter().any(|owed| owed.environment == name.environment);
            assert!(over || owed, "both sides of {name} take writes");
        }
    }
}

/// Nothing secret stands in what somebody may read.
pub(crate) fn no_secret(text: &str, place: &str) {
    assert!(!text.contains(CANARY), "a secret stands in {place}");
}

/// Whether an entry is one that the planted bug acknowledges and does not write.
pub(crate) fn is_lazy(entry: &Entry) -> bool {
    matches!(entry.event, Event::StepStarted { .. })
}

pub(crate) fn told(event: &Event) -> String {
    match event {
        Event::Claimed { holder } => format!("claimed by process {} ({})", holder.process, holder.actor),
        Event::RunStarted { run, plan, .. } => {
            let steps: Vec<String> = plan
                .stages
                .iter()
                .map(|stage| {
                    let ids: Vec<&str> = stage.steps.iter().map(|step| step.id.as_str()).collect();
                    ids.join(" | ")
                })
                .collect();
            format!("{} begins, run {run}: {}", plan.intent, steps.join(" → "))
        }
        Event::StepStarted { step, way, .. } => format!("{way:?}: {step} starts"),
        Event::StepSucceeded { step, way, .. } => format!("{way:?}: {step} is done"),
        Event::StepFailed { step, way, failure, .. } => {
            format!("{way:?}: {step} failed ({:?}): {}", failure.kind, failure.message)
        }
        Event::TurnedBack { why, .. } => format!("turned back: {why}"),
        Event::Probed { .. } => "probed".to_owned(),
        Event::Approved { group, .. } => format!("approved for {group}"),
        Event::Withdrawn { group, .. } => format!("approval for {group} withdrawn"),
        Event::Rejected { .. } => "rejected".to_owned(),
        Event::Paused { reason, .. } => format!("paused: {reason:?}"),
        Event::RunFinished { outcome, .. } => format!("finished: {outcome}"),
    }
}

/// Whether a run brought what it was meant to.
pub(crate) fn went_through(outcome: Option<Outcome>) -> bool {
    match outcome {
        Some(Outcome::Completed | Outcome::CompletedWithExceptions) => true,
        Some(Outcome::Undone | Outcome::Abandoned | Outcome::Superseded) | None => false,
    }
}

/// The last entry, if it is torn.
pub(crate) fn is_torn(world: &World) -> Option<Seq> {
    let pair = &world.pair.name;
    let last = Seq(world.store.length(pair).0.checked_sub(1)?);
    world.store.entry(pair, last).is_none().then_some(last)
}
