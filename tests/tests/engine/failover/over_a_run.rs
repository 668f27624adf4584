//! A failover over a run that is under way: whoever holds the pair loses it, once, and nothing of the old run is undone.

use std::time::Duration;

use futures_util::future::join;
use switchover::execute::{RunEnd, RunError};
use switchover::journal::{JournalError, Outcome};
use switchover::plan::{Intent, PlanError, Request};
use switchover::port::Clock as _;
use switchover_tests::fake::{Absence, AddressFault, Health, NameCall, NameFault};

use super::{failover, lose, records_sent, second_serves, with_stores};
use crate::support::{Desk, Trouble, ask, millis, seconds, small, zone};

fn lost_the_pair<T>(end: &Result<T, Trouble>) -> bool {
    matches!(end, Err(Trouble::Run(RunError::Journal(JournalError::Taken { .. }))))
}

/// Loses production in the middle of a switchover, at this moment, and fails over.
fn lost_in_mid_switchover(desk: &Desk, moment: Duration) -> [Result<RunEnd, Trouble>; 2] {
    let (first, second, swap) = (desk.process(), desk.process(), ask(Intent::Switchover));
    let request = Request { to: Some(desk.world.second().clone()), ..failover() };
    let incident = async {
        desk.world.clock.sleep(moment).await;
        lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
        desk.world.names.heal();
        second.fail_over(&request).await
    };
    let (old, new) = desk.world.run(join(first.perform(&swap), incident));
    [old, new]
}

fn is_taken_over(desk: &Desk, [old, new]: [Result<RunEnd, Trouble>; 2], when: &str) {
    assert!(lost_the_pair(&old), "{when}: {old:?}");
    assert_eq!(new.unwrap().outcome, Some(Outcome::CompletedWithExceptions), "{when}");
    let state = desk.state();
    assert_eq!(state.runs.len(), 2, "{when}");
    let outcome = state.runs[0].finished.map(|(outcome, _)| outcome);
    assert_eq!(outcome, Some(Outcome::Superseded), "{when}");
    second_serves(desk, when);
    assert!(desk.moves().iter().all(|count| *count <= 1), "{when}");
}

#[test]
fn a_switchover_under_way_is_taken_over_cleanly_at_any_moment_before_its_pivot() {
    for tick in 1..40_u64 {
        let moment = millis(tick * 700);
        let desk = Desk::new(with_stores());
        let ends = lost_in_mid_switchover(&desk, moment);
        is_taken_over(&desk, ends, &format!("{moment:?}"));
        assert!(!desk.state().runs[0].pivot_crossed(), "{moment:?}");
    }
}

#[test]
fn a_switchover_that_hangs_in_its_pivot_is_taken_over_cleanly() {
    for tick in 0..20_u64 {
        let moment = millis(31_000 + tick * 330);
        let desk = Desk::new(with_stores());
        let busy = NameFault::Throttled(seconds(1));
        desk.world.names.fail_always_in(&zone("gigadb.host"), NameCall::Change, busy);
        let ends = lost_in_mid_switchover(&desk, moment);
        if lost_the_pair(&ends[0]) {
            assert!(desk.state().runs[0].pivot_crossed(), "{moment:?}");
            is_taken_over(&desk, ends, &format!("{moment:?}"));
        } else {
            // It got through before anybody else could take the pair.
            assert!(desk.swapped(), "{moment:?}: {ends:?}");
        }
    }
}

