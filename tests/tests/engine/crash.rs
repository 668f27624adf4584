//! A process that dies: at every entry of its journal, at every moment, twice, and while answers are lost. Whoever comes next finds
//! the pair swapped once or not at all, never half.

use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use switchover::execute::{RunEnd, RunError};
use switchover::journal::{Entry, Outcome, PairState, Seq};
use switchover::model::{Role, Ttl};
use switchover::plan::Intent;
use switchover::port::Clock as _;
use switchover_tests::fake::{NameCall, NameFault, World};

use super::support::{Desk, Process, Trouble, ask, millis, name, seconds, small, unprepared};

/// One command, and what must be true before it.
struct Command {
    called: &'static str,
    world: fn() -> World,
    before: fn(&Desk),
    run: for<'a> fn(&'a Process) -> BoxFuture<'a, Result<RunEnd, Trouble>>,
    intent: Intent,
}

fn switchover(process: &Process) -> BoxFuture<'_, Result<RunEnd, Trouble>> {
    Box::pin(async { process.perform(&ask(Intent::Switchover)).await })
}

fn prepare(process: &Process) -> BoxFuture<'_, Result<RunEnd, Trouble>> {
    Box::pin(async { process.perform(&ask(Intent::Prepare)).await })
}

fn revert(process: &Process) -> BoxFuture<'_, Result<RunEnd, Trouble>> {
    Box::pin(async { process.perform(&ask(Intent::Revert)).await })
}

fn restore(process: &Process) -> BoxFuture<'_, Result<RunEnd, Trouble>> {
    Box::pin(async { process.perform(&ask(Intent::RestoreTtl)).await })
}

fn resume(process: &Process) -> BoxFuture<'_, Result<RunEnd, Trouble>> {
    Box::pin(process.resume())
}

fn abort(process: &Process) -> BoxFuture<'_, Result<RunEnd, Trouble>> {
    Box::pin(process.abort())
}

fn swapped_before(desk: &Desk) {
    desk.expect(Intent::Switchover, Outcome::Completed);
}

fn prepared_before(desk: &Desk) {
    desk.expect(Intent::Prepare, Outcome::Completed);
}

/// Stops a run by hand after this long.
fn stopped_after(desk: &Desk, intent: Intent, after: Duration) {
    let process = desk.process();
    let request = ask(intent);
    let end = desk.while_running(process.perform(&request), after, || process.stop.stop());
    assert_eq!(end.unwrap().outcome, None, "the run was over before it was stopped");
}

const COMMANDS: [Command; 8] = [
    Command {
        called: "switchover",
        world: small,
        before: |_| {},
        run: switchover,
        intent: Intent::Switchover,
    },
    Command {
        called: "switchover with lowered TTLs",
        world: unprepared,
        before: prepared_before,
        run: switchover,
        intent: Intent::Switchover,
    },
    Command { called: "prepare", world: unprepared, before: |_| {}, run: prepare, intent: Intent::Prepare },
    Command {
        called: "restore TTLs",
        world: unprepared,
        before: prepared_before,
        run: restore,
        intent: Intent::RestoreTtl,
    },
    Command { called: "revert", world: small, before: swapped_before, run: revert, intent: Intent::Revert },
    Command {
        called: "resume of a switchover that was stopped in its hold",
        world: small,
        before: |desk| stopped_after(desk, Intent::Switchover, seconds(20)),
        run: resume,
        intent: Intent::Switchover,
    },
    Command {
        called: "abort of a preparation that was stopped in its wait",
        world: unprepared,
        before: |desk| stopped_after(desk, Intent::Prepare, seconds(20)),
        run: abort,
        intent: Intent::Prepare,
    },
    Command {
        called: "switchover that tells people",
        world: super::telling::world,
        before: |_| {},
        run: switchover,
        intent: Intent::Switchover,
    },
];

impl Command {
    fn desk(&self) -> Desk {
        let desk = Desk::new((self.world)());
        (self.before)(&desk);
        desk
    }

    /// The positions that the command writes at when nothing happens to it.
    fn positions(&self, troubled: impl Fn(&Desk)) -> std::ops::Range<u64> {
        let desk = self.desk();
        let first = desk.entries().len() as u64;
        troubled(&desk);
        let process = desk.process();
        let end = desk.world.run((self.run)(&process));
        assert!(end.is_ok(), "{}: {end:?}", self.called);
        first..desk.entries().len() as u64
    }

    fn crash(&self, desk: &Desk, at: Crash) {
        match at {
            Crash::Before(seq) => desk.world.store.crash_before(seq),
            Crash::After(seq) => desk.world.store.crash_after(seq),
        }
        let process = desk.process();
        let end = desk.world.run_until_crash((self.run)(&process));
        assert!(end.is_none(), "{} did not crash {at:?}: {end:?}", self.called);
        desk.guard.check();
    }

