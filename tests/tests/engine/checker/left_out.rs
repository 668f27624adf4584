//! A swap leaves out what it does around its data and names only if somebody said so, and each thing only by its own name.

use switchover::action::Action;
use switchover::model::{GroupName, StatusGate};
use switchover::plan::{Intent, Request, Waiver, plan};
use switchover_tests::fake::{Health, World};

use super::mutation::{Bench, Mutation};
use super::releases::{drop_step, guarded, request, world};
use super::rules::broken;
use crate::support::{Desk, ask, seconds};

fn business() -> Waiver {
    Waiver::Approval(GroupName::new("business").unwrap())
}

/// A pair that asks for everything: approvals, a window, a soak, a status page, announcements, a role table.
fn strict(trouble: bool) -> World {
    let mut world = guarded(world());
    world.pair.environments[0].policy.soak = Some(seconds(30));
    world.add_announcer("ops");
    world.add_role_table();
    let page = world.add_status_page("cloudflare", StatusGate::Gate);
    if trouble {
        page.set(Health::Wrong("major trouble".to_owned()));
    }
    world
}

fn bench(world: World, request: &Request) -> Bench {
    let desk = Desk::unguarded(world);
    let (process, pair, history) = (desk.process(), desk.world.pair.clone(), desk.state());
    let look = process.engine.preflight_of(&pair.environments, &history, request.release.as_ref());
    let snapshot = desk.world.run(look);
    let made = plan(&pair, &snapshot, &history, request).unwrap();
    Bench { plan: made, pair, snapshot, history }
}

fn released() -> Request {
    request(Intent::Switchover)
}

fn plain() -> Request {
    Request { release: None, ..released() }
}

