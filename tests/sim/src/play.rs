//! One scenario, from its first event to its last: people, clients and faults side by side, and then whoever tidies up.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use switchover::execute::RunError;
use switchover::journal::JournalError;
use switchover::plan::{Intent, Plan, PlanError, Request};
use switchover_tests::desk::{Desk, Process, Trouble, ask};

use crate::clients::Clients;
use crate::every::Strikes;
use crate::executor::{Executor, Task};
use crate::judge::Judge;
use crate::link::Link;
use crate::scenario::{Command, Cut, Errand, Fault, Person, Scenario};
use crate::{Dice, Life, Mortal, Plant, Timeline, close, stage};

/// What a scenario came to that broke no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// How often a task went on.
    pub steps: u64,
    /// The virtual time that passed.
    pub elapsed: Duration,
    /// How many entries the journal has.
    pub entries: u64,
    /// A number that depends on every byte of the journal.
    pub digest: u64,
}

/// Whose executor and clock a scenario is played by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// Our own: the order of tasks comes from the seed.
    Seed,
    /// Tokio's, with its clock paused: the order of tasks is tokio's, its time has a grain of a millisecond.
    #[cfg(feature = "cross-check")]
    Tokio,
}

impl Under {
    fn run(self, desk: &Desk, scenario: &Scenario, tasks: Vec<Task<'_>>, look: &impl Fn()) -> u64 {
        let clock = &desk.world.clock;
        match self {
            Self::Seed => {
                let mut executor = Executor::new(clock, Dice::of(!scenario.seed));
                for task in tasks {
                    executor.add(task);
                }
                executor.run(look)
            }
            #[cfg(feature = "cross-check")]
            Self::Tokio => crate::cross_check::run(clock, tasks, look),
        }
    }
}

/// The parts of one play.
pub(crate) struct Table<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) desk: &'a Desk,
    pub(crate) judge: Judge,
    pub(crate) clients: Clients<'a>,
    pub(crate) timeline: Timeline,
    pub(crate) busy: Cell<usize>,
    /// How many people give production up at this moment.
    giving_up: Cell<usize>,
    plant: Option<Plant>,
    /// What strikes processes at their boundaries, where something does.
    pub(crate) strikes: Option<Strikes>,
}

