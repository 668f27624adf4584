//! What a failover owes comes before anything else: the lost side is frozen, what diverged there is kept, and only then is it the stand-by.

use switchover::execute::RunError;
use switchover::journal::{Outcome, Seq};
use switchover::plan::{Intent, PlanError, Request, SyncRequest, Waiver, plan_sync};
use switchover_tests::fake::{Absence, AddressFault, Health, MemoryStore};

use super::{Clients, failover, find, lose, second_serves, with_stores};
use crate::support::{Desk, Trouble, ask, seconds};

/// A pair after a failover of which the lost side's own clients took no notice.
fn failed_over(clients_for: u64) -> (Desk, Vec<super::Write>) {
    let desk = Desk::new(with_stores());
    lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
    let clients = Clients::new(&desk.world);
    let end = desk.world.run(clients.beside(desk.process().fail_over(&failover()))).unwrap();
    assert!(end.outcome.is_some());
    desk.world.run(clients.beside(desk.world.sleep(seconds(clients_for))));
    let lost = clients.missing(desk.world.first(), desk.world.second());
    assert!(!lost.is_empty());
    (desk, lost)
}

fn reprotect() -> Request {
    ask(Intent::Reprotect)
}

#[test]
fn nothing_is_written_to_the_lost_side_and_no_role_moves_until_it_is_reprotected() {
    let (desk, _) = failed_over(5);
    find(&desk.world);
    for intent in [Intent::Switchover, Intent::Revert, Intent::Drill] {
        let refused = desk.perform(intent);
        assert!(matches!(refused, Err(Trouble::Plan(PlanError::Owed(_)))), "{intent}: {refused:?}");
    }
    let back = Request { to: Some(desk.world.first().clone()), ..failover() };
    let refused = desk.world.run(desk.process().fail_over(&back));
    assert!(matches!(refused, Err(Trouble::Plan(PlanError::Owed(_)))), "{refused:?}");
    let process = desk.process();
    let snapshot = desk.world.run(process.engine.inspect(&desk.world.pair.environments, &desk.state()));
    for overwrite in [false, true] {
        let request = SyncRequest { overwrite, ..SyncRequest::routine() };
        let refused = plan_sync(&desk.world.pair, &snapshot, &desk.state(), &request);
        let Err(error @ PlanError::Owed(_)) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("run `swap-roles --reprotect`"), "{error}");
    }
}

#[test]
fn a_side_that_comes_back_is_frozen_kept_and_brought_up_to_date_and_then_roles_move_again() {
    let (desk, lost) = failed_over(5);
    let refused = desk.perform(Intent::Reprotect);
    let Err(Trouble::Plan(error @ PlanError::StillLost { .. })) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("try again later"), "{error}");
    find(&desk.world);
    let clients = Clients::new(&desk.world);
    let request = reprotect();
    let end = desk.world.run(clients.beside(desk.process().perform(&request))).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    for write in lost {
        let kept = desk.world.stores[&write.store].kept_of(desk.world.first());
        assert!(kept.iter().any(|held| held.contains(&write.number)), "{write:?} is gone");
    }
    assert_eq!(desk.report().kept.len(), 3);
    assert!(desk.state().owed().is_empty());
    second_serves(&desk, "reprotected");
    for store in desk.world.stores.values() {
        assert_eq!(store.writable(), [desk.world.second().clone()]);
    }
    let again = desk.plan(&reprotect()).unwrap();
    assert!(again.is_empty(), "nothing is owed any more");
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert!(desk.as_before());
}

#[test]
fn a_reprotect_that_dies_at_any_entry_is_done_by_the_next_one_and_loses_nothing_that_diverged() {
    let (desk, _) = failed_over(1);
    find(&desk.world);
    let first = desk.entries().len() as u64;
    desk.expect(Intent::Reprotect, Outcome::Completed);
    let entries = desk.entries().len() as u64;
    for seq in (first..entries).map(Seq) {
        for after in [false, true] {
            let (desk, lost) = failed_over(1);
            find(&desk.world);
            let crash = if after { MemoryStore::crash_after } else { MemoryStore::crash_before };
            crash(&desk.world.store, seq);
            let (process, request) = (desk.process(), reprotect());
            assert!(desk.world.run_until_crash(process.perform(&request)).is_none());
            match desk.world.run(desk.process().resume()) {
                Ok(end) => assert_eq!(end.outcome, Some(Outcome::Completed), "{seq}: {end:?}"),
                Err(Trouble::Run(RunError::NothingOpen)) if desk.state().owed().is_empty() => {}
                Err(Trouble::Run(RunError::NothingOpen)) => {
                    desk.expect(Intent::Reprotect, Outcome::Completed);
                }
                Err(other) => panic!("{seq}: {other:?}"),
            }
            assert!(desk.state().owed().is_empty(), "{seq}");
            for write in lost {
                let kept = desk.world.stores[&write.store].kept_of(desk.world.first());
                assert!(kept.iter().any(|held| held.contains(&write.number)), "{seq}: {write:?} is gone");
            }
        }
    }
}

#[test]
fn what_diverged_is_thrown_away_only_if_somebody_said_so() {
    let (desk, _) = failed_over(1);
    find(&desk.world);
    desk.world.stores.values().for_each(switchover_tests::fake::FakeStore::let_go);
    let request = Request { waivers: [Waiver::KeepDiverged].into(), ..reprotect() };
    let end = desk.world.run(desk.process().perform(&request)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert!(desk.report().kept.is_empty());
    assert!(desk.state().owed().is_empty());
}
