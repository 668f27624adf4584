//! Settings, embargoes and schedules that do not fit the roles, brought into line by a reprotect: a failover leaves them alone because nothing may
//! wait for them, and a swap where somebody said so or closed it part-way.

use super::release::{CHANGE_DEADLINE, Deliveries};
use super::steps::{stage, step};
use super::{OnFailure, Stage, Step};
use crate::action::{Action, ChangeSettings, PlannedSetting};
use crate::journal::PairState;
use crate::model::{Activity, Environment, EnvironmentName, Pair, Role, SettingRef, SideName};
use crate::observe::{RoleState, Snapshot};

/// A side of an environment, and what it is there.
struct Holder<'a> {
    environment: &'a EnvironmentName,
    side: SideName,
    role: Role,
}

/// The stage, where something is out of line. A release keeps what it holds until its end. Each step may fail: data is not held up by it, and the next reprotect sees
/// what is left.
pub(super) fn in_line(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    environments: &[EnvironmentName],
) -> Option<Stage> {
    let deliveries = Deliveries { pair, snapshot };
    let left = environments.iter().filter(|environment| history.unfinalized(environment).is_none());
    let holders: Vec<Holder<'_>> =
        left.filter_map(|environment| holders(pair, snapshot, environment)).flatten().collect();
    let each = holders.iter().flat_map(|holder| deliveries.of_role(holder));
    let steps = each.map(|made| made.map(|made| Step { on_failure: OnFailure::Note, undo: None, ..made }));
    stage("Bring settings, embargoes and schedules into line with the roles", steps)
}

fn holders<'a>(
    pair: &Pair,
    snapshot: &Snapshot,
    environment: &'a EnvironmentName,
) -> Option<[Holder<'a>; 2]> {
    let production = snapshot.roles.get(environment).and_then(RoleState::production)?.clone();
    let standby = pair.opposite(&production).ok()?.name.clone();
    Some([
        Holder { environment, side: production, role: Role::Production },
        Holder { environment, side: standby, role: Role::Standby },
    ])
}

impl Deliveries<'_> {
    fn of_role(&self, holder: &Holder<'_>) -> [Option<Step>; 3] {
        let Holder { environment, side, role } = holder;
        let activity = match role {
            Role::Production => Activity::Paused,
            Role::Standby => Activity::Active,
        };
        let lies = self.imposed(side, environment);
        [
            self.other_settings(holder),
            if lies { self.lift(side, environment) } else { None },
            self.switch(side, environment, activity),
        ]
    }

    /// The settings that say the other role. What says neither is for people.
    fn other_settings(&self, holder: &Holder<'_>) -> Option<Step> {
        let Holder { environment, side, role } = holder;
        let all = self.pair.environment(environment).into_iter().flat_map(Environment::settings);
        let settings: Vec<PlannedSetting> =
            all.filter_map(|setting| self.other_setting(side, *role, setting)).collect();
        if settings.is_empty() {
            return None;
        }
        let change = ChangeSettings { side: side.clone(), role: *role, settings };
        step(&format!("settings of {side}/{environment}"), Action::ChangeSettings(change), CHANGE_DEADLINE)
    }

    fn other_setting(&self, side: &SideName, role: Role, setting: SettingRef) -> Option<PlannedSetting> {
        let seen = self.snapshot.deliveries.get(side)?.settings.get(&setting)?;
        let to = self.snapshot.meant.get(&setting)?.get(&role)?.clone();
        let from = seen.fingerprint.clone();
        (seen.says == Some(role.other())).then_some(PlannedSetting { setting, from, to })
    }
}
