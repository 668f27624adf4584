//! `swap-roles --resume` and `--abort`: what becomes of a run that was cut off.

use switchover::execute::RunError;
use switchover::plan::{Intent, Request};
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
        return Err(RunError::NothingOpen.into());
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
    finished(session, arguments, &end).await
}

/// Takes the open run back; past its pivot, closes it and plans the way back.
pub(super) async fn abort(session: &Session, arguments: &SwapRoles) -> Outcome {
    let journal = session.engine.journal().await?;
    let Some(open) = journal.state().open_run() else {
        return Err(RunError::NothingOpen.into());
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
        return aborted(finished(session, arguments, &end).await);
    }
    say(render::run::report(&Report::of(open), Output::Table)?);
    let question = format!(
        "Run {} has let users onto the new side. It is closed where it is, and a new plan leads back.",
        open.id
    );
    prompt::confirm(&question, session.pair.pair.name.as_str(), arguments.yes)?;
    drop(session.engine.abandon(journal).await?);
    let request = Request { environments: arguments.scope.environments(), ..Request::of(Intent::Revert) };
    planned(session, arguments, &request).await
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
