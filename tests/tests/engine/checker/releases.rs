//! Every rule about releases, settings and gates has a plan that breaks it, and nothing else.

use switchover::action::{Action, ChangeSettings, Deploy, Gate, Rule, SetEmbargo, SwitchSchedules, Window};
use switchover::journal::PairState;
use switchover::model::{Activity, Group, GroupName, ReleaseName, SideName, StepId};
use switchover::plan::{Intent, Plan, Request, Stage, Step, plan};
use switchover::port::Method;
use switchover_tests::fake::World;

use super::mutation::{Bench, Mutation};
use super::rules::broken;
use super::stores::carry;
use crate::support::{Desk, ask, environment, seconds, unprepared};

fn release(text: &str) -> ReleaseName {
    ReleaseName::new(text).unwrap()
}

/// A small pair with a delivery on both sides, a setting, a schedule, a database, and a group that must approve.
pub(super) fn world() -> World {
    let mut world = unprepared();
    world.add_store("live", "database", Method::Streaming);
    world.add_deliveries();
    world.add_setting("live", "HOME_URL", "https://gigadb.org", "http://alt-live.gigadb.host");
    world.add_schedule("live", "nightly sync");
    for delivery in world.deliveries.values() {
        delivery.releases.offer(&release("v4.4.0"), None);
    }
    world
}

/// Somebody must approve, in a window.
pub(super) fn guarded(mut world: World) -> World {
    let policy = &mut world.pair.environments[0].policy;
    let business = GroupName::new("business").unwrap();
    policy.approval.groups = vec![Group { name: business, members: ["bob".to_owned()].into(), needed: 1 }];
    policy.windows = vec![switchover::model::MaintenanceWindow {
        opens: "0 2 * * *".to_owned(),
        lasts: seconds(3600),
        time_zone: "UTC".to_owned(),
    }];
    world
}

pub(super) fn request(intent: Intent) -> Request {
    let window = Window { opens: "2026-11-22T02:00:00Z".parse().unwrap(), closes: None };
    match intent {
        Intent::Switchover => Request {
            release: Some(release("v4.4.0")),
            windows: [(environment("live"), vec![window])].into(),
            ..ask(intent)
        },
        _ => Request { release: Some(release("v4.4.0")), ..ask(intent) },
    }
}

fn bench(intent: Intent) -> Bench {
    let desk = match intent {
        Intent::Finalize => released(),
        _ => Desk::unguarded(guarded(world())),
    };
    let process = desk.process();
    let pair = desk.world.pair.clone();
    let history: PairState = desk.state();
    let request = request(intent);
    let look = process.engine.preflight_of(&pair.environments, &history, request.release.as_ref());
    let snapshot = desk.world.run(look);
    let made = plan(&pair, &snapshot, &history, &request).unwrap();
    Bench { plan: made, pair, snapshot, history }
}

/// A pair whose release waits for its end.
fn released() -> Desk {
    let desk = Desk::new(world());
    let request = Request { release: Some(release("v4.4.0")), ..ask(Intent::Switchover) };
    drop(desk.world.run(desk.process().perform(&request)).unwrap());
    desk
}

pub(super) fn mutated(mutation: &Mutation) -> Bench {
    let mut bench = bench(mutation.of);
    assert!(broken(&bench).is_empty(), "{}: {:?}", mutation.called, broken(&bench));
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

fn deploy(bench: &mut Bench) -> Option<&mut Deploy> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::Deploy(deploy) => Some(deploy),
        _ => None,
    })
}

fn embargo(bench: &mut Bench) -> Option<&mut SetEmbargo> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::SetEmbargo(set) => Some(set),
        _ => None,
    })
}

fn gate(bench: &mut Bench) -> Option<&mut Gate> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::Gate(gate) => Some(gate),
        _ => None,
    })
}

fn settings(bench: &mut Bench) -> Vec<&mut ChangeSettings> {
    let changes = bench.steps().filter_map(|step| match &mut step.action {
        Action::ChangeSettings(change) => Some(change),
        _ => None,
    });
    changes.collect()
}

