//! Whoever types the commands: each command is a process of its own.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use switchover::execute::{Engine, RunEnd, RunError, StopSignal, Unwatched};
use switchover::journal::{Entry, Event, Holder, Journal, Outcome, PairState, RunState};
use switchover::model::{Environment, EnvironmentName, SideName};
use switchover::plan::{Intent, Plan, PlanError, Request, plan};
use switchover::port::Clock as _;
use switchover::report::Report;
use switchover_tests::fake::World;

use super::{Guard, ask};

/// Why a command did nothing, or stopped.
#[derive(Debug)]
pub(crate) enum Trouble {
    Plan(PlanError),
    Run(RunError),
}

impl From<RunError> for Trouble {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// One process at work on the pair.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) stop: StopSignal,
}

impl Process {
    async fn read(&self) -> Result<Journal, Trouble> {
        Ok(self.engine.journal().await.map_err(RunError::from)?)
    }

    fn in_scope(&self, request: &Request) -> Vec<Environment> {
        let all = self.engine.pair.environments.iter();
        let wanted =
            |e: &&Environment| request.environments.is_empty() || request.environments.contains(&e.name);
        all.filter(wanted).cloned().collect()
    }

    pub(crate) async fn plan(&self, request: &Request) -> Result<(Journal, Plan), Trouble> {
        let journal = self.read().await?;
        let (scope, release) = (self.in_scope(request), request.release.as_ref());
        let snapshot = self.engine.preflight_of(&scope, journal.state(), release).await;
        let made = plan(&self.engine.pair, &snapshot, journal.state(), request).map_err(Trouble::Plan)?;
        Ok((journal, made))
    }

    /// Plans and runs.
    pub(crate) async fn perform(&self, request: &Request) -> Result<RunEnd, Trouble> {
        let (journal, plan) = self.plan(request).await?;
        Ok(self.engine.start(journal, plan, None).await?)
    }

    /// Looks, and plans a failover.
    pub(crate) async fn plan_failover(
        &self,
        journal: Journal,
        request: &Request,
    ) -> Result<(Journal, Plan), Trouble> {
        let snapshot = self.engine.observe_lost(&self.in_scope(request), &journal, request.to.as_ref()).await;
        let made = plan(&self.engine.pair, &snapshot, journal.state(), request).map_err(Trouble::Plan)?;
        Ok((journal, made))
    }

    /// Fails over, over whatever run is open; [`RunError::NothingOpen`] if there is nothing to do.
    pub(crate) async fn fail_over(&self, request: &Request) -> Result<RunEnd, Trouble> {
        let (mut journal, mut made) = self.plan_failover(self.read().await?, request).await?;
        if let (Some(_), Some(shift)) = (journal.state().open_run(), made.shifts.first()) {
            journal = self.engine.supersede(journal, &shift.from).await?;
            (journal, made) = self.plan_failover(journal, request).await?;
        }
        if made.is_empty() {
            return Err(RunError::NothingOpen.into());
        }
        Ok(self.engine.start(journal, made, Some("production is gone".to_owned())).await?)
    }

    pub(crate) async fn resume(&self) -> Result<RunEnd, Trouble> {
        Ok(self.engine.resume(self.read().await?).await?)
    }

    pub(crate) async fn abort(&self) -> Result<RunEnd, Trouble> {
        Ok(self.engine.abort(self.read().await?, "the operator said so").await?)
    }

    pub(crate) async fn abandon(&self) -> Result<Journal, Trouble> {
        Ok(self.engine.abandon(self.read().await?).await?)
    }
}

/// A world, the guard that watches it, and the commands.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) guard: Guard,
    processes: Cell<u32>,
}

impl Desk {
    pub(crate) fn new(world: World) -> Self {
        let guard = Guard::new(&world);
        Self { world, guard, processes: Cell::new(0) }
    }

    /// For a world that breaks the rules from the start and in which nothing is run.
    pub(crate) fn unguarded(world: World) -> Self {
        Self { guard: Guard::unchecked(&world), world, processes: Cell::new(0) }
    }

