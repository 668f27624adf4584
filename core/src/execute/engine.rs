//! The way in: begin a run, go on with one, take one back, close one.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::run::Run;
use super::{StopSignal, Unwatched, Watcher};
use crate::journal::{Event, Failure, Holder, Journal, JournalError, Outcome, PairState, PauseReason};
use crate::model::{Environment, IdError, Pair, ReleaseName, RunId};
use crate::observe::{Snapshot, assess, look, look_at_all, prove};
use crate::plan::Plan;
use crate::port::{Beat, Depth, Ports};

/// How long after its last sign of life a holder may be taken for alive.
pub const HOLD: Duration = Duration::from_secs(3);

/// How a run left off.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// The run.
    pub run: RunId,
    /// How it ended; `None` if it waits to be resumed or aborted.
    pub outcome: Option<Outcome>,
    /// Why it waits, if it does.
    pub paused: Option<PauseReason>,
    /// What failed, if something did.
    pub failures: Vec<Failure>,
}

/// Why a run could not begin, go on or be taken back.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal failed, or somebody else took the pair. Nothing was done after that.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Somebody else is working on the pair right now.
    #[error("{holder} is working on the pair")]
    Busy {
        /// Who.
        holder: Holder,
    },
    /// There is no unfinished run.
    #[error("no run is open")]
    NothingOpen,
    /// The run has crossed its pivot and cannot be undone.
    #[error(
        "run {run} has let the new side take traffic: it can only go on, or be closed and reverted by a new plan"
    )]
    PastPivot {
        /// The run.
        run: RunId,
    },
    /// The run has not crossed its pivot: it can be taken back whole, and closing it would leave what it froze frozen.
    #[error("run {run} has not let the new side take traffic: it can be taken back, and need not be closed")]
    BeforePivot {
        /// The run.
        run: RunId,
    },
    /// A run's id could not be made.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// Everything that is needed to work on one pair.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The pair.
    pub pair: Arc<Pair>,
    /// The outside world.
    pub ports: Ports,
    /// Who works.
    pub holder: Holder,
    /// Who watches.
    pub watcher: Arc<dyn Watcher>,
    /// Who may ask to stop.
    pub stop: StopSignal,
}

impl Engine {
    /// An engine that nobody watches and nobody stops; set [`Engine::watcher`] and [`Engine::stop`] for more.
    pub fn new(pair: Pair, ports: Ports, holder: Holder) -> Self {
        let pair = Arc::new(pair);
        Self { pair, ports, holder, watcher: Arc::new(Unwatched), stop: StopSignal::default() }
    }

    /// Reads the pair's journal and checks all of it.
    pub async fn journal(&self) -> Result<Journal, JournalError> {
        Journal::open(&self.pair.name, &self.ports).await
    }

    /// Looks at these environments and understands what is there: names, addresses and stores. Changes nothing.
    pub async fn observe(&self, environments: &[Environment], history: &PairState) -> Snapshot {
        let observation = look(&self.pair, &self.ports, environments, Depth::Glance).await;
        assess(&self.pair, &observation, history)
    }

    /// As [`Engine::observe`], and looks at releases, embargoes, settings and schedules. Changes nothing.
    pub async fn survey(&self, environments: &[Environment], history: &PairState) -> Snapshot {
        let observation = look_at_all(&self.pair, &self.ports, environments, Depth::Glance).await;
        assess(&self.pair, &observation, history)
    }

    /// As [`Engine::observe`], and looks at the stores for everything that could stop a sync. Changes nothing.
    pub async fn inspect(&self, environments: &[Environment], history: &PairState) -> Snapshot {
        let observation = look(&self.pair, &self.ports, environments, Depth::Preflight).await;
        assess(&self.pair, &observation, history)
    }

    /// As [`Engine::inspect`], and looks at releases, embargoes, settings and schedules. Changes nothing.
    pub async fn inspect_all(&self, environments: &[Environment], history: &PairState) -> Snapshot {
        let observation = look_at_all(&self.pair, &self.ports, environments, Depth::Preflight).await;
        assess(&self.pair, &observation, history)
    }

    /// As [`Engine::observe`], and tries whether every credential can write and the stand-by passes its checks. Changes nothing.
    pub async fn preflight(&self, environments: &[Environment], history: &PairState) -> Snapshot {
        self.preflight_of(environments, history, None).await
    }

    /// As [`Engine::preflight`], and asks whether a release could be deployed to the stand-by. Changes nothing.
    pub async fn preflight_of(
        &self,
        environments: &[Environment],
        history: &PairState,
        release: Option<&ReleaseName>,
    ) -> Snapshot {
        let mut observation = look_at_all(&self.pair, &self.ports, environments, Depth::Preflight).await;
        let roles = assess(&self.pair, &observation, history).roles;
        let standby = roles.into_iter().filter_map(|(environment, state)| {
            let side = self.pair.opposite(state.production()?).ok()?;
            Some((environment, side.name.clone()))
        });
        prove(&self.ports, &mut observation, &standby.collect(), release).await;
        assess(&self.pair, &observation, history)
    }

