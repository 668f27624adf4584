//! Whoever tidies up when nothing goes wrong any more: what is open is ended, what is owed is done, and then everything must be whole.

use std::time::Duration;

use switchover::execute::RunError;
use switchover::journal::{Journal, Outcome, PairState};
use switchover::model::{SideName, Ttl};
use switchover::plan::{Intent, Request};
use switchover::report::{Report, run_report};
use switchover_tests::desk::{Trouble, ask};

use crate::Life;
use crate::judge::{is_torn, no_secret, went_through};
use crate::play::Table;
use crate::scenario::Command;

/// How long people may be at work once nothing goes wrong any more, in virtual time.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);
/// How often what is open is gone on with before it counts as stuck.
const TRIES: u32 = 6;
/// One in so many seeds swaps the pair once more at its end.
const ONE_IN: u64 = 4;
/// Longer than anything that was sent can be on its way.
const SETTLED: Duration = Duration::from_secs(120);

/// Waits until nothing goes wrong any more and nobody is at work, ends what is open, and looks whether the pair is whole.
pub(crate) async fn tidy_up(table: &Table<'_>) {
    let world = &table.desk.world;
    world.sleep(table.scenario.calm() + Duration::from_secs(1)).await;
    let calm = world.clock.elapsed();
    while table.busy.get() > 0 {
        mend(table);
        world.sleep(Duration::from_secs(7)).await;
        let since = world.clock.elapsed().saturating_sub(calm);
        assert!(since < LONGEST, "somebody is still at work {since:?} after the last fault");
    }
    heal(table);
    end_what_is_open(table).await;
    world.sleep(SETTLED).await;
    table.hold_on();
    finish_what_was_closed(table).await;
    pay_what_is_owed(table).await;
    is_whole(table).await;
    // A swap takes as long as all that went before it, and so not every seed pays for one.
    if table.scenario.seed.is_multiple_of(ONE_IN) {
        swap_once_more(table).await;
        is_whole(table).await;
    }
}

/// Somebody takes out the half of an entry that a broken disk left.
fn mend(table: &Table<'_>) {
    if let Some(torn) = is_torn(&table.desk.world) {
        table.note(|| format!("somebody takes out the torn entry {torn}"));
        table.desk.world.store.take_out(&table.desk.world.pair.name, torn);
    }
}

fn heal(table: &Table<'_>) {
    let world = &table.desk.world;
    table.note(|| "everything is well again".to_owned());
    mend(table);
    world.names.heal();
    world.store.heal();
    world.stores.values().for_each(switchover_tests::fake::FakeStore::heal);
    for delivery in world.deliveries.values() {
        delivery.releases.heal();
        delivery.settings.heal();
        delivery.schedules.heal();
    }
}

async fn command(table: &Table<'_>, command: Command) -> Result<String, Trouble> {
    let process = table.process(&Life::default(), &[], 0);
    let number = process.engine.holder.process;
    table.note(|| format!("process {number}: {command:?}"));
    let end = table.carry_out(&process, command).await;
    table.heard(number, &end);
    end
}

async fn end_what_is_open(table: &Table<'_>) {
    for _ in 0..TRIES {
        let state = table.judge.replayed();
        if state.open_run().is_none() {
            return;
        }
        let end = command(table, Command::Resume).await;
        if let Err(Trouble::Run(RunError::NothingOpen)) = end {
            return;
        }
        table.desk.world.sleep(Duration::from_secs(30)).await;
    }
    let state = table.judge.replayed();
    assert!(state.open_run().is_none(), "a run cannot be ended although nothing goes wrong any more");
}

