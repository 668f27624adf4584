//! The stand-by takes over, whatever became of production and whatever it says.

use switchover::execute::RunError;
use switchover::journal::{Outcome, Seq};
use switchover::model::{RecordData, Role};
use switchover::observe::FindingKind;
use switchover::plan::{Intent, PlanError, Request, Waiver};
use switchover_tests::fake::{
    Absence, AddressFault, DataCall, DataFault, Health, MemoryStore, NameCall, NameFault,
};

use super::{Clients, failover, find, lose, records_sent, second_serves, with_stores};
use crate::support::{Desk, Trouble, ask, seconds, small};

const ABSENCES: [Absence; 4] =
    [Absence::Gone, Absence::Silent, Absence::Failing, Absence::Slow(seconds_of(20))];
const BOOKS: [AddressFault; 4] =
    [AddressFault::Silent, AddressFault::Unavailable, AddressFault::Nonsense, AddressFault::Nothing];

const fn seconds_of(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count)
}

#[test]
fn however_production_is_lost_the_standby_takes_over_within_five_seconds_and_says_what_is_lost() {
    for how in ABSENCES {
        for book in BOOKS {
            let when = format!("{how:?}, book {book:?}");
            let desk = Desk::new(with_stores());
            let clients = Clients::new(&desk.world);
            desk.world.run(clients.beside(desk.world.sleep(seconds(5))));
            lose(&desk.world, how, book, &Health::Wrong("500".to_owned()));
            let command = desk.world.clock.elapsed();
            let process = desk.process();
            let end = desk.world.run(clients.beside(process.fail_over(&failover()))).unwrap();
            assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{when}: {end:?}");
            let took = records_sent(&desk.world).unwrap().checked_sub(command).unwrap();
            assert!(took < seconds(5), "{when}: records were sent after {took:?}");
            second_serves(&desk, &when);
            assert_eq!(desk.moves(), [1, 1], "{when}");
            lost_is_told(&desk, &clients, &when);
            let owed = desk.state().owed();
            assert_eq!(owed.len(), 1, "{when}");
            assert_eq!(owed[0].side, *desk.world.first());
            assert_eq!(owed[0].stores.len(), 3);
        }
    }
}

/// Every acknowledged write that the new production lacks lies in the window that the report tells, and the window begins with the newest
/// whole copy.
fn lost_is_told(desk: &Desk, clients: &Clients<'_>, when: &str) {
    let report = desk.report();
    assert_eq!(report.losses.len(), desk.world.stores.len(), "{when}");
    for write in clients.missing(desk.world.first(), desk.world.second()) {
        let window = report.losses.iter().find(|loss| loss.store == write.store).expect("a window");
        assert!(window.from <= write.at, "{when}: {write:?} is lost and lies before {window:?}");
        assert!(!window.fenced || write.at <= window.until, "{when}: {write:?} lies after {window:?}");
    }
}

#[test]
fn names_that_lead_nowhere_else_tell_the_addresses_of_a_side_whose_book_is_gone() {
    let desk = Desk::new(with_stores());
    lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
    let end = desk.world.run(desk.process().fail_over(&failover())).unwrap();
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions));
    for endpoint in desk.world.endpoints() {
        let old = desk.world.address(desk.world.first(), &endpoint.address);
        assert_eq!(desk.world.names.leads_to(endpoint.name(Role::Standby)), [old].into());
    }
}

#[test]
fn a_production_that_answers_is_fenced_first_and_a_switchover_is_suggested() {
    let desk = Desk::new(with_stores());
    desk.world.stores.values().for_each(|store| store.give_up(desk.world.first()));
    let process = desk.process();
    let journal = desk.world.run(process.engine.journal()).unwrap();
    let snapshot = desk.world.run(process.engine.observe_lost(&desk.world.pair.environments, &journal, None));
    assert!(snapshot.findings.iter().any(|finding| finding.kind == FindingKind::LostAnswers));
    assert_eq!(snapshot.errors().count(), 0, "{:?}", snapshot.findings);
    let clients = Clients::new(&desk.world);
    let end = desk.world.run(clients.beside(process.fail_over(&failover()))).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    second_serves(&desk, "well");
    for store in desk.world.stores.values() {
        assert_eq!(store.writable(), [desk.world.second().clone()]);
    }
    lost_is_told(&desk, &clients, "well");
    assert!(desk.report().losses.iter().all(|loss| loss.fenced));
    assert!(desk.state().owed()[0].stores.iter().all(|debt| debt.fenced.is_some()));
}

