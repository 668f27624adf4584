//! How a release goes when all goes well: out to the stand-by, over, and to its end.

use super::*;
use switchover::plan::PlanError;

#[test]
fn a_release_goes_to_the_stand_by_is_approved_swapped_and_finalized() {
    let desk = Desk::new(pair());
    assert_eq!(
        sides(&desk),
        [format!("v4.3.3, open, {PRODUCTION}, nightly off"), format!("v4.3.3, open, {STANDBY}, nightly on")]
    );
    let end = perform(&desk, &of_release("v4.4.0"));
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    whole(&desk, "swapped");
    assert!(desk.swapped());
    assert_eq!(
        sides(&desk),
        [
            format!("v4.3.3, embargo, {STANDBY}, nightly off"),
            format!("v4.4.0, open, {PRODUCTION}, nightly off")
        ]
    );
    let end = finalize(&desk).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert_eq!(
        sides(&desk),
        [format!("v4.4.0, open, {STANDBY}, nightly on"), format!("v4.4.0, open, {PRODUCTION}, nightly off")]
    );
    whole(&desk, "finalized");
    assert!(matches!(finalize(&desk), Err(Trouble::Plan(PlanError::NothingToFinalize))));
}

#[test]
fn no_data_flows_to_the_former_production_before_the_release_is_over() {
    let desk = Desk::new(unasked());
    assert_eq!(perform(&desk, &of_release("v4.4.0")).outcome, Some(Outcome::Completed));
    let sync = desk.perform(Intent::Sync);
    assert!(matches!(sync, Err(Trouble::Plan(PlanError::ReleaseOpen { .. }))), "{sync:?}");
    completed(&finalize(&desk).unwrap());
    assert_eq!(desk.perform(Intent::Sync).unwrap().outcome, Some(Outcome::Completed));
}

#[test]
fn a_release_is_taken_back_with_its_data_and_then_nothing_is_left_of_it() {
    let desk = Desk::new(unasked());
    completed(&perform(&desk, &of_release("v4.4.0")));
    assert_eq!(desk.perform(Intent::Revert).unwrap().outcome, Some(Outcome::Completed));
    whole(&desk, "reverted");
    assert!(desk.as_before());
    assert_eq!(
        sides(&desk),
        [format!("v4.3.3, open, {PRODUCTION}, nightly off"), format!("v4.4.0, open, {STANDBY}, nightly on")]
    );
    assert!(matches!(finalize(&desk), Err(Trouble::Plan(PlanError::NothingToFinalize))));
    let again = desk.perform(Intent::Revert);
    assert!(matches!(again, Err(Trouble::Plan(PlanError::NothingToRevert(_)))), "{again:?}");
}

#[test]
fn the_next_release_goes_the_other_way() {
    let desk = Desk::new(pair());
    completed(&perform(&desk, &of_release("v4.4.0")));
    completed(&finalize(&desk).unwrap());
    let end = perform(&desk, &of_release("v4.5.0"));
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    whole(&desk, "the second release");
    assert!(desk.as_before());
}

#[test]
fn a_swap_without_a_release_leaves_no_embargo_behind() {
    let desk = Desk::new(unasked());
    desk.expect(Intent::Switchover, Outcome::Completed);
    whole(&desk, "swapped");
    assert_eq!(
        sides(&desk),
        [format!("v4.3.3, open, {STANDBY}, nightly on"), format!("v4.3.3, open, {PRODUCTION}, nightly off")]
    );
}

#[test]
fn live_is_swapped_only_after_staging_did_the_same() {
    let mut world = World::gigadb();
    world.add_deliveries();
    for delivery in world.deliveries.values() {
        delivery.releases.offer(&release("v4.4.0"), None);
        for name in ["live", "staging"] {
            delivery.releases.offer(&release("v4.3.3"), None);
            delivery.releases.by_hand(&environment(name), &release("v4.3.3"));
        }
    }
    world.clock.advance(seconds(61));
    let live = world.pair.environments.iter_mut().find(|known| known.name.as_str() == "live").unwrap();
    live.policy.rehearse_on = Some(environment("staging"));
    let desk = Desk::new(world);
    let only = |of: &str, request: Request| Request { environments: [environment(of)].into(), ..request };
    let run = |request: &Request| desk.world.run(desk.process().perform(request));
    let refused = |request: &Request| match run(request) {
        Err(Trouble::Plan(PlanError::NotRehearsed { why, .. })) => why,
        other => panic!("{other:?}"),
    };
    let why = refused(&only("live", of_release("v4.4.0")));
    assert_eq!(why, "no swap of staging stands in the journal");
    completed(&run(&only("staging", ask(Intent::Switchover))).unwrap());
    let why = refused(&only("live", of_release("v4.4.0")));
    assert!(why.ends_with("on staging was with no release, not v4.4.0"), "{why}");
    completed(&run(&only("staging", of_release("v4.4.0"))).unwrap());
    let end = run(&only("live", of_release("v4.4.0"))).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    completed(&run(&only("staging", ask(Intent::Revert))).unwrap());
    completed(&run(&only("live", ask(Intent::Revert))).unwrap());
    let why = refused(&only("live", of_release("v4.4.0")));
    assert!(why.contains("is no switchover that succeeded"), "{why}");
}
