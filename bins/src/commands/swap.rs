//! `swap-roles`: plan, ask, run, report.

use std::path::Path;
use std::sync::Arc;

use switchover::execute::RunEnd;
use switchover::journal::{FailureKind, Journal, Outcome as RunOutcome, PauseReason, RunState, StepState};
use switchover::plan::{Intent, Plan, Request};
use switchover::report::Report;

use super::plan::{Form, Planned, make, show};
use super::{Outcome, announce, failover, swap_open};
use crate::args::{Mode, Output, SwapRoles};
use crate::exit::{Exit, Stop, of_outcome};
use crate::fallback;
use crate::render::progress::Live;
use crate::render::{self, say};
use crate::session::Session;
use crate::{prompt, signals};

/// The command.
pub(super) async fn run(arguments: &SwapRoles) -> Outcome {
    let session = Session::open(&arguments.common, arguments.pair.as_ref(), Arc::new(Live::new())).await?;
    match &arguments.mode {
        Mode { resume: true, .. } => swap_open::resume(&session, arguments).await,
        Mode { abort: true, .. } => swap_open::abort(&session, arguments).await,
        mode => {
            let request = Request {
                environments: arguments.scope.environments(),
                to: arguments.scope.to.clone(),
                release: arguments.release.clone(),
                at: arguments.at,
                waivers: arguments.gates.waivers(),
                accept_loss: arguments.gates.accept_loss(),
                ..Request::of(if arguments.drill { Intent::Drill } else { intent(mode) })
            };
            match request.intent {
                Intent::Failover => failover::fail_over(&session, arguments, &request).await,
                Intent::Switchover
                | Intent::Revert
                | Intent::Prepare
                | Intent::RestoreTtl
                | Intent::Sync
                | Intent::Finalize
                | Intent::Drill
                | Intent::Reprotect => planned(&session, arguments, &request).await,
            }
        }
    }
}

fn intent(mode: &Mode) -> Intent {
    match mode {
        Mode { prepare: true, .. } => Intent::Prepare,
        Mode { restore_ttl: true, .. } => Intent::RestoreTtl,
        Mode { revert: true, .. } => Intent::Revert,
        Mode { finalize: true, .. } => Intent::Finalize,
        Mode { failover: true, .. } => Intent::Failover,
        Mode { reprotect: true, .. } => Intent::Reprotect,
        Mode {
            prepare: false,
            restore_ttl: false,
            revert: false,
            finalize: false,
            failover: false,
            reprotect: false,
            ..
        } => Intent::Switchover,
    }
}

/// Plans and, unless it is a dry run or there is nothing to do, asks and runs.
pub(super) async fn planned(session: &Session, arguments: &SwapRoles, request: &Request) -> Outcome {
    can_ask(arguments)?;
    let planned = make(session, request).await?;
    same_digest(&planned.plan, arguments)?;
    if arguments.dry_run {
        return show_only(session, arguments, &planned);
    }
    if planned.plan.is_empty() {
        say(nothing_to_do(&planned));
        return Ok(Exit::Done);
    }
    let history = planned.journal.state();
    let pair = &session.pair.pair;
    say(render::plan::plan(&planned.plan, pair, &planned.snapshot, history, Output::Table)?);
    ask(&planned.plan, arguments.yes)?;
    hand_out(session, arguments, &planned)?;
    signals::listen(session.engine.stop.clone());
    let found = planned.snapshot.errors().count();
    let drill = planned.plan.intent == Intent::Drill;
    let end = session.engine.start(planned.journal, planned.plan, arguments.reason.clone()).await?;
    let outcome = finished(session, arguments, &end).await?;
    if drill { drilled(&end, found) } else { Ok(outcome) }
}

