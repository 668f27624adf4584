//! Drills: everything is tried that moves nobody, one failure hides no other, and a plan says how long it will take by what they took.

use std::time::Duration;

use switchover::journal::{Fact, Outcome, StepState};
use switchover::model::StoreRef;
use switchover::plan::{Intent, OnFailure, PlanError, Request};
use switchover::port::Method;
use switchover::report::{Expected, Recovery, Report, run_report};
use switchover_tests::fake::{DataCall, DataFault, Health, NameCall, World};

use crate::support::{Desk, Trouble, ask, environment, small};

fn store(text: &str) -> StoreRef {
    text.parse().unwrap()
}

/// The small pair with one store of each method, the snapshot store with a backup of a sync.
fn world() -> World {
    let mut world = small();
    for (called, method) in
        [("metadata", Method::Snapshot), ("files", Method::Mirror), ("database", Method::Streaming)]
    {
        world.add_store("live", called, method);
    }
    world
}

/// The same after a sync by the clock.
fn synced() -> Desk {
    let desk = Desk::new(world());
    desk.expect(Intent::Sync, Outcome::Completed);
    desk
}

fn drilled(desk: &Desk) -> switchover::execute::RunEnd {
    desk.perform(Intent::Drill).unwrap()
}

fn failed(desk: &Desk) -> Vec<String> {
    let run = desk.last_run();
    let failed = run
        .plan
        .steps()
        .filter(|step| matches!(run.step(&step.id).forward, Some(StepState::Failed { .. })))
        .map(|step| step.id.to_string());
    failed.collect()
}

#[test]
fn a_drill_tries_everything_and_leaves_everything_as_it_was() {
    let desk = synced();
    let production = desk.world.first().clone();
    for fake in desk.world.stores.values() {
        assert!(fake.write(&production, 7), "production takes writes");
    }
    let held = |desk: &Desk| {
        let sides = [desk.world.first(), desk.world.second()];
        let each = desk.world.stores.values().flat_map(|fake| sides.map(|side| fake.held(side)));
        each.collect::<Vec<_>>()
    };
    let (before, changes) = (held(&desk), desk.world.names.requests());
    let end = drilled(&desk);
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert_eq!(held(&desk), before, "no data moved");
    assert!(
        desk.world.names.requests()[changes.len()..].iter().all(|request| request.call != NameCall::Change)
    );
    assert_eq!(desk.moves(), [0, 0]);
    for (name, fake) in &desk.world.stores {
        assert_eq!(fake.writable(), std::slice::from_ref(&production), "{name}");
    }
    insta::assert_snapshot!("drill", run_report(&desk.report()));
}

#[test]
fn every_step_of_a_drill_has_a_time() {
    let desk = synced();
    assert!(drilled(&desk).outcome.is_some());
    let run = desk.last_run();
    let took = |step: &str| match run.step(&step.parse().unwrap()).forward {
        Some(StepState::Succeeded { started, at, .. }) => {
            Duration::try_from(at.duration_since(started)).unwrap()
        }
        other => panic!("{step}: {other:?}"),
    };
    for step in run.plan.steps() {
        assert!(took(step.id.as_str()) > Duration::ZERO, "{} took no time", step.id);
    }
    // As long as a restore takes in this world, and a proof.
    assert!(took("restore live/metadata") >= Duration::from_secs(20));
    assert!(took("prove live/files frozen") >= Duration::from_millis(300));
    let facts = run.plan.steps().filter_map(|step| match run.step(&step.id).forward {
        Some(StepState::Succeeded { facts, .. }) => Some(facts),
        _ => None,
    });
    let restored =
        facts.flatten().any(|fact| matches!(fact, Fact::Restored { took_ms, .. } if took_ms >= 20_000));
    assert!(restored);
}

#[test]
fn one_failure_hides_no_other() {
    let desk = synced();
    let fake = |name: &str| &desk.world.stores[&store(name)];
    fake("live/files").fail_always(DataCall::Sync, DataFault::Failed);
    fake("live/database").fail_always(DataCall::Prove, DataFault::Failed);
    desk.world.set_health(desk.world.second(), &Health::Wrong("HTTP 502".to_owned()));
    let end = drilled(&desk);
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions), "{end:?}");
    assert_eq!(failed(&desk), ["rehearse live/files", "prove live/database frozen", "check stand-by sydney"]);
    assert_eq!(end.failures.len(), 3);
}

#[test]
fn a_stand_by_that_takes_writes_is_found_and_not_written_to() {
    let desk = synced();
    let fake = desk.world.stores[&store("live/files")].clone();
    fake.shut_by_hand(desk.world.first());
    fake.open_by_hand(desk.world.second());
    let end = drilled(&desk);
    assert_eq!(end.outcome, Some(Outcome::CompletedWithExceptions));
    assert_eq!(failed(&desk), ["prove live/files frozen"]);
    assert!(end.failures[0].message.contains("it takes writes"), "{end:?}");
}

#[test]
fn without_a_backup_a_drill_says_how_to_make_one() {
    let desk = Desk::new(world());
    let end = drilled(&desk);
    assert_eq!(failed(&desk), ["restore live/metadata"]);
    assert!(end.failures[0].message.contains("`sync-data` makes one"), "{end:?}");
}

#[test]
fn what_the_preflight_finds_is_told_and_stops_no_drill() {
    let desk = synced();
    desk.world.set_health(desk.world.second(), &Health::Wrong("HTTP 502".to_owned()));
    let plan = desk.plan(&ask(Intent::Drill)).unwrap();
    assert!(plan.notes.iter().any(|note| note.contains("HTTP 502")), "{:?}", plan.notes);
    assert!(plan.steps().all(|step| step.on_failure == OnFailure::Note));
    assert!(matches!(desk.plan(&ask(Intent::Switchover)), Err(PlanError::Unfit(_))));
}

