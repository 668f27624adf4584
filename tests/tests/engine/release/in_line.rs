//! What a failover or a person left alone (settings, embargoes, schedules) fits the roles after a reprotect, and a swap can do without what cannot be read.

use super::*;
use switchover::plan::{PlanError, Waiver};
use switchover_tests::fake::{Absence, AddressFault, Health, HeldSetting, RemoteCall, RemoteFault};

use crate::failover::{failover, find, lose};

fn lost(desk: &Desk) {
    lose(&desk.world, Absence::Silent, AddressFault::Silent, &Health::Down);
}

fn fail_over(desk: &Desk) {
    let end = desk.world.run(desk.process().fail_over(&failover())).unwrap();
    assert!(end.outcome.is_some(), "{end:?}");
    assert!(desk.swapped());
}

#[test]
fn settings_and_schedules_follow_a_failover_with_its_reprotect() {
    let desk = Desk::new(unasked());
    lost(&desk);
    fail_over(&desk);
    let left =
        [format!("v4.3.3, open, {PRODUCTION}, nightly off"), format!("v4.3.3, open, {STANDBY}, nightly on")];
    assert_eq!(sides(&desk), left, "nothing of it is on the way of a failover");
    find(&desk.world);
    desk.expect(Intent::Reprotect, Outcome::Completed);
    assert_eq!(
        sides(&desk),
        [format!("v4.3.3, open, {STANDBY}, nightly on"), format!("v4.3.3, open, {PRODUCTION}, nightly off"),]
    );
    whole(&desk, "reprotected");
    assert!(desk.plan(&ask(Intent::Reprotect)).unwrap().is_empty());
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert!(desk.as_before());
}

#[test]
fn an_embargo_that_a_release_left_behind_is_lifted() {
    let desk = Desk::new(pair());
    let process = desk.process();
    let request = of_release("v4.4.0");
    let run = process.perform(&request);
    let dies = desk.while_running(run, seconds(900), || process.stop.stop());
    assert_eq!(dies.unwrap().outcome, None);
    assert!(described(&desk, desk.world.first()).contains("embargo"), "{:?}", sides(&desk));
    lost(&desk);
    fail_over(&desk);
    find(&desk.world);
    desk.expect(Intent::Reprotect, Outcome::Completed);
    assert!(sides(&desk).iter().all(|side| side.contains("open")), "{:?}", sides(&desk));
    whole(&desk, "reprotected");
}

#[test]
fn a_setting_that_cannot_be_changed_holds_up_no_data_and_is_changed_by_the_next_one() {
    let desk = Desk::new(unasked());
    lost(&desk);
    fail_over(&desk);
    find(&desk.world);
    let live = environment("live");
    let second = desk.world.second().clone();
    let settings = &delivery(&desk, &second).settings;
    settings.fail_always(RemoteCall::Change, RemoteFault::Forbidden);
    desk.expect(Intent::Reprotect, Outcome::CompletedWithExceptions);
    assert!(desk.state().owed().is_empty(), "the data is brought over");
    assert_eq!(settings.held(&live, &setting("HOME_URL")).unwrap().value.expose(), STANDBY);
    settings.heal();
    desk.expect(Intent::Reprotect, Outcome::Completed);
    whole(&desk, "reprotected again");
}

#[test]
fn while_the_lost_side_is_silent_the_new_production_gets_the_settings_of_its_role() {
    let desk = Desk::new(unasked());
    lost(&desk);
    fail_over(&desk);
    let held = |side: &SideName| described(&desk, side);
    let (first, second) = (desk.world.first().clone(), desk.world.second().clone());
    delivery(&desk, &first).settings.fail_always(RemoteCall::Read, RemoteFault::Unavailable);
    desk.expect(Intent::Reprotect, Outcome::Completed);
    assert_eq!(held(&second), format!("v4.3.3, open, {PRODUCTION}, nightly off"));
    assert!(!desk.state().owed().is_empty(), "its data is still owed");
    assert!(matches!(desk.plan(&ask(Intent::Reprotect)), Err(PlanError::StillLost { .. })));
    delivery(&desk, &first).settings.heal();
    find(&desk.world);
    desk.expect(Intent::Reprotect, Outcome::Completed);
    assert!(desk.state().owed().is_empty());
    whole(&desk, "reprotected");
}

