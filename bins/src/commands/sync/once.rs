//! One sync: wait for the pair, look, plan, run, tell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use switchover::execute::RunEnd;
use switchover::journal::{FailureKind, Journal, Outcome as RunOutcome, PauseReason, RunState, StepState};
use switchover::model::{BackupKey, Environment, StoreRef};
use switchover::observe::{RoleState, Snapshot};
use switchover::plan::{PlanError, SyncRequest, plan_sync};

use super::super::{Outcome, plan};
use super::{after, backups};
use crate::args::{Output, SyncData};
use crate::exit::{Exit, Stop};
use crate::render::{self, BAD, GOOD, say, styled};
use crate::session::Session;
use crate::{signals, timetable};

/// The time between two looks whether another run has ended.
const GLANCE: Duration = Duration::from_secs(2);

/// The command.
pub(super) async fn run(session: &Session, stores: &BTreeSet<StoreRef>, arguments: &SyncData) -> Outcome {
    signals::listen(session.engine.stop.clone());
    sync(session, stores, arguments, arguments.scheduled).await
}

/// Syncs these stores; those that share a key together.
pub(super) async fn sync(
    session: &Session,
    stores: &BTreeSet<StoreRef>,
    arguments: &SyncData,
    scheduled: bool,
) -> Outcome {
    let mut worst = Ok(Exit::Done);
    for (key, stores) in by_key(session, stores, arguments, scheduled).await? {
        let outcome = together(session, stores, key, arguments).await;
        let interrupted = matches!(&outcome, Err(stop) if stop.exit == Exit::Interrupted);
        if outcome.is_err() {
            worst = outcome;
        }
        if interrupted {
            break;
        }
    }
    after::metrics(session, arguments).await?;
    worst
}

type Groups = BTreeMap<Option<BackupKey>, BTreeSet<StoreRef>>;

async fn by_key(
    session: &Session,
    stores: &BTreeSet<StoreRef>,
    arguments: &SyncData,
    scheduled: bool,
) -> Result<Groups, Stop> {
    if !scheduled {
        return Ok([(arguments.key.clone(), stores.clone())].into());
    }
    let now = session.engine.ports.clock.now();
    let planned = timetable::of(&session.pair);
    let mut groups = Groups::new();
    for store in stores {
        let Some(of_store) = planned.iter().find(|planned| planned.store == *store) else {
            return Err(Stop::new(Exit::Usage, format!("store {store} has no `schedule`"))
                .hint("add one to the configuration, or leave `--scheduled` out"));
        };
        let of_the_day = of_store.key(now);
        // If the roles were swapped since that backup of the day was made, another key is needed.
        let taken = backups::is_of_the_other_side(session, store, &of_the_day).await?;
        groups.entry((!taken).then_some(of_the_day)).or_default().insert(store.clone());
    }
    Ok(groups)
}

async fn together(
    session: &Session,
    stores: BTreeSet<StoreRef>,
    key: Option<BackupKey>,
    arguments: &SyncData,
) -> Outcome {
    let stores = without_release(session, stores, arguments).await?;
    if stores.is_empty() {
        return Ok(Exit::Done);
    }
    let journal = wait_for_pair(session, arguments.wait.0).await?;
    let environments = environments(session, &stores);
    let snapshot = if arguments.dry_run {
        session.engine.inspect(&environments, journal.state()).await
    } else {
        session.engine.observe(&environments, journal.state()).await
    };
    let stores = standing_by(session, &snapshot, stores, arguments)?;
    if stores.is_empty() {
        return Ok(Exit::Done);
    }
    let request = SyncRequest {
        stores: stores.clone(),
        key,
        content: arguments.content,
        overwrite: arguments.overwrite,
        rehearse: arguments.dry_run,
    };
    let pair = &session.pair.pair;
    let plan = match plan_sync(pair, &snapshot, journal.state(), &request) {
        Ok(plan) => plan,
        Err(error) => {
            if let PlanError::Unfit(findings) = &error {
                render::findings::show(&session.config, &pair.name, findings);
            }
            after::failed(session, &stores, &in_full(&error)).await;
            return Err(Stop::from(error));
        }
    };
    if arguments.dry_run {
        say(render::plan::plan(&plan, pair, &snapshot, journal.state(), Output::Table)?);
    } else {
        after::began(session, &stores).await;
    }
    let end = session.engine.start(journal, plan, arguments.reason.clone()).await?;
    finish(session, &end, arguments).await
}

/// Why there is no plan, for whoever does not see the findings beside it.
fn in_full(error: &PlanError) -> String {
    let PlanError::Unfit(findings) = error else { return error.to_string() };
    let errors = findings.iter().filter(|finding| finding.is_error());
    errors.map(|finding| finding.message.clone()).collect::<Vec<_>>().join("; ")
}

fn environments(session: &Session, stores: &BTreeSet<StoreRef>) -> Vec<Environment> {
    let all = session.pair.pair.environments.iter();
    all.filter(|known| stores.iter().any(|store| store.environment == known.name)).cloned().collect()
}