#[test]
fn without_a_production_there_is_no_drill() {
    let world = world();
    let names: Vec<_> = world.endpoints().map(|endpoint| endpoint.production.clone()).collect();
    let standby = world.endpoints().next().unwrap().standby.clone();
    let there = world.names.leads_to(&standby).into_iter().next().unwrap();
    world.names.point(&names[1], there);
    let desk = Desk::unguarded(world);
    let refused = desk.plan(&ask(Intent::Drill));
    assert_eq!(refused, Err(PlanError::NoProduction(environment("live"))));
}

#[test]
fn a_drill_is_no_swap_to_those_who_read_the_journal_later() {
    let desk = synced();
    desk.expect(Intent::Switchover, Outcome::Completed);
    let finished = drilled(&desk);
    assert_eq!(finished.outcome, Some(Outcome::Completed), "{finished:?}");
    assert_eq!(desk.state().production[&environment("live")], *desk.world.second());
    // The revert is of the switchover before.
    desk.expect(Intent::Revert, Outcome::Completed);
    assert!(desk.as_before());
    assert!(matches!(desk.perform(Intent::Revert), Err(Trouble::Plan(PlanError::NothingToRevert(_)))));
}

#[test]
fn a_release_that_is_named_is_looked_for_and_not_deployed() {
    let mut world = world();
    world.add_deliveries();
    let release: switchover::model::ReleaseName = "v4.4.0".parse().unwrap();
    for delivery in world.deliveries.values() {
        delivery.releases.offer(&release, None);
    }
    let desk = Desk::new(world);
    desk.expect(Intent::Sync, Outcome::Completed);
    let request = Request { release: Some(release.clone()), ..ask(Intent::Drill) };
    let end = desk.world.run(desk.process().perform(&request)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    let run = desk.last_run();
    assert!(run.plan.steps().all(|step| step.action.as_deploy().is_none()));
    assert!(run.plan.notes[0].contains("v4.4.0"), "{:?}", run.plan.notes);
    let unknown = Request { release: Some("v9.9.9".parse().unwrap()), ..ask(Intent::Drill) };
    let plan = desk.plan(&unknown).unwrap();
    assert!(plan.notes.iter().any(|note| note.starts_with("the preflight found")), "{:?}", plan.notes);
}

#[test]
fn a_drill_that_was_cut_off_can_be_taken_back_at_once() {
    let desk = synced();
    let process = desk.process();
    let stop = process.stop.clone();
    let request = ask(Intent::Drill);
    let end = desk.while_running(process.perform(&request), Duration::from_secs(10), || stop.stop()).unwrap();
    assert_eq!(end.outcome, None, "{end:?}");
    let end = desk.abort().unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone));
}

fn expected(desk: &Desk) -> Expected {
    let plan = desk.plan(&ask(Intent::Switchover)).unwrap();
    Expected::of(&plan, &desk.world.pair, &desk.state()).unwrap()
}

#[test]
fn a_drill_tells_how_long_a_swap_will_take_before_there_ever_was_one() {
    let mut world = world();
    world.pair.environments[0].policy.rto = Some(Duration::from_secs(40));
    let desk = Desk::new(world);
    let never = expected(&desk);
    assert_eq!(never.known_ms, 0, "{never:?}");
    assert_eq!(never.objective_ms, Some(40_000));
    desk.expect(Intent::Sync, Outcome::Completed);
    assert!(drilled(&desk).outcome.is_some());
    let known = expected(&desk);
    let unmeasured: Vec<&str> = known.unmeasured.iter().map(switchover::model::StepId::as_str).collect();
    assert!(
        unmeasured.iter().all(|id| ["fence", "swap", "thaw"].iter().any(|verb| id.starts_with(verb))),
        "{known:?}"
    );
    assert!(known.known_ms > 20_000, "{known:?}");
    desk.expect(Intent::Switchover, Outcome::Completed);
    let run = desk.last_run();
    let recovery = Recovery::of(&run, &desk.world.pair).unwrap();
    let took = recovery.took_ms.unwrap();
    // What was never measured is short: the estimate is near, and never above by much.
    assert!(took.abs_diff(known.known_ms) < 2_000, "{known:?} and really {took}");
    assert!(recovery.is_met(), "{recovery}");
    desk.expect(Intent::Revert, Outcome::Completed);
    let all = expected(&desk);
    assert!(all.unmeasured.is_empty(), "{all:?}");
    assert!(took.abs_diff(all.known_ms) < 1_000, "{all:?} and really {took}");
}

#[test]
fn a_run_is_held_against_the_strictest_objective_and_says_by_how_much_it_was_late() {
    let mut world = world();
    world.pair.environments[0].policy.rto = Some(Duration::from_secs(5));
    let desk = Desk::new(world);
    desk.expect(Intent::Switchover, Outcome::Completed);
    let run = desk.last_run();
    let report = Report::of(&run).against(&run, &desk.world.pair);
    let recovery = report.recovery.clone().unwrap();
    assert!(!recovery.is_met());
    assert!(run_report(&report).contains("later than the objective of 5s"), "{}", run_report(&report));
    assert!(drilled(&desk).outcome.is_some());
    assert_eq!(Recovery::of(&desk.last_run(), &desk.world.pair), None, "a drill moves nobody");
}

#[test]
fn the_objective_is_no_part_of_a_plans_digest() {
    let plan_with = |rto: Option<Duration>| {
        let mut world = world();
        world.pair.environments[0].policy.rto = rto;
        Desk::new(world).plan(&ask(Intent::Switchover)).unwrap().digest()
    };
    assert_eq!(plan_with(None), plan_with(Some(Duration::from_secs(300))));
}
