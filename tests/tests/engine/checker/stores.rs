//! Every rule about data has a plan that breaks it, and nothing else.

use switchover::action::{Action, FreezeStore, SyncStore, ThawStore};
use switchover::journal::PairState;
use switchover::model::StoreRef;
use switchover::plan::{Intent, OnFailure, Plan, SyncRequest, plan, plan_sync};
use switchover::port::{Access, Method, SyncPurpose};
use switchover_tests::fake::World;

use super::mutation::{Bench, Mutation};
use super::rules::broken;
use crate::support::{Desk, ask};

/// `GigaDB` with a store of each method in the live environment.
pub(super) fn world() -> World {
    let mut world = World::gigadb();
    world.add_store("live", "database", Method::Streaming);
    world.add_store("live", "files", Method::Mirror);
    world.add_store("live", "metadata", Method::Snapshot);
    world
}

pub(super) fn bench(intent: Intent) -> Bench {
    let desk = Desk::unguarded(world());
    let process = desk.process();
    let pair = desk.world.pair.clone();
    let history = PairState::default();
    let snapshot = desk.world.run(process.engine.preflight(&pair.environments, &history));
    let made = match intent {
        Intent::Sync => plan_sync(&pair, &snapshot, &history, &SyncRequest::routine()),
        _ => plan(&pair, &snapshot, &history, &ask(intent)),
    };
    Bench { plan: made.unwrap(), pair, snapshot, history }
}

pub(super) fn mutated(mutation: &Mutation) -> Bench {
    let mut bench = bench(mutation.of);
    assert!(broken(&bench).is_empty(), "the plan is sound before it is mutated");
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

fn freeze(bench: &mut Bench, leased: bool) -> Option<&mut FreezeStore> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::FreezeStore(freeze) if freeze.lease_ms.is_some() == leased => Some(freeze),
        _ => None,
    })
}

fn sync(bench: &mut Bench, purpose: SyncPurpose) -> Option<&mut SyncStore> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::SyncStore(sync) if sync.purpose == purpose => Some(sync),
        _ => None,
    })
}

fn thaw(bench: &mut Bench) -> Option<&mut ThawStore> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::ThawStore(thaw) => Some(thaw),
        _ => None,
    })
}

/// Takes a step out of its stage and puts it into another.
pub(super) fn carry(
    plan: &mut Plan,
    wanted: impl Fn(&Action) -> bool,
    to: impl Fn(usize, &Plan) -> usize,
) -> Option<()> {
    let from = plan.stages.iter().position(|stage| stage.steps.iter().any(|step| wanted(&step.action)))?;
    let place = plan.stages[from].steps.iter().position(|step| wanted(&step.action))?;
    let to = to(from, plan);
    let step = plan.stages[from].steps.remove(place);
    plan.stages[to].steps.push(step);
    plan.stages.retain(|stage| !stage.steps.is_empty());
    Some(())
}

fn is_final(action: &Action) -> bool {
    action.as_sync_store().is_some_and(|sync| sync.purpose == SyncPurpose::Final)
}

fn is_fence(action: &Action) -> bool {
    action.as_freeze_store().is_some_and(|freeze| freeze.lease_ms.is_none())
}

