//! What a run tells people, and what it does when nobody can be told: never anything else.

use std::time::Duration;

use switchover::journal::{Outcome, Seq, StepState};
use switchover::model::{Moment, StatusGate};
use switchover::plan::{Intent, PlanError};
use switchover_tests::fake::{AnnounceFault, FakeAnnouncer, FakeTable, Health, NameCall, NameFault, World};

use super::support::{Desk, ask, millis, seconds, small};

const ALL: [Moment; 3] = [Moment::Begins, Moment::Swapped, Moment::Finished];

/// A small pair whose operations team is told, and whose role table stands in a document.
pub(crate) fn world() -> World {
    let mut world = small();
    world.add_announcer("ops");
    world.add_role_table();
    world
}

fn desk() -> (Desk, FakeAnnouncer, FakeTable) {
    let mut world = small();
    let (ops, table) = (world.add_announcer("ops"), world.add_role_table());
    (Desk::new(world), ops, table)
}

/// The steps that failed, with what went wrong.
fn failed(desk: &Desk) -> Vec<String> {
    let run = desk.last_run();
    let failed = run.plan.steps().filter_map(|step| match run.step(&step.id).forward? {
        StepState::Failed { failure, .. } => Some(format!("{}: {}", step.id, failure.message)),
        StepState::Started { .. } | StepState::Succeeded { .. } => None,
    });
    failed.collect()
}

/// When a moment was told, or was tried to be.
fn tries_of(announcer: &FakeAnnouncer, moment: Moment) -> Vec<Duration> {
    announcer.tries().into_iter().filter_map(|(at, of)| (of == moment).then_some(at)).collect()
}

/// When a step was done, since the run began.
fn done(desk: &Desk, step: &str) -> Duration {
    let run = desk.last_run();
    match run.step(&step.parse().unwrap()).forward {
        Some(StepState::Succeeded { at, .. }) => at.duration_since(run.started).unsigned_abs(),
        other => panic!("{step}: {other:?}"),
    }
}

/// Every step but those that tell people, with when it was done.
fn course(desk: &Desk) -> Vec<(String, Duration)> {
    let run = desk.last_run();
    let steps = run.plan.steps().filter(|step| !step.id.as_str().starts_with("announce"));
    steps.map(|step| (step.id.to_string(), done(desk, step.id.as_str()))).collect()
}

#[test]
fn people_are_told_of_each_moment_once_when_it_is_so_and_the_role_table_is_true_afterwards() {
    let (desk, ops, table) = desk();
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert_eq!(ops.moments(), ALL);
    let read_back = done(&desk, "read back gigadb.org").max(done(&desk, "read back gigadb.host"));
    let swapped = done(&desk, "announce to ops: swapped");
    assert!(swapped > read_back && swapped < done(&desk, "hold hongkong"), "{swapped:?}");
    assert_eq!(table.text(), "live hongkong: hot stand-by\nlive sydney: current production\n");
    desk.expect(Intent::Revert, Outcome::Completed);
    assert_eq!(table.text(), "live hongkong: current production\nlive sydney: hot stand-by\n");
    assert_eq!(ops.taken().len(), 6);
}

#[test]
fn a_role_table_that_is_true_is_not_written_again() {
    let (desk, _, table) = desk();
    desk.expect(Intent::Switchover, Outcome::Completed);
    let stop = desk.perform(Intent::Revert).unwrap();
    assert_eq!((stop.outcome, table.writes()), (Some(Outcome::Completed), 2));
    let rehearsed = desk.plan(&ask(Intent::Switchover)).unwrap();
    assert!(rehearsed.steps().any(|step| step.action.as_write_role_table().is_some()));
    assert_eq!(table.writes(), 2, "planning writes nothing");
}

