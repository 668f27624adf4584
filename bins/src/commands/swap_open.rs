//! `swap-roles --resume` and `--abort`: what becomes of a run that was cut off.

use switchover::execute::{RunEnd, RunError};
use switchover::journal::{Journal, RunState};
use switchover::plan::{Intent, Request, closed_part_way, plan};
use switchover::report::Report;

use super::Outcome;
use super::swap::{finished, planned};
use crate::args::{Output, SwapRoles};
use crate::exit::{Exit, Stop};
use crate::render::{self, say};
use crate::session::Session;
use crate::{prompt, signals};

/// Goes on with the open run.
pub(super) async fn resume(session: &Session, arguments: &SwapRoles) -> Outcome {
    let journal = session.engine.journal().await?;
    let Some(open) = journal.state().open_run() else {
        return Err(half_way(session, &journal).await.unwrap_or_else(|| RunError::NothingOpen.into()));
    };
    if let Some(reviewed) = &arguments.plan_digest
        && !open.digest.is_named_by(reviewed)
    {
        return Err(Stop::new(
            Exit::Refused,
            format!("the open run has plan {}, not {reviewed}", open.digest),
        ));
    }
    say(render::run::report(&Report::of(open), Output::Table)?);
    let question = format!("Run {} ({}) goes on from here.", open.id, open.plan.intent);
    prompt::confirm(&question, session.pair.pair.name.as_str(), arguments.yes)?;
    signals::listen(session.engine.stop.clone());
    let end = session.engine.resume(journal).await?;
    ended(session, arguments, &end).await
}

/// Takes the open run back; past its pivot, closes it and plans the way back. Goes on with that where it was cut off in between.
pub(super) async fn abort(session: &Session, arguments: &SwapRoles) -> Outcome {
    let journal = session.engine.journal().await?;
    let Some(open) = journal.state().open_run() else {
        return match closed_part_way(journal.state()) {
            Some(_) => way_back(session, arguments).await,
            None => Err(RunError::NothingOpen.into()),
        };
    };
    let why = arguments.reason.clone().unwrap_or_else(|| format!("aborted by {}", session.engine.holder));
    if open.plan.intent == Intent::Failover && open.pivot_crossed() {
        return Err(Stop::new(
            Exit::Refused,
            format!(
                "failover {} has let the new side take over, and the lost side may hold what it does not",
                open.id
            ),
        )
        .hint(
            "go on with `swap-roles --resume`; the way back is `swap-roles --reprotect` and a switchover",
        ));
    }
    if !open.pivot_crossed() {
        let question = format!("Run {} ({}) is taken back.", open.id, open.plan.intent);
        prompt::confirm(&question, session.pair.pair.name.as_str(), arguments.yes)?;
        signals::listen(session.engine.stop.clone());
        let end = session.engine.abort(journal, &why).await?;
        return aborted(ended(session, arguments, &end).await);
    }
    say(render::run::report(&Report::of(open), Output::Table)?);
    let question = format!(
        "Run {} has let users onto the new side. It is closed where it is, and a new plan leads back.",
        open.id
    );
    prompt::confirm(&question, session.pair.pair.name.as_str(), arguments.yes)?;
    drop(session.engine.abandon(journal).await?);
    way_back(session, arguments).await
}

/// Plans the way back from a run that was closed part-way, and takes it.
async fn way_back(session: &Session, arguments: &SwapRoles) -> Outcome {
    let request = Request { environments: arguments.scope.environments(), ..Request::of(Intent::Revert) };
    let outcome = planned(session, arguments, &request).await;
    or_half_way(session, outcome).await
}

/// What became of a run that was gone on with or taken back.
async fn ended(session: &Session, arguments: &SwapRoles, end: &RunEnd) -> Outcome {
    let outcome = finished(session, arguments, end).await;
    or_half_way(session, outcome).await
}

/// A way back that was itself undone leaves the pair as the run before it did: that is not the end of it.
async fn or_half_way(session: &Session, outcome: Outcome) -> Outcome {
    match outcome {
        Err(stop) if matches!(stop.exit, Exit::Undone | Exit::Failed | Exit::Refused) => {
            let journal = session.engine.journal().await?;
            if journal.state().open_run().is_some() {
                return Err(stop);
            }
            let left = half_way(session, &journal).await;
            if left.is_some() {
                say(&stop.message);
            }
            Err(left.unwrap_or(stop))
        }
        other => other,
    }
}

/// Why a pair without an open run may not be left as it is.
async fn half_way(session: &Session, journal: &Journal) -> Option<Stop> {
    let closed = closed_part_way(journal.state())?;
    if stands_whole(session, journal, closed).await {
        return None;
    }
    let forward =
        closed.plan.shifts.first().map(|shift| format!(", `swap-roles --to {}` goes forward", shift.to));
    let message = format!(
        "run {} ({}) was closed part-way, and no run has ended since: names may lead to both sides, and neither side may take writes",
        closed.id, closed.plan.intent
    );
    let hint = format!("`swap-roles --abort` goes back{}", forward.unwrap_or_default());
    Some(Stop::new(Exit::PartWay, message).hint(hint))
}

/// Whether a run that was closed part-way had moved everything, or nothing, so that there is nothing to plan towards one of its sides.
async fn stands_whole(session: &Session, journal: &Journal, closed: &RunState) -> bool {
    let names: Vec<_> = closed.plan.shifts.iter().map(|shift| shift.environment.clone()).collect();
    let Ok(environments) = session.environments(&names) else { return false };
    let history = journal.state();
    let snapshot = session.engine.inspect_all(&environments, history).await;
    let sides = closed.plan.shifts.iter().flat_map(|shift| [shift.from.clone(), shift.to.clone()]);
    sides.into_iter().any(|side| {
        let request = Request {
            environments: names.iter().cloned().collect(),
            to: Some(side),
            ..Request::of(Intent::Switchover)
        };
        plan(&session.pair.pair, &snapshot, history, &request).is_ok_and(|plan| plan.is_empty())
    })
}

/// To have undone everything is what an abort is for.
fn aborted(outcome: Outcome) -> Outcome {
    match outcome {
        Err(stop) if matches!(stop.exit, Exit::Undone | Exit::Failed) => {
            say(&stop.message);
            Ok(Exit::Done)
        }
        other => other,
    }
}