/// A drill that found something must not look well to whoever runs it by the clock.
fn drilled(end: &RunEnd, found: usize) -> Outcome {
    let failed = end.failures.len();
    if failed == 0 && found == 0 {
        return Ok(Exit::Done);
    }
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut words = Vec::new();
    if failed > 0 {
        words.push(format!("{} failed", counted(failed, "step")));
    }
    if found > 0 {
        words.push(format!("the preflight found {}", counted(found, "problem")));
    }
    Err(Stop::new(Exit::Failed, format!("the drill found something: {}", words.join(", and ")))
        .hint("nothing was changed; mend what is named above, and drill again"))
}

/// A dry run: the plan, or what a person can do without this program.
pub(super) fn show_only(session: &Session, arguments: &SwapRoles, planned: &Planned) -> Outcome {
    let form = if to_stdout(arguments) { Form::Fallback } else { Form::Plan };
    write_fallback(session, arguments, planned)?;
    show(session, planned, form, &arguments.common, arguments.detailed_exitcode)
}

/// Hands the fallback plan out, if it was asked for: when it is needed this program may not be there, so before the first step.
pub(super) fn hand_out(session: &Session, arguments: &SwapRoles, planned: &Planned) -> Result<(), Stop> {
    if to_stdout(arguments) {
        return render::out(&fallback::document(session, &planned.plan, &planned.snapshot));
    }
    write_fallback(session, arguments, planned)
}

fn to_stdout(arguments: &SwapRoles) -> bool {
    arguments.fallback.as_deref() == Some(Path::new("-"))
}

fn write_fallback(session: &Session, arguments: &SwapRoles, planned: &Planned) -> Result<(), Stop> {
    let Some(file) = arguments.fallback.as_deref().filter(|_| !to_stdout(arguments)) else { return Ok(()) };
    let text = fallback::document(session, &planned.plan, &planned.snapshot);
    std::fs::write(file, text).map_err(|error| {
        Stop::new(Exit::Failed, format!("the fallback plan cannot be written to {}: {error}", file.display()))
            .hint("nothing was changed; name a file that can be written")
    })?;
    say(format!("the same by hand: {}", file.display()));
    Ok(())
}

/// Whether the question can be put that comes before a run.
pub(super) fn can_ask(arguments: &SwapRoles) -> Result<(), Stop> {
    if arguments.dry_run || arguments.yes || prompt::can_ask() {
        return Ok(());
    }
    Err(Stop::new(Exit::Usage, "there is no terminal to ask on")
        .hint("add `--yes` to go on without asking, or `--dry-run` to see the plan"))
}

pub(super) fn nothing_to_do(planned: &Planned) -> String {
    let roles = planned.snapshot.roles.iter().filter_map(|(environment, state)| {
        state.production().map(|side| format!("{environment}: {side} is production"))
    });
    let roles: Vec<String> = roles.collect();
    format!("nothing to do ({})", roles.join(", "))
}

pub(super) fn same_digest(plan: &Plan, arguments: &SwapRoles) -> Result<(), Stop> {
    let digest = plan.digest();
    match &arguments.plan_digest {
        Some(reviewed) if !digest.is_named_by(reviewed) => Err(Stop::new(
            Exit::Refused,
            format!("the plan is not the one that was reviewed: its digest is {digest}, not {reviewed}"),
        )
        .hint("look at it with `--dry-run`, and give its digest")),
        Some(_) | None => Ok(()),
    }
}

fn ask(plan: &Plan, yes: bool) -> Result<(), Stop> {
    match (&plan.pivot, plan.intent, &plan.release) {
        (_, Intent::Drill, _) => {
            let question =
                "This rehearses what moves nobody: it restores backups beside the stand-by's data.";
            prompt::confirm(question, "yes", yes)
        }
        (None, Intent::Reprotect, _) if plan.steps().all(|step| step.action.as_sync_store().is_none()) => {
            let question =
                format!("This brings settings and embargoes of {} into line with its roles.", plan.pair);
            prompt::confirm(&question, "yes", yes)
        }
        (None, Intent::Reprotect, _) => {
            let question = format!(
                "This writes over the data of the side of {} that was lost, once it is kept.",
                plan.pair
            );
            prompt::confirm(&question, plan.pair.as_str(), yes)
        }
        (Some(_), _, _) => {
            prompt::confirm(&format!("This moves the users of {}.", plan.pair), plan.pair.as_str(), yes)
        }
        (None, _, Some(release)) => {
            let question = format!("This deploys {release} to the stand-by and moves nobody.");
            prompt::confirm(&question, plan.pair.as_str(), yes)
        }
        (None, _, None) => prompt::confirm("This changes TTLs and moves nobody.", "yes", yes),
    }
}

