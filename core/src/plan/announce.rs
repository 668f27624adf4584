//! What a plan tells people: announcements beside its stages, and the role table at its end.

use std::collections::BTreeMap;

use super::steps::step;
use super::{OnFailure, Plan, Stage, Step, Waiver};
use crate::action::{ANNOUNCE_DEADLINE, Action, Announce, ROLE_TABLE_DEADLINE, Servers, WriteRoleTable};
use crate::journal::PairState;
use crate::model::{EnvironmentName, Moment, Pair, ReleaseName, SideName};
use crate::observe::{Noted, RoleState, Snapshot, role_rows};

/// Puts into a swap what it tells people. Nothing of it can stop the run, and nothing waits for an announcement.
pub(super) fn tell(plan: &mut Plan, pair: &Pair, snapshot: &Snapshot, history: &PairState) {
    let Some(pivot) = plan.pivot_stage() else { return };
    // Never in the pivot's own stage: one of its steps that acted means that there is no way back.
    let first = usize::from(pivot == 0);
    put(plan, first, "Announce the beginning", announcements(plan, pair, Moment::Begins));
    if let Some(gate) = asking_stage(plan) {
        put(plan, gate, "Ask for approvals", announcements(plan, pair, Moment::ApprovalNeeded));
    }
    let served = served_after(plan);
    put(plan, served, "Announce the new production", announcements(plan, pair, Moment::Swapped));
    tell_end(plan, pair, snapshot, history);
}

/// Puts into a plan what it tells people at its end.
pub(super) fn tell_end(plan: &mut Plan, pair: &Pair, snapshot: &Snapshot, history: &PairState) {
    let end: Vec<Step> = announcements(plan, pair, Moment::Finished)
        .into_iter()
        .chain(role_table(plan, pair, snapshot, history))
        .collect();
    if !end.is_empty() {
        plan.stages.push(Stage { title: "Tell how it ended".to_owned(), steps: end });
    }
}

/// The place of the stage in which people are waited for.
fn asking_stage(plan: &Plan) -> Option<usize> {
    let asks = |step: &Step| step.action.as_gate().is_some_and(|gate| !gate.groups.is_empty());
    plan.stages.iter().position(|stage| stage.steps.iter().any(asks))
}

/// Puts steps beside those of a stage, or into a stage of their own after the last one.
fn put(plan: &mut Plan, place: usize, title: &str, steps: Vec<Step>) {
    match plan.stages.get_mut(place) {
        Some(stage) => stage.steps.extend(steps),
        None if steps.is_empty() => {}
        None => plan.stages.push(Stage { title: title.to_owned(), steps }),
    }
}

/// The place of the stage before which everything was read back and checked.
fn served_after(plan: &Plan) -> usize {
    let asks = |action: &Action| match action {
        Action::AwaitRecords(wait) => matches!(wait.servers, Servers::Authoritative(_)),
        Action::RunChecks(_) | Action::ChangeRecords(_) | Action::ThawStore(_) => true,
        Action::Hold(_)
        | Action::FreezeStore(_)
        | Action::SyncStore(_)
        | Action::ProveFrozen(_)
        | Action::VerifyBackup(_)
        | Action::Announce(_)
        | Action::WriteRoleTable(_)
        | Action::Deploy(_)
        | Action::SetEmbargo(_)
        | Action::SwitchSchedules(_)
        | Action::ChangeSettings(_)
        | Action::TakeOver(_)
        | Action::FenceLost(_)
        | Action::KeepData(_)
        | Action::Gate(_)
        | Action::Soak(_) => false,
    };
    let is_last =
        |stage: &Stage| stage.steps.iter().any(|step| asks(&step.action) && !restores(&step.action));
    plan.stages.iter().rposition(is_last).map_or(plan.stages.len(), |place| place + 1)
}

/// Whether an action only sets TTLs back.
fn restores(action: &Action) -> bool {
    action.as_change_records().is_some_and(|change| change.purpose == crate::action::Purpose::RestoreTtl)
}

fn announcements(plan: &Plan, pair: &Pair, moment: Moment) -> Vec<Step> {
    let told = if plan.waivers.contains(&Waiver::Announcements) { &[] } else { pair.announce.as_slice() };
    let steps = told.iter().filter_map(|to| {
        let id = format!("announce to {to}: {}", moment.key());
        let announce = Announce { moment, to: to.clone(), release: plan.release.clone() };
        let step = step(&id, Action::Announce(announce), ANNOUNCE_DEADLINE)?;
        Some(Step { on_failure: OnFailure::Note, ..step })
    });
    steps.collect()
}

/// Writes the role table as the plan leaves it, if the pair has one.
fn role_table(plan: &Plan, pair: &Pair, snapshot: &Snapshot, history: &PairState) -> Option<Step> {
    let shown = pair.role_table.as_ref().filter(|_| !plan.waivers.contains(&Waiver::RoleTable))?;
    let roles = roles_afterwards(plan, snapshot, history);
    let rows = role_rows(pair, shown, &roles, |environment, side| Noted {
        release: release_afterwards(plan, snapshot, environment, side),
        ..Noted::default()
    });
    let step =
        step("write the role table", Action::WriteRoleTable(WriteRoleTable { rows }), ROLE_TABLE_DEADLINE)?;
    Some(Step { on_failure: OnFailure::Note, ..step })
}

/// The release that a side runs when a plan is done.
fn release_afterwards(
    plan: &Plan,
    snapshot: &Snapshot,
    environment: &EnvironmentName,
    side: &SideName,
) -> Option<ReleaseName> {
    let deploys = plan.steps().filter_map(|step| step.action.as_deploy());
    let planned = deploys.filter(|deploy| deploy.environment == *environment && deploy.side == *side);
    let planned = planned.map(|deploy| deploy.release.clone()).next();
    planned.or_else(|| snapshot.release(side, environment).cloned())
}

/// The roles that a plan leads to. Of environments that it does not touch, what was seen; of those that were not looked at, what the
/// journal says.
pub(super) fn roles_afterwards(
    plan: &Plan,
    snapshot: &Snapshot,
    history: &PairState,
) -> BTreeMap<EnvironmentName, RoleState> {
    let settled = |side: &SideName| RoleState::Settled { production: side.clone() };
    let written = history.production.iter().map(|(environment, side)| (environment.clone(), settled(side)));
    let mut roles: BTreeMap<EnvironmentName, RoleState> = written.collect();
    roles.extend(snapshot.roles.clone());
    roles.extend(plan.shifts.iter().map(|shift| (shift.environment.clone(), settled(&shift.to))));
    roles
}
