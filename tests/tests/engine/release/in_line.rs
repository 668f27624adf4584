//! What a failover left alone (settings, embargoes, schedules) fits the roles once the lost side is reprotected.

use super::*;
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
fn what_fits_no_role_is_left_to_people_and_without_a_failover_nothing_is_touched() {
    let desk = Desk::new(unasked());
    let live = environment("live");
    let first = desk.world.first().clone();
    delivery(&desk, &first).settings.define(Some(&live), &setting("HOME_URL"), HeldSetting::plain(STANDBY));
    assert!(desk.plan(&ask(Intent::Reprotect)).unwrap().is_empty(), "no failover");
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
