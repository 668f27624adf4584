//! The rules about releases: one side at a time, never without the embargo, approved before anybody is moved.

use std::collections::BTreeMap;

use super::Checker;
use crate::action::{
    Action, ChangeSettings, Deploy, Gate, PlannedSetting, Rule, SetEmbargo, SwitchSchedules,
};
use crate::model::{Activity, EnvironmentName, Role, SideName};
use crate::plan::{Intent, Shift, Step, Waiver};
use crate::port::SyncPurpose;

impl<'a> Checker<'a> {
    pub(super) fn delivered<T>(
        &self,
        wanted: impl Fn(&'a Action) -> Option<&'a T>,
    ) -> Vec<(usize, &'a Step, &'a T)> {
        let stages = self.plan.stages.iter().enumerate();
        let steps = stages.flat_map(|(place, stage)| stage.steps.iter().map(move |step| (place, step)));
        steps.filter_map(|(place, step)| Some((place, step, wanted(&step.action)?))).collect()
    }

    /// The rules of every plan that touches a delivery, and of gates.
    pub(super) fn releases(&mut self) {
        match self.plan.intent {
            Intent::Switchover | Intent::Revert | Intent::Finalize => {
                self.deployments();
                self.embargoes();
                self.settings();
                self.schedules();
                self.gates();
            }
            // Its own rules are stricter.
            Intent::Drill => {}
            Intent::Reprotect => self.in_line(),
            Intent::Prepare | Intent::RestoreTtl | Intent::Sync | Intent::Failover => {
                let delivers = |action: &Action| match action {
                    Action::Deploy(_)
                    | Action::SetEmbargo(_)
                    | Action::SwitchSchedules(_)
                    | Action::ChangeSettings(_)
                    | Action::Gate(_)
                    | Action::Soak(_) => true,
                    Action::ChangeRecords(_)
                    | Action::AwaitRecords(_)
                    | Action::RunChecks(_)
                    | Action::ProveFrozen(_)
                    | Action::VerifyBackup(_)
                    | Action::Hold(_)
                    | Action::FreezeStore(_)
                    | Action::ThawStore(_)
                    | Action::SyncStore(_)
                    | Action::TakeOver(_)
                    | Action::FenceLost(_)
                    | Action::KeepData(_)
                    | Action::Announce(_)
                    | Action::WriteRoleTable(_) => false,
                };
                let none = !self.plan.steps().any(|step| delivers(&step.action));
                self.require(none, self.plan.intent, "only a swap and its end touch releases and settings");
            }
        }
    }

    /// The side that is not production when a stage begins.
    fn standby_at(&self, place: usize, environment: &EnvironmentName) -> Option<SideName> {
        let shift = self.plan.shifts.iter().find(|shift| shift.environment == *environment)?;
        let crossed = self.plan.pivot_stage().is_some_and(|pivot| place >= pivot);
        let production = if crossed { &shift.to } else { &shift.from };
        Some(self.pair.opposite(production).ok()?.name.clone())
    }

    fn deployments(&mut self) {
        let deploys = self.delivered(Action::as_deploy);
        for (place, step, deploy) in &deploys {
            let standby = self.standby_at(*place, &deploy.environment);
            self.require(
                standby.as_ref() == Some(&deploy.side),
                &step.id,
                "a release goes to the stand-by only",
            );
            let other = self.pair.opposite(&deploy.side).is_ok_and(|side| side.name == deploy.other);
            self.require(other, &step.id, "a deployment watches that nothing is deployed to the other side");
            let before = self.plan.pivot_stage().is_none_or(|pivot| *place < pivot);
            self.require(before, &step.id, "a release is deployed before users are moved");
            self.require(
                self.is_under_embargo(*place, deploy) || self.waives(&Waiver::Embargo),
                &step.id,
                "production is under embargo before anything is deployed",
            );
            let named = self.plan.release.as_ref() == Some(&deploy.release);
            self.require(named, &step.id, "a plan deploys the release that it names");
        }
        let deploys_none = self.waives(&Waiver::Deployment) && deploys.is_empty();
        if self.plan.release.is_some() && !self.plan.is_empty() && !deploys_none {
            for shift in &self.plan.shifts {
                let some = deploys.iter().any(|(_, _, deploy)| deploy.environment == shift.environment);
                self.require(some, &shift.environment, "a release reaches every environment of its plan");
            }
        }
    }

    /// Whether the other side's embargo lies by then, where that side has any.
    fn is_under_embargo(&self, place: usize, deploy: &Deploy) -> bool {
        if !self.has_embargo(&deploy.other, &deploy.environment) {
            return true;
        }
        self.delivered(Action::as_set_embargo).iter().any(|(earlier, _, set)| {
            let there = set.side == deploy.other && set.environment == deploy.environment;
            *earlier < place && there && set.rule == Rule::Imposed
        })
    }

    pub(super) fn has_embargo(&self, side: &SideName, environment: &EnvironmentName) -> bool {
        let view = self.snapshot.deliveries.get(side);
        view.is_some_and(|view| view.embargoes.contains_key(environment))
    }

    /// An embargo of production lies until everything else of its plan is done, and of a release until its end.
    fn embargoes(&mut self) {
        let deploys: Vec<usize> =
            self.delivered(Action::as_deploy).iter().map(|(place, ..)| *place).collect();
        let pivot = self.plan.pivot_stage().unwrap_or_default();
        for (place, step, set) in self.delivered(Action::as_set_embargo) {
            let SetEmbargo { side, environment, rule } = set;
            let of_plan = self.plan.shifts.iter().any(|shift| shift.environment == *environment);
            self.require(of_plan, &step.id, "only environments of the plan get or lose an embargo");
            if *rule == Rule::Imposed {
                continue;
            }
            let standby = self.standby_at(place, environment);
            let opens_standby = self.plan.intent == Intent::Finalize && standby.as_ref() == Some(side);
            let late = place > pivot && deploys.iter().all(|deploy| *deploy < place);
            let closes = late && (self.plan.intent != Intent::Switchover || self.plan.release.is_none());
            self.require(
                opens_standby || closes,
                &step.id,
                "an embargo is lifted when the swap is done, and of a release when it is finalized or reverted",
            );
        }
    }

    /// After the plan every setting that was found has the value of the role that its side has then.
    fn settings(&mut self) {
        let pivot = self.plan.pivot_stage();
        let changes = self.delivered(Action::as_change_settings);
        for (place, step, change) in &changes {
            let late = pivot.is_some_and(|pivot| *place > pivot);
            self.require(late, &step.id, "settings change after users were moved");
            for planned in &change.settings {
                self.setting(step, change, planned);
            }
        }
        for shift in &self.plan.shifts {
            if pivot.is_some() && !self.waives(&Waiver::Settings) {
                self.every_setting(shift, &changes);
            }
        }
    }

    fn setting(&mut self, step: &Step, change: &ChangeSettings, planned: &PlannedSetting) {
        let shift = self.plan.shifts.iter().find(|shift| shift.environment == planned.setting.environment);
        let role = shift.map(|shift| if shift.to == change.side { Role::Production } else { Role::Standby });
        self.require(
            role == Some(change.role),
            &step.id,
            "a side gets the settings of the role that it takes",
        );
        let view = self.snapshot.deliveries.get(&change.side);
        let seen = view.and_then(|view| view.settings.get(&planned.setting));
        let starts = seen.is_some_and(|seen| seen.fingerprint == planned.from);
        self.require(starts, &planned.setting, "a setting changes from what was read");
    }

    fn every_setting(&mut self, shift: &Shift, changes: &[(usize, &'a Step, &'a ChangeSettings)]) {
        for (side, role) in [(&shift.to, Role::Production), (&shift.from, Role::Standby)] {
            let planned: BTreeMap<_, _> = changes
                .iter()
                .filter(|(_, _, change)| change.side == *side)
                .flat_map(|(_, _, change)| &change.settings)
                .map(|planned| (&planned.setting, &planned.to))
                .collect();
            let Some(view) = self.snapshot.deliveries.get(side) else { continue };
            for (setting, seen) in view.settings.iter().filter(|(s, _)| s.environment == shift.environment) {
                let after = planned.get(setting).copied().unwrap_or(&seen.fingerprint);
                let meant = self.snapshot.meant.get(setting).and_then(|meant| meant.get(&role));
                let place = format!("{setting} on side {side}");
                self.require(meant == Some(after), place, "after the swap a setting fits its side's role");
            }
        }
    }

    fn schedules(&mut self) {
        for (_, step, SwitchSchedules { side, to, .. }) in self.delivered(Action::as_switch_schedules) {
            let last = self.plan.stages.len();
            let standby = self
                .plan
                .shifts
                .iter()
                .any(|shift| self.standby_at(last, &shift.environment).as_ref() == Some(side));
            self.require(
                *to == Activity::Paused || standby,
                &step.id,
                "what is for the stand-by is resumed on the side that is the stand-by afterwards",
            );
        }
    }

    fn gates(&mut self) {
        let gates = self.delivered(Action::as_gate);
        let frozen = self.delivered(Action::as_freeze_store).iter().map(|(place, ..)| *place).min();
        let finals = self.delivered(Action::as_sync_store);
        let last =
            finals.iter().find(|(_, _, sync)| sync.purpose == SyncPurpose::Final).map(|(place, ..)| *place);
        for (place, step, _) in &gates {
            let first = [frozen, last, self.plan.pivot_stage()].into_iter().flatten().min();
            self.require(
                first.is_some_and(|first| *place < first),
                &step.id,
                "a run waits before writes are refused and before anybody is moved",
            );
        }
        if self.plan.intent != Intent::Switchover || self.plan.is_empty() {
            return;
        }
        for shift in &self.plan.shifts {
            let Ok(environment) = self.pair.environment(&shift.environment) else { continue };
            for group in &environment.policy.approval.groups {
                let asks = |gate: &Gate| {
                    gate.groups.iter().any(|asked| {
                        asked.name == group.name
                            && asked.members == group.members
                            && asked.needed >= group.needed
                    })
                };
                let asked = gates.iter().any(|(_, _, gate)| asks(gate))
                    || self.waives(&Waiver::Approval(group.name.clone()));
                self.require(
                    asked,
                    &group.name,
                    "every group of an environment is asked before it is swapped",
                );
            }
            let windows = !environment.policy.windows.is_empty();
            let waits = gates.iter().any(|(_, _, gate)| !gate.windows.is_empty());
            self.require(
                !windows || waits || self.waives(&Waiver::Window),
                &shift.environment,
                "an environment that has windows is swapped in one of them",
            );
        }
    }
}

/// Whether what undoes a step at a delivery is its opposite, or nothing.
pub(super) fn takes_back(action: &Action, undo: Option<&Action>) -> bool {
    undo.is_none_or(|undo| match (action, undo) {
        (Action::SetEmbargo(done), Action::SetEmbargo(undo)) => done.inverse() == *undo,
        (Action::SwitchSchedules(done), Action::SwitchSchedules(undo)) => done.inverse() == *undo,
        _ => false,
    })
}