pub(super) fn mutated(mutation: &Mutation) -> Bench {
    let mut bench = bench(strict(false), &plain());
    assert!(broken(&bench).is_empty(), "{}: {:?}", mutation.called, broken(&bench));
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

/// What the plan lacks if it is left out, and the rule that refuses such a plan without the waiver.
type Case = (Waiver, fn() -> Request, fn(&Action) -> bool, &'static str);

fn imposes(action: &Action) -> bool {
    action.as_set_embargo().is_some()
}

const CASES: [Case; 11] = [
    (Waiver::Embargo, released, imposes, "production is under embargo before anything is deployed"),
    (Waiver::Embargo, plain, imposes_one, "production is under embargo while it is swapped"),
    (
        Waiver::Schedules,
        released,
        |action| action.as_switch_schedules().is_some(),
        "what the stand-by starts by the clock is paused before it takes production",
    ),
    (
        Waiver::Deployment,
        released,
        |action| action.as_deploy().is_some(),
        "a release reaches every environment of its plan",
    ),
    (
        Waiver::Window,
        released,
        |action| action.as_gate().is_some_and(|gate| !gate.windows.is_empty()),
        "an environment that has windows is swapped in one of them",
    ),
    (
        Waiver::Soak,
        released,
        |action| action.as_soak().is_some(),
        "an environment that asks for it is watched after the swap",
    ),
    (
        Waiver::StatusPages,
        plain,
        |_| false,
        "nobody sets out for a swap while a status page that is a gate reports trouble",
    ),
    (
        Waiver::Settings,
        plain,
        |action| action.as_change_settings().is_some(),
        "after the swap a setting fits its side's role",
    ),
    (
        Waiver::ReviewCopy,
        plain,
        |_| false,
        "the stand-by's data is brought up to date before people are asked",
    ),
    (
        Waiver::Announcements,
        plain,
        |action| action.as_announce().is_some(),
        "every announcer hears how a swap ended",
    ),
    (
        Waiver::RoleTable,
        plain,
        |action| action.as_write_role_table().is_some(),
        "a swap writes the role table",
    ),
];

fn holds_only_with(waiver: &Waiver, request: &Request, lacks: impl Fn(&Action) -> bool, rule: &'static str) {
    let request = Request { waivers: [waiver.clone()].into(), ..request.clone() };
    let mut bench = bench(strict(*waiver == Waiver::StatusPages), &request);
    assert!(broken(&bench).is_empty(), "{waiver}: {:?}", broken(&bench));
    assert!(bench.plan.steps().all(|step| !lacks(&step.action)), "{waiver}: the step is still there");
    bench.plan.waivers.clear();
    assert_eq!(broken(&bench), [rule].into(), "{waiver}");
    bench.plan.waivers.insert(Waiver::Checks);
    assert_eq!(broken(&bench), [rule].into(), "{waiver} is no other");
}

#[test]
fn a_step_is_left_out_only_by_its_own_name() {
    for (waiver, request, lacks, rule) in CASES {
        holds_only_with(&waiver, &request(), lacks, rule);
    }
    let asks = |action: &Action| action.as_gate().is_some_and(|gate| !gate.groups.is_empty());
    holds_only_with(
        &business(),
        &released(),
        asks,
        "every group of an environment is asked before it is swapped",
    );
}

#[test]
fn without_approvals_and_windows_there_is_no_gate_and_nobody_is_asked() {
    let world = strict(false);
    let both = Request { waivers: [business(), Waiver::Window].into(), ..released() };
    let bench = bench(world, &both);
    assert!(bench.plan.steps().all(|step| step.action.as_gate().is_none()));
    assert!(bench.plan.steps().all(|step| !step.id.as_str().contains("approval")));
}

#[test]
fn a_group_that_nobody_asks_cannot_be_left_out() {
    let desk = Desk::unguarded(strict(false));
    let tech = Waiver::Approval(GroupName::new("tech").unwrap());
    let refused = desk.plan(&Request { waivers: [tech].into(), ..plain() }).unwrap_err();
    assert_eq!(refused.to_string(), "nobody asks the group tech before this; asked are: business");
}

#[test]
fn a_waiver_is_for_swaps() {
    let mut bench = bench(world(), &Request { release: None, ..ask(Intent::Prepare) });
    bench.plan.waivers.insert(Waiver::Embargo);
    assert_eq!(broken(&bench), ["a plan that moves no traffic opens no gate"].into());
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        called: "a swap without an embargo",
        rule: "production is under embargo while it is swapped",
        of: Intent::Switchover,
        apply: |bench| drop_step(&mut bench.plan, imposes_one),
    },
    Mutation {
        called: "schedules go on",
        rule: "what the stand-by starts by the clock is paused before it takes production",
        of: Intent::Switchover,
        apply: |bench| {
            let pauses = |action: &Action| {
                action.as_switch_schedules().is_some_and(|s| s.to == switchover::model::Activity::Paused)
            };
            drop_step(&mut bench.plan, pauses)
        },
    },
    Mutation {
        called: "no soak",
        rule: "an environment that asks for it is watched after the swap",
        of: Intent::Switchover,
        apply: |bench| drop_step(&mut bench.plan, |action| action.as_soak().is_some()),
    },
    Mutation {
        called: "people asked about old data",
        rule: "the stand-by's data is brought up to date before people are asked",
        of: Intent::Switchover,
        apply: |bench| {
            let gate = bench.stage_of(|action| action.as_gate().is_some())?;
            let copies = |action: &Action| action.as_sync_store().is_some();
            let stages = &mut bench.plan.stages[..gate];
            let copy = stages.iter_mut().find(|stage| stage.steps.iter().any(|step| copies(&step.action)))?;
            copy.steps.retain(|step| !copies(&step.action));
            bench.plan.stages.retain(|stage| !stage.steps.is_empty());
            Some(())
        },
    },
    Mutation {
        called: "nobody told how it ended",
        rule: "every announcer hears how a swap ended",
        of: Intent::Switchover,
        apply: |bench| {
            drop_step(&mut bench.plan, |action| {
                action.as_announce().is_some_and(|said| said.moment == switchover::model::Moment::Finished)
            })
        },
    },
    Mutation {
        called: "the role table left as it was",
        rule: "a swap writes the role table",
        of: Intent::Switchover,
        apply: |bench| drop_step(&mut bench.plan, |action| action.as_write_role_table().is_some()),
    },
    Mutation {
        called: "a soak that is too short",
        rule: "an environment that asks for it is watched after the swap",
        of: Intent::Switchover,
        apply: |bench| {
            bench.pair.environments[0].policy.soak = Some(seconds(31));
            Some(())
        },
    },
    Mutation {
        called: "trouble at a vendor",
        rule: "nobody sets out for a swap while a status page that is a gate reports trouble",
        of: Intent::Switchover,
        apply: |bench| {
            let finding = switchover::observe::Finding {
                severity: switchover::observe::Severity::Error,
                kind: switchover::observe::FindingKind::TroubleReported,
                place: switchover::observe::Place::StatusPage { page: "cloudflare".parse().unwrap() },
                message: "major trouble".to_owned(),
                suggestion: None,
            };
            bench.snapshot.findings.push(finding);
            Some(())
        },
    },
];

/// The embargo that a swap lays, not the ones that it lifts.
fn imposes_one(action: &Action) -> bool {
    action.as_set_embargo().is_some_and(|set| set.rule == switchover::action::Rule::Imposed)
}
