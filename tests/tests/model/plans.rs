//! Two plans of the real planner, there and back, without the steps that change nothing outside.

use switchover::action::Action;
use switchover::execute::Engine;
use switchover::journal::Holder;
use switchover::plan::{Intent, Plan, Request, Stage, plan};
use switchover::port::Method;
use switchover_tests::fake::World;

/// A controller, by its number.
pub(crate) fn holder(number: usize) -> Holder {
    let process = u32::try_from(number).expect("few controllers");
    Holder { actor: "ada".to_owned(), host: "ops".to_owned(), process, program: "model".to_owned() }
}

/// From the first side to the second, and from there back.
pub(crate) fn there_and_back() -> [Plan; 2] {
    let mut world = World::gigadb();
    world.pair.environments.retain(|environment| environment.name.as_str() == "live");
    world.pair.dns.resolvers.clear();
    for environment in &mut world.pair.environments {
        environment.endpoints.truncate(1);
        environment.endpoints.iter_mut().for_each(|endpoint| endpoint.probe = false);
    }
    world.add_store("live", "files", Method::Mirror);
    let engine = Engine::new(world.pair.clone(), world.ports(), holder(0));
    let made = || {
        world.run(async {
            let journal = engine.journal().await.expect("a journal");
            let snapshot = engine.preflight(&world.pair.environments, journal.state()).await;
            let request = Request::of(Intent::Switchover);
            let plan = plan(&world.pair, &snapshot, journal.state(), &request).expect("a plan");
            (journal, plan)
        })
    };
    let (journal, there) = made();
    world.run(engine.start(journal, there.clone(), None)).expect("a run").outcome.expect("its end");
    let (_, back) = made();
    [there, back].map(bare)
}

/// Only what changes the world: the freeze, the fence, the swap of one zone, and the thaw beside it.
fn bare(mut plan: Plan) -> Plan {
    let pivot = plan.pivot.clone();
    for stage in &mut plan.stages {
        stage.steps.retain(|step| match &step.action {
            Action::FreezeStore(_) | Action::ThawStore(_) => true,
            Action::ChangeRecords(_) => Some(&step.id) == pivot.as_ref(),
            Action::AwaitRecords(_)
            | Action::RunChecks(_)
            | Action::Hold(_)
            | Action::SyncStore(_)
            | Action::Deploy(_)
            | Action::SetEmbargo(_)
            | Action::SwitchSchedules(_)
            | Action::ChangeSettings(_)
            | Action::Gate(_)
            | Action::Soak(_)
            | Action::Announce(_)
            | Action::WriteRoleTable(_)
            | Action::TakeOver(_)
            | Action::FenceLost(_)
            | Action::KeepData(_)
            | Action::ProveFrozen(_)
            | Action::VerifyBackup(_) => false,
        });
    }
    plan.stages.retain(|stage: &Stage| !stage.steps.is_empty());
    plan
}