    pub(crate) fn process(&self) -> Process {
        self.process_of("ada")
    }

    /// A process of somebody.
    pub(crate) fn process_of(&self, actor: &str) -> Process {
        let process = self.processes.get() + 1;
        self.processes.set(process);
        let holder = Holder {
            actor: actor.to_owned(),
            host: "ops-1".to_owned(),
            process,
            program: "switchover 0.1.0".to_owned(),
        };
        let stop = StopSignal::default();
        let engine = Engine {
            pair: Arc::new(self.world.pair.clone()),
            ports: self.guard.ports(),
            holder,
            watcher: Arc::new(Unwatched),
            stop: stop.clone(),
        };
        Process { engine, stop }
    }

    pub(crate) fn plan(&self, request: &Request) -> Result<Plan, PlanError> {
        match self.world.run(self.process().plan(request)) {
            Ok((_, plan)) => Ok(plan),
            Err(Trouble::Plan(error)) => Err(error),
            Err(Trouble::Run(error)) => panic!("{error}"),
        }
    }

    /// Plans for environments that the pair may not have, from a look at all.
    pub(crate) fn plan_anywhere(&self, request: &Request) -> Result<Plan, PlanError> {
        let snapshot = {
            let process = self.process();
            self.world.run(process.engine.preflight(&self.world.pair.environments, &self.state()))
        };
        plan(&self.world.pair, &snapshot, &self.state(), request)
    }

    pub(crate) fn perform(&self, intent: Intent) -> Result<RunEnd, Trouble> {
        self.world.run(self.process().perform(&ask(intent)))
    }

    /// Runs something, and does something else after this long unless it has ended by then.
    pub(crate) fn while_running<F: Future>(
        &self,
        work: F,
        after: Duration,
        then: impl FnOnce(),
    ) -> F::Output {
        self.world.run(async {
            match select(Box::pin(work), self.world.clock.sleep(after)).await {
                Either::Left((output, _)) => output,
                Either::Right(((), work)) => {
                    then();
                    work.await
                }
            }
        })
    }

    pub(crate) fn resume(&self) -> Result<RunEnd, Trouble> {
        self.world.run(self.process().resume())
    }

    pub(crate) fn abort(&self) -> Result<RunEnd, Trouble> {
        self.world.run(self.process().abort())
    }

    /// Runs to the end, which must be this one.
    pub(crate) fn expect(&self, intent: Intent, outcome: Outcome) {
        let end = self.perform(intent).unwrap();
        assert_eq!(end.outcome, Some(outcome), "{end:?}");
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.world.store.entries(&self.world.pair.name)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.entries().into_iter().map(|entry| entry.event).collect()
    }

    /// What the journal says when it is read anew.
    pub(crate) fn state(&self) -> PairState {
        self.world.run(Journal::open(&self.world.pair.name, &self.world.ports())).unwrap().state().clone()
    }

    pub(crate) fn last_run(&self) -> RunState {
        self.state().runs.last().expect("a run").as_ref().clone()
    }

    pub(crate) fn report(&self) -> Report {
        Report::of(&self.last_run())
    }

    /// The production side of every environment, `None` for one that is half swapped.
    pub(crate) fn production(&self) -> Vec<Option<SideName>> {
        let names = self.world.pair.environments.iter().map(|environment| &environment.name);
        names.map(|name: &EnvironmentName| self.world.production(name)).collect()
    }

    pub(crate) fn swapped(&self) -> bool {
        self.production().iter().all(|side| side.as_ref() == Some(self.world.second()))
    }

    pub(crate) fn as_before(&self) -> bool {
        self.production().iter().all(|side| side.as_ref() == Some(self.world.first()))
    }

    /// How often each zone's records really changed.
    pub(crate) fn moves(&self) -> Vec<usize> {
        let zones = self.world.pair.services.values().flat_map(|service| &service.zones);
        zones.map(|zone: &switchover::model::Zone| self.guard.moves(&zone.name)).collect()
    }
}
