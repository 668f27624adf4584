//! `swap-roles --failover`: production may be gone, so nothing here waits for it.

use switchover::execute::RunError;
use switchover::journal::Journal;
use switchover::model::SideName;
use switchover::plan::{Intent, Plan, PlanError, Request, plan};

use super::Outcome;
use super::plan::Planned;
use super::swap::{can_ask, finished, hand_out, nothing_to_do, same_digest, show_only};
use crate::args::{Output, SwapRoles};
use crate::exit::{Exit, Stop};
use crate::render::{self, say};
use crate::session::Session;
use crate::{prompt, signals};

/// Plans, asks, takes the pair from whatever run holds it, and fails over.
pub(super) async fn fail_over(session: &Session, arguments: &SwapRoles, request: &Request) -> Outcome {
    can_ask(arguments)?;
    let journal = session.engine.journal().await?;
    refuse_second(session, &journal).await?;
    let planned = make(session, request, journal).await?;
    same_digest(&planned.plan, arguments)?;
    if arguments.dry_run {
        return show_only(session, arguments, &planned);
    }
    let open = planned.journal.state().open_run().is_some();
    if planned.plan.is_empty() && !open {
        say(nothing_to_do(&planned));
        return Ok(Exit::Done);
    }
    if !planned.plan.is_empty() {
        let (pair, history) = (&session.pair.pair, planned.journal.state());
        say(render::plan::plan(&planned.plan, pair, &planned.snapshot, history, Output::Table)?);
    }
    let given_up = given_up(session, request, &planned.plan)?;
    ask(&planned, given_up.as_ref(), arguments.yes)?;
    let planned = take_over(session, request, planned, given_up.as_ref()).await?;
    same_digest(&planned.plan, arguments)?;
    if planned.plan.is_empty() {
        say(nothing_to_do(&planned));
        return Ok(Exit::Done);
    }
    hand_out(session, arguments, &planned)?;
    signals::listen(session.engine.stop.clone());
    let end = session.engine.start(planned.journal, planned.plan, arguments.reason.clone()).await?;
    finished(session, arguments, &end).await
}

/// A failover that somebody is at work on is not gone over.
async fn refuse_second(session: &Session, journal: &Journal) -> Result<(), Stop> {
    let state = journal.state();
    let under_way = state.open_run().is_some_and(|open| open.plan.intent == Intent::Failover);
    match (&state.holder, session.engine.alive(journal).await?) {
        (Some(holder), Some(_)) if under_way => Err(RunError::Busy { holder: holder.clone() }.into()),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

async fn make(session: &Session, request: &Request, journal: Journal) -> Result<Planned, Stop> {
    let names: Vec<_> = request.environments.iter().cloned().collect();
    let environments = session.environments(&names)?;
    let snapshot = session.engine.observe_lost(&environments, &journal, request.to.as_ref()).await;
    let made = plan(&session.pair.pair, &snapshot, journal.state(), request);
    let name = &session.pair.pair.name;
    let warnings = snapshot.findings.iter().filter(|finding| !finding.is_error());
    render::findings::show(&session.config, name, warnings);
    match made {
        Ok(plan) => Ok(Planned { journal, snapshot, plan }),
        Err(error) => {
            if let PlanError::Unfit(findings) = &error {
                render::findings::show(&session.config, name, findings);
            }
            Err(Stop::from(error))
        }
    }
}

/// The side that is given up: also where an open run has moved nobody yet, and only that run is to be closed.
fn given_up(session: &Session, request: &Request, plan: &Plan) -> Result<Option<SideName>, Stop> {
    let named = request.to.as_ref().map(|to| session.pair.pair.opposite(to)).transpose();
    let named = named.map_err(|error| Stop::from(PlanError::from(error)))?;
    let moved = plan.shifts.first().map(|shift| shift.from.clone());
    Ok(moved.or_else(|| named.map(|side| side.name.clone())))
}

fn ask(planned: &Planned, given_up: Option<&SideName>, yes: bool) -> Result<(), Stop> {
    let name = &planned.plan.pair;
    let open = planned.journal.state().open_run();
    let over = open
        .map(|open| format!(" Run {} ({}) is closed where it is.", open.id, open.plan.intent))
        .unwrap_or_default();
    prompt::confirm(
        &format!("This gives up {} and {}.{over}", lost(given_up), moved(&planned.plan)),
        name.as_str(),
        yes,
    )
}

fn lost(given_up: Option<&SideName>) -> String {
    given_up.map_or("production".to_owned(), |side| format!("side {side}"))
}

fn moved(plan: &Plan) -> String {
    if plan.is_empty() { "moves nobody".to_owned() } else { format!("moves the users of {}", plan.pair) }
}

/// Closes the run that is open, and plans anew from what it left.
async fn take_over(
    session: &Session,
    request: &Request,
    planned: Planned,
    given_up: Option<&SideName>,
) -> Result<Planned, Stop> {
    let (Some(_), Some(side)) = (planned.journal.state().open_run(), given_up) else {
        return Ok(planned);
    };
    let journal = session.engine.supersede(planned.journal, side).await?;
    say("The run that was open is closed where it was.");
    let to = session.pair.pair.opposite(side).map_err(|error| Stop::from(PlanError::from(error)))?;
    let request = Request { to: Some(to.name.clone()), ..request.clone() };
    make(session, &request, journal).await
}