    /// What a run that goes on must come to.
    fn arrived(&self, desk: &Desk) -> bool {
        match self.intent {
            Intent::Switchover | Intent::Failover => desk.swapped() && ttls(desk).len() == 1,
            Intent::Revert | Intent::Sync | Intent::Finalize | Intent::Drill | Intent::Reprotect => {
                desk.as_before()
            }
            Intent::Prepare => desk.as_before() && ttls(desk) == [Ttl::Seconds(60)],
            Intent::RestoreTtl => desk.as_before() && ttls(desk) == [Ttl::Seconds(120)],
        }
    }

    /// Goes on until nothing is left to do; whether the run was undone.
    fn go_on(&self, desk: &Desk) -> bool {
        match desk.resume() {
            Ok(end) => {
                assert!(matches!(end.outcome, Some(Outcome::Completed | Outcome::Undone)), "{end:?}");
                end.outcome == Some(Outcome::Undone)
            }
            Err(Trouble::Run(RunError::NothingOpen)) => {
                let undone =
                    desk.state().runs.last().and_then(|run| run.finished).map(|(outcome, _)| outcome)
                        == Some(Outcome::Undone);
                if !undone && !self.arrived(desk) {
                    desk.expect(self.intent, Outcome::Completed);
                }
                undone
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Crash {
    Before(Seq),
    After(Seq),
}

fn crashes(positions: std::ops::Range<u64>) -> impl Iterator<Item = Crash> {
    positions.flat_map(|seq| [Crash::Before(Seq(seq)), Crash::After(Seq(seq))])
}

/// The different TTLs of the pair's names.
fn ttls(desk: &Desk) -> Vec<Ttl> {
    let now = desk.world.clock.elapsed();
    let names = desk.world.endpoints().flat_map(|endpoint| Role::ALL.map(|role| endpoint.name(role).clone()));
    let mut ttls: Vec<Ttl> = names
        .flat_map(|name| desk.world.names.seen_at(&name, now).unwrap())
        .filter(|record| record.value.data.address().is_some())
        .map(|record| record.value.ttl)
        .collect();
    ttls.sort_unstable();
    ttls.dedup();
    ttls
}

/// The journal folds without a fault, entry by entry, through its bytes; and nothing is open.
fn closed_and_sound(desk: &Desk) {
    let mut state = PairState::default();
    for entry in desk.entries() {
        let read = Entry::from_bytes(&entry.to_bytes()).unwrap();
        assert_eq!(read, entry);
        state.apply(&read).unwrap();
    }
    assert_eq!(state, desk.state());
    assert!(state.open_run().is_none());
}

/// How often each zone changed since.
fn moves_since(desk: &Desk, before: &[usize]) -> Vec<usize> {
    desk.moves().iter().zip(before).map(|(now, then)| now - then).collect()
}

#[test]
fn a_command_that_crashed_before_or_after_any_entry_is_gone_on_with_and_each_zone_changes_once() {
    for command in &COMMANDS {
        for at in crashes(command.positions(|_| {})) {
            let desk = command.desk();
            let before = desk.moves();
            command.crash(&desk, at);
            let undone = command.go_on(&desk);
            let moves = moves_since(&desk, &before);
            let called = command.called;
            if undone {
                assert!(desk.as_before() && ttls(&desk) == [Ttl::Seconds(120)], "{called} {at:?}");
            } else {
                assert!(command.arrived(&desk), "{called} {at:?}: {:?} {:?}", desk.production(), ttls(&desk));
            }
            let most = if called.contains("lowered TTLs") { 2 } else { 1 };
            assert!(moves.iter().all(|count| *count <= most), "{called} {at:?}: {moves:?}");
            closed_and_sound(&desk);
        }
    }
}

#[test]
fn a_command_that_crashed_at_any_entry_is_taken_back_whole_or_refuses_because_traffic_has_moved() {
    for command in COMMANDS.iter().filter(|command| command.intent != Intent::RestoreTtl) {
        for at in crashes(command.positions(|_| {})) {
            let desk = command.desk();
            let was = (desk.production(), ttls(&desk));
            let original =
                if command.called.starts_with("abort") { vec![Ttl::Seconds(120)] } else { was.1.clone() };
            command.crash(&desk, at);
            match desk.abort() {
                Ok(end) => {
                    assert_eq!(end.outcome, Some(Outcome::Undone), "{} {at:?}: {end:?}", command.called);
                    assert_eq!(
                        (desk.production(), ttls(&desk)),
                        (was.0, original),
                        "{} {at:?}",
                        command.called
                    );
                }
                Err(Trouble::Run(RunError::PastPivot { .. })) => {
                    command.go_on(&desk);
                    assert!(command.arrived(&desk), "{} {at:?}", command.called);
                }
                Err(Trouble::Run(RunError::NothingOpen)) => {}
                Err(other) => panic!("{} {at:?}: {other:?}", command.called),
            }
            assert_eq!(ttls(&desk).len(), 1, "{} {at:?}", command.called);
            assert!(desk.production().iter().all(Option::is_some), "{} {at:?}", command.called);
            closed_and_sound(&desk);
        }
    }
}

#[test]
fn a_switchover_that_crashed_and_whose_resume_crashed_too_is_swapped_once() {
    let command = &COMMANDS[0];
    for first in command.positions(|_| {}) {
        let resumed = Command { run: resume, ..Command { called: "resume", ..*command } };
        let crashed = || {
            let desk = command.desk();
            command.crash(&desk, Crash::Before(Seq(first)));
            desk
        };
        let desk = crashed();
        if desk.state().open_run().is_none() {
            continue;
        }
        let from = desk.entries().len() as u64;
        drop(desk.resume().unwrap());
        for at in crashes(from..desk.entries().len() as u64) {
            let desk = crashed();
            resumed.crash(&desk, at);
            command.go_on(&desk);
            assert!(desk.swapped(), "{first} {at:?}");
            assert_eq!(desk.moves(), [1, 1], "{first} {at:?}");
            closed_and_sound(&desk);
        }
    }
}

#[test]
fn a_crash_while_the_outcome_of_a_change_is_unknown_leaves_nothing_half_done() {
    let faults = [NameFault::AppliedUnknown, NameFault::LostUnknown, NameFault::LateUnknown(seconds(30))];
    for command in [&COMMANDS[0], &COMMANDS[2]] {
        for fault in &faults {
            for both in [false, true] {
                let plan_faults = |desk: &Desk| {
                    let zones = if both { &["gigadb.org", "gigadb.host"][..] } else { &["gigadb.org"] };
                    for zone in zones {
                        let zone = super::support::zone(zone);
                        desk.world.names.fail_next_in(&zone, NameCall::Change, fault.clone());
                    }
                };
                for at in crashes(command.positions(plan_faults)) {
                    let desk = command.desk();
                    plan_faults(&desk);
                    command.crash(&desk, at);
                    command.go_on(&desk);
                    // Nothing that was sent is still on its way.
                    desk.world.clock.advance(seconds(60));
                    assert!(command.arrived(&desk), "{} {fault:?} {both} {at:?}", command.called);
                    assert_eq!(desk.moves(), [1, 1], "{} {fault:?} {both} {at:?}", command.called);
                    closed_and_sound(&desk);
                }
            }
        }
    }
}

/// Kills the process after this long, wherever it is.
fn killed_after(desk: &Desk, command: &Command, after: Duration) -> bool {
    let process = desk.process();
    let work = (command.run)(&process);
    let clock = desk.world.clock.clone();
    let end = desk.world.run_until_crash(async move {
        match select(work, clock.sleep(after)).await {
            Either::Left((end, _)) => Some(end),
            Either::Right(((), _work)) => {
                clock.halt();
                clock.alive().await;
                None
            }
        }
    });
    end.is_none()
}

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_a_run_that_can_be_gone_on_with() {
    for command in [&COMMANDS[0], &COMMANDS[2], &COMMANDS[6]] {
        for slow in [100, 1_000] {
            for tick in 0..40 {
                let desk = command.desk();
                desk.world.names.set_latency(millis(slow));
                if !killed_after(&desk, command, millis(tick * 37 * slow / 300)) {
                    continue;
                }
                let undone = command.go_on(&desk);
                desk.world.clock.advance(seconds(60));
                assert!(undone || command.arrived(&desk), "{} after {tick}", command.called);
                assert_eq!(ttls(&desk).len(), 1, "{} after {tick}", command.called);
                assert!(desk.production().iter().all(Option::is_some), "{} after {tick}", command.called);
                closed_and_sound(&desk);
            }
        }
    }
}

#[test]
fn a_process_that_is_killed_while_it_tries_again_leaves_no_call_that_is_repeated_too_early() {
    // The call that counts is made long after its step was started: one refusal after the other came first.
    let command = &COMMANDS[0];
    for tick in 0..40 {
        let desk = command.desk();
        let zone = super::support::zone("gigadb.org");
        for _ in 0..8 {
            desk.world.names.fail_next_in(&zone, NameCall::Change, NameFault::Throttled(seconds(1)));
        }
        desk.world.names.fail_next_in(&zone, NameCall::Change, NameFault::LateUnknown(seconds(29)));
        if !killed_after(&desk, command, seconds(30) + millis(tick * 500)) {
            continue;
        }
        desk.world.names.heal();
        command.go_on(&desk);
        desk.world.clock.advance(seconds(60));
        assert!(desk.swapped(), "after {tick}");
        assert_eq!(desk.moves(), [1, 1], "after {tick}");
    }
}

#[test]
fn a_clock_that_was_set_forward_before_a_resume_does_not_shorten_the_wait_for_earlier_calls() {
    let command = &COMMANDS[0];
    let desk = command.desk();
    desk.world.names.fail_next(NameCall::Change, NameFault::LateUnknown(seconds(29)));
    assert!(killed_after(&desk, command, seconds(1)));
    desk.world.clock.step_wall_clock(jiff::SignedDuration::from_secs(3_600));
    command.go_on(&desk);
    assert!(desk.swapped());
    let site = name("gigadb.org");
    assert!(!desk.world.names.leads_to(&site).is_empty());
    assert_eq!(desk.moves(), [1, 1]);
}