const FENCED: &str = "the old side is fenced before the new one takes writes or traffic";
const GUARDED: &str = "the new side takes writes from the pivot on, once the old one is seen fenced";
const ORDER: &str = "the last sync starts after the freeze was proved, and the fence follows it";
const WAY: &str = "data flows from the side that is production by then to the other one";

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        called: "TTLs are lowered and a store is frozen",
        rule: "a change of TTLs touches no data",
        of: Intent::Switchover,
        apply: |bench| {
            let fence = bench.step(is_fence)?.clone();
            let lowered = crate::support::unprepared();
            let desk = Desk::unguarded(lowered);
            let mut plan = desk.plan(&ask(Intent::Prepare)).ok()?;
            plan.stages.first_mut()?.steps.push(fence);
            let process = desk.process();
            let environments = desk.world.pair.environments.clone();
            bench.snapshot = desk.world.run(process.engine.preflight(&environments, &bench.history));
            bench.pair = desk.world.pair.clone();
            bench.plan = plan;
            Some(())
        },
    },
    Mutation {
        called: "no fence",
        rule: FENCED,
        of: Intent::Switchover,
        apply: |bench| {
            let fence = bench.step(is_fence)?;
            let store = fence.action.as_freeze_store()?.store.clone();
            // Of data that is still to move, the order of its steps would be missed too.
            already_moved(bench, &store);
            let place = bench.stage_of(is_fence)?;
            bench.plan.stages[place]
                .steps
                .retain(|step| step.action.as_freeze_store().is_none_or(|f| f.store != store));
            Some(())
        },
    },
    Mutation {
        called: "the new side is thawed without a look at the old one",
        rule: GUARDED,
        of: Intent::Switchover,
        apply: |bench| {
            thaw(bench)?.fenced = None;
            Some(())
        },
    },
    Mutation {
        called: "data that has moved is written over",
        rule: "data that has the new roles already is not written over",
        of: Intent::Switchover,
        apply: |bench| {
            let store = sync(bench, SyncPurpose::Final)?.store.clone();
            set_access(bench, &store);
            Some(())
        },
    },
    Mutation {
        called: "the last sync before its freeze",
        rule: ORDER,
        of: Intent::Switchover,
        apply: |bench| carry(&mut bench.plan, is_final, |from, _| from - 1),
    },
    Mutation {
        called: "a freeze that is believed",
        rule: "a freeze counts only when it was proved",
        of: Intent::Switchover,
        apply: |bench| {
            freeze(bench, true)?.prove = false;
            Some(())
        },
    },
    Mutation {
        called: "a freeze that stays when the run is undone",
        rule: "a freeze can be taken back before the pivot",
        of: Intent::Switchover,
        apply: |bench| {
            bench.step(|action| action.as_freeze_store().is_some_and(|f| f.lease_ms.is_some()))?.undo = None;
            Some(())
        },
    },
    Mutation {
        called: "a warm-up from the stand-by",
        rule: WAY,
        of: Intent::Switchover,
        apply: |bench| {
            let sync = sync(bench, SyncPurpose::Routine)?;
            sync.direction = sync.direction.reversed();
            Some(())
        },
    },
    Mutation {
        called: "a stream that is not turned round",
        rule: WAY,
        of: Intent::Switchover,
        apply: |bench| {
            let pivot = bench.plan.pivot_stage()?;
            let later = bench.plan.stages.iter_mut().skip(pivot).flat_map(|stage| &mut stage.steps);
            let turn = later.filter_map(|step| match &mut step.action {
                Action::SyncStore(sync) => Some(sync),
                _ => None,
            });
            turn.for_each(|sync| sync.direction = sync.direction.reversed());
            Some(())
        },
    },
    Mutation {
        called: "a last sync after the pivot as well",
        rule: "the last sync comes before the pivot",
        of: Intent::Switchover,
        apply: |bench| {
            let pivot = bench.plan.pivot_stage()?;
            let later = bench.plan.stages.iter_mut().skip(pivot).flat_map(|stage| &mut stage.steps);
            let turn = later.filter_map(|step| match &mut step.action {
                Action::SyncStore(sync) => Some((&mut step.on_failure, sync)),
                _ => None,
            });
            turn.for_each(|(on_failure, sync)| {
                sync.purpose = SyncPurpose::Final;
                *on_failure = OnFailure::Stop;
            });
            Some(())
        },
    },
    Mutation {
        called: "a swap that throws the stand-by's data away",
        rule: "a swap writes over no data that production does not hold",
        of: Intent::Switchover,
        apply: |bench| {
            sync(bench, SyncPurpose::Final)?.overwrite = true;
            bench.steps().filter(|step| is_final(&step.action)).for_each(|step| step.undo = None);
            Some(())
        },
    },
    Mutation {
        called: "the new side is frozen as well",
        rule: "only the old side is frozen",
        of: Intent::Switchover,
        apply: |bench| {
            let old = freeze(bench, true)?.clone();
            let to = bench.plan.shifts.first()?.to.clone();
            let mut other = bench.step(|action| action.as_freeze_store() == Some(&old))?.clone();
            other.id = "another freeze".parse().ok()?;
            other.undo = None;
            other.action = Action::FreezeStore(FreezeStore { side: to, ..old });
            bench.plan.stages.first_mut()?.steps.push(other);
            Some(())
        },
    },
    Mutation {
        called: "a freeze after the pivot",
        rule: "freezes come before the pivot",
        of: Intent::Switchover,
        apply: |bench| {
            let mut late = bench.step(is_fence)?.clone();
            late.id = "late fence".parse().ok()?;
            late.undo = None;
            bench.plan.stages.last_mut()?.steps.push(late);
            Some(())
        },
    },
    Mutation {
        called: "the old side is thawed as well",
        rule: "only the new side is thawed, and not before the pivot",
        of: Intent::Switchover,
        apply: |bench| {
            let mut other = bench.step(|action| action.as_thaw_store().is_some())?.clone();
            let thaw = other.action.as_thaw_store()?.clone();
            let from = bench.plan.shifts.first()?.from.clone();
            other.id = "another thaw".parse().ok()?;
            other.action = Action::ThawStore(ThawStore { side: from, ..thaw });
            bench.plan.stages.last_mut()?.steps.push(other);
            Some(())
        },
    },
    Mutation {
        called: "a sync that freezes",
        rule: "a sync does nothing but sync",
        of: Intent::Sync,
        apply: |bench| {
            let sync = sync(bench, SyncPurpose::Routine)?.clone();
            let mut step = bench.steps().next()?.clone();
            step.id = "freeze".parse().ok()?;
            step.on_failure = OnFailure::Stop;
            let side = sync.direction.from().clone();
            step.action =
                Action::FreezeStore(FreezeStore { store: sync.store, side, lease_ms: None, prove: true });
            bench.plan.stages.first_mut()?.steps.push(step);
            Some(())
        },
    },
    Mutation {
        called: "a sync from the stand-by to production",
        rule: "data flows from the side that is production to the other one",
        of: Intent::Sync,
        apply: |bench| {
            let sync = sync(bench, SyncPurpose::Routine)?;
            sync.direction = sync.direction.reversed();
            Some(())
        },
    },
    Mutation {
        called: "a last sync without a swap",
        rule: "only a swap makes a last sync",
        of: Intent::Sync,
        apply: |bench| {
            sync(bench, SyncPurpose::Routine)?.purpose = SyncPurpose::Final;
            bench.steps().for_each(|step| step.on_failure = OnFailure::Stop);
            Some(())
        },
    },
];

/// Makes a store look as if an earlier run had fenced the old side and let the new one take writes.
fn set_access(bench: &mut Bench, store: &StoreRef) {
    let shift = bench.plan.shifts.first().expect("a shift").clone();
    let by = "20261121T000000Z-000000".parse().expect("a run's id");
    let seen = bench.snapshot.stores.get_mut(store).expect("the store");
    seen.sides.get_mut(&shift.from).expect("a side").access = Access::Frozen { by, until: None };
    seen.sides.get_mut(&shift.to).expect("a side").access = Access::Writable;
}

/// As [`set_access`], and the plan no longer freezes or syncs the store but for its fence.
fn already_moved(bench: &mut Bench, store: &StoreRef) {
    set_access(bench, store);
    for stage in &mut bench.plan.stages {
        stage.steps.retain(|step| {
            let leased =
                step.action.as_freeze_store().is_some_and(|f| f.store == *store && f.lease_ms.is_some());
            let synced = step.action.as_sync_store().is_some_and(|sync| sync.store == *store);
            !leased && !synced
        });
    }
    bench.plan.stages.retain(|stage| !stage.steps.is_empty());
}
