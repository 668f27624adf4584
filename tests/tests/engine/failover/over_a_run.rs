//! A failover over a run that is under way: whoever holds the pair loses it, once, and nothing of the old run is undone.

use futures_util::future::join;
use switchover::execute::RunError;
use switchover::journal::{JournalError, Outcome};
use switchover::plan::{Intent, PlanError, Request};
use switchover::port::Clock as _;
use switchover_tests::fake::{Absence, AddressFault, Health};

use super::{failover, lose, second_serves, with_stores};
use crate::support::{Desk, Trouble, ask, millis, seconds};

fn lost_the_pair<T>(end: &Result<T, Trouble>) -> bool {
    matches!(end, Err(Trouble::Run(RunError::Journal(JournalError::Taken { .. }))))
}

#[test]
fn a_switchover_under_way_is_taken_over_cleanly_at_any_moment_before_and_past_its_pivot() {
    let (mut before, mut past) = (0, 0);
    for tick in 1..60_u64 {
        let moment = millis(tick * 700);
        let desk = Desk::new(with_stores());
        let (first, second, swap) = (desk.process(), desk.process(), ask(Intent::Switchover));
        let request = Request { to: Some(desk.world.second().clone()), ..failover() };
        let incident = async {
            desk.world.clock.sleep(moment).await;
            lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
            second.fail_over(&request).await
        };
        let (old, new) = desk.world.run(join(first.perform(&swap), incident));
        let state = desk.state();
        let when = format!("{moment:?}");
        if state.runs.len() < 2 {
            // The switchover had not begun when production was lost, or was over.
            continue;
        }
        assert_eq!(state.runs.len(), 2, "{when}");
        assert!(lost_the_pair(&old), "{when}: {old:?}");
        let outcome = new.unwrap().outcome;
        assert_eq!(outcome, Some(Outcome::CompletedWithExceptions), "{when}");
        assert_eq!(state.runs[0].finished.map(|(outcome, _)| outcome), Some(Outcome::Superseded), "{when}");
        if state.runs[0].pivot_crossed() {
            past += 1
        } else {
            before += 1
        }
        second_serves(&desk, &when);
        assert!(desk.moves().iter().all(|count| *count <= 1), "{when}");
    }
    assert!(before > 10 && past > 0, "{before} before the pivot, {past} past it");
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