/// A run that was closed part-way is finished by a new one to the same side.
async fn finish_what_was_closed(table: &Table<'_>) {
    let state = table.judge.replayed();
    let closed = state.runs.iter().rev().find(|run| run.plan.pivot.is_some() && run.pivot_crossed());
    let Some(closed) = closed else { return };
    match closed.finished {
        Some((Outcome::Abandoned | Outcome::Superseded, _)) => {}
        Some((Outcome::Completed | Outcome::CompletedWithExceptions | Outcome::Undone, _)) | None => return,
    }
    let Some(shift) = closed.plan.shifts.first() else { return };
    swap_to(table, shift.to.clone()).await;
}

async fn pay_what_is_owed(table: &Table<'_>) {
    if table.judge.replayed().owed().is_empty() {
        return;
    }
    let end = command(table, Command::Reprotect).await;
    end_what_is_open(table).await;
    let owed = table.judge.replayed().owed();
    assert!(owed.is_empty(), "what is owed cannot be done: {end:?}, {owed:?}");
}

/// The pair can still be swapped, wherever it is.
async fn swap_once_more(table: &Table<'_>) {
    let world = &table.desk.world;
    let from = crate::stage::production(world);
    let Ok(to) = world.pair.opposite(&from) else { return };
    swap_to(table, to.name.clone()).await;
}

async fn swap_to(table: &Table<'_>, to: SideName) {
    let request = Request { to: Some(to), ..ask(Intent::Switchover) };
    let process = table.process(&Life::default(), &[], 0);
    let number = process.engine.holder.process;
    table.note(|| format!("process {number}: swaps once more"));
    let end = process.perform(&request).await;
    table.heard(
        number,
        &end.as_ref().map(|end| format!("{end:?}")).map_err(|_| Trouble::Run(RunError::NothingOpen)),
    );
    let outcome = end.as_ref().ok().and_then(|end| end.outcome);
    assert!(went_through(outcome), "the pair cannot be swapped any more: {end:?}");
}

/// Every name, every store and every word of the journal agree.
async fn is_whole(table: &Table<'_>) {
    let (world, desk) = (&table.desk.world, table.desk);
    desk.guard.check();
    let state = table.judge.replayed();
    let read = Journal::open(&world.pair.name, &world.ports()).await;
    let read = read.unwrap_or_else(|error| panic!("the journal cannot be read: {error}"));
    assert!(*read.state() == state, "reading the journal anew gives another state");
    for environment in &world.pair.environments {
        let production = world.production(&environment.name);
        let Some(production) = production else { panic!("{} is half swapped", environment.name) };
        stores_agree(table, &production);
    }
    ttls_agree(table, &state);
    table.clients.nothing_is_lost(&state, table.lenience());
    reports_are_fit(&state);
}

fn stores_agree(table: &Table<'_>, production: &SideName) {
    for (name, store) in &table.desk.world.stores {
        let writable = store.writable();
        assert!(
            writable == std::slice::from_ref(production),
            "{name}: {writable:?} take writes, and the names lead to {production}"
        );
    }
}

/// The TTLs are as they were, unless somebody lowered them and nobody swapped since.
fn ttls_agree(table: &Table<'_>, state: &PairState) {
    let world = &table.desk.world;
    let now = world.clock.elapsed();
    let swapped = state.runs.iter().rev().find(|run| run.finished.is_some());
    let restores =
        swapped.is_some_and(|run| run.plan.pivot.is_some() && went_through(run.finished.map(|(of, _)| of)));
    for endpoint in world.endpoints().filter(|_| restores) {
        for role in switchover::model::Role::ALL {
            for record in world.names.seen_at(endpoint.name(role), now).unwrap_or_default() {
                let due = record.value.data.address().is_none()
                    || record.value.ttl == Ttl::Seconds(table.scenario.shape.ttl);
                assert!(due, "{} has a TTL of {} after a swap", record.name, record.value.ttl);
            }
        }
    }
}

fn reports_are_fit(state: &PairState) {
    for run in &state.runs {
        let report = Report::of(run);
        no_secret(&format!("{report:?}"), "a report");
        no_secret(&run_report(&report), "a report");
    }
}