/// Plays a scenario.
///
/// # Panics
///
/// If a rule is broken.
pub fn play(scenario: &Scenario, plant: Option<Plant>, timeline: &Timeline, under: Under) -> Played {
    let desk = Desk::new(stage::world(&scenario.shape));
    let table = Table::of(scenario, &desk, plant, timeline);
    let mut tasks: Vec<Task<'_>> =
        vec![Box::pin(close::tidy_up(&table)), Box::pin(table.clients.write(scenario, &table.judge))];
    tasks.extend(scenario.people.iter().map(|person| Box::pin(table.live(person)) as Task<'_>));
    tasks.extend(scenario.faults.iter().map(|fault| Box::pin(table.suffer(fault)) as Task<'_>));
    let steps = under.run(&desk, scenario, tasks, &|| table.judge.look());
    Played { steps, elapsed: desk.world.clock.elapsed(), ..digest(&desk) }
}

fn digest(desk: &Desk) -> Played {
    let (store, pair) = (&desk.world.store, &desk.world.pair.name);
    let entries = store.length(pair).0;
    let bytes =
        (0..entries).flat_map(|at| store.bytes(pair, switchover::journal::Seq(at)).unwrap_or_default());
    // FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
    let digest = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Played { steps: 0, elapsed: Duration::ZERO, entries, digest }
}

impl<'a> Table<'a> {
    /// Everything that a play needs, before it begins.
    pub(crate) fn of(
        scenario: &'a Scenario,
        desk: &'a Desk,
        plant: Option<Plant>,
        timeline: &Timeline,
    ) -> Self {
        if plant == Some(Plant::FreezeBelieved) {
            desk.world.stores.values().for_each(switchover_tests::fake::FakeStore::believe_freezes);
        }
        Self {
            scenario,
            desk,
            judge: Judge::new(&desk.world, timeline),
            clients: Clients::new(&desk.world),
            timeline: timeline.clone(),
            busy: Cell::new(scenario.people.len()),
            giving_up: Cell::new(0),
            plant,
            strikes: None,
        }
    }
}

impl Table<'_> {
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        self.timeline.note(self.desk.world.clock.elapsed(), what);
    }

    /// How far apart what two clocks said may be.
    pub(crate) fn lenience(&self) -> SignedDuration {
        SignedDuration::from_secs(self.scenario.clocks_differ_by() + 1)
    }

    /// A process of somebody whose network is like this.
    pub(crate) fn process(&self, life: &Life, cuts: &[Cut], skew: i64) -> Process {
        let mut process = self.desk.process();
        let link = Link {
            process: process.engine.holder.process,
            life: life.clone(),
            cuts: Arc::new(cuts.to_vec()),
            skew: SignedDuration::from_secs(skew),
            clock: self.desk.world.clock.clone(),
            judge: self.judge.clone(),
            plant: self.plant,
        };
        if let Some(strikes) = &self.strikes {
            process.engine.ports = strikes.between(&self.desk.world, life, process.engine.ports);
        }
        process.engine.ports = link.between(&self.desk.world, process.engine.ports);
        process
    }

    async fn suffer(&self, fault: &Fault) {
        self.desk.world.sleep(fault.at).await;
        self.note(|| format!("{:?} for {:?}", fault.trouble, fault.lasts));
        stage::happen(self, fault).await;
    }

    async fn live(&self, person: &Person) {
        for errand in &person.errands {
            self.desk.world.sleep(errand.after).await;
            self.run_errand(person, errand).await;
        }
        self.busy.set(self.busy.get() - 1);
    }

    async fn run_errand(&self, person: &Person, errand: &Errand) {
        let life = Life::with(&errand.fates);
        let process = self.process(&life, &person.cuts, person.skew);
        let number = process.engine.holder.process;
        self.note(|| format!("process {number}: {:?}", errand.command));
        let work = self.stoppable(&process, errand);
        let end = Mortal::new(life, &self.desk.world.clock, work).await;
        match end {
            None => self.note(|| format!("process {number} died")),
            Some(end) => self.heard(number, &end),
        }
        self.hold_on();
    }

    /// Unless a failover is under way or owes something, nobody has given anything up.
    pub(crate) fn hold_on(&self) {
        let state = self.judge.replayed();
        let over = state.open_run().is_some_and(|run| run.plan.intent == Intent::Failover);
        if self.giving_up.get() == 0 && !over && state.owed().is_empty() {
            self.desk.world.stores.values().for_each(switchover_tests::fake::FakeStore::hold_on);
        }
    }

    async fn stoppable(&self, process: &Process, errand: &Errand) -> Result<String, Trouble> {
        use futures_util::future::{Either, select};
        let work = Box::pin(self.carry_out(process, errand.command));
        let Some(after) = errand.stopped else { return work.await };
        match select(work, Box::pin(self.desk.world.sleep(after))).await {
            Either::Left((end, _)) => end,
            Either::Right(((), work)) => {
                process.stop.stop();
                work.await
            }
        }
    }

    /// What a command came to must be something that a person can be told.
    pub(crate) fn heard(&self, process: u32, end: &Result<String, Trouble>) {
        self.note(|| match end {
            Ok(told) => format!("process {process} ended: {told}"),
            Err(trouble) => format!("process {process} ended: {trouble:?}"),
        });
        match end {
            Err(Trouble::Run(RunError::Journal(
                error @ (JournalError::Broken { .. } | JournalError::Illegal(_)),
            ))) => panic!("process {process}: {error}"),
            Err(Trouble::Plan(PlanError::Unsafe(violations))) => {
                panic!("process {process} made a plan that breaks a rule: {violations:?}")
            }
            Err(Trouble::Plan(_) | Trouble::Run(_)) | Ok(_) => {}
        }
        if !self.desk.world.deliveries.is_empty() {
            crate::judge::no_secret(&format!("{end:?}"), "what a command said");
        }
    }

    /// Types a command and says how it ended.
    pub(crate) async fn carry_out(&self, process: &Process, command: Command) -> Result<String, Trouble> {
        let end = match command {
            Command::Switchover => self.perform(process, &ask(Intent::Switchover)).await?,
            Command::Release => {
                let release = Some(stage::release(stage::RELEASES[1]));
                self.perform(process, &Request { release, ..ask(Intent::Switchover) }).await?
            }
            Command::Revert => self.perform(process, &ask(Intent::Revert)).await?,
            Command::Finalize => {
                let release = Some(stage::release(stage::RELEASES[1]));
                self.perform(process, &Request { release, ..ask(Intent::Finalize) }).await?
            }
            Command::Prepare => self.perform(process, &ask(Intent::Prepare)).await?,
            Command::RestoreTtl => self.perform(process, &ask(Intent::RestoreTtl)).await?,
            Command::Sync => self.perform(process, &ask(Intent::Sync)).await?,
            Command::Reprotect => self.perform(process, &ask(Intent::Reprotect)).await?,
            Command::Drill => self.perform(process, &ask(Intent::Drill)).await?,
            Command::Failover => self.fail_over(process).await?,
            Command::Resume => format!("{:?}", process.resume().await?),
            Command::Abort => format!("{:?}", process.abort().await?),
            Command::Abandon => {
                let state = self.judge.replayed();
                // As `swap-roles` has it: a failover cannot be closed, and what is closed is reverted.
                if state.open_run().is_some_and(|run| run.plan.intent == Intent::Failover) {
                    return Ok("a failover only goes on".to_owned());
                }
                drop(process.abandon().await?);
                self.perform(process, &ask(Intent::Revert)).await?
            }
        };
        Ok(end)
    }

    fn bent(&self, made: Plan) -> Plan {
        match self.plant {
            Some(plant) => plant.bend(made, crate::judge::CANARY),
            None => made,
        }
    }

    async fn perform(&self, process: &Process, request: &Request) -> Result<String, Trouble> {
        let (mut journal, made) = process.plan(request).await?;
        let made = self.bent(made);
        if self.plant == Some(Plant::StaleSnapshot) {
            self.desk.world.sleep(Duration::from_secs(120)).await;
            journal = process.engine.journal().await.map_err(RunError::from)?;
        }
        if made.is_empty() {
            return Ok("nothing to do".to_owned());
        }
        Ok(format!("{:?}", process.engine.start(journal, made, None).await?))
    }

    /// Gives production up, whatever became of it, as the person who types this does.
    async fn fail_over(&self, process: &Process) -> Result<String, Trouble> {
        let world = &self.desk.world;
        let lost = stage::production(world);
        let to = world.pair.opposite(&lost).ok().map(|side| side.name.clone());
        world.stores.values().for_each(|store| store.give_up(&lost));
        let _meanwhile = Counted::one_more(&self.giving_up);
        let accept_loss = Some(Duration::from_secs(30 * 86_400));
        let request = Request { accept_loss, to, ..ask(Intent::Failover) };
        Ok(format!("{:?}", process.fail_over_by(&request, |made| self.bent(made)).await?))
    }
}

/// Counts something for as long as it lives.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn one_more(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