/// The lost side answers, says that it is frozen, and takes writes all the same.
#[test]
fn a_fence_that_lets_writes_through_is_no_fence_and_what_is_lost_has_no_end() {
    let desk = Desk::new(with_stores());
    for store in desk.world.stores.values() {
        store.give_up(desk.world.first());
        store.fail_always(DataCall::Freeze, DataFault::Leaks);
    }
    let (process, clients) = (desk.process(), Clients::new(&desk.world));
    let command = desk.world.clock.elapsed();
    let end = desk.world.run(clients.beside(process.fail_over(&failover()))).unwrap();
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{end:?}");
    assert!(records_sent(&desk.world).unwrap().checked_sub(command).unwrap() < seconds(5));
    second_serves(&desk, "leaking");
    lost_is_told(&desk, &clients, "leaking");
    assert!(desk.report().losses.iter().all(|loss| !loss.fenced), "{:?}", desk.report().losses);
    for debt in &desk.state().owed()[0].stores {
        assert_eq!(debt.fenced, None);
        assert!(debt.why.as_ref().is_some_and(|why| why.contains("a write was accepted")), "{debt:?}");
    }
}

/// The first fence lets writes through, and the proof after the records moved finds that out and has it made again.
#[test]
fn a_fence_that_let_writes_through_at_first_is_made_again_and_what_is_lost_ends_with_its_proof() {
    let desk = Desk::new(with_stores());
    for store in desk.world.stores.values() {
        store.give_up(desk.world.first());
        store.fail_next(DataCall::Freeze, DataFault::Leaks);
    }
    let (process, clients) = (desk.process(), Clients::new(&desk.world));
    let end = desk.world.run(clients.beside(process.fail_over(&failover()))).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    let lost = clients.missing(desk.world.first(), desk.world.second());
    let moved = desk.report().losses.iter().map(|loss| loss.until).max().unwrap();
    assert!(lost.len() > 10 && lost.iter().all(|write| write.at <= moved), "{lost:?}");
    lost_is_told(&desk, &clients, "leaking at first");
    assert!(desk.state().owed()[0].stores.iter().all(|debt| debt.fenced.is_some()));
    for store in desk.world.stores.values() {
        assert_eq!(store.writable(), [desk.world.second().clone()]);
    }
}

#[test]
fn a_production_that_comes_back_at_any_moment_is_fenced_while_the_run_goes_on() {
    for tick in 0..40_u64 {
        let desk = Desk::new(with_stores());
        lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
        let (process, request) = (desk.process(), failover());
        let clients = Clients::new(&desk.world);
        let work = clients.beside(process.fail_over(&request));
        let after = std::time::Duration::from_millis(tick * 500);
        let end = desk.while_running(work, after, || find(&desk.world)).unwrap();
        second_serves(&desk, &format!("{after:?}"));
        lost_is_told(&desk, &clients, &format!("{after:?}"));
        for (name, store) in &desk.world.stores {
            assert_eq!(store.writable(), [desk.world.second().clone()], "{after:?}: {name}: {end:?}");
        }
        assert!(desk.state().owed()[0].stores.iter().all(|debt| debt.fenced.is_some()), "{after:?}");
    }
}