#[test]
fn an_announcer_that_hangs_delays_neither_the_pivot_nor_anything_after_it() {
    let calm = Desk::new(world());
    calm.expect(Intent::Switchover, Outcome::Completed);
    let (desk, ops, _) = desk();
    ops.fail_always(AnnounceFault::Slow(seconds(100_000)));
    desk.expect(Intent::Switchover, Outcome::CompletedWithExceptions);
    for ((step, at), (_, calm_at)) in course(&desk).into_iter().zip(course(&calm)) {
        assert!(at <= calm_at + millis(200), "{step} was done after {at:?}, and after {calm_at:?} without");
    }
    let failed = failed(&desk);
    assert_eq!(failed.len(), 3, "{failed:?}");
    for (line, moment) in failed.iter().zip(["begins", "swapped", "finished"]) {
        assert!(line.starts_with(&format!("announce to ops: {moment}: not done after")), "{line}");
    }
    let run = desk.last_run();
    let took = run.finished.unwrap().1.duration_since(run.started).unsigned_abs();
    let calm = calm.last_run();
    let calm = calm.finished.unwrap().1.duration_since(calm.started).unsigned_abs();
    assert!(took <= calm + seconds(80), "{took:?}, and {calm:?} without");
}

#[test]
fn an_announcement_that_is_not_taken_is_tried_again_for_a_minute_and_no_longer() {
    let (desk, ops, _) = desk();
    ops.fail_next(AnnounceFault::Unavailable);
    ops.fail_next(AnnounceFault::Unavailable);
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert_eq!(ops.moments(), ALL);
    assert_eq!(ops.tries().len(), 5);

    let (desk, ops, _) = self::desk();
    ops.fail_always(AnnounceFault::Unavailable);
    desk.expect(Intent::Switchover, Outcome::CompletedWithExceptions);
    let begins = tries_of(&ops, Moment::Begins);
    assert!((8..20).contains(&begins.len()), "{begins:?}");
    let last = begins.last().unwrap().saturating_sub(begins[0]);
    assert!((seconds(50)..seconds(75)).contains(&last), "{last:?}");
    assert!(failed(&desk)[0].contains("it is down"));
}

#[test]
fn an_announcement_that_is_refused_is_not_tried_again() {
    let (desk, ops, _) = desk();
    ops.fail_always(AnnounceFault::Refused);
    desk.expect(Intent::Switchover, Outcome::CompletedWithExceptions);
    assert_eq!(ops.tries().len(), 3);
    assert!(failed(&desk)[0].ends_with("the fake: refused: no such channel"), "{:?}", failed(&desk));
}

#[test]
fn a_service_that_asks_to_wait_is_heeded_unless_it_asks_for_too_much() {
    let (desk, ops, _) = desk();
    ops.fail_next(AnnounceFault::Throttled(seconds(20)));
    desk.expect(Intent::Switchover, Outcome::Completed);
    let begins = tries_of(&ops, Moment::Begins);
    assert!(begins[1].saturating_sub(begins[0]) >= seconds(20), "{begins:?}");
    assert_eq!(ops.moments().len(), 3);

    let (desk, ops, _) = self::desk();
    ops.fail_next(AnnounceFault::Throttled(seconds(3_600)));
    desk.expect(Intent::Switchover, Outcome::CompletedWithExceptions);
    assert_eq!(ops.tries().len(), 3);
    assert!(failed(&desk)[0].contains("asks to wait 3600 s"));
}

#[test]
fn an_announcement_whose_answer_was_lost_is_told_again_under_the_same_key() {
    let (desk, ops, _) = desk();
    ops.fail_next(AnnounceFault::AnswerLost);
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert_eq!(ops.tries().len(), 4);
    assert_eq!(ops.moments(), ALL);
}

#[test]
fn the_end_is_told_with_what_failed_on_the_way() {
    let (desk, ops, _) = desk();
    ops.fail_next(AnnounceFault::Refused);
    desk.expect(Intent::Switchover, Outcome::CompletedWithExceptions);
    let (_, finished) = ops.taken().pop().unwrap();
    assert_eq!(
        finished.detail.as_deref(),
        Some("announce to ops: begins: the fake: refused: no such channel")
    );
}

#[test]
fn an_announcer_that_hangs_does_not_keep_a_failed_run_from_being_undone() {
    let undone = |hangs: bool| {
        let mut world = small();
        let ops = world.add_announcer("ops");
        if hangs {
            ops.fail_always(AnnounceFault::Slow(seconds(100_000)));
        }
        let desk = Desk::new(world);
        desk.world.names.fail_always(NameCall::Change, NameFault::Rejected);
        desk.expect(Intent::Switchover, Outcome::Undone);
        let run = desk.last_run();
        run.finished.unwrap().1.duration_since(run.started).unsigned_abs()
    };
    let (calm, hanging) = (undone(false), undone(true));
    assert!(hanging <= calm + seconds(1), "{hanging:?}, and {calm:?} without");
}

