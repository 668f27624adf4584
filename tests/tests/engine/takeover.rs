//! The log is the lock: whoever loses it changes nothing more, and whoever cannot write to it does nothing at all.

use std::time::Duration;

use futures_util::future::join;
use switchover::execute::RunError;
use switchover::journal::{JournalError, Outcome, Seq};
use switchover::plan::{Intent, PlanError};
use switchover::port::{Clock as _, StateError};
use switchover_tests::fake::{NameCall, NameFault, StoreCall, StoreFault};

use super::support::{Desk, Trouble, ask, millis, seconds, small};

/// The moments of a small switchover at which something happens, and some of its hold.
fn moments() -> impl Iterator<Item = Duration> {
    (1..160).map(|tick| millis(tick * 7)).chain((0..20).map(|tick| millis(1_120 + tick * 331)))
}

/// Changes that were sent later than this.
fn changes_after(desk: &Desk, moment: Duration) -> usize {
    let requests = desk.world.names.requests();
    requests.iter().filter(|request| request.call == NameCall::Change && request.at > moment).count()
}

fn lost_the_pair(end: &Result<switchover::execute::RunEnd, Trouble>) -> bool {
    matches!(end, Err(Trouble::Run(RunError::Journal(JournalError::Taken { .. }))))
}

#[test]
fn a_process_whose_pair_is_claimed_by_another_at_any_moment_stops_and_changes_nothing_more() {
    for moment in moments() {
        let desk = Desk::new(small());
        let (process, request) = (desk.process(), ask(Intent::Switchover));
        let rival = || desk.world.store.rival_claims(&desk.world.pair.name);
        let end = desk.while_running(process.perform(&request), moment, rival);
        assert!(lost_the_pair(&end), "{moment:?}: {end:?}");
        // What was announced in the journal before the claim may be sent in the same breath.
        assert_eq!(changes_after(&desk, moment + millis(2)), 0, "{moment:?}");
        if desk.state().open_run().is_some() {
            assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed), "{moment:?}");
            assert!(desk.swapped());
        } else {
            assert!(desk.as_before());
        }
        assert!(desk.moves().iter().all(|count| *count <= 1), "{moment:?}");
    }
}

#[test]
fn a_process_that_tries_again_looks_into_the_log_before_every_call() {
    let desk = Desk::new(small());
    desk.world.names.fail_always(NameCall::Change, NameFault::Throttled(seconds(1)));
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    let heard = || {
        desk.world.store.rival_claims(&desk.world.pair.name);
        desk.world.names.heal();
    };
    let claimed = seconds(10);
    let end = desk.while_running(process.perform(&request), claimed, heard);
    assert!(lost_the_pair(&end), "{end:?}");
    assert_eq!(changes_after(&desk, claimed), 0);
    assert!(desk.as_before());
}

#[test]
fn a_second_command_on_a_pair_that_is_worked_on_is_busy_and_changes_nothing() {
    let desk = Desk::new(small());
    let (first, second, request) = (desk.process(), desk.process(), ask(Intent::Switchover));
    let later = async {
        desk.world.clock.sleep(seconds(10)).await;
        let resumed = second.resume().await;
        let planned = second.perform(&request).await;
        (resumed, planned)
    };
    let (end, (resumed, planned)) = desk.world.run(join(first.perform(&request), later));
    assert_eq!(end.unwrap().outcome, Some(Outcome::Completed));
    assert!(matches!(resumed, Err(Trouble::Run(RunError::Busy { .. }))), "{resumed:?}");
    assert!(matches!(planned, Err(Trouble::Plan(PlanError::RunOpen(_)))), "{planned:?}");
    assert_eq!(desk.moves(), [1, 1]);
}

#[test]
fn two_commands_that_planned_from_the_same_journal_end_in_one_run() {
    let desk = Desk::new(small());
    let (first, second, request) = (desk.process(), desk.process(), ask(Intent::Switchover));
    let (one, other) = desk.world.run(join(first.perform(&request), second.perform(&request)));
    let ends = [one, other];
    assert_eq!(ends.iter().filter(|end| lost_the_pair(end)).count(), 1, "{ends:?}");
    assert_eq!(desk.state().runs.len(), 1);
    assert!(desk.swapped());
    assert_eq!(desk.moves(), [1, 1]);
}

#[test]
fn a_plan_that_was_made_before_another_run_does_nothing() {
    let desk = Desk::new(small());
    let late = desk.process();
    let (journal, plan) = desk.world.run(late.plan(&ask(Intent::Switchover))).unwrap();
    desk.expect(Intent::Switchover, Outcome::Completed);
    desk.expect(Intent::Revert, Outcome::Completed);
    let requests = desk.world.names.requests().len();
    let end = desk.world.run(late.engine.start(journal, plan, None));
    assert!(matches!(end, Err(RunError::Journal(JournalError::Taken { .. }))), "{end:?}");
    assert_eq!(desk.world.names.requests().len(), requests);
    assert!(desk.as_before());
}

