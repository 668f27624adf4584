//! `switchover plan`, and what `swap-roles` shares with it: from a request to a plan that may run.

use std::collections::BTreeSet;
use std::sync::Arc;

use switchover::execute::Unwatched;
use switchover::journal::{Journal, PairState};
use switchover::model::{EnvironmentName, PairName};
use switchover::observe::{Finding, Snapshot};
use switchover::plan::{Intent, Plan, PlanError, Request, Waiver, plan};

use super::Outcome;
use crate::args::{Common, PlanScope, flag_of};
use crate::exit::{Exit, Stop};
use crate::fallback;
use crate::render;
use crate::session::Session;
use crate::timetable;

/// A plan, what it was made from, and the journal position that it holds for.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) journal: Journal,
    pub(super) snapshot: Snapshot,
    pub(super) plan: Plan,
}

/// Runs the preflight and makes a plan; what stops it is shown at its place in the file.
pub(super) async fn make(session: &Session, request: &Request) -> Result<Planned, Stop> {
    let journal = settled(session).await?;
    let names: Vec<_> = request.environments.iter().cloned().collect();
    let environments = session.environments(&names)?;
    let request = complete(session, journal.state(), request);
    let engine = &session.engine;
    let snapshot = match request.intent {
        // The side that comes back serves nobody yet, so its checks say nothing.
        Intent::Reprotect => engine.inspect_all(&environments, journal.state()).await,
        Intent::Switchover
        | Intent::Revert
        | Intent::Prepare
        | Intent::RestoreTtl
        | Intent::Sync
        | Intent::Finalize
        | Intent::Drill
        | Intent::Failover => {
            engine.preflight_of(&environments, journal.state(), request.release.as_ref()).await
        }
    };
    let made = plan(&session.pair.pair, &snapshot, journal.state(), &request);
    render::findings::show(
        &session.config,
        &session.pair.pair.name,
        warnings(&snapshot, made.as_ref().err()),
    );
    match made {
        Ok(plan) => Ok(Planned { journal, snapshot, plan }),
        Err(error) => {
            let PlanError::Unfit(findings) = &error else { return Err(error.into()) };
            render::findings::show(&session.config, &session.pair.pair.name, findings);
            let flags = ways_round(request.intent, findings);
            let stop = Stop::from(error);
            Err(if flags.is_empty() { stop } else { stop.hint(left_out(&flags)) })
        }
    }
}

/// The flags with which none of these findings would stop a plan; none if some other one does.
fn ways_round(intent: Intent, findings: &[Finding]) -> BTreeSet<String> {
    match intent {
        Intent::Switchover | Intent::Revert => {
            let flags = findings.iter().map(|finding| Waiver::of(finding).as_ref().map(flag_of));
            flags.collect::<Option<_>>().unwrap_or_default()
        }
        Intent::Prepare
        | Intent::RestoreTtl
        | Intent::Sync
        | Intent::Finalize
        | Intent::Drill
        | Intent::Failover
        | Intent::Reprotect => BTreeSet::new(),
    }
}

fn left_out(flags: &BTreeSet<String>) -> String {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    format!("mend it, or leave out what needs it: `{} --reason TEXT`", flags.join(" "))
}

/// Adds what the calendar and the journal say: the next windows, and the release that waits for its end.
fn complete(session: &Session, history: &PairState, request: &Request) -> Request {
    let mut request = request.clone();
    let pair = &session.pair.pair;
    match request.intent {
        Intent::Switchover => request.windows = timetable::windows(pair, session.engine.ports.clock.now()),
        Intent::Finalize => {
            let asked = |name: &EnvironmentName| {
                request.environments.is_empty() || request.environments.contains(name)
            };
            let names = pair.environments.iter().map(|environment| &environment.name);
            let open = names.filter(|name| asked(name)).find_map(|name| history.unfinalized(name));
            request.release = open.and_then(|run| run.plan.release.clone());
        }
        Intent::Revert
        | Intent::Prepare
        | Intent::RestoreTtl
        | Intent::Sync
        | Intent::Drill
        | Intent::Failover
        | Intent::Reprotect => {}
    }
    request
}

/// The journal without an unfinished run. A sync or a drill that was cut off is closed: what it left is cleared away by the next one.
pub(super) async fn settled(session: &Session) -> Result<Journal, Stop> {
    let journal = session.engine.journal().await?;
    let Some(open) = journal.state().open_run() else { return Ok(journal) };
    let (run, intent) = (open.id.clone(), open.plan.intent);
    let alive = session.engine.alive(&journal).await?.is_some();
    if !matches!(intent, Intent::Sync | Intent::Drill) || alive {
        return Err(open_run(session, &journal, &run).await);
    }
    let why = "cut off; closed by the next run";
    drop(session.engine.abort(journal, why).await?);
    Ok(session.engine.journal().await?)
}

/// An unfinished run: held by somebody, or left part-way.
async fn open_run(session: &Session, journal: &Journal, run: &switchover::model::RunId) -> Stop {
    let alive = session.engine.alive(journal).await.ok().flatten();
    match (alive, &journal.state().holder) {
        (Some(_), Some(holder)) => {
            Stop::new(Exit::Busy, format!("{holder} is working on the pair: run {run}"))
                .hint("wait for it; `switchover status` shows how far it is")
        }
        (Some(_) | None, _) => Stop::from(PlanError::RunOpen(run.clone())),
    }
}

fn warnings<'a>(snapshot: &'a Snapshot, error: Option<&PlanError>) -> impl Iterator<Item = &'a Finding> {
    let unfit = matches!(error, Some(PlanError::Unfit(_)));
    snapshot.findings.iter().filter(move |finding| !finding.is_error() || !unfit && finding.is_error())
}

/// The command.
pub(super) async fn run(
    common: &Common,
    pair: Option<&PairName>,
    scope: &PlanScope,
    form: Form,
    detailed_exitcode: bool,
) -> Outcome {
    let session = Session::open(common, pair, Arc::new(Unwatched)).await?;
    let request = Request {
        environments: scope.environments.iter().cloned().collect(),
        to: scope.to.clone(),
        release: scope.release.clone(),
        ..Request::of(Intent::Switchover)
    };
    let planned = make(&session, &request).await?;
    show(&session, &planned, form, common, detailed_exitcode)
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What a run would do.
    Plan,
    /// What a person can do without this program.
    Fallback,
}

/// Writes a plan to standard output, and says by the exit code whether there is something to do, if that was asked for.
pub(super) fn show(
    session: &Session,
    planned: &Planned,
    form: Form,
    common: &Common,
    detailed_exitcode: bool,
) -> Outcome {
    let history = planned.journal.state();
    render::out(&match form {
        Form::Plan => {
            let pair = &session.pair.pair;
            render::plan::plan(&planned.plan, pair, &planned.snapshot, history, common.output)?
        }
        Form::Fallback => fallback::document(session, &planned.plan, &planned.snapshot),
    })?;
    Ok(if detailed_exitcode && !planned.plan.is_empty() { Exit::Pending } else { Exit::Done })
}
