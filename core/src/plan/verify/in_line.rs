//! The rules about what a reprotect does to settings, embargoes and schedules: they follow the roles, and nothing is decided anew.

use super::Checker;
use crate::action::{Action, ChangeSettings, PlannedSetting, Rule, SwitchSchedules};
use crate::model::{Activity, EnvironmentName, Role, ScheduleId, SideName};
use crate::observe::RoleState;
use crate::plan::Step;

/// Whether an action follows the roles and holds up no data.
pub(super) fn brings_into_line(action: &Action) -> bool {
    action.as_change_settings().is_some()
        || action.as_set_embargo().is_some()
        || action.as_switch_schedules().is_some()
}

impl Checker<'_> {
    pub(super) fn in_line(&mut self) {
        for (_, step, change) in self.delivered(Action::as_change_settings) {
            for planned in &change.settings {
                self.setting_in_line(step, change, planned);
                self.no_open_release(step, &planned.setting.environment);
            }
        }
        for (_, step, set) in self.delivered(Action::as_set_embargo) {
            self.require(set.rule == Rule::Lifted, &step.id, "a reprotect lays no embargo");
            self.no_open_release(step, &set.environment);
        }
        for (_, step, switch) in self.delivered(Action::as_switch_schedules) {
            let right = switch.schedules.iter().all(|schedule| self.schedule_in_line(switch, &schedule.id));
            self.require(
                right,
                &step.id,
                "a reprotect lets run on the stand-by alone what is for the stand-by",
            );
        }
    }

    fn role_now(&self, side: &SideName, environment: &EnvironmentName) -> Option<Role> {
        let production = self.snapshot.roles.get(environment).and_then(RoleState::production)?;
        Some(if production == side { Role::Production } else { Role::Standby })
    }

    fn setting_in_line(&mut self, step: &Step, change: &ChangeSettings, planned: &PlannedSetting) {
        let PlannedSetting { setting, from, to } = planned;
        let has = self.role_now(&change.side, &setting.environment) == Some(change.role);
        let meant = self.snapshot.meant.get(setting).and_then(|meant| meant.get(&change.role));
        self.require(
            has && meant == Some(to),
            &step.id,
            "a reprotect gives a side the settings of the role that it has",
        );
        let seen = self.snapshot.deliveries.get(&change.side).and_then(|view| view.settings.get(setting));
        let other =
            seen.is_some_and(|seen| seen.says == Some(change.role.other()) && seen.fingerprint == *from);
        self.require(other, &step.id, "a reprotect changes only settings that say the other role");
    }

    fn no_open_release(&mut self, step: &Step, environment: &EnvironmentName) {
        let none = self.history.unfinalized(environment).is_none();
        self.require(none, &step.id, "a reprotect leaves alone what a release holds until its end");
    }

    fn schedule_in_line(&self, switch: &SwitchSchedules, id: &ScheduleId) -> bool {
        let view = self.snapshot.deliveries.get(&switch.side);
        let mut known = view.into_iter().flat_map(|view| &view.schedules);
        let environment = known.find(|(_, schedules)| schedules.iter().any(|known| known.id == *id));
        let role = environment.and_then(|(environment, _)| self.role_now(&switch.side, environment));
        match switch.to {
            Activity::Paused => role == Some(Role::Production),
            Activity::Active => role == Some(Role::Standby),
        }
    }
}
