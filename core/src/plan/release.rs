//! The stages around a swap that are about releases: embargo, deployment, settings, schedules, and what closes a release.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::steps::{stage, step};
use super::{Shift, Stage, Step, Waiver};
use crate::action::{
    Action, ChangeSettings, Deploy, PlannedSchedule, PlannedSetting, Rule, SetEmbargo, SwitchSchedules,
};
use crate::model::{Activity, Environment, EnvironmentName, Pair, ReleaseName, Role, SettingRef, SideName};
use crate::observe::Snapshot;

/// How long a change at a side's delivery may take, unclear answers and second tries included.
pub(super) const CHANGE_DEADLINE: Duration = Duration::from_secs(300);
/// How long a deployment may take, from its order to its end.
const DEPLOY_DEADLINE: Duration = Duration::from_secs(2 * 3600);

/// The deliveries of both sides in a plan.
pub(super) struct Deliveries<'a> {
    pub(super) pair: &'a Pair,
    pub(super) snapshot: &'a Snapshot,
}

impl<'a> Deliveries<'a> {
    fn environment(&self, shift: &Shift) -> Option<&'a Environment> {
        self.pair.environment(&shift.environment).ok()
    }

    /// Keeps everybody from deploying to a side. What lies there already is not this run's to take back.
    fn impose(&self, side: &SideName, environment: &EnvironmentName) -> Option<Step> {
        let embargo = self.snapshot.deliveries.get(side)?.embargoes.get(environment)?;
        let imposed =
            SetEmbargo { side: side.clone(), environment: environment.clone(), rule: Rule::Imposed };
        let undo = embargo.imposed.is_none().then(|| Action::SetEmbargo(imposed.inverse()));
        let made =
            step(&format!("embargo {side}/{environment}"), Action::SetEmbargo(imposed), CHANGE_DEADLINE);
        made.map(|made| Step { undo, ..made })
    }

    pub(super) fn lift(&self, side: &SideName, environment: &EnvironmentName) -> Option<Step> {
        self.snapshot.deliveries.get(side)?.embargoes.get(environment)?;
        let lifted = SetEmbargo { side: side.clone(), environment: environment.clone(), rule: Rule::Lifted };
        step(
            &format!("lift the embargo of {side}/{environment}"),
            Action::SetEmbargo(lifted),
            CHANGE_DEADLINE,
        )
    }

    pub(super) fn switch(
        &self,
        side: &SideName,
        environment: &EnvironmentName,
        to: Activity,
    ) -> Option<Step> {
        let known = self.snapshot.deliveries.get(side)?.schedules.get(environment)?;
        let of_other = known.iter().filter(|schedule| schedule.activity != to);
        let schedules: Vec<PlannedSchedule> = of_other
            .map(|schedule| PlannedSchedule { id: schedule.id.clone(), name: schedule.name.clone() })
            .collect();
        if schedules.is_empty() {
            return None;
        }
        let verb = match to {
            Activity::Active => "resume",
            Activity::Paused => "pause",
        };
        let switched = SwitchSchedules { side: side.clone(), to, schedules };
        let id = format!("{verb} the schedules of {side}/{environment}");
        step(&id, Action::SwitchSchedules(switched), CHANGE_DEADLINE)
    }

    /// Before anything: nobody deploys to production, and the stand-by starts nothing by itself.
    pub(super) fn quiet(&self, shifts: &[Shift], waivers: &BTreeSet<Waiver>) -> Option<Stage> {
        let unless = |waiver: &Waiver| if waivers.contains(waiver) { &[] } else { shifts };
        let embargoes = unless(&Waiver::Embargo).iter();
        let embargoes = embargoes.map(|shift| self.impose(&shift.from, &shift.environment));
        let pauses = unless(&Waiver::Schedules).iter().map(|shift| {
            let paused = self.switch(&shift.to, &shift.environment, Activity::Paused)?;
            let undo =
                paused.action.as_switch_schedules().map(|done| Action::SwitchSchedules(done.inverse()));
            Some(Step { undo, ..paused })
        });
        stage(
            "Lay the change embargo on production and pause the stand-by's schedules",
            embargoes.chain(pauses),
        )
    }

    /// Brings a release onto one side of each environment, while nothing is deployed to the other.
    pub(super) fn deploy<'s>(
        &self,
        release: &ReleaseName,
        title: &str,
        targets: impl Iterator<Item = (&'s EnvironmentName, &'s SideName, &'s SideName)>,
    ) -> Option<Stage> {
        let steps = targets.map(|(environment, side, other)| {
            let candidate = self.snapshot.candidates.get(environment)?;
            let deploy = Deploy {
                side: side.clone(),
                other: other.clone(),
                environment: environment.clone(),
                release: release.clone(),
                after: candidate.latest.clone(),
            };
            step(
                &format!("deploy {release} to {side}/{environment}"),
                Action::Deploy(deploy),
                DEPLOY_DEADLINE,
            )
        });
        stage(title, steps)
    }

    /// Gives the settings of both sides the values of their new roles.
    pub(super) fn settings(&self, shifts: &[Shift]) -> Vec<Option<Step>> {
        let mut sides: BTreeMap<(&SideName, Role), Vec<PlannedSetting>> = BTreeMap::new();
        for shift in shifts {
            let settings = self.environment(shift).into_iter().flat_map(Environment::settings);
            for setting in settings {
                for (side, role) in [(&shift.to, Role::Production), (&shift.from, Role::Standby)] {
                    let change = self.setting(side, role, &setting);
                    sides.entry((side, role)).or_default().extend(change);
                }
            }
        }
        let steps = sides.into_iter().filter(|(_, settings)| !settings.is_empty());
        steps
            .map(|((side, role), settings)| {
                let change = ChangeSettings { side: side.clone(), role, settings };
                step(&format!("settings of {side}"), Action::ChangeSettings(change), CHANGE_DEADLINE)
            })
            .collect()
    }

    fn setting(&self, side: &SideName, role: Role, setting: &SettingRef) -> Option<PlannedSetting> {
        let seen = self.snapshot.deliveries.get(side)?.settings.get(setting)?;
        let to = self.snapshot.meant.get(setting)?.get(&role)?.clone();
        let planned = PlannedSetting { setting: setting.clone(), from: seen.fingerprint.clone(), to };
        (planned.from != planned.to).then_some(planned)
    }

    /// Opens production to deployments again and lets the new stand-by start what it starts: the end of a swap without a release.
    pub(super) fn reopen(&self, shifts: &[Shift]) -> Option<Stage> {
        let lifts = shifts.iter().flat_map(|shift| {
            let laid_before = self.imposed(&shift.to, &shift.environment);
            let production = if laid_before { self.lift(&shift.to, &shift.environment) } else { None };
            [self.lift(&shift.from, &shift.environment), production]
        });
        let resumed =
            shifts.iter().map(|shift| self.switch(&shift.from, &shift.environment, Activity::Active));
        stage("Lift the embargo and resume the new stand-by's schedules", lifts.chain(resumed))
    }

    pub(super) fn imposed(&self, side: &SideName, environment: &EnvironmentName) -> bool {
        let embargo = self.snapshot.deliveries.get(side).and_then(|view| view.embargoes.get(environment));
        embargo.is_some_and(|embargo| embargo.imposed.is_some())
    }

    /// Keeps everybody from deploying to production while the stand-by gets its release.
    pub(super) fn shield(&self, shifts: &[Shift]) -> Option<Stage> {
        let embargoes = shifts.iter().map(|shift| self.impose(&shift.to, &shift.environment));
        stage("Lay the change embargo on production", embargoes)
    }

    /// Opens a stand-by to its deployment. Taken back if that fails.
    pub(super) fn admit(&self, standby: &[(EnvironmentName, SideName)]) -> Option<Stage> {
        let lifts = standby.iter().map(|(environment, side)| {
            let lifted = self.lift(side, environment)?;
            let undo = lifted.action.as_set_embargo().map(|done| Action::SetEmbargo(done.inverse()));
            let undo = undo.filter(|_| self.imposed(side, environment));
            Some(Step { undo, ..lifted })
        });
        stage("Lift the embargo of the stand-by", lifts)
    }

    /// Ends a release: both sides are as in quiet times.
    pub(super) fn release_over(
        &self,
        shifts: &[Shift],
        standby: &[(EnvironmentName, SideName)],
    ) -> Option<Stage> {
        let lifts = shifts.iter().map(|shift| self.lift(&shift.to, &shift.environment));
        let resumed =
            standby.iter().map(|(environment, side)| self.switch(side, environment, Activity::Active));
        stage("Lift the embargo and resume the stand-by's schedules", lifts.chain(resumed))
    }
}