/// Leaves out, for cron, stores of environments in which a release is on its way: it may wait for approvals for days, and nothing is
/// wrong. By hand the sync goes on, to be refused with the reason.
async fn without_release(
    session: &Session,
    stores: BTreeSet<StoreRef>,
    arguments: &SyncData,
) -> Result<BTreeSet<StoreRef>, Stop> {
    if arguments.side.is_none() && !arguments.scheduled {
        return Ok(stores);
    }
    let journal = session.engine.journal().await?;
    let history = journal.state();
    let waits = |store: &StoreRef| {
        let open = history.open_run().filter(|run| run.plan.release.is_some());
        let concerns = |run: &&RunState| run.plan.shifts.iter().any(|s| s.environment == store.environment);
        open.filter(concerns).or_else(|| history.unfinalized(&store.environment)).is_some()
    };
    Ok(stores.into_iter().filter(|store| !waits(store)).collect())
}

/// The journal, once nobody works on the pair; one sync may wait for another.
async fn wait_for_pair(session: &Session, patience: Duration) -> Result<Journal, Stop> {
    let clock = &session.engine.ports.clock;
    let began = clock.monotonic();
    loop {
        match plan::settled(session).await {
            Err(stop)
                if stop.exit == Exit::Busy
                    && clock.monotonic().saturating_sub(began) < patience
                    && !session.engine.stop.is_stopped() =>
            {
                clock.sleep(GLANCE).await;
            }
            other => return other,
        }
    }
}

/// The stores whose stand-by is the side that the command is for.
fn standing_by(
    session: &Session,
    snapshot: &Snapshot,
    stores: BTreeSet<StoreRef>,
    arguments: &SyncData,
) -> Result<BTreeSet<StoreRef>, Stop> {
    let Some(side) = &arguments.side else { return Ok(stores) };
    let pair = &session.pair.pair;
    pair.side(side).map_err(|error| Stop::from(PlanError::from(error)))?;
    let is_production = |store: &StoreRef| {
        snapshot.roles.get(&store.environment).and_then(RoleState::production) == Some(side)
    };
    Ok(stores.into_iter().filter(|store| !is_production(store)).collect())
}

/// Tells how a run left off, and closes one that was interrupted: what it left behind is cleared away by the next.
async fn finish(session: &Session, end: &RunEnd, arguments: &SyncData) -> Outcome {
    let mut journal = session.engine.journal().await?;
    if end.paused == Some(PauseReason::Operator) {
        let closed = session.engine.abort(journal, "interrupted").await?;
        drop(closed);
        journal = session.engine.journal().await?;
    }
    let Some(run) = journal.state().run(&end.run) else {
        return Err(Stop::new(Exit::Failed, format!("run {} is not in the journal", end.run)));
    };
    tell(run, arguments)?;
    if !arguments.dry_run {
        after::ended(session, run).await;
    }
    match end.outcome {
        Some(RunOutcome::Completed) => Ok(Exit::Done),
        None if end.paused == Some(PauseReason::Operator) => {
            Err(Stop::new(Exit::Interrupted, "interrupted; the stand-by keeps the data that it had"))
        }
        Some(
            RunOutcome::CompletedWithExceptions
            | RunOutcome::Undone
            | RunOutcome::Abandoned
            | RunOutcome::Superseded,
        )
        | None => {
            let failures: Vec<String> = end.failures.iter().map(|failure| failure.message.clone()).collect();
            let guarded = end.failures.iter().all(|failure| failure.kind == FailureKind::Guarded);
            let exit = if guarded && !failures.is_empty() { Exit::Refused } else { Exit::Failed };
            Err(Stop::new(exit, format!("the sync failed: {}", failures.join("; ")))
                .hint("the stand-by keeps the data that it had; mend what failed and sync again"))
        }
    }
}

/// One line a store for people who watch or ask; nothing for cron where all is well.
fn tell(run: &RunState, arguments: &SyncData) -> Result<(), Stop> {
    let report = switchover::report::Report::of(run);
    match arguments.common.output {
        Output::Table if !crate::render::is_terminal() && !arguments.dry_run => Ok(()),
        Output::Table => {
            for step in run.plan.steps() {
                let Some(sync) = step.action.as_sync_store() else { continue };
                let line = match run.step(&step.id).forward {
                    Some(StepState::Succeeded { facts, .. }) => {
                        let learnt = switchover::report::learnt(&facts);
                        format!("{} {} {}: {learnt}", styled(GOOD, "done"), sync.store, sync.direction)
                    }
                    Some(StepState::Failed { failure, .. }) => {
                        format!("{} {}: {}", styled(BAD, "failed"), sync.store, failure.message)
                    }
                    Some(StepState::Started { .. }) | None => format!("{}: not done", sync.store),
                };
                render::out(&format!("{line}\n"))?;
                for note in notes(run, &step.id) {
                    render::out(&format!("  {note}\n"))?;
                }
            }
            Ok(())
        }
        output @ (Output::Json | Output::Jsonl | Output::Markdown) => {
            render::out(&render::run::report(&report, output)?)
        }
    }
}

fn notes(run: &RunState, step: &switchover::model::StepId) -> Vec<String> {
    match run.step(step).forward {
        Some(StepState::Succeeded { facts, .. }) => {
            facts.iter().filter_map(|fact| fact.synced()).flat_map(|synced| synced.notes.clone()).collect()
        }
        Some(StepState::Started { .. } | StepState::Failed { .. }) | None => Vec::new(),
    }
}
