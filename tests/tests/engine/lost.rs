//! What the simulation found about processes that lost the pair or close what they should not; see `docs/reliability.md`.

use futures_util::future::{Either, join, select};
use switchover::execute::{RunEnd, RunError};
use switchover::journal::{Event, FailureKind, Outcome, Seq};
use switchover::plan::Intent;
use switchover::port::{Clock as _, FreezeOrder, Method, Store as _};
use switchover_tests::fake::{Absence, World};

use super::support::{Desk, Trouble, ask, millis, seconds, small};

fn with_a_store() -> World {
    let mut world = small();
    world.add_store("live", "metadata", Method::Snapshot);
    world
}

/// Asleep in its last sync while another process takes its run back and thaws production: it wakes, and its lease is due.
#[test]
fn a_process_that_slept_and_lost_the_pair_freezes_nothing_anew() {
    let desk = Desk::new(with_a_store());
    let store = desk.world.stores.values().next().unwrap().clone();
    let (sleeper, request) = (desk.process(), ask(Intent::Switchover));
    desk.world.run(async {
        let run = Box::pin(sleeper.perform(&request));
        let Either::Right(((), run)) = select(run, desk.world.clock.sleep(seconds(5))).await else {
            panic!("over already")
        };
        assert!(store.writable().is_empty(), "frozen for the last sync");
        let undone = desk.process().abort().await.unwrap();
        assert_eq!(undone.outcome, Some(Outcome::Undone));
        assert_eq!(store.writable(), [desk.world.first().clone()]);
        let watch = Box::pin(async {
            for _ in 0..60 {
                assert_eq!(store.writable(), [desk.world.first().clone()], "production was frozen anew");
                desk.world.clock.sleep(seconds(1)).await;
            }
        });
        match select(run, watch).await {
            Either::Left((end, watch)) => {
                assert!(matches!(end, Err(Trouble::Run(RunError::Journal(_)))), "{end:?}");
                watch.await;
            }
            Either::Right(((), _)) => {}
        }
    });
}

#[test]
fn a_run_that_has_not_crossed_its_pivot_is_not_closed_and_can_be_taken_back() {
    let desk = Desk::new(with_a_store());
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    let stopped = desk.while_running(process.perform(&request), seconds(5), || process.stop.stop()).unwrap();
    assert_eq!(stopped.outcome, None, "{stopped:?}");
    let entries = desk.entries().len();
    let refused = desk.world.run(desk.process().abandon());
    assert!(matches!(refused, Err(Trouble::Run(RunError::BeforePivot { .. }))), "{refused:?}");
    assert_eq!(desk.entries().len(), entries, "nothing was claimed");
    assert_eq!(desk.abort().unwrap().outcome, Some(Outcome::Undone));
}

/// Production falls silent while its freeze is being renewed, and its fence waits for that renewal to end.
#[test]
fn a_call_that_waited_long_for_a_renewal_is_not_made_when_the_pair_was_lost_meanwhile() {
    let desk = Desk::new(with_a_store());
    let store = desk.world.stores.values().next().unwrap().clone();
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    let end = desk.world.run(async {
        let run = Box::pin(process.perform(&request));
        let incident = async {
            // The final sync lasts until the 21st second, the renewal begins in the 16th, and its fence in the 21st.
            desk.world.clock.sleep(seconds(14)).await;
            store.fall_away(desk.world.first(), Absence::Silent);
            desk.world.clock.sleep(seconds(3)).await;
            store.come_back(desk.world.first());
            desk.world.clock.sleep(seconds(30)).await;
            desk.world.store.rival_claims(&desk.world.pair.name);
            store.open_by_hand(desk.world.first());
        };
        join(run, incident).await.0
    });
    assert!(matches!(end, Err(Trouble::Run(RunError::Journal(_)))), "{end:?}");
    assert_eq!(
        store.writable(),
        [desk.world.first().clone()],
        "production was frozen by whoever lost the pair"
    );
}

