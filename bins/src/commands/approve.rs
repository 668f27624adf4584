//! `switchover approve` and `switchover reject`: what people say about a run that waits for them.

use std::sync::Arc;

use switchover::execute::{Remark, RemarkError, Unwatched};
use switchover::journal::{Event, RunState};
use switchover::model::PairName;

use super::Outcome;
use crate::args::{Approve, Common, Reject};
use crate::exit::{Exit, Stop};
use crate::render::say;
use crate::session::Session;

/// `switchover approve`.
pub(super) async fn approve(common: &Common, arguments: &Approve) -> Outcome {
    let session = open(common, arguments.pair.as_ref()).await?;
    let now = session.engine.ports.clock.now();
    let expires = arguments.expires.map(|period| now.checked_add(period.0));
    let expires = expires.transpose().map_err(|error| Stop::new(Exit::Usage, error.to_string()))?;
    let group = arguments.group.clone();
    let remark = if arguments.withdraw {
        Remark::Withdraw { group }
    } else {
        Remark::Approve { group, digest: arguments.plan_digest.clone(), expires }
    };
    tell(&session, &remark, arguments.comment.clone()).await
}

/// `switchover reject`.
pub(super) async fn reject(common: &Common, arguments: &Reject) -> Outcome {
    let session = open(common, arguments.pair.as_ref()).await?;
    tell(&session, &Remark::Reject, Some(arguments.reason.clone())).await
}

/// Only the journal is needed.
async fn open(common: &Common, pair: Option<&PairName>) -> Result<Session, Stop> {
    let mut session = Session::open_journal(common, pair).await?;
    session.engine.watcher = Arc::new(Unwatched);
    Ok(session)
}

async fn tell(session: &Session, remark: &Remark, why: Option<String>) -> Outcome {
    let events = match session.engine.say(remark, why).await {
        Ok(events) => events,
        Err(error) => return refused(error),
    };
    for event in &events {
        say(told(event));
    }
    let journal = session.engine.journal().await?;
    if let Some(open) = journal.state().open_run() {
        say(waits(open, session));
    }
    Ok(Exit::Done)
}

fn told(event: &Event) -> String {
    match event {
        Event::Approved { run, digest, group, vote } => {
            format!("{} approved run {run} (plan {}) for {group}", vote.by.actor, digest.short())
        }
        Event::Withdrawn { run, group, vote } => {
            format!("{} withdrew the approval of run {run} for {group}", vote.by.actor)
        }
        Event::Rejected { run, vote } => format!("{} rejected run {run}: it will be undone", vote.by.actor),
        Event::Claimed { .. }
        | Event::RunStarted { .. }
        | Event::StepStarted { .. }
        | Event::StepSucceeded { .. }
        | Event::StepFailed { .. }
        | Event::TurnedBack { .. }
        | Event::Probed { .. }
        | Event::Paused { .. }
        | Event::RunFinished { .. } => String::new(),
    }
}

/// What a run still waits for.
fn waits(run: &RunState, session: &Session) -> String {
    let now = session.engine.ports.clock.now();
    let missing = run.open_gate().map(|gate| gate.pending(run, now)).unwrap_or_default();
    let pending: Vec<String> =
        missing.into_iter().map(|(group, lacking)| format!("{lacking} of {}", group.name)).collect();
    if pending.is_empty() {
        return "every group has approved".to_owned();
    }
    format!("still missing: {}", pending.join(", "))
}

fn refused(error: RemarkError) -> Outcome {
    let message = error.to_string();
    match error {
        RemarkError::Journal(error) => Err(error.into()),
        RemarkError::Twice { .. } => {
            say(format!("{message}: nothing to do"));
            Ok(Exit::Done)
        }
        RemarkError::NoGroup { .. } | RemarkError::SeveralGroups { .. } => {
            Err(Stop::new(Exit::Usage, message).hint("name it with `--group`"))
        }
        RemarkError::NothingOpen
        | RemarkError::NotAsked(_)
        | RemarkError::TooLate(_)
        | RemarkError::NotApproved { .. } => {
            Err(Stop::new(Exit::Failed, message).hint("`switchover status` shows what waits for whom"))
        }
        RemarkError::OtherPlan { .. } => Err(Stop::new(Exit::Refused, message)
            .hint("look at the plan that waits: `switchover report`, and approve that one")),
        RemarkError::MayNot { .. } => Err(Stop::new(Exit::Refused, message)),
    }
}
