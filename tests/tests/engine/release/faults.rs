//! A release that is cut off at every entry of its journal, and deliveries that answer badly.

use super::*;
use switchover::execute::RunError;
use switchover::journal::Seq;
use switchover_tests::fake::{MemoryStore, RemoteCall, RemoteFault};

#[test]
fn a_release_that_is_cut_off_at_any_entry_can_be_ended() {
    let desk = Desk::new(pair());
    assert_eq!(perform(&desk, &of_release("v4.4.0")).outcome, Some(Outcome::Completed));
    let entries = desk.entries().len() as u64;
    assert!(entries > 40, "{entries}");
    for seq in (0..entries).map(Seq) {
        for after in [false, true] {
            let desk = Desk::new(pair());
            let crash = if after { MemoryStore::crash_after } else { MemoryStore::crash_before };
            crash(&desk.world.store, seq);
            let process = desk.process();
            let request = of_release("v4.4.0");
            let end = desk.world.run_until_crash(beside_approvers(&desk, process.perform(&request)));
            assert!(end.is_none(), "{seq} was never reached: {end:?}");
            let when = format!("crash {} entry {seq}", if after { "after" } else { "before" });
            let next = desk.process();
            match desk.world.run(beside_approvers(&desk, next.resume())) {
                Ok(end) => assert_eq!(end.outcome, Some(Outcome::Completed), "{when}: {end:?}"),
                Err(Trouble::Run(RunError::NothingOpen)) => {}
                Err(other) => panic!("{when}: {other:?}"),
            }
            whole(&desk, &when);
            for side in [desk.world.first(), desk.world.second()] {
                let started =
                    delivery(&desk, side).releases.started(&environment("live"), &release("v4.4.0"));
                assert!(started <= 1, "{when}: deployed {started} times");
            }
        }
    }
}

#[test]
fn answers_that_are_lost_change_nothing_in_the_end() {
    let lost = [
        (RemoteCall::Change, RemoteFault::AppliedUnknown),
        (RemoteCall::Change, RemoteFault::LostUnknown),
        (RemoteCall::Read, RemoteFault::Unavailable),
        (RemoteCall::Change, RemoteFault::Unavailable),
    ];
    for (call, fault) in lost {
        for part in 0..3 {
            let desk = Desk::new(unasked());
            for side in [desk.world.first(), desk.world.second()] {
                let fakes = delivery(&desk, side);
                match part {
                    0 => fakes.releases.fail_next(call, fault.clone()),
                    1 => fakes.settings.fail_next(call, fault.clone()),
                    _ => fakes.schedules.fail_next(call, fault.clone()),
                }
            }
            let when = format!("{call:?} {fault:?} at part {part}");
            let end = match desk.world.run(desk.process().perform(&of_release("v4.4.0"))) {
                Ok(end) => end,
                // The preflight met the fault, and said so.
                Err(Trouble::Plan(_)) => {
                    desk.world.run(desk.process().perform(&of_release("v4.4.0"))).unwrap()
                }
                Err(other) => panic!("{when}: {other:?}"),
            };
            assert_eq!(end.outcome, Some(Outcome::Completed), "{when}: {end:?}");
            whole(&desk, &when);
            assert_eq!(outcome(&desk.last_run()), Some(Outcome::Completed));
        }
    }
}