#[test]
fn a_resumed_run_tells_nobody_twice_and_does_not_go_back_to_what_could_not_be_told() {
    let (desk, ops, _) = desk();
    ops.fail_next(AnnounceFault::Refused);
    let process = desk.process();
    let request = ask(Intent::Switchover);
    let end = desk.while_running(process.perform(&request), seconds(20), || process.stop.stop());
    assert_eq!(end.unwrap().outcome, None);
    assert_eq!(ops.moments(), [Moment::Swapped]);
    assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::CompletedWithExceptions));
    assert_eq!(ops.moments(), [Moment::Swapped, Moment::Finished]);
    assert_eq!(ops.tries().len(), 3);
}

#[test]
fn a_process_that_dies_at_any_entry_tells_each_moment_once_and_leaves_a_table_that_is_true() {
    let entries = {
        let (desk, ..) = desk();
        desk.expect(Intent::Switchover, Outcome::Completed);
        desk.entries().len() as u64
    };
    let mut told_again = 0;
    // The first two entries are the claim and the beginning: before them nothing is open that could be resumed.
    for entry in 3..=entries {
        let (desk, ops, table) = desk();
        desk.world.store.crash_before(Seq(entry - 1));
        let process = desk.process();
        let request = ask(Intent::Switchover);
        assert!(desk.world.run_until_crash(process.perform(&request)).is_none(), "{entry}");
        assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed), "{entry}");
        assert_eq!(ops.moments(), ALL, "{entry}");
        assert_eq!(table.text(), "live hongkong: hot stand-by\nlive sydney: current production\n");
        told_again += ops.told().len() - ALL.len();
    }
    assert!(told_again > 0, "no crash fell between an announcement and its entry");
}

#[test]
fn whoever_asks_a_run_to_stop_that_has_only_to_tell_how_it_ended_is_not_kept_waiting() {
    let (desk, ops, _) = desk();
    ops.fail_always(AnnounceFault::Slow(seconds(100_000)));
    let process = desk.process();
    let request = ask(Intent::Switchover);
    let before = desk.world.clock.elapsed();
    let end = desk.while_running(process.perform(&request), seconds(80), || process.stop.stop());
    assert_eq!(end.unwrap().outcome, Some(Outcome::CompletedWithExceptions));
    assert!(desk.swapped());
    let took = desk.world.clock.elapsed().saturating_sub(before);
    assert!(took <= seconds(82), "{took:?}");
    assert!(failed(&desk).iter().any(|line| line.contains("asked to stop")), "{:?}", failed(&desk));
}

#[test]
fn a_document_without_a_place_or_that_is_read_only_leaves_an_exception_that_names_it() {
    for (fault, words) in [
        (switchover_tests::fake::TableFault::NoPlace, "SOP.md: it has no markers"),
        (switchover_tests::fake::TableFault::ReadOnly, "SOP.md cannot be written: permission denied"),
    ] {
        let (desk, _, table) = desk();
        table.fail_always(fault);
        desk.expect(Intent::Switchover, Outcome::CompletedWithExceptions);
        assert_eq!(failed(&desk), [format!("write the role table: {words}")]);
        assert_eq!(table.writes(), 0);
    }
}

#[test]
fn a_document_that_somebody_edits_between_read_and_write_is_read_again() {
    let (desk, _, table) = desk();
    table.fail_next(switchover_tests::fake::TableFault::EditedMeanwhile);
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert_eq!((table.writes(), table.text().is_empty()), (1, false));
}

#[test]
fn a_gate_keeps_from_setting_out_and_not_from_going_back() {
    let mut world = small();
    let page = world.add_status_page("cloudflare", StatusGate::Gate);
    let desk = Desk::new(world);
    page.set(Health::Wrong("major trouble".to_owned()));
    assert!(matches!(desk.plan(&ask(Intent::Switchover)), Err(PlanError::Unfit(found)) if found.len() == 1));
    page.set(Health::Healthy);
    desk.expect(Intent::Switchover, Outcome::Completed);
    page.set(Health::Down);
    desk.expect(Intent::Revert, Outcome::Completed);
}
