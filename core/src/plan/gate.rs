//! The gate of a swap: which groups must approve, and which windows it may go through.

use std::time::Duration;

use jiff::Timestamp;

use super::steps::{stage, step};
use super::{PlanError, Request, Shift, Stage, Waiver};
use crate::action::{Action, Gate, PlannedCheck, Soak, Window, milliseconds};
use crate::model::{EnvironmentName, Group, Pair, SwapPolicy};

/// A gate's own limits end it long before this.
const GATE_DEADLINE: Duration = Duration::from_secs(400 * 86_400);
/// How long a soak may take beyond its own time.
const SOAK_SLACK: Duration = Duration::from_secs(60);

fn policies<'a>(
    pair: &'a Pair,
    shifts: &'a [Shift],
) -> impl Iterator<Item = (&'a EnvironmentName, &'a SwapPolicy)> {
    shifts
        .iter()
        .filter_map(|shift| Some((&shift.environment, &pair.environment(&shift.environment).ok()?.policy)))
}

/// The stage in which a swap waits until it may happen, if it has to.
pub(super) fn gate_stage(
    pair: &Pair,
    request: &Request,
    shifts: &[Shift],
) -> Result<Option<Stage>, PlanError> {
    let skipped = |group: &Group| request.waivers.contains(&Waiver::Approval(group.name.clone()));
    let groups: Vec<Group> = groups(pair, shifts).into_iter().filter(|group| !skipped(group)).collect();
    let windows = windows(pair, request, shifts)?;
    if groups.is_empty() && windows.is_empty() {
        return Ok(None);
    }
    let title = match (groups.is_empty(), windows.is_empty()) {
        (false, true) => "Wait for approvals",
        (true, _) => "Wait for the window",
        (false, false) => "Wait for approvals and the window",
    };
    let approvals = || policies(pair, shifts).map(|(_, policy)| &policy.approval);
    let expire = approvals().map(|approval| approval.expire).min().unwrap_or_default();
    let by_requester = approvals().all(|approval| approval.by_requester || approval.groups.is_empty());
    let gate = Gate { groups, by_requester, windows, expire_ms: milliseconds(expire) };
    Ok(stage(title, [step("gate", Action::Gate(gate), GATE_DEADLINE)]))
}

/// Whoever is left out must be somebody who would be asked.
pub(super) fn refuse_unknown_groups(
    pair: &Pair,
    request: &Request,
    shifts: &[Shift],
) -> Result<(), PlanError> {
    let known = groups(pair, shifts);
    let mut left_out = request.waivers.iter().filter_map(Waiver::group);
    match left_out.find(|group| known.iter().all(|asked| asked.name != **group)) {
        Some(group) => {
            let known = known.into_iter().map(|asked| asked.name).collect();
            Err(PlanError::NoSuchGroup { group: group.clone(), known })
        }
        None => Ok(()),
    }
}

/// The groups of every environment; one that several name counts once, as strictly as the strictest.
fn groups(pair: &Pair, shifts: &[Shift]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for group in policies(pair, shifts).flat_map(|(_, policy)| &policy.approval.groups) {
        match groups.iter_mut().find(|known| known.name == group.name && known.members == group.members) {
            Some(known) => known.needed = known.needed.max(group.needed),
            None => groups.push(group.clone()),
        }
    }
    groups
}

/// The times in which every environment may be swapped and that somebody asked for.
fn windows(pair: &Pair, request: &Request, shifts: &[Shift]) -> Result<Vec<Window>, PlanError> {
    let mut open: Option<Vec<Window>> = request.at.map(|at| vec![Window { opens: at, closes: None }]);
    for (environment, policy) in policies(pair, shifts) {
        if policy.windows.is_empty() || request.waivers.contains(&Waiver::Window) {
            continue;
        }
        let of_environment = request.windows.get(environment).cloned().unwrap_or_default();
        let both = match open {
            Some(open) => in_both(&open, &of_environment),
            None => of_environment,
        };
        if both.is_empty() {
            return Err(PlanError::NoWindow(environment.clone()));
        }
        open = Some(both);
    }
    Ok(open.unwrap_or_default())
}

fn in_both(one: &[Window], other: &[Window]) -> Vec<Window> {
    let mut both: Vec<Window> =
        one.iter().flat_map(|a| other.iter().filter_map(move |b| overlap(a, b))).collect();
    both.sort_by_key(|window| window.opens);
    both
}

fn overlap(a: &Window, b: &Window) -> Option<Window> {
    let opens = a.opens.max(b.opens);
    let closes = match (a.closes, b.closes) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    closes.is_none_or(|closes: Timestamp| opens < closes).then_some(Window { opens, closes })
}

/// The stage in which the new production is watched, if an environment asks for it.
pub(super) fn soak_stage(pair: &Pair, shifts: &[Shift], checks: Vec<PlannedCheck>) -> Option<Stage> {
    let soak = policies(pair, shifts).filter_map(|(_, policy)| policy.soak).max()?;
    let action = Action::Soak(Soak { for_ms: milliseconds(soak), checks });
    stage("Watch the new production", [step("soak", action, soak + SOAK_SLACK)])
}