    /// Begins a run of a plan. The journal must be the one the plan was made from: if somebody wrote since, nothing is done.
    pub async fn start(
        &self,
        mut journal: Journal,
        plan: Plan,
        reason: Option<String>,
    ) -> Result<RunEnd, RunError> {
        let run = self.new_run_id()?;
        journal.claim(self.holder.clone()).await?;
        let digest = plan.digest();
        journal.append(Event::RunStarted { run: run.clone(), plan: Box::new(plan), digest, reason }).await?;
        Run::new(self, journal, &run)?.walk(false).await
    }

    /// Goes on with the unfinished run, forward or back as it was going.
    pub async fn resume(&self, journal: Journal) -> Result<RunEnd, RunError> {
        let (journal, run) = self.take_over(journal).await?;
        Run::new(self, journal, &run)?.walk(true).await
    }

    /// Takes the unfinished run back, if it has not crossed its pivot.
    pub async fn abort(&self, journal: Journal, why: &str) -> Result<RunEnd, RunError> {
        before_pivot(&journal)?;
        let (mut journal, run) = self.take_over(journal).await?;
        // Its holder may have gone on until the pair was taken from it.
        before_pivot(&journal)?;
        if journal.state().open_run().is_some_and(|open| open.turned_back.is_none()) {
            journal.append(Event::TurnedBack { run: run.clone(), why: why.to_owned() }).await?;
        }
        Run::new(self, journal, &run)?.walk(true).await
    }

    /// Closes the unfinished run where it is, past its pivot, so that a new plan can start from there. Waits until none of its
    /// calls can still be on its way.
    pub async fn abandon(&self, journal: Journal) -> Result<Journal, RunError> {
        past_pivot(&journal)?;
        let (journal, run) = self.take_over(journal).await?;
        // Its pivot may have been refused as a whole until the pair was taken from its holder.
        past_pivot(&journal)?;
        Run::new(self, journal, &run)?.abandon().await
    }

    async fn take_over(&self, journal: Journal) -> Result<(Journal, RunId), RunError> {
        let Some(open) = journal.state().open_run() else { return Err(RunError::NothingOpen) };
        let run = open.id.clone();
        self.wait_for_silence(&journal).await?;
        let mut journal = Journal::open(&self.pair.name, &self.ports).await?;
        // Its holder may have brought it to its end meanwhile.
        if journal.state().open_run().is_none_or(|open| open.id != run) {
            return Err(RunError::NothingOpen);
        }
        journal.claim(self.holder.clone()).await?;
        Ok((journal, run))
    }

    /// Returns once the holder's last sign of life has run out; an error if it gives another one meanwhile.
    async fn wait_for_silence(&self, journal: &Journal) -> Result<(), RunError> {
        let Some(beat) = self.alive(journal).await? else { return Ok(()) };
        self.ports.clock.sleep(beat.ttl.min(HOLD)).await;
        match (self.alive(journal).await?, journal.state().holder.clone()) {
            (Some(again), Some(holder)) if again != beat => Err(RunError::Busy { holder }),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// The sign of life of whoever holds the pair, if it has not run out.
    pub async fn alive(&self, journal: &Journal) -> Result<Option<Beat>, RunError> {
        let beat = self.ports.state.last_beat(&self.pair.name).await.map_err(JournalError::from)?;
        let now = self.ports.clock.now();
        Ok(beat.filter(|beat| {
            let age = Duration::try_from(now.duration_since(beat.at)).unwrap_or_default();
            beat.epoch >= journal.state().epoch && age < beat.ttl
        }))
    }

    fn new_run_id(&self) -> Result<RunId, IdError> {
        let mut random = [0_u8; 3];
        self.ports.entropy.fill(&mut random);
        let now = self.ports.clock.now().to_zoned(TimeZone::UTC);
        RunId::new(format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), hex::encode(random)))
    }
}

fn before_pivot(journal: &Journal) -> Result<(), RunError> {
    match journal.state().open_run() {
        Some(open) if open.pivot_crossed() => Err(RunError::PastPivot { run: open.id.clone() }),
        Some(_) | None => Ok(()),
    }
}

fn past_pivot(journal: &Journal) -> Result<(), RunError> {
    match journal.state().open_run() {
        Some(open) if !open.pivot_crossed() => Err(RunError::BeforePivot { run: open.id.clone() }),
        Some(_) | None => Ok(()),
    }
}
