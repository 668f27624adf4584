//! What a reprotect does to settings, embargoes and schedules follows the roles: every rule has a plan that breaks it, and nothing else.

use std::sync::Arc;

use switchover::action::{Action, ChangeSettings, Rule, SetEmbargo};
use switchover::model::Activity;
use switchover::plan::{Intent, Plan};
use switchover_tests::fake::World;

use super::failover::{gone, reprotecting};
use super::mutation::{Bench, Mutation};
use super::rules::broken;
use super::stores::world;
use crate::support::{Desk, environment};

/// Both sides have a delivery; one of them lies under an embargo that a run left behind.
fn delivered() -> World {
    let mut world = world();
    world.add_deliveries();
    world.add_setting("live", "HOME_URL", "https://gigadb.org", "http://alt-live.gigadb.host");
    world.add_schedule("live", "nightly sync");
    let first = world.first().clone();
    let embargo = &world.deliveries[&first].releases;
    let live = environment("live");
    world.run(switchover::port::Embargo::impose(embargo, &live)).unwrap();
    gone(world)
}

pub(super) fn mutated(mutation: &Mutation) -> Bench {
    let mut bench = reprotecting(&Desk::unguarded(delivered()));
    assert!(broken(&bench).is_empty(), "{}: {:?}", mutation.called, broken(&bench));
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

fn change(bench: &mut Bench) -> Option<&mut ChangeSettings> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::ChangeSettings(change) => Some(change),
        _ => None,
    })
}

fn embargo(bench: &mut Bench) -> Option<&mut SetEmbargo> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::SetEmbargo(set) => Some(set),
        _ => None,
    })
}

#[test]
fn a_reprotect_brings_everything_into_line_and_may_fail_in_all_of_it() {
    let bench = reprotecting(&Desk::unguarded(delivered()));
    let last = bench.plan.stages.last().unwrap();
    let ids: Vec<&str> = last.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "settings of sydney/live",
            "pause the schedules of sydney/live",
            "settings of hongkong/live",
            "lift the embargo of hongkong/live",
            "resume the schedules of hongkong/live",
        ]
    );
    assert!(last.steps.iter().all(|step| step.on_failure == switchover::plan::OnFailure::Note));
}

/// The journal of a pair in which a release waits for its end.
fn with_open_release(bench: &mut Bench) -> Option<()> {
    let run = bench.history.runs.last_mut()?;
    let plan: &mut Plan = &mut Arc::make_mut(run).plan;
    plan.release = Some("v4.4.0".parse().ok()?);
    Some(())
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        called: "a side gets the settings of the other role",
        rule: "a reprotect gives a side the settings of the role that it has",
        of: Intent::Reprotect,
        apply: |bench| {
            let planned = change(bench)?.settings.first_mut()?;
            planned.to = planned.from.clone();
            Some(())
        },
    },
    Mutation {
        called: "a setting that fits no role is written over",
        rule: "a reprotect changes only settings that say the other role",
        of: Intent::Reprotect,
        apply: |bench| {
            let side = change(bench)?.side.clone();
            let view = bench.snapshot.deliveries.get_mut(&side)?;
            view.settings.values_mut().for_each(|seen| seen.says = None);
            Some(())
        },
    },
    Mutation {
        called: "an embargo is laid",
        rule: "a reprotect lays no embargo",
        of: Intent::Reprotect,
        apply: |bench| {
            embargo(bench)?.rule = Rule::Imposed;
            Some(())
        },
    },
    Mutation {
        called: "what is for the stand-by runs on production",
        rule: "a reprotect lets run on the stand-by alone what is for the stand-by",
        of: Intent::Reprotect,
        apply: |bench| {
            let switches = bench.steps().filter_map(|step| match &mut step.action {
                Action::SwitchSchedules(switch) => Some(switch),
                _ => None,
            });
            switches.for_each(|switch| {
                switch.to = if switch.to == Activity::Active { Activity::Paused } else { Activity::Active }
            });
            Some(())
        },
    },
    Mutation {
        called: "a release that waits for its end loses its embargo",
        rule: "a reprotect leaves alone what a release holds until its end",
        of: Intent::Reprotect,
        apply: with_open_release,
    },
];
