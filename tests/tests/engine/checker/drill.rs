//! Every rule about drills has a plan that breaks it, and nothing else.

use switchover::action::{
    Action, AwaitRecords, FreezeStore, ProveFrozen, RunChecks, Servers, SyncStore, VerifyBackup,
};
use switchover::journal::PairState;
use switchover::model::ReleaseName;
use switchover::plan::{Intent, OnFailure, plan};
use switchover::port::{Method, SyncPurpose};
use switchover_tests::fake::World;

use super::mutation::{Bench, Mutation};
use super::rules::broken;
use crate::support::{Desk, ask};

fn bench(intent: Intent) -> Bench {
    let mut world = World::gigadb();
    for (called, method) in
        [("database", Method::Streaming), ("files", Method::Mirror), ("metadata", Method::Snapshot)]
    {
        world.add_store("live", called, method);
    }
    let desk = Desk::unguarded(world);
    let process = desk.process();
    let pair = desk.world.pair.clone();
    let history = PairState::default();
    let snapshot = desk.world.run(process.engine.preflight(&pair.environments, &history));
    let made = plan(&pair, &snapshot, &history, &ask(intent)).unwrap();
    Bench { plan: made, pair, snapshot, history }
}

pub(super) fn mutated(mutation: &Mutation) -> Bench {
    let mut bench = bench(mutation.of);
    assert!(broken(&bench).is_empty(), "{}: {:?}", mutation.called, broken(&bench));
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

fn rehearsal(bench: &mut Bench) -> Option<&mut SyncStore> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::SyncStore(sync) => Some(sync),
        _ => None,
    })
}

fn proof(bench: &mut Bench) -> Option<&mut ProveFrozen> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::ProveFrozen(proof) => Some(proof),
        _ => None,
    })
}

fn trial(bench: &mut Bench) -> Option<&mut VerifyBackup> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::VerifyBackup(trial) => Some(trial),
        _ => None,
    })
}

fn checks(bench: &mut Bench) -> Option<&mut RunChecks> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::RunChecks(checks) => Some(checks),
        _ => None,
    })
}

fn asked(bench: &mut Bench) -> Option<&mut AwaitRecords> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::AwaitRecords(wait) => Some(wait),
        _ => None,
    })
}

const NOTHING: &str = "a drill takes no role and brings no release";
const TRIES: &str = "a drill changes nothing and lets nobody write";
const STANDBY: &str = "a drill tries the stand-by and never production";
const OWN_NAMES: &str = "a drill checks the stand-by by its own names";
const AS_IT_IS: &str = "a drill asks where names lead now, at their servers";

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        called: "a drill that brings a release",
        rule: NOTHING,
        of: Intent::Drill,
        apply: |bench| {
            bench.plan.release = Some(ReleaseName::new("v4.4.0").ok()?);
            Some(())
        },
    },
    Mutation {
        called: "a drill with a role in it: a later run would take its release for one that waits",
        rule: NOTHING,
        of: Intent::Drill,
        apply: |bench| {
            let first = bench.pair.sides[0].name.clone();
            let environment = bench.pair.environments[0].name.clone();
            bench.plan.shifts = vec![switchover::plan::Shift { environment, from: first.clone(), to: first }];
            Some(())
        },
    },
    Mutation {
        called: "a drill that freezes production",
        rule: TRIES,
        of: Intent::Drill,
        apply: |bench| {
            let side = bench.pair.sides[0].name.clone();
            let step = bench.step(|action| action.as_prove_frozen().is_some())?;
            let store = step.action.as_prove_frozen()?.store.clone();
            step.action =
                Action::FreezeStore(FreezeStore { store, side, lease_ms: Some(1_000), prove: true });
            Some(())
        },
    },
    Mutation {
        called: "a drill that thaws the stand-by",
        rule: TRIES,
        of: Intent::Drill,
        apply: |bench| {
            let step = bench.step(|action| action.as_prove_frozen().is_some())?;
            let proof = step.action.as_prove_frozen()?.clone();
            let thaw = switchover::action::ThawStore { store: proof.store, side: proof.side, fenced: None };
            step.action = Action::ThawStore(thaw);
            Some(())
        },
    },
    Mutation {
        called: "a step of a drill that stops the others",
        rule: "no step of a drill keeps the others from being tried",
        of: Intent::Drill,
        apply: |bench| {
            bench.steps().next()?.on_failure = OnFailure::Stop;
            Some(())
        },
    },
    Mutation {
        called: "a drill that syncs in earnest",
        rule: "a sync of a drill is a rehearsal",
        of: Intent::Drill,
        apply: |bench| {
            rehearsal(bench)?.purpose = SyncPurpose::Routine;
            Some(())
        },
    },
    Mutation {
        called: "a rehearsal onto production",
        rule: "a drill rehearses the way from production to the stand-by",
        of: Intent::Drill,
        apply: |bench| {
            let sync = rehearsal(bench)?;
            sync.direction = sync.direction.reversed();
            Some(())
        },
    },
    Mutation {
        called: "a backup restored on production",
        rule: STANDBY,
        of: Intent::Drill,
        apply: |bench| {
            let production = bench.pair.sides[0].name.clone();
            trial(bench)?.side = production;
            Some(())
        },
    },
    Mutation {
        called: "writes tried on production",
        rule: STANDBY,
        of: Intent::Drill,
        apply: |bench| {
            let production = bench.pair.sides[0].name.clone();
            proof(bench)?.side = production;
            Some(())
        },
    },
    Mutation {
        called: "checks under production's names",
        rule: OWN_NAMES,
        of: Intent::Drill,
        apply: |bench| {
            let production = bench.pair.environments[0].endpoints[0].production.clone();
            checks(bench)?.checks.first_mut()?.name = production;
            Some(())
        },
    },
    Mutation {
        called: "checks at production",
        rule: OWN_NAMES,
        of: Intent::Drill,
        apply: |bench| {
            let production = bench.pair.sides[0].name.clone();
            checks(bench)?.side = production;
            Some(())
        },
    },
    Mutation {
        called: "resolvers asked instead of the servers",
        rule: AS_IT_IS,
        of: Intent::Drill,
        apply: |bench| {
            asked(bench)?.servers = Servers::Resolvers(vec!["192.0.2.53:53".parse().ok()?]);
            Some(())
        },
    },
    Mutation {
        called: "names expected elsewhere than they lead",
        rule: AS_IT_IS,
        of: Intent::Drill,
        apply: |bench| {
            asked(bench)?.names.first_mut()?.addresses = ["192.0.2.99".parse().ok()?].into();
            Some(())
        },
    },
    Mutation {
        called: "a swap that restores a backup on the way",
        rule: "only a drill tries backups and the stand-by's freeze",
        of: Intent::Switchover,
        apply: |bench| {
            let sync = rehearsal(bench)?;
            let (store, side) = (sync.store.clone(), sync.direction.to().clone());
            let mut step = bench.steps().next()?.clone();
            step.id = "restore".parse().ok()?;
            step.undo = None;
            step.action = Action::VerifyBackup(VerifyBackup { store, side, deadline_ms: 1_000 });
            bench.plan.stages.first_mut()?.steps.push(step);
            Some(())
        },
    },
];
