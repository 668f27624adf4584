//! Whether a swap was rehearsed: the same must have succeeded on another environment before.

use std::collections::BTreeSet;

use super::{Intent, Plan, PlanError, Shift};
use crate::action::Action;
use crate::journal::{Outcome, PairState, RunState};
use crate::model::{Environment, Pair};

const REFUSE: &str = "refuse writes";
const SYNC: &str = "sync data";
const THAW: &str = "let the new side take writes";
const SETTINGS: &str = "change settings";

/// Refuses a plan for an environment that names another one to rehearse on, unless the journal shows a run there that did all that
/// this plan does, with the same release, and was not taken back since.
pub(super) fn refuse_unrehearsed(pair: &Pair, history: &PairState, plan: &Plan) -> Result<(), PlanError> {
    for shift in &plan.shifts {
        let Ok(environment) = pair.environment(&shift.environment) else { continue };
        let Some(on) = &environment.policy.rehearse_on else { continue };
        evidence(history, plan, pair.environment(on)?).map_err(|why| PlanError::NotRehearsed {
            environment: shift.environment.clone(),
            on: on.clone(),
            why,
        })?;
    }
    Ok(())
}

/// What an environment without stores or settings cannot show is not asked of it.
fn evidence(history: &PairState, plan: &Plan, environment: &Environment) -> Result<(), String> {
    let on = &environment.name;
    let touches = |run: &&RunState| run.plan.shifts.iter().any(|shift: &Shift| shift.environment == *on);
    let swaps = |run: &&RunState| run.plan.pivot.is_some();
    let last = history.runs.iter().rev().map(AsRef::as_ref).find(|run| touches(run) && swaps(run));
    let Some(last) = last else { return Err(format!("no swap of {on} stands in the journal")) };
    let done = match last.finished {
        Some((Outcome::Completed | Outcome::CompletedWithExceptions, _)) => true,
        Some((Outcome::Undone | Outcome::Abandoned | Outcome::Superseded, _)) | None => false,
    };
    if !done || last.plan.intent != Intent::Switchover {
        return Err(format!("the latest swap of {on}, run {}, is no switchover that succeeded", last.id));
    }
    if last.plan.release != plan.release {
        let shown = |plan: &Plan| plan.release.as_ref().map_or("no release".to_owned(), ToString::to_string);
        return Err(format!("run {} on {on} was with {}, not {}", last.id, shown(&last.plan), shown(plan)));
    }
    let rehearsable = |kind: &&str| match *kind {
        REFUSE | SYNC | THAW => !environment.stores.is_empty(),
        SETTINGS => !environment.settings.is_empty(),
        _ => true,
    };
    let missing: Vec<&str> =
        kinds(plan).difference(&kinds(&last.plan)).copied().filter(rehearsable).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("run {} on {on} did not {}", last.id, missing.join(", nor ")))
}

/// What a plan does, as far as a rehearsal can show it.
fn kinds(plan: &Plan) -> BTreeSet<&'static str> {
    let kind = |action: &Action| match action {
        Action::ChangeRecords(_) => Some("change records"),
        Action::FreezeStore(_) => Some(REFUSE),
        Action::SyncStore(_) => Some(SYNC),
        Action::ThawStore(_) => Some(THAW),
        Action::Deploy(_) => Some("deploy"),
        Action::ChangeSettings(_) => Some(SETTINGS),
        Action::SetEmbargo(_) => Some("lay an embargo"),
        Action::SwitchSchedules(_)
        | Action::AwaitRecords(_)
        | Action::RunChecks(_)
        | Action::ProveFrozen(_)
        | Action::VerifyBackup(_)
        | Action::Hold(_)
        | Action::TakeOver(_)
        | Action::FenceLost(_)
        | Action::KeepData(_)
        | Action::Gate(_)
        | Action::Soak(_)
        | Action::Announce(_)
        | Action::WriteRoleTable(_) => None,
    };
    plan.steps().filter_map(|step| kind(&step.action)).collect()
}
