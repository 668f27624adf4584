//! One case, from what happens before it to the look at whether everything is whole.

use std::time::Duration;

use switchover::model::SideName;
use switchover_tests::desk::{Desk, Process, Trouble};

use super::kind::Before;
use super::{Case, Next, Sort, Strikes};
use crate::executor::{Executor, Task};
use crate::judge::went_through;
use crate::play::Table;
use crate::scenario::{Command, Scenario};
use crate::verdict::hear;
use crate::{Dice, Life, Mortal, Plant, Timeline, Violation, close, stage};

/// The seed of every case: it chooses the order in which tasks go on.
const SEED: u64 = 1;

/// What a case came to that broke no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The boundaries that were passed by the process that was struck and by the next.
    pub passed: Vec<Sort>,
    /// How many of them the first process passed.
    pub first: usize,
    /// How many strikes were never reached.
    pub left: usize,
}

/// Plays a case and says what it came to.
///
/// # Errors
///
/// The first rule that was broken.
pub fn judged_case(case: &Case, plant: Option<Plant>, timeline: &Timeline) -> Result<Ended, Violation> {
    hear(|| performed(case, plant, timeline))
}

fn performed(case: &Case, plant: Option<Plant>, timeline: &Timeline) -> Ended {
    let scenario = Scenario { seed: SEED, shape: case.kind.shape(), people: Vec::new(), faults: Vec::new() };
    let desk = Desk::new(stage::world(&scenario.shape));
    let strikes = Strikes::new(&case.strikes, &desk.world.clock, timeline);
    let mut table = Table::of(&scenario, &desk, plant, timeline);
    table.busy.set(1);
    table.strikes = Some(strikes.clone());
    let first = std::cell::Cell::new(0);
    let tasks: [Task<'_>; 4] = [
        Box::pin(close::tidy_up(&table)),
        Box::pin(table.clients.write(&scenario, &table.judge)),
        Box::pin(strikes.deliver()),
        Box::pin(async {
            first.set(live(&table, case, &strikes).await);
            table.busy.set(0);
        }),
    ];
    let mut executor = Executor::new(&desk.world.clock, Dice::of(!SEED));
    for task in tasks {
        executor.add(task);
    }
    executor.run(|| table.judge.look());
    arrived(&table);
    Ended { passed: strikes.passed(), first: first.get(), left: strikes.left() }
}

/// Whoever types the commands of a case. Says how many boundaries the first process passed.
async fn live(table: &Table<'_>, case: &Case, strikes: &Strikes) -> usize {
    let mut lost = None;
    for before in case.kind.before() {
        prepare(table, *before, &mut lost).await;
    }
    let runs = table.judge.replayed().runs.len();
    strikes.arm(true);
    run(table, case.kind.command()).await;
    let first = strikes.passed().len();
    table.desk.world.sleep(case.next.after()).await;
    go_on(table, case, runs).await;
    strikes.arm(false);
    come_back(table, &mut lost);
    first
}

async fn prepare(table: &Table<'_>, before: Before, lost: &mut Option<SideName>) {
    let world = &table.desk.world;
    match before {
        Before::Typed(command) => {
            run(table, command).await;
            let state = table.judge.replayed();
            let outcome = state.runs.last().and_then(|run| run.finished).map(|(outcome, _)| outcome);
            assert!(went_through(outcome), "{command:?} came to {outcome:?} and nothing had gone wrong");
        }
        Before::Lost(how) => {
            let side = stage::production(world);
            world.stores.values().for_each(|store| store.fall_away(&side, how));
            stage::gone(world, &side);
            *lost = Some(side);
        }
        Before::Back => come_back(table, lost),
    }
}

fn come_back(table: &Table<'_>, lost: &mut Option<SideName>) {
    let Some(side) = lost.take() else { return };
    table.desk.world.stores.values().for_each(|store| store.come_back(&side));
    stage::back(&table.desk.world, &side);
}

/// Types a command in a process of its own, which may die of it.
async fn run(table: &Table<'_>, command: Command) -> Option<Result<String, Trouble>> {
    let life = Life::default();
    let process: Process = table.process(&life, &[], 0);
    let number = process.engine.holder.process;
    table.note(|| format!("process {number}: {command:?}"));
    let end = Mortal::new(life, &table.desk.world.clock, table.carry_out(&process, command)).await;
    match &end {
        None => table.note(|| format!("process {number} died")),
        Some(end) => table.heard(number, end),
    }
    table.hold_on();
    end
}

/// What is open is gone on with or taken back, as the program says; what never began is typed again.
async fn go_on(table: &Table<'_>, case: &Case, runs: usize) {
    let state = table.judge.replayed();
    match (state.open_run(), case.next) {
        (Some(open), Next::Abort) if open.pivot_crossed() => drop(run(table, Command::Abandon).await),
        (Some(_), Next::Abort) => drop(run(table, Command::Abort).await),
        (Some(_), Next::Resume | Next::Late) => drop(run(table, Command::Resume).await),
        (None, _) if state.runs.len() == runs => drop(run(table, case.kind.command()).await),
        (None, _) => {}
    }
}

/// The last run that moved anybody is where the names lead; and the journal knows it, unless that run was closed before its end.
fn arrived(table: &Table<'_>) {
    let (world, state) = (&table.desk.world, table.judge.replayed());
    let elapsed = world.clock.elapsed();
    assert!(elapsed < Duration::from_secs(7_200), "it took {elapsed:?}");
    let moved = state.runs.iter().rev().find(|run| run.plan.pivot.is_some() && run.pivot_crossed());
    let Some(run) = moved else { return };
    let is_over = went_through(run.finished.map(|(outcome, _)| outcome));
    for shift in &run.plan.shifts {
        let leads = world.production(&shift.environment);
        assert!(
            leads.as_ref() == Some(&shift.to),
            "the last swap led to {}, the names to {leads:?}",
            shift.to
        );
        let known = state.production.get(&shift.environment);
        assert!(
            !is_over || known == Some(&shift.to),
            "it led to {}, and the journal knows {known:?}",
            shift.to
        );
    }
}
