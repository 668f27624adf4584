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

use super::{Guard, ask};
use crate::fake::World;

/// Why a command did nothing, or stopped.
#[derive(Debug)]
pub enum Trouble {
    /// There is no plan.
    Plan(PlanError),
    /// The run did not begin, or did not go on.
    Run(RunError),
}

impl From<RunError> for Trouble {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// One process at work on the pair.
#[derive(Debug)]
pub struct Process {
    /// The engine that it works with, the guard between it and the fakes.
    pub engine: Engine,
    /// Asks it to stop.
    pub stop: StopSignal,
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

    /// Reads the journal, looks, and plans.
    pub async fn plan(&self, request: &Request) -> Result<(Journal, Plan), Trouble> {
        let journal = self.read().await?;
        let (scope, release) = (self.in_scope(request), request.release.as_ref());
        let snapshot = self.engine.preflight_of(&scope, journal.state(), release).await;
        let made = plan(&self.engine.pair, &snapshot, journal.state(), request).map_err(Trouble::Plan)?;
        Ok((journal, made))
    }

    /// Plans and runs.
    pub async fn perform(&self, request: &Request) -> Result<RunEnd, Trouble> {
        let (journal, plan) = self.plan(request).await?;
        Ok(self.engine.start(journal, plan, None).await?)
    }

    /// Looks, and plans a failover.
    pub async fn plan_failover(
        &self,
        journal: Journal,
        request: &Request,
    ) -> Result<(Journal, Plan), Trouble> {
        let snapshot = self.engine.observe_lost(&self.in_scope(request), &journal, request.to.as_ref()).await;
        let made = plan(&self.engine.pair, &snapshot, journal.state(), request).map_err(Trouble::Plan)?;
        Ok((journal, made))
    }

    /// Fails over, over whatever run is open; [`RunError::NothingOpen`] if there is nothing to do.
    pub async fn fail_over(&self, request: &Request) -> Result<RunEnd, Trouble> {
        self.fail_over_by(request, |plan| plan).await
    }

    /// As [`Process::fail_over`], by a plan that somebody changed after it was checked.
    pub async fn fail_over_by(
        &self,
        request: &Request,
        change: impl FnOnce(Plan) -> Plan,
    ) -> Result<RunEnd, Trouble> {
        let (mut journal, mut made) = self.plan_failover(self.read().await?, request).await?;
        let named = request.to.as_ref().and_then(|to| self.engine.pair.opposite(to).ok());
        let given_up = made.shifts.first().map(|shift| &shift.from).or(named.map(|side| &side.name)).cloned();
        if let (Some(_), Some(side)) = (journal.state().open_run(), given_up) {
            journal = self.engine.supersede(journal, &side).await?;
            (journal, made) = self.plan_failover(journal, request).await?;
        }
        if made.is_empty() {
            return Err(RunError::NothingOpen.into());
        }
        Ok(self.engine.start(journal, change(made), Some("production is gone".to_owned())).await?)
    }

    /// Goes on with the open run.
    pub async fn resume(&self) -> Result<RunEnd, Trouble> {
        Ok(self.engine.resume(self.read().await?).await?)
    }

    /// Takes the open run back.
    pub async fn abort(&self) -> Result<RunEnd, Trouble> {
        Ok(self.engine.abort(self.read().await?, "the operator said so").await?)
    }

    /// Closes the open run where it is.
    pub async fn abandon(&self) -> Result<Journal, Trouble> {
        Ok(self.engine.abandon(self.read().await?).await?)
    }
}

/// A world, the guard that watches it, and the commands.
#[derive(Debug)]
pub struct Desk {
    /// The world.
    pub world: World,
    /// Watches it.
    pub guard: Guard,
    processes: Cell<u32>,
}

impl Desk {
    /// A world that is sound, watched from now on.
    pub fn new(world: World) -> Self {
        let guard = Guard::new(&world);
        Self { world, guard, processes: Cell::new(0) }
    }