/// Says how a run left off, and reports it.
pub(super) async fn finished(session: &Session, arguments: &SwapRoles, end: &RunEnd) -> Outcome {
    let journal = session.engine.journal().await?;
    let Some(run) = journal.state().run(&end.run) else {
        return Err(Stop::new(Exit::Failed, format!("run {} is not in the journal", end.run)));
    };
    announce::left_off(&session.engine.ports, run, end).await;
    let report = Report::of(run).against(run, &session.pair.pair);
    let output = arguments.common.output;
    if output == Output::Table {
        show_roles(session, &journal, run).await?;
    }
    render::out(&render::run::report(&report, output)?)?;
    let undid =
        run.plan.steps().any(|step| matches!(run.step(&step.id).back, Some(StepState::Succeeded { .. })));
    match (end.outcome, &end.paused) {
        (Some(RunOutcome::Undone), _) if run.plan.intent == Intent::Reprotect => Err(not_reprotected(end)),
        (Some(RunOutcome::Undone), _) => Err(undone(end, undid)),
        (Some(outcome), _) => Ok(of_outcome(outcome, undid)),
        (None, Some(PauseReason::Operator)) => {
            Err(Stop::new(Exit::Interrupted, format!("run {} was stopped at a safe point", end.run))
                .hint("`swap-roles --resume` goes on, `swap-roles --abort` takes it back"))
        }
        (None, Some(PauseReason::FailedStep) | None) => Err(part_way(end)),
    }
}

async fn show_roles(session: &Session, journal: &Journal, run: &RunState) -> Result<(), Stop> {
    let (engine, environments) = (&session.engine, &session.pair.pair.environments);
    let snapshot = match (run.plan.intent, run.plan.shifts.first()) {
        // The other side may be gone.
        (Intent::Failover, Some(shift)) => engine.observe_lost(environments, journal, Some(&shift.to)).await,
        (_, Some(_) | None) => engine.observe(environments, journal.state()).await,
    };
    let roles = render::status::roles(&session.pair.pair, &snapshot, Output::Table);
    render::out(&format!("\n{roles}\n"))
}

/// What was frozen stays frozen, and what was kept stays kept: doing it again does no harm.
fn not_reprotected(end: &RunEnd) -> Stop {
    Stop::new(Exit::Failed, format!("run {} failed: {}", end.run, words(end))).hint(
        "the side stays as it is and is still owed; mend what failed and run `swap-roles --reprotect` again",
    )
}

fn words(end: &RunEnd) -> String {
    end.failures.iter().map(|failure| failure.message.clone()).collect::<Vec<_>>().join("; ")
}

fn undone(end: &RunEnd, undid: bool) -> Stop {
    let declined = end.failures.iter().any(|failure| failure.kind == FailureKind::Declined);
    let exit = if declined { Exit::Declined } else { of_outcome(RunOutcome::Undone, undid) };
    let what = if undid { "what it had done was undone" } else { "nothing was changed" };
    let why = words(end);
    if why.is_empty() {
        return Stop::new(exit, format!("run {} was taken back: {what}", end.run));
    }
    Stop::new(exit, format!("run {} failed and {what}: {why}", end.run))
}

fn part_way(end: &RunEnd) -> Stop {
    let unknown = end.failures.iter().any(|failure| failure.kind == FailureKind::Unknown);
    let exit = if unknown { Exit::Unknown } else { Exit::PartWay };
    Stop::new(exit, format!("run {} stopped part-way: {}", end.run, words(end)))
        .hint("mend what failed and go on with `swap-roles --resume`, or go back with `swap-roles --abort`")
}