/// Cut off in its last sync, a run is taken up when its lease has run out; whoever took it up dies as soon as it has written that the step
/// failed, and what became of the first call is still not known.
#[test]
fn a_step_of_unknown_outcome_may_fail_again_in_the_hands_of_the_next() {
    let desk = Desk::new(with_a_store());
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    let stopped = desk.while_running(process.perform(&request), seconds(5), || process.stop.stop()).unwrap();
    assert_eq!(stopped.outcome, None, "{stopped:?}");
    desk.world.clock.advance(seconds(120));
    let claim = desk.entries().len() as u64;
    desk.world.store.crash_after(Seq(claim + 2));
    assert!(desk.world.run_until_crash(desk.process().resume()).is_none());
    let last = desk.entries().pop().unwrap().event;
    let Event::StepFailed { failure, .. } = last else { panic!("{last:?}") };
    assert_eq!(failure.kind, FailureKind::Unknown);
    assert_eq!(desk.world.run(desk.process().resume()).unwrap().outcome, Some(Outcome::Undone));
}

/// The process dies with its fence on the way to the side that it gives up; whoever takes the failover back finds that side writable, and the
/// fence arrives.
#[test]
fn a_failover_that_is_taken_back_waits_for_a_fence_that_is_still_on_its_way() {
    let desk = Desk::new(with_a_store());
    let store = desk.world.stores.values().next().unwrap().clone();
    store.give_up(desk.world.first());
    let starts = |event: &Event| matches!(event, Event::StepStarted { step, .. } if step.as_str().starts_with("fence lost"));
    let trial = Desk::new(with_a_store());
    trial.world.stores.values().for_each(|store| store.give_up(trial.world.first()));
    drop(trial.world.run(trial.process().fail_over(&super::failover::failover())).unwrap());
    let at = trial.events().iter().position(starts).unwrap();
    desk.world.store.crash_after(Seq(at as u64));
    assert!(desk.world.run_until_crash(desk.process().fail_over(&super::failover::failover())).is_none());
    let order = FreezeOrder { by: desk.last_run().id, lease: None };
    let end = desk.world.run(async {
        let late = async {
            desk.world.clock.sleep(millis(4_900)).await;
            store.freeze(desk.world.first(), &order).await.unwrap();
        };
        join(desk.process().abort(), late).await.0
    });
    assert_eq!(end.unwrap().outcome, Some(Outcome::Undone));
    assert_eq!(store.writable(), [desk.world.first().clone()], "nobody takes writes");
}

/// Dead between its last sync and its fence; the lease runs out, a client writes, and the store's clock is set back, by which the lease holds again.
fn cut_off_before_its_fence(then: impl Fn(&Desk)) -> (Desk, RunEnd) {
    let fence = |event: &Event| matches!(event, Event::StepStarted { step, .. } if step.as_str().starts_with("fence "));
    let trial = Desk::new(with_a_store());
    trial.expect(Intent::Switchover, Outcome::Completed);
    let at = trial.events().iter().position(fence).unwrap();
    let desk = Desk::new(with_a_store());
    desk.world.store.crash_before(Seq(at as u64));
    assert!(desk.world.run_until_crash(desk.process().perform(&ask(Intent::Switchover))).is_none());
    then(&desk);
    let end = desk.resume().unwrap();
    (desk, end)
}

#[test]
fn a_clock_set_back_after_a_lease_ran_out_hides_no_write() {
    let (desk, end) = cut_off_before_its_fence(|desk| {
        let store = desk.world.stores.values().next().unwrap();
        desk.world.clock.advance(seconds(90));
        assert!(store.write(desk.world.first(), 7), "the lease has run out");
        desk.world.clock.step_wall_clock(jiff::SignedDuration::from_secs(-60));
        assert!(store.writable().is_empty(), "and holds again, by the clock");
    });
    let store = desk.world.stores.values().next().unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    assert!(end.failures[0].message.contains("nobody watched its freeze all the time"), "{end:?}");
    assert!(store.held(desk.world.first()).contains(&7) && desk.as_before());
    assert_eq!(store.writable(), [desk.world.first().clone()]);
}

#[test]
fn a_freeze_that_nobody_watched_is_made_lasting_where_the_store_stands_where_it_stood() {
    let (desk, end) = cut_off_before_its_fence(|desk| desk.world.clock.advance(seconds(20)));
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert!(desk.swapped());
}