#[test]
fn what_may_be_lost_must_be_accepted_and_a_store_without_a_copy_is_none() {
    let desk = Desk::new(with_stores());
    desk.world.clock.advance(seconds(7_200));
    lose(&desk.world, Absence::Gone, AddressFault::Unavailable, &Health::Down);
    let plan = |request: &Request| desk.world.run(desk.process().fail_over(request));
    let refused = plan(&ask(Intent::Failover));
    let Err(Trouble::Plan(PlanError::LossNotAccepted { losses, accepted: None })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(losses.len(), 3);
    assert!(losses.iter().all(|loss| loss.age() >= seconds(7_200)), "{losses:?}");
    let little = Request { accept_loss: Some(seconds(7_199)), ..ask(Intent::Failover) };
    assert!(matches!(plan(&little), Err(Trouble::Plan(PlanError::LossNotAccepted { .. }))));
    assert!(desk.entries().is_empty() && desk.as_before());
    desk.world.stores.values().next().unwrap().forget_copies();
    assert!(matches!(plan(&failover()), Err(Trouble::Plan(PlanError::NoCopy(_)))));
}

#[test]
fn a_mixture_and_a_standby_that_fails_its_checks_take_over_only_if_somebody_said_so() {
    let desk = Desk::new(with_stores());
    lose(&desk.world, Absence::Gone, AddressFault::Unavailable, &Health::Down);
    desk.world.stores.values().next().unwrap().break_off(desk.world.second());
    let attempt = |request: &Request| desk.world.run(desk.process().fail_over(request));
    assert!(matches!(attempt(&failover()), Err(Trouble::Plan(PlanError::Unfinished(_)))));
    desk.world.set_health(desk.world.second(), &Health::Wrong("503".to_owned()));
    let mixed = Request { waivers: [Waiver::UnfinishedCopy].into(), ..failover() };
    assert!(matches!(attempt(&mixed), Err(Trouble::Plan(PlanError::Unfit(_)))));
    let both = Request { waivers: [Waiver::UnfinishedCopy, Waiver::Checks].into(), ..failover() };
    assert_eq!(attempt(&both).unwrap().outcome, Some(Outcome::CompletedWithExceptions));
    second_serves(&desk, "waived");
}

#[test]
fn a_failover_that_cannot_move_the_names_lets_a_production_go_on_that_it_had_fenced() {
    let desk = Desk::new(with_stores());
    desk.world.stores.values().for_each(|store| store.give_up(desk.world.first()));
    desk.world.names.fail_always(NameCall::Change, NameFault::Forbidden);
    let end = desk.world.run(desk.process().fail_over(&failover())).unwrap();
    assert_eq!(end.outcome, None, "one of the pivot's steps acted: {end:?}");
    let desk = Desk::new(with_stores());
    desk.world.stores.values().for_each(|store| store.give_up(desk.world.first()));
    let endpoint = desk.world.endpoints().next().unwrap().clone();
    let process = desk.process();
    let (journal, plan) = desk
        .world
        .run(async {
            let journal = process.engine.journal().await.map_err(RunError::from)?;
            process.plan_failover(journal, &failover()).await
        })
        .unwrap();
    // Somebody edits a name after the plan was made: the pivot is not crossed.
    desk.guard.spare(endpoint.name(Role::Production));
    desk.world.names.edit(endpoint.name(Role::Production), |held| {
        if held.value.data.address().is_some() {
            held.value.data = RecordData::from(std::net::IpAddr::from([192, 0, 2, 9]));
        }
    });
    let end = desk.world.run(process.engine.start(journal, plan, None)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    for store in desk.world.stores.values() {
        assert_eq!(store.writable(), [desk.world.first().clone()]);
    }
    assert!(desk.state().owed().is_empty());
}

#[test]
fn a_process_that_dies_at_any_entry_leaves_a_failover_that_ends() {
    let world = || {
        let world = with_stores();
        lose(&world, Absence::Silent, AddressFault::Silent, &Health::Down);
        world
    };
    let desk = Desk::new(world());
    let end = desk.world.run(desk.process().fail_over(&failover())).unwrap();
    assert!(end.outcome.is_some());
    let entries = desk.entries().len() as u64;
    assert!(entries > 25, "{entries}");
    for seq in (0..entries).map(Seq) {
        for after in [false, true] {
            let desk = Desk::new(world());
            let crash = if after { MemoryStore::crash_after } else { MemoryStore::crash_before };
            crash(&desk.world.store, seq);
            let (process, request) = (desk.process(), failover());
            let end = desk.world.run_until_crash(process.fail_over(&request));
            assert!(end.is_none(), "{seq} was never reached");
            let when = format!("crash {} entry {seq}", if after { "after" } else { "before" });
            match desk.world.run(desk.process().resume()) {
                Ok(end) => assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{when}: {end:?}"),
                Err(Trouble::Run(RunError::NothingOpen)) if desk.as_before() => continue,
                Err(Trouble::Run(RunError::NothingOpen)) => {}
                Err(other) => panic!("{when}: {other:?}"),
            }
            second_serves(&desk, &when);
            assert_eq!(desk.moves(), [1, 1], "{when}");
        }
    }
}

#[test]
fn names_alone_fail_over_and_owe_nothing() {
    let desk = Desk::new(small());
    desk.world.books[desk.world.first()].fail_always(AddressFault::Silent);
    desk.world.set_health(desk.world.first(), &Health::Down);
    let end = desk.world.run(desk.process().fail_over(&ask(Intent::Failover))).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert!(desk.swapped());
    assert!(desk.state().owed().is_empty());
}

#[test]
fn a_former_production_that_was_fenced_by_its_switchover_may_take_over_again() {
    let desk = Desk::new(with_stores());
    desk.expect(Intent::Switchover, Outcome::Completed);
    lose_second(&desk);
    let end = desk.world.run(desk.process().fail_over(&failover())).unwrap();
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{end:?}");
    assert!(desk.as_before());
    for store in desk.world.stores.values() {
        assert!(store.writable().contains(desk.world.first()));
    }
    assert_eq!(desk.state().owed()[0].side, *desk.world.second());
}

fn lose_second(desk: &Desk) {
    let second = desk.world.second();
    desk.world.stores.values().for_each(|store| store.lose(second, Absence::Silent));
    desk.world.books[second].fail_always(AddressFault::Silent);
    desk.world.set_health(second, &Health::Down);
}

#[test]
fn a_former_production_that_somebody_opened_since_holds_no_copy() {
    let desk = Desk::new(with_stores());
    desk.expect(Intent::Switchover, Outcome::Completed);
    lose_second(&desk);
    desk.world.stores[&"live/files".parse().unwrap()].open_by_hand(desk.world.first());
    let refused = desk.world.run(desk.process().fail_over(&failover()));
    assert!(matches!(refused, Err(Trouble::Plan(PlanError::NoCopy(_)))), "{refused:?}");
}
