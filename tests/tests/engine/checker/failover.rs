//! Every rule about failovers and reprotects has a plan that breaks it, and nothing else.

use std::time::Duration;

use jiff::SignedDuration;
use switchover::action::{Action, FenceLost, FreezeStore, Hold, KeepData, TakeOver, ThawStore};
use switchover::journal::PairState;
use switchover::model::{SideName, StepId};
use switchover::plan::{Intent, OnFailure, Request, Shift, Stage, Step, plan};
use switchover::port::SyncPurpose;
use switchover_tests::fake::{Absence, AddressFault, Health, World};

use super::mutation::{Bench, Mutation};
use super::rules::broken;
use super::stores::{bench as of_stores, world};
use crate::failover::{failover, find, lose};
use crate::support::{Desk, ask, environment};

/// A request for the live environment, which has the stores.
fn live(request: Request) -> Request {
    Request { environments: [environment("live")].into(), ..request }
}

fn lost_world() -> World {
    gone(world())
}

pub(super) fn gone(world: World) -> World {
    world.clock.advance(Duration::from_secs(3_600));
    lose(&world, Absence::Gone, AddressFault::Unavailable, &Health::Down);
    world
}

fn of_failover() -> Bench {
    let desk = Desk::unguarded(lost_world());
    let (process, request) = (desk.process(), live(failover()));
    let (snapshot, history) = desk.world.run(async {
        let journal = process.engine.journal().await.unwrap();
        let environments = &desk.world.pair.environments;
        (process.engine.observe_lost(environments, &journal, None).await, journal.state().clone())
    });
    let plan = plan(&desk.world.pair, &snapshot, &history, &request).unwrap();
    Bench { pair: desk.world.pair.clone(), snapshot, history, plan }
}

fn of_reprotect() -> Bench {
    reprotecting(&Desk::unguarded(lost_world()))
}

/// The reprotect after a failover of the live environment.
pub(super) fn reprotecting(desk: &Desk) -> Bench {
    let end = desk.world.run(desk.process().fail_over(&live(failover()))).unwrap();
    assert!(end.outcome.is_some());
    find(&desk.world);
    let history = desk.state();
    let process = desk.process();
    let snapshot = desk.world.run(process.engine.inspect_all(&desk.world.pair.environments, &history));
    let plan = plan(&desk.world.pair, &snapshot, &history, &live(ask(Intent::Reprotect))).unwrap();
    Bench { pair: desk.world.pair.clone(), snapshot, history, plan }
}

/// What the journal says after a failover away from the second side: that one is owed.
fn second_is_owed() -> PairState {
    let desk = Desk::unguarded(world());
    let end = desk.world.run(desk.process().perform(&live(ask(Intent::Switchover)))).unwrap();
    assert!(end.outcome.is_some());
    desk.world.stores.values().for_each(|store| store.give_up(desk.world.second()));
    let end = desk.world.run(desk.process().fail_over(&live(failover()))).unwrap();
    assert!(end.outcome.is_some());
    let state = desk.state();
    assert_eq!(state.owed()[0].side, *desk.world.second());
    PairState { prepared: [].into(), ..state }
}

pub(super) fn mutated(mutation: &Mutation) -> Bench {
    let mut bench = match mutation.of {
        Intent::Failover => of_failover(),
        Intent::Reprotect => of_reprotect(),
        other => of_stores(other),
    };
    assert!(broken(&bench).is_empty(), "the plan is sound before it is mutated: {:?}", broken(&bench));
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

fn is_fence(action: &Action) -> bool {
    action.as_fence_lost().is_some()
}

fn is_taken(action: &Action) -> bool {
    action.as_take_over().is_some()
}

fn taken(bench: &mut Bench) -> Option<&mut TakeOver> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::TakeOver(taken) => Some(taken),
        _ => None,
    })
}

fn side(bench: &Bench, second: bool) -> SideName {
    bench.pair.sides[usize::from(second)].name.clone()
}

/// A step by itself at the end of a plan.
fn push(bench: &mut Bench, id: &str, action: Action, on_failure: OnFailure) {
    let id = StepId::new(id).unwrap();
    let step = Step { id, action, undo: None, deadline_ms: 1_000, on_failure };
    bench.plan.stages.push(Stage { title: "More".to_owned(), steps: vec![step] });
}

