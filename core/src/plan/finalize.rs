//! The plan that ends a release: the former production gets it too, and data flows to it again.

use super::release::Deliveries;
use super::steps::{Names, restore_stage, standby_checks};
use super::stores::follow;
use super::{Intent, Plan, PlanError, Request, Shift};
use crate::journal::PairState;
use crate::model::{EnvironmentName, Pair, ReleaseName, SideName};
use crate::observe::{NameView, RoleState, Snapshot};

/// The environments of a request in which a release waits for its end, with their production side.
fn waiting(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<(ReleaseName, Vec<Shift>), PlanError> {
    let asked = super::planner::asked_for(pair, request)?;
    let open: Vec<(EnvironmentName, &ReleaseName)> = asked
        .into_iter()
        .filter_map(|environment| {
            let release = history.unfinalized(&environment)?.plan.release.as_ref()?;
            Some((environment, release))
        })
        .collect();
    let Some((_, release)) = open.first() else { return Err(PlanError::NothingToFinalize) };
    if let Some((_, other)) = open.iter().find(|(_, other)| other != release) {
        return Err(PlanError::ReleasesDiffer { one: (*release).clone(), other: (*other).clone() });
    }
    let release = (*release).clone();
    let shifts = open.into_iter().map(|(environment, _)| {
        let production = snapshot.roles.get(&environment).and_then(RoleState::production);
        let production = production.ok_or_else(|| PlanError::NoProduction(environment.clone()))?.clone();
        Ok(Shift { environment, from: production.clone(), to: production })
    });
    Ok((release, shifts.collect::<Result<_, PlanError>>()?))
}

/// Makes the plan.
pub(super) fn finalize(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
) -> Result<Plan, PlanError> {
    let (release, shifts) = waiting(pair, snapshot, history, request)?;
    let standby = standby(pair, &shifts)?;
    let deliveries = Deliveries { pair, snapshot };
    let targets =
        shifts.iter().zip(&standby).map(|(shift, (environment, side))| (environment, side, &shift.to));
    // The stand-by's checks ask the side that a shift leads to.
    let to_standby: Vec<Shift> = shifts
        .iter()
        .zip(&standby)
        .map(|(shift, (_, side))| Shift { to: side.clone(), ..shift.clone() })
        .collect();
    let views: Vec<&NameView> = snapshot
        .names
        .iter()
        .filter(|view| shifts.iter().any(|shift| shift.environment == view.environment))
        .collect();
    let stages = [
        deliveries.shield(&shifts),
        deliveries.admit(&standby),
        deliveries.deploy(&release, "Deploy the release to the former production", targets),
        standby_checks(pair, snapshot, &to_standby, "check stand-by"),
        follow(pair, snapshot, &shifts),
        deliveries.release_over(&shifts, &standby),
        restore_stage(&Names::staying(&views), history),
    ];
    let mut plan = Plan {
        release: Some(release),
        shifts,
        stages: stages.into_iter().flatten().collect(),
        ..Plan::without_stages(pair, Intent::Finalize)
    };
    super::announce::tell_end(&mut plan, pair, snapshot, history);
    Ok(plan)
}

fn standby(pair: &Pair, shifts: &[Shift]) -> Result<Vec<(EnvironmentName, SideName)>, PlanError> {
    let each = shifts.iter().map(|shift| {
        let standby = pair.opposite(&shift.to)?.name.clone();
        Ok((shift.environment.clone(), standby))
    });
    each.collect()
}