#[test]
fn a_switchover_that_was_cut_off_in_its_pivot_is_gone_over_from_where_it_is() {
    let desk = Desk::new(with_stores());
    desk.world.names.fail_always_in(&zone("gigadb.host"), NameCall::Change, NameFault::Forbidden);
    let paused = desk.perform(Intent::Switchover).unwrap();
    assert_eq!(paused.outcome, None, "{paused:?}");
    desk.world.names.heal();
    lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
    let request = Request { to: Some(desk.world.second().clone()), ..failover() };
    let end = desk.world.run(desk.process().fail_over(&request)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{end:?}");
    second_serves(&desk, "half swapped");
    let state = desk.state();
    assert!(state.runs[0].pivot_crossed());
    assert_eq!(state.runs[0].finished.map(|(outcome, _)| outcome), Some(Outcome::Superseded));
    let undone = state.runs[0].steps.values().filter(|step| step.back.is_some()).count();
    assert_eq!(undone, 0, "nothing of the old run is undone");
}

#[test]
fn a_change_that_the_old_run_sent_is_waited_for_before_the_new_one_looks() {
    let desk = Desk::new(small());
    for name in ["gigadb.org", "gigadb.host"] {
        desk.world.names.fail_next_in(&zone(name), NameCall::Change, NameFault::LateUnknown(seconds(29)));
    }
    let (old, new) = (desk.process(), desk.process());
    let swap = ask(Intent::Switchover);
    // The side that was about to take production is the one that is lost.
    let back = Request { to: Some(desk.world.first().clone()), ..failover() };
    let incident = async {
        while records_sent(&desk.world).is_none() {
            desk.world.clock.sleep(millis(100)).await;
        }
        new.fail_over(&back).await
    };
    let (lost, end) = desk.world.run(join(old.perform(&swap), incident));
    assert!(lost_the_pair(&lost), "{lost:?}");
    assert!(end.unwrap().outcome.is_some());
    desk.world.clock.advance(seconds(120));
    assert!(desk.as_before(), "{:?}", desk.production());
}

#[test]
fn two_failovers_at_once_end_in_one_and_the_other_is_told_that_somebody_is_at_work() {
    for apart in [0, 50, 500, 2_300, 4_000, 20_000] {
        let desk = Desk::new(with_stores());
        lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
        let (one, other, request) = (desk.process(), desk.process(), failover());
        let later = async {
            desk.world.clock.sleep(millis(apart)).await;
            other.fail_over(&request).await
        };
        let (first, second) = desk.world.run(join(one.fail_over(&request), later));
        let told = |end: &Result<_, Trouble>| {
            lost_the_pair(end)
                || matches!(end, Err(Trouble::Plan(PlanError::RunOpen(_))))
                || matches!(end, Err(Trouble::Run(RunError::Busy { .. })))
        };
        assert!(told(&first) ^ told(&second), "{apart}: {first:?} {second:?}");
        assert_eq!(desk.state().runs.len(), 1, "{apart}");
        second_serves(&desk, &format!("{apart} ms apart"));
    }
}

#[test]
fn a_run_whose_process_is_gone_is_closed_and_gone_over() {
    let desk = Desk::new(with_stores());
    let (process, swap) = (desk.process(), ask(Intent::Switchover));
    let stopped = desk.while_running(process.perform(&swap), seconds(6), || process.stop.stop()).unwrap();
    assert_eq!(stopped.outcome, None);
    lose(&desk.world, Absence::Failing, AddressFault::Unavailable, &Health::Down);
    let end = desk.world.run(desk.process().fail_over(&failover())).unwrap();
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{end:?}");
    second_serves(&desk, "gone over");
    assert!(desk.resume().is_err(), "the old run is over");
}

#[test]
fn a_holder_that_goes_on_writing_loses_the_pair_all_the_same() {
    let desk = Desk::new(with_stores());
    let (first, second, swap) = (desk.process(), desk.process(), ask(Intent::Switchover));
    let incident = async {
        desk.world.clock.sleep(millis(500)).await;
        let stale = second.engine.journal().await.unwrap();
        desk.world.clock.sleep(seconds(22)).await;
        let entries = second.engine.journal().await.unwrap().entries().len();
        assert!(entries > stale.entries().len(), "its holder wrote meanwhile");
        second.engine.supersede(stale, desk.world.first()).await
    };
    let (old, journal) = desk.world.run(join(first.perform(&swap), incident));
    let journal = journal.unwrap();
    assert!(lost_the_pair(&old), "{old:?}");
    let outcome = journal.state().runs[0].finished.map(|(outcome, _)| outcome);
    assert_eq!(outcome, Some(Outcome::Superseded));
}