    /// For a world that breaks the rules from the start and in which nothing is run.
    pub fn unguarded(world: World) -> Self {
        Self { guard: Guard::unchecked(&world), world, processes: Cell::new(0) }
    }

    /// A process of `ada`.
    pub fn process(&self) -> Process {
        self.process_of("ada")
    }

    /// A process of somebody.
    pub fn process_of(&self, actor: &str) -> Process {
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

    /// The plan that a request would get now.
    ///
    /// # Panics
    ///
    /// If the journal cannot be read.
    pub fn plan(&self, request: &Request) -> Result<Plan, PlanError> {
        match self.world.run(self.process().plan(request)) {
            Ok((_, plan)) => Ok(plan),
            Err(Trouble::Plan(error)) => Err(error),
            Err(Trouble::Run(error)) => panic!("{error}"),
        }
    }

    /// Plans for environments that the pair may not have, from a look at all.
    pub fn plan_anywhere(&self, request: &Request) -> Result<Plan, PlanError> {
        let snapshot = {
            let process = self.process();
            self.world.run(process.engine.preflight(&self.world.pair.environments, &self.state()))
        };
        plan(&self.world.pair, &snapshot, &self.state(), request)
    }

    /// Plans and runs, in a process of its own.
    pub fn perform(&self, intent: Intent) -> Result<RunEnd, Trouble> {
        self.world.run(self.process().perform(&ask(intent)))
    }

    /// Runs something, and does something else after this long unless it has ended by then.
    pub fn while_running<F: Future>(&self, work: F, after: Duration, then: impl FnOnce()) -> F::Output {
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

    /// Goes on with the open run, in a process of its own.
    pub fn resume(&self) -> Result<RunEnd, Trouble> {
        self.world.run(self.process().resume())
    }

    /// Takes the open run back, in a process of its own.
    pub fn abort(&self) -> Result<RunEnd, Trouble> {
        self.world.run(self.process().abort())
    }

    /// Runs to the end, which must be this one.
    pub fn expect(&self, intent: Intent, outcome: Outcome) {
        let end = self.perform(intent).expect("nothing failed");
        assert_eq!(end.outcome, Some(outcome), "{end:?}");
    }

    /// The journal.
    pub fn entries(&self) -> Vec<Entry> {
        self.world.store.entries(&self.world.pair.name)
    }

    /// What the journal tells.
    pub fn events(&self) -> Vec<Event> {
        self.entries().into_iter().map(|entry| entry.event).collect()
    }

    /// What the journal says when it is read anew.
    pub fn state(&self) -> PairState {
        self.world
            .run(Journal::open(&self.world.pair.name, &self.world.ports()))
            .expect("nothing failed")
            .state()
            .clone()
    }

    /// The latest run.
    pub fn last_run(&self) -> RunState {
        self.state().runs.last().expect("a run").as_ref().clone()
    }

    /// What the latest run reports.
    pub fn report(&self) -> Report {
        Report::of(&self.last_run())
    }

    /// The production side of every environment, `None` for one that is half swapped.
    pub fn production(&self) -> Vec<Option<SideName>> {
        let names = self.world.pair.environments.iter().map(|environment| &environment.name);
        names.map(|name: &EnvironmentName| self.world.production(name)).collect()
    }

    /// Whether every environment has its production on the second side.
    pub fn swapped(&self) -> bool {
        self.production().iter().all(|side| side.as_ref() == Some(self.world.second()))
    }

    /// Whether every environment has its production on the first side.
    pub fn as_before(&self) -> bool {
        self.production().iter().all(|side| side.as_ref() == Some(self.world.first()))
    }

    /// How often each zone's records really changed.
    pub fn moves(&self) -> Vec<usize> {
        let zones = self.world.pair.services.values().flat_map(|service| &service.zones);
        zones.map(|zone: &switchover::model::Zone| self.guard.moves(&zone.name)).collect()
    }
}
