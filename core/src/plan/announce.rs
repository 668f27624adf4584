//! What a plan tells people: announcements beside its stages, and the role table at its end.

use std::collections::BTreeMap;

use super::steps::step;
use super::{OnFailure, Plan, Stage, Step};
use crate::action::{ANNOUNCE_DEADLINE, Action, Announce, ROLE_TABLE_DEADLINE, Servers, WriteRoleTable};
use crate::journal::PairState;
use crate::model::{EnvironmentName, Moment, Pair};
use crate::observe::{Noted, RoleState, Snapshot, role_rows};

/// Puts into a swap what it tells people. Nothing of it can stop the run, and nothing waits for an announcement.
pub(super) fn tell(plan: &mut Plan, pair: &Pair, snapshot: &Snapshot, history: &PairState) {
    let Some(pivot) = plan.pivot_stage() else { return };
    // Never in the pivot's own stage: one of its steps that acted means that there is no way back.
    let first = usize::from(pivot == 0);
    put(plan, first, "Announce the beginning", announcements(pair, Moment::Begins));
    let served = served_after(plan);
    put(plan, served, "Announce the new production", announcements(pair, Moment::Swapped));
    let end: Vec<Step> = announcements(pair, Moment::Finished)
        .into_iter()
        .chain(role_table(plan, pair, snapshot, history))
        .collect();
    if !end.is_empty() {
        plan.stages.push(Stage { title: "Tell how it ended".to_owned(), steps: end });
    }
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
        | Action::Announce(_)
        | Action::WriteRoleTable(_) => false,
    };
    let is_last =
        |stage: &Stage| stage.steps.iter().any(|step| asks(&step.action) && !restores(&step.action));
    plan.stages.iter().rposition(is_last).map_or(plan.stages.len(), |place| place + 1)
}

/// Whether an action only sets TTLs back.
fn restores(action: &Action) -> bool {
    action.as_change_records().is_some_and(|change| change.purpose == crate::action::Purpose::RestoreTtl)
}

fn announcements(pair: &Pair, moment: Moment) -> Vec<Step> {
    let steps = pair.announce.iter().filter_map(|to| {
        let id = format!("announce to {to}: {}", moment.key());
        let announce = Announce { moment, to: to.clone(), release: None };
        let step = step(&id, Action::Announce(announce), ANNOUNCE_DEADLINE)?;
        Some(Step { on_failure: OnFailure::Note, ..step })
    });
    steps.collect()
}

/// Writes the role table as the plan leaves it, if the pair has one.
fn role_table(plan: &Plan, pair: &Pair, snapshot: &Snapshot, history: &PairState) -> Option<Step> {
    let shown = pair.role_table.as_ref()?;
    let roles = roles_afterwards(plan, snapshot, history);
    let rows = role_rows(pair, shown, &roles, |_, _| Noted::default());
    let step =
        step("write the role table", Action::WriteRoleTable(WriteRoleTable { rows }), ROLE_TABLE_DEADLINE)?;
    Some(Step { on_failure: OnFailure::Note, ..step })
}

/// The roles that a plan leads to. Of environments that it does not touch, what was seen; of those that were not looked at, what the
/// journal says.
pub(super) fn roles_afterwards(
    plan: &Plan,
    snapshot: &Snapshot,
    history: &PairState,
) -> BTreeMap<EnvironmentName, RoleState> {
    let settled = |side: &crate::model::SideName| RoleState::Settled { production: side.clone() };
    let written = history.production.iter().map(|(environment, side)| (environment.clone(), settled(side)));
    let mut roles: BTreeMap<EnvironmentName, RoleState> = written.collect();
    roles.extend(snapshot.roles.clone());
    roles.extend(plan.shifts.iter().map(|shift| (shift.environment.clone(), settled(&shift.to))));
    roles
}
