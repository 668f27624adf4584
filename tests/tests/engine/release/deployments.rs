//! Deployments: one at a time, to the stand-by, whoever starts them and however they end.

use super::*;
use switchover::journal::FailureKind;
use switchover::model::DeploymentState;
use switchover::observe::FindingKind;
use switchover::plan::PlanError;
use switchover::port::Obstacle;
use switchover_tests::fake::Going;

fn unfit(desk: &Desk, request: &Request) -> Vec<(FindingKind, String)> {
    match desk.world.run(desk.process().plan(request)) {
        Err(Trouble::Plan(PlanError::Unfit(findings))) => {
            findings.into_iter().map(|finding| (finding.kind, finding.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_release_that_cannot_be_deployed_stops_the_plan_and_says_why() {
    let desk = Desk::new(unasked());
    let found = unfit(&desk, &of_release("v4.9.9"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].1.contains("v4.9.9 cannot be deployed: there is no such release; is v4.3.3"),
        "{found:?}"
    );
    let why = "the pipeline of the tag failed".to_owned();
    delivery(&desk, desk.world.second())
        .releases
        .offer(&release("v4.8.0"), Some(Obstacle::NothingToDeploy { why }));
    let found = unfit(&desk, &of_release("v4.8.0"));
    assert!(found[0].1.contains("the pipeline of the tag failed"), "{found:?}");
}

#[test]
fn nothing_is_planned_while_somebody_deploys_to_either_side() {
    for side in [0, 1] {
        let desk = Desk::new(unasked());
        let side = desk.world.pair.sides[side].name.clone();
        delivery(&desk, &side).releases.by_hand(&environment("live"), &release("v4.4.0"));
        for request in [of_release("v4.4.0"), ask(Intent::Switchover)] {
            let found = unfit(&desk, &request);
            assert_eq!(found[0].0, FindingKind::DeploymentUnderWay, "{found:?}");
        }
    }
}

fn ends(going: Going) -> (Desk, RunEnd) {
    let desk = Desk::new(unasked());
    delivery(&desk, desk.world.second()).releases.going(going);
    let end = desk.world.run(desk.process().perform(&of_release("v4.4.0"))).unwrap();
    (desk, end)
}

#[test]
fn a_deployment_that_fails_hangs_or_is_cancelled_moves_nobody() {
    let minute = seconds(60);
    let failed = DeploymentState::Failed { why: "tests failed".to_owned() };
    for (state, says) in [
        (Some(failed), "did not succeed"),
        (Some(DeploymentState::Cancelled), "did not succeed"),
        (None, "not done after 7200 s: running"),
    ] {
        let (desk, end) = ends(Going { takes: minute, ends: state.clone() });
        assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
        assert!(end.failures[0].message.contains(says), "{end:?}");
        whole(&desk, says);
        assert!(described(&desk, desk.world.first()).contains("open"), "the embargo was lifted again");
        assert!(desk.as_before());
    }
}

#[test]
fn a_deployment_by_hand_to_the_other_side_stops_the_run() {
    let desk = Desk::new(unasked());
    let process = desk.process();
    let request = of_release("v4.4.0");
    let work = process.perform(&request);
    let end = desk.while_running(work, seconds(30), || {
        delivery(&desk, desk.world.first()).releases.by_hand(&environment("live"), &release("v4.4.0"));
    });
    let end = end.unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    assert_eq!(end.failures[0].kind, FailureKind::Partial);
    assert!(end.failures[0].message.contains("never deployed to both sides at once"), "{end:?}");
    assert!(desk.as_before());
}

#[test]
fn a_deployment_of_the_release_that_somebody_started_is_followed_and_not_started_again() {
    let desk = Desk::new(unasked());
    let process = desk.process();
    let request = of_release("v4.4.0");
    let (journal, plan) = desk.world.run(process.plan(&request)).unwrap();
    let side = desk.world.second().clone();
    delivery(&desk, &side).releases.by_hand(&environment("live"), &release("v4.4.0"));
    let end = desk.world.run(process.engine.start(journal, plan, None)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert_eq!(delivery(&desk, &side).releases.started(&environment("live"), &release("v4.4.0")), 1);
}

#[test]
fn a_release_that_runs_on_the_stand_by_already_is_not_deployed_again() {
    let desk = Desk::new(unasked());
    let side = desk.world.second().clone();
    delivery(&desk, &side).releases.by_hand(&environment("live"), &release("v4.4.0"));
    desk.world.run(desk.world.clock.sleep(seconds(61)));
    assert_eq!(perform(&desk, &of_release("v4.4.0")).outcome, Some(Outcome::Completed));
    assert_eq!(delivery(&desk, &side).releases.started(&environment("live"), &release("v4.4.0")), 1);
}

#[test]
fn settings_that_cannot_be_compared_or_are_not_there_stop_the_plan() {
    let desk = Desk::new(unasked());
    let (live, name) = (environment("live"), setting("HOME_URL"));
    let settings = &delivery(&desk, desk.world.second()).settings;
    let before = settings.held(&live, &name).unwrap();
    let mut hidden = before.clone();
    hidden.attributes.hidden = true;
    settings.define(Some(&live), &name, hidden);
    assert_eq!(unfit(&desk, &ask(Intent::Switchover))[0].0, FindingKind::SettingHidden);
    settings.define(Some(&live), &name, switchover_tests::fake::HeldSetting::plain("http://somewhere.else"));
    let found = unfit(&desk, &ask(Intent::Switchover));
    assert_eq!(found[0].0, FindingKind::SettingForeign);
    assert!(!found[0].1.contains("somewhere"), "a value was shown: {found:?}");
    settings.remove(&live, &name);
    assert_eq!(unfit(&desk, &ask(Intent::Switchover))[0].0, FindingKind::SettingMissing);
    settings.define(Some(&live), &name, before);
    desk.expect(Intent::Switchover, Outcome::Completed);
}

#[test]
fn a_setting_that_somebody_edits_meanwhile_is_not_written_over() {
    let desk = Desk::new(unasked());
    let (live, name) = (environment("live"), setting("HOME_URL"));
    let process = desk.process();
    let request = ask(Intent::Switchover);
    let settings = delivery(&desk, desk.world.second()).settings.clone();
    let work = process.perform(&request);
    let end = desk.while_running(work, Duration::from_millis(300), || {
        settings.define(Some(&live), &name, switchover_tests::fake::HeldSetting::plain("http://mine"));
    });
    let end = end.unwrap();
    assert_eq!(end.outcome, None, "users were moved, so it waits: {end:?}");
    assert!(end.failures[0].message.contains("has another value"), "{end:?}");
    settings.define(Some(&live), &name, switchover_tests::fake::HeldSetting::plain(STANDBY));
    assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed));
    whole(&desk, "mended");
}