fn without(waivers: &[Waiver]) -> Request {
    Request { waivers: waivers.iter().cloned().collect(), ..ask(Intent::Switchover) }
}

fn silence(desk: &Desk) {
    for fakes in desk.world.deliveries.values() {
        fakes.releases.fail_always(RemoteCall::Read, RemoteFault::Unavailable);
        fakes.settings.fail_always(RemoteCall::Read, RemoteFault::Unavailable);
        fakes.schedules.fail_always(RemoteCall::Read, RemoteFault::Unavailable);
    }
}

fn speak(desk: &Desk) {
    for fakes in desk.world.deliveries.values() {
        fakes.releases.heal();
        fakes.settings.heal();
        fakes.schedules.heal();
    }
}

#[test]
fn a_pair_whose_deliveries_are_silent_is_swapped_there_and_back_if_all_that_needs_them_is_left_out_by_name() {
    let desk = Desk::new(unasked());
    let all = [Waiver::Embargo, Waiver::Schedules, Waiver::Settings, Waiver::Deployment];
    silence(&desk);
    for place in 0..all.len() {
        let mut some = all.to_vec();
        let needed = some.remove(place);
        let refused = desk.plan(&without(&some)).unwrap_err();
        let PlanError::Unfit(findings) = &refused else { panic!("without {needed}: {refused}") };
        assert!(findings.iter().all(|finding| Waiver::of(finding) == Some(needed.clone())), "{refused}");
    }
    let there = perform(&desk, &without(&all));
    assert_eq!(there.outcome, Some(Outcome::Completed), "{there:?}");
    assert!(desk.swapped());
    let back = perform(&desk, &Request { intent: Intent::Revert, ..without(&all) });
    assert_eq!(back.outcome, Some(Outcome::Completed), "{back:?}");
    assert!(desk.as_before());
    assert_eq!(perform(&desk, &without(&all)).outcome, Some(Outcome::Completed));
    speak(&desk);
    assert_eq!(
        sides(&desk),
        [format!("v4.3.3, open, {PRODUCTION}, nightly off"), format!("v4.3.3, open, {STANDBY}, nightly on")],
        "nothing was touched"
    );
    desk.expect(Intent::Reprotect, Outcome::Completed);
    whole(&desk, "in line");
}

#[test]
fn what_fits_no_role_is_left_to_people_and_an_open_release_keeps_what_it_holds() {
    let desk = Desk::new(unasked());
    let live = environment("live");
    let first = desk.world.first().clone();
    assert!(desk.plan(&ask(Intent::Reprotect)).unwrap().is_empty(), "all is in line");
    delivery(&desk, &first).settings.define(
        Some(&live),
        &setting("HOME_URL"),
        HeldSetting::plain("http://x"),
    );
    lost(&desk);
    fail_over(&desk);
    find(&desk.world);
    desk.expect(Intent::Reprotect, Outcome::Completed);
    assert!(described(&desk, &first).contains("http://x"), "{:?}", sides(&desk));
    assert!(described(&desk, desk.world.second()).contains(PRODUCTION), "{:?}", sides(&desk));
}

#[test]
fn an_open_release_keeps_its_embargo() {
    let desk = Desk::new(unasked());
    assert_eq!(perform(&desk, &of_release("v4.4.0")).outcome, Some(Outcome::Completed));
    assert!(sides(&desk).iter().any(|side| side.contains("embargo")), "{:?}", sides(&desk));
    assert!(desk.plan(&ask(Intent::Reprotect)).unwrap().is_empty());
}