fn last_fence(bench: &mut Bench) -> Option<&mut Step> {
    bench.plan.stages.iter_mut().rev().flat_map(|stage| &mut stage.steps).find(|step| is_fence(&step.action))
}

macro_rules! mutations {
    ($($of:ident, $called:literal, $rule:literal, $apply:expr;)*) => {
        pub(super) const MUTATIONS: &[Mutation] = &[$(
            Mutation { called: $called, rule: $rule, of: Intent::$of, apply: $apply },
        )*];
    };
}

mutations! {
    Switchover, "a switchover that reaches for a lost side", "only a failover takes data over from a side that is lost", |bench| {
        let store = bench.snapshot.stores.keys().next()?.clone();
        let fence = FenceLost { store, side: side(bench, false), patience_ms: 1_000, prove: false };
        push(bench, "reach", Action::FenceLost(fence), OnFailure::Note);
        Some(())
    };
    Switchover, "a switchover that keeps what it finds", "only a reprotect keeps what diverged", |bench| {
        let store = bench.snapshot.stores.keys().next()?.clone();
        let keep = KeepData { store, side: side(bench, false), deadline_ms: 1_000 };
        push(bench, "keep", Action::KeepData(keep), OnFailure::Stop);
        Some(())
    };
    Switchover, "production that moves to a side that is owed", "production moves to no side that is owed a fence", |bench| {
        bench.history = second_is_owed();
        Some(())
    };
    Sync, "a sync to a side that is owed", "only a reprotect writes to a side that is owed a fence", |bench| {
        bench.history = second_is_owed();
        Some(())
    };
    Failover, "a failover that waits for a freeze", "a failover brings nothing over and waits for no freeze", |bench| {
        let store = taken(bench)?.store.clone();
        let freeze = FreezeStore { store, side: side(bench, false), lease_ms: None, prove: true };
        push(bench, "freeze", Action::FreezeStore(freeze), OnFailure::Stop);
        Some(())
    };
    Failover, "writes that are let in before late ones are kept out", "the new side stands alone with its data before it takes writes", |bench| {
        let place = bench.stage_of(is_taken)?;
        let index = bench.plan.stages[place].steps.iter().position(|step| is_taken(&step.action))?;
        let late = bench.plan.stages[place].steps.remove(index);
        bench.plan.stages.push(Stage { title: "Late".to_owned(), steps: vec![late] });
        Some(())
    };
    Failover, "a thaw that looks at the lost side", "a failover's thaw waits for nothing of the lost side", |bench| {
        let lost = side(bench, false);
        let thaw = bench.steps().find_map(|step| match &mut step.action {
            Action::ThawStore(thaw) => Some(thaw),
            _ => None,
        });
        thaw?.fenced = Some(lost);
        Some(())
    };
    Failover, "a loss that is told too small", "a failover says from when on writes may be lost", |bench| {
        let taken = taken(bench)?;
        taken.as_of = taken.as_of.saturating_add(SignedDuration::from_secs(60)).ok()?;
        Some(())
    };
    Failover, "a loss that nobody accepted", "what a failover may lose was accepted", |bench| {
        taken(bench)?.accepted_ms = 3_599_000;
        Some(())
    };
    Failover, "a mixture that nobody knows of", "a copy that a sync left unfinished is taken over only if somebody said so", |bench| {
        let copies = &mut bench.snapshot.lost.as_mut()?.copies;
        copies.values_mut().next()?.unfinished = Some("it broke off".to_owned());
        Some(())
    };
    Failover, "a lost side that is tried once", "the lost side is fenced before the pivot and once more afterwards", |bench| {
        let id = last_fence(bench)?.id.clone();
        for stage in &mut bench.plan.stages {
            stage.steps.retain(|step| step.id != id);
        }
        Some(())
    };
    Failover, "a lost side that stops the run", "a step at the lost side may fail without stopping the run", |bench| {
        last_fence(bench)?.on_failure = OnFailure::Stop;
        Some(())
    };
    Failover, "a lost side that is waited for", "the lost side delays the pivot by seconds at most", |bench| {
        bench.step(is_fence)?.deadline_ms = 60_000;
        Some(())
    };
    Failover, "a try that takes a minute", "the lost side delays the pivot by seconds at most", |bench| {
        bench.steps().find_map(|step| match &mut step.action {
            Action::FenceLost(fence) => Some(fence),
            _ => None,
        })?.patience_ms = 60_000;
        Some(())
    };
    Failover, "a proof before the pivot", "the lost side delays the pivot by seconds at most", |bench| {
        bench.steps().find_map(|step| match &mut step.action {
            Action::FenceLost(fence) => Some(fence),
            _ => None,
        })?.prove = true;
        Some(())
    };
    Failover, "a fence that is believed", "the fence of the lost side is proved once the names have moved", |bench| {
        let Action::FenceLost(fence) = &mut last_fence(bench)?.action else { return None };
        fence.prove = false;
        Some(())
    };
    Failover, "a fence that stays when the run is undone", "a fence can be taken back before the pivot", |bench| {
        bench.step(is_fence)?.undo.take().map(drop)
    };
    Failover, "an undo that thaws the lost side in any case", "what undoes a step is its exact opposite", |bench| {
        let Some(Action::ThawStore(thaw)) = &mut bench.step(is_fence)?.undo else { return None };
        thaw.fenced.take().map(drop)
    };
    Failover, "a lost side that is let take writes", "a failover lets nobody write but the new side, and not before the pivot", |bench| {
        let store = taken(bench)?.store.clone();
        let thaw = ThawStore { store, side: side(bench, false), fenced: None };
        push(bench, "let in", Action::ThawStore(thaw), OnFailure::Stop);
        Some(())
    };
    Failover, "the new production is fenced", "only the lost side is fenced", |bench| {
        let store = taken(bench)?.store.clone();
        let fence = FenceLost { store, side: side(bench, true), patience_ms: 1_000, prove: true };
        push(bench, "fence the new one", Action::FenceLost(fence), OnFailure::Note);
        Some(())
    };
    Reprotect, "roles that change with a reprotect", "a reprotect moves no traffic", |bench| {
        let (from, to) = (side(bench, false), side(bench, true));
        bench.plan.shifts.push(Shift { environment: environment("live"), from, to });
        Some(())
    };
    Reprotect, "a freeze that can be taken back", "a reprotect lets nobody write", |bench| {
        let step = bench.step(|action| action.as_freeze_store().is_some())?;
        let freeze = step.action.as_freeze_store()?.clone();
        step.undo = Some(Action::ThawStore(ThawStore { store: freeze.store, side: freeze.side, fenced: None }));
        Some(())
    };
    Reprotect, "a side that nobody lost", "a reprotect writes only to the side that was lost", |bench| {
        bench.history = PairState::default();
        Some(())
    };
    Reprotect, "a sync that is to be the last", "a reprotect brings data from the new production, and only there", |bench| {
        bench.steps().find_map(|step| match &mut step.action {
            Action::SyncStore(sync) => Some(sync),
            _ => None,
        })?.purpose = SyncPurpose::Final;
        Some(())
    };
    Reprotect, "a wait that nobody asked for", "a reprotect freezes, keeps, syncs and brings into line, and does nothing else", |bench| {
        push(bench, "wait", Action::Hold(Hold { old_ttl_ms: 1, margin_ms: 0 }), OnFailure::Stop);
        Some(())
    };
    Reprotect, "a freeze that is believed", "the lost side is frozen for good, with proof, before anything is written there", |bench| {
        bench.steps().find_map(|step| match &mut step.action {
            Action::FreezeStore(freeze) => Some(freeze),
            _ => None,
        })?.prove = false;
        Some(())
    };
    Reprotect, "what diverged is written over", "what diverged is kept before anything is written over it", |bench| {
        let place = bench.stage_of(|action| action.as_keep_data().is_some())?;
        bench.plan.stages.remove(place);
        Some(())
    };
    Reprotect, "what diverged is kept too late", "what diverged is kept before anything is written over it", |bench| {
        let place = bench.stage_of(|action| action.as_keep_data().is_some())?;
        let keep = bench.plan.stages.remove(place);
        bench.plan.stages.push(keep);
        Some(())
    };
}
