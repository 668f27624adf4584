//! Gates that a person opens by name.

use switchover::journal::Outcome;
use switchover::model::StatusGate;
use switchover::plan::{Intent, PlanError, Request, Waiver};
use switchover_tests::fake::Health;

use super::support::{Desk, ask, small};

fn without_checks() -> Request {
    Request { waivers: [Waiver::Checks].into(), ..ask(Intent::Switchover) }
}

#[test]
fn a_side_that_fails_its_checks_takes_production_only_if_somebody_said_so() {
    let desk = Desk::new(small());
    desk.world.set_health(desk.world.second(), &Health::Wrong("503".to_owned()));
    assert!(matches!(desk.plan(&ask(Intent::Switchover)), Err(PlanError::Unfit(_))));
    let end = desk.world.run(desk.process().perform(&without_checks())).unwrap();
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{end:?}");
    assert!(desk.swapped());
    assert_eq!(desk.report().waivers, [Waiver::Checks].into());
}

#[test]
fn trouble_at_a_vendor_is_passed_only_by_its_own_name() {
    let mut world = small();
    let page = world.add_status_page("cloudflare", StatusGate::Gate);
    let desk = Desk::new(world);
    page.set(Health::Wrong("major trouble".to_owned()));
    let asked = |waivers: &[Waiver]| Request {
        waivers: waivers.iter().cloned().collect(),
        ..ask(Intent::Switchover)
    };
    let others = asked(&[Waiver::Checks, Waiver::Embargo, Waiver::Soak]);
    assert!(matches!(desk.plan(&others), Err(PlanError::Unfit(found)) if found.len() == 1));
    let end = desk.world.run(desk.process().perform(&asked(&[Waiver::StatusPages]))).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert_eq!(desk.report().waivers, [Waiver::StatusPages].into());
}

#[test]
fn a_plan_says_which_gates_are_open_and_one_without_any_reads_as_ever() {
    let desk = Desk::new(small());
    let (usual, open) = (desk.plan(&ask(Intent::Switchover)).unwrap(), desk.plan(&without_checks()).unwrap());
    assert_ne!(usual.digest(), open.digest());
    let text = |plan| serde_json::to_string(plan).unwrap();
    assert!(!text(&usual).contains("waivers"));
    assert!(text(&open).contains(r#""waivers":["checks"]"#));
}