/// Lays the embargo of a plan on another side.
fn shield(bench: &mut Bench, side: SideName) -> Option<()> {
    embargo(bench)?.side = side;
    // What undoes it would not be its opposite any more.
    for step in bench.steps().filter(|step| step.action.as_set_embargo().is_some()) {
        step.undo = None;
    }
    Some(())
}

pub(super) fn drop_step(plan: &mut Plan, wanted: impl Fn(&Action) -> bool) -> Option<()> {
    let stage = plan.stages.iter_mut().find(|stage| stage.steps.iter().any(|step| wanted(&step.action)))?;
    stage.steps.retain(|step| !wanted(&step.action));
    plan.stages.retain(|stage| !stage.steps.is_empty());
    Some(())
}

fn at_the_end(bench: &mut Bench, action: Action) {
    let step = Step {
        id: StepId::new("one more").unwrap(),
        action,
        undo: None,
        deadline_ms: 1000,
        on_failure: switchover::plan::OnFailure::Stop,
    };
    bench.plan.stages.push(Stage { title: "One more".to_owned(), steps: vec![step] });
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        called: "TTLs are lowered and an embargo is laid",
        rule: "only a swap and its end touch releases and settings",
        of: Intent::Prepare,
        apply: |bench| {
            let side = bench.pair.sides[0].name.clone();
            let set = SetEmbargo { side, environment: environment("live"), rule: Rule::Imposed };
            at_the_end(bench, Action::SetEmbargo(set));
            Some(())
        },
    },
    Mutation {
        called: "the release goes to production",
        rule: "a release goes to the stand-by only",
        of: Intent::Switchover,
        apply: |bench| {
            let deploy = deploy(bench)?;
            std::mem::swap(&mut deploy.side, &mut deploy.other);
            let other = deploy.other.clone();
            shield(bench, other)
        },
    },
    Mutation {
        called: "a deployment watches itself",
        rule: "a deployment watches that nothing is deployed to the other side",
        of: Intent::Switchover,
        apply: |bench| {
            let deploy = deploy(bench)?;
            deploy.other = deploy.side.clone();
            let other = deploy.other.clone();
            shield(bench, other)
        },
    },
    Mutation {
        called: "a deployment after users were moved",
        rule: "a release is deployed before users are moved",
        of: Intent::Switchover,
        apply: |bench| {
            let deploy = deploy(bench)?;
            std::mem::swap(&mut deploy.side, &mut deploy.other);
            let other = deploy.other.clone();
            shield(bench, other)?;
            carry(&mut bench.plan, |action| action.as_deploy().is_some(), |_, plan| plan.stages.len() - 1)
        },
    },
    Mutation {
        called: "no embargo",
        rule: "production is under embargo before anything is deployed",
        of: Intent::Switchover,
        apply: |bench| drop_step(&mut bench.plan, |action| action.as_set_embargo().is_some()),
    },
    Mutation {
        called: "the embargo comes with the deployment",
        rule: "production is under embargo before anything is deployed",
        of: Intent::Switchover,
        apply: |bench| carry(&mut bench.plan, |action| action.as_set_embargo().is_some(), |from, _| from + 1),
    },
    Mutation {
        called: "another release",
        rule: "a plan deploys the release that it names",
        of: Intent::Switchover,
        apply: |bench| {
            deploy(bench)?.release = release("v4.3.9");
            Some(())
        },
    },
    Mutation {
        called: "no deployment",
        rule: "a release reaches every environment of its plan",
        of: Intent::Switchover,
        apply: |bench| drop_step(&mut bench.plan, |action| action.as_deploy().is_some()),
    },
    Mutation {
        called: "an embargo elsewhere",
        rule: "only environments of the plan get or lose an embargo",
        of: Intent::Switchover,
        apply: |bench| {
            let side = bench.pair.sides[0].name.clone();
            let set = SetEmbargo { side, environment: environment("staging"), rule: Rule::Imposed };
            at_the_end(bench, Action::SetEmbargo(set));
            Some(())
        },
    },
    Mutation {
        called: "the embargo of a release is lifted with the swap",
        rule: "an embargo is lifted when the swap is done, and of a release when it is finalized or reverted",
        of: Intent::Switchover,
        apply: |bench| {
            let lifted = embargo(bench)?.inverse();
            at_the_end(bench, Action::SetEmbargo(lifted));
            Some(())
        },
    },
    Mutation {
        called: "production is opened before the former one got the release",
        rule: "an embargo is lifted when the swap is done, and of a release when it is finalized or reverted",
        of: Intent::Finalize,
        apply: |bench| {
            let production = bench.plan.shifts.first()?.to.clone();
            let lifts = move |action: &Action| {
                let set = action.as_set_embargo();
                set.is_some_and(|set| set.rule == Rule::Lifted && set.side == production)
            };
            let before = bench.stage_of(|action| action.as_deploy().is_some())?;
            carry(&mut bench.plan, lifts, |_, _| before)
        },
    },
    Mutation {
        called: "settings change before users are moved",
        rule: "settings change after users were moved",
        of: Intent::Switchover,
        apply: |bench| carry(&mut bench.plan, |action| action.as_change_settings().is_some(), |_, _| 0),
    },
    Mutation {
        called: "a side gets the settings of the role that it leaves",
        rule: "a side gets the settings of the role that it takes",
        of: Intent::Switchover,
        apply: |bench| {
            let same = settings(bench).first()?.settings.first()?.to.clone();
            for meant in bench.snapshot.meant.values_mut() {
                for fingerprint in meant.values_mut() {
                    *fingerprint = same.clone();
                }
            }
            for change in settings(bench) {
                for planned in &mut change.settings {
                    planned.to = same.clone();
                }
            }
            let mut changes = settings(bench);
            let change = changes.first_mut()?;
            change.role = change.role.other();
            Some(())
        },
    },
    Mutation {
        called: "a setting from what nobody read",
        rule: "a setting changes from what was read",
        of: Intent::Switchover,
        apply: |bench| {
            let mut changes = settings(bench);
            let planned = changes.first_mut()?.settings.first_mut()?;
            planned.from = planned.to.clone();
            Some(())
        },
    },
    Mutation {
        called: "a side keeps its settings",
        rule: "after the swap a setting fits its side's role",
        of: Intent::Switchover,
        apply: |bench| drop_step(&mut bench.plan, |action| action.as_change_settings().is_some()),
    },
    Mutation {
        called: "the nightly sync is resumed on production",
        rule: "what is for the stand-by is resumed on the side that is the stand-by afterwards",
        of: Intent::Switchover,
        apply: |bench| {
            let paused = bench.step(|action| action.as_switch_schedules().is_some())?;
            let paused = paused.action.as_switch_schedules()?.clone();
            let resumed = SwitchSchedules { to: Activity::Active, ..paused };
            at_the_end(bench, Action::SwitchSchedules(resumed));
            Some(())
        },
    },
    Mutation {
        called: "people are asked when writes are refused already",
        rule: "a run waits before writes are refused and before anybody is moved",
        of: Intent::Switchover,
        apply: |bench| {
            let frozen = bench.stage_of(|action| action.as_freeze_store().is_some())?;
            carry(&mut bench.plan, |action| action.as_gate().is_some(), |_, _| frozen)
        },
    },
    Mutation {
        called: "a group is not asked",
        rule: "every group of an environment is asked before it is swapped",
        of: Intent::Switchover,
        apply: |bench| gate(bench)?.groups.pop().map(drop),
    },
    Mutation {
        called: "a group is asked for fewer voices",
        rule: "every group of an environment is asked before it is swapped",
        of: Intent::Switchover,
        apply: |bench| {
            gate(bench)?.groups.first_mut()?.needed = 0;
            Some(())
        },
    },
    Mutation {
        called: "no window",
        rule: "an environment that has windows is swapped in one of them",
        of: Intent::Switchover,
        apply: |bench| {
            gate(bench)?.windows.clear();
            Some(())
        },
    },
    Mutation {
        called: "a release is ended with a freeze",
        rule: "only a swap freezes and thaws",
        of: Intent::Finalize,
        apply: |bench| {
            let store = bench.snapshot.stores.keys().next()?.clone();
            let side = bench.plan.shifts.first()?.to.clone();
            let freeze = switchover::action::FreezeStore { store, side, lease_ms: None, prove: false };
            at_the_end(bench, Action::FreezeStore(freeze));
            Some(())
        },
    },
];