#[test]
fn a_full_disk_at_any_moment_means_that_no_record_is_changed_after_it() {
    for moment in moments() {
        for once in [false, true] {
            let desk = Desk::new(small());
            let (process, request) = (desk.process(), ask(Intent::Switchover));
            let fill = || {
                if once {
                    desk.world.store.fail_next(StoreCall::Append, StoreFault::Full);
                } else {
                    desk.world.store.fail_always(StoreCall::Append, StoreFault::Full);
                }
            };
            // The guard panics if a record is changed after an append was refused.
            let end = desk.while_running(process.perform(&request), moment, fill);
            let stopped = matches!(
                &end,
                Err(Trouble::Run(RunError::Journal(JournalError::Store(StateError::Full { .. }))))
            );
            assert!(stopped, "{moment:?}: {end:?}");
            desk.world.store.heal();
            if desk.state().open_run().is_some() {
                assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed), "{moment:?}");
                assert!(desk.swapped());
            } else {
                assert!(desk.as_before(), "{moment:?}");
            }
            assert!(desk.moves().iter().all(|count| *count <= 1), "{moment:?}");
        }
    }
}

#[test]
fn an_append_without_an_answer_is_found_or_written_once_more() {
    let faults = [
        StoreFault::UnknownLost,
        StoreFault::UnknownLanded,
        StoreFault::Unavailable,
        StoreFault::UnavailableLanded,
    ];
    for fault in faults {
        for moment in moments().step_by(8) {
            let desk = Desk::new(small());
            let (process, request) = (desk.process(), ask(Intent::Switchover));
            let lose = || desk.world.store.fail_next(StoreCall::Append, fault);
            let end = desk.while_running(process.perform(&request), moment, lose);
            assert_eq!(end.unwrap().outcome, Some(Outcome::Completed), "{fault:?} {moment:?}");
            let mut nonces: Vec<String> = desk.entries().into_iter().map(|entry| entry.nonce.0).collect();
            let all = nonces.len();
            nonces.sort();
            nonces.dedup();
            assert_eq!(nonces.len(), all, "an entry stands twice");
            assert_eq!(desk.moves(), [1, 1]);
        }
    }
}

#[test]
fn a_store_that_never_answers_again_stops_the_run() {
    for moment in moments().step_by(4) {
        let desk = Desk::new(small());
        let (process, request) = (desk.process(), ask(Intent::Switchover));
        let fail = || {
            desk.world.store.fail_always(StoreCall::Append, StoreFault::UnknownLost);
            desk.world.store.fail_always(StoreCall::Read, StoreFault::Unavailable);
        };
        let end = desk.while_running(process.perform(&request), moment, fail);
        assert!(
            matches!(&end, Err(Trouble::Run(RunError::Journal(JournalError::Store(_))))),
            "{moment:?}: {end:?}"
        );
        assert_eq!(changes_after(&desk, moment + millis(10)), 0, "{moment:?}");
    }
}

#[test]
fn a_journal_whose_middle_was_changed_is_refused() {
    let desk = Desk::new(small());
    desk.expect(Intent::Switchover, Outcome::Completed);
    desk.world.store.tamper(&desk.world.pair.name, Seq(2), |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap().replace("12:00", "12:01");
        *bytes = text.into_bytes();
    });
    let end = desk.perform(Intent::Revert);
    assert!(matches!(&end, Err(Trouble::Run(RunError::Journal(JournalError::Broken { .. })))), "{end:?}");
    desk.world.store.take_out(&desk.world.pair.name, Seq(2));
    assert!(matches!(desk.perform(Intent::Revert), Err(Trouble::Run(RunError::Journal(_)))));
    assert!(desk.swapped());
}

#[test]
fn a_resume_waits_for_the_last_sign_of_life_to_run_out_and_no_longer() {
    let desk = Desk::new(small());
    desk.world.store.crash_after(Seq(4));
    let process = desk.process();
    assert!(desk.world.run_until_crash(process.perform(&ask(Intent::Switchover))).is_none());
    let before = desk.world.clock.elapsed();
    let claims = desk.entries().len();
    let next = desk.process();
    let resumed = desk.while_running(next.resume(), seconds(4), || {
        assert!(desk.entries().len() > claims, "nobody claimed the pair within four seconds");
    });
    assert_eq!(resumed.unwrap().outcome, Some(Outcome::Completed));
    assert!(desk.world.clock.elapsed().saturating_sub(before) < seconds(150));
}
