//! The rows of the role table, from who holds which role.

use std::collections::BTreeMap;

use super::RoleState;
use crate::model::{EnvironmentName, Holding, Pair, ReleaseName, RoleRow, Side, SideName};

/// What is known of a side in an environment beside its role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// The release that runs there.
    pub release: Option<ReleaseName>,
    /// How the side is.
    pub status: Option<String>,
}

/// What a side is where the roles are these.
pub fn holding(roles: Option<&RoleState>, side: &SideName) -> Holding {
    match roles {
        Some(RoleState::Settled { production }) if production == side => Holding::Production,
        Some(RoleState::Settled { .. }) => Holding::Standby,
        Some(RoleState::Split { .. }) => Holding::PartWay,
        Some(RoleState::Unknown) | None => Holding::Unknown,
    }
}

/// One row a side for each of these environments, in the order of the pair. `noted` adds what is known beside the roles.
pub fn role_rows(
    pair: &Pair,
    shown: &[EnvironmentName],
    roles: &BTreeMap<EnvironmentName, RoleState>,
    noted: impl Fn(&EnvironmentName, &SideName) -> Noted,
) -> Vec<RoleRow> {
    let environments = pair.environments.iter().map(|environment| &environment.name);
    let shown = environments.filter(|environment| shown.contains(environment));
    let row = |environment: &EnvironmentName, side: &Side| {
        let Noted { release, status } = noted(environment, &side.name);
        RoleRow {
            side: side.name.clone(),
            project: side.project.clone(),
            columns: side.columns.clone(),
            environment: environment.clone(),
            holding: holding(roles.get(environment), &side.name),
            release,
            status,
        }
    };
    shown
        .flat_map(|environment| pair.sides.iter().map(move |side| (environment, side)))
        .map(|(environment, side)| row(environment, side))
        .collect()
}
