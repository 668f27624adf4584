//! What the deliveries say, understood: which release runs where, whether settings fit their side's role, and what stands in the way.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ask::DeliveryObservation;
use super::{Finding, FindingKind, Observation, Place, RoleState, Snapshot};
use crate::journal::PairState;
use crate::model::{
    Activity, DeploymentId, Environment, EnvironmentName, Fingerprint, FingerprintSalt, Pair, ReleaseName,
    Role, RoleValues, Schedule, SettingRef, SideName,
};
use crate::port::{EmbargoView, Ports, Reading, ReleaseView, SettingView};

/// What to do about what says the other role.
const SET_RIGHT: &str = "every swap sets it right, and so does `swap-roles --reprotect`";

/// One setting of one side as understood. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingState {
    /// The fingerprint of its value.
    pub fingerprint: Fingerprint,
    /// The role whose value it has; `None` for another value.
    pub says: Option<Role>,
}

/// The delivery of one side as understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryView {
    /// What runs, and what is on its way.
    pub releases: BTreeMap<EnvironmentName, ReleaseView>,
    /// Which embargoes lie.
    pub embargoes: BTreeMap<EnvironmentName, EmbargoView>,
    /// The settings that could be read.
    #[serde(skip)]
    pub settings: BTreeMap<SettingRef, SettingState>,
    /// The schedules that an environment asks for.
    pub schedules: BTreeMap<EnvironmentName, Vec<Schedule>>,
}

/// A release that can be deployed to the stand-by of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CandidateView {
    /// The release.
    pub release: ReleaseName,
    /// The newest attempt to deploy it there.
    pub latest: Option<DeploymentId>,
}

/// What a setting shall say, by role.
#[derive(Debug, Clone)]
pub struct MeantSetting {
    /// The values.
    values: RoleValues,
    /// What goes into its fingerprints.
    salt: FingerprintSalt,
}

/// What the configuration means each setting to say.
pub(super) fn meant(pair: &Pair, ports: &Ports) -> BTreeMap<SettingRef, MeantSetting> {
    let each = ports.values.iter().map(|(setting, values)| {
        let salt = FingerprintSalt::of(&pair.name, &setting.environment, &setting.name);
        (setting.clone(), MeantSetting { values: values.clone(), salt })
    });
    each.collect()
}

impl MeantSetting {
    /// The fingerprint of what the setting shall say in a role.
    fn fingerprint(&self, role: Role) -> Fingerprint {
        self.values.of(role).fingerprint(&self.salt)
    }
}

/// Puts what the deliveries said into the snapshot, with everything that is wrong. The roles are known already.
pub(super) fn understand(
    pair: &Pair,
    observation: &Observation,
    history: &PairState,
    snapshot: &mut Snapshot,
) {
    for setting in &observation.meant {
        let fingerprints = Role::ALL.map(|role| (role, setting.1.fingerprint(role)));
        snapshot.meant.insert(setting.0.clone(), BTreeMap::from(fingerprints));
    }
    for (side, said) in &observation.deliveries {
        let mut heard =
            Heard { side, observation, snapshot, view: DeliveryView::default(), findings: Vec::new() };
        for environment in &observation.environments {
            heard.releases(environment, said);
            heard.embargo(environment, said);
            heard.settings(environment, said);
            heard.schedules(environment, said);
        }
        heard.denied();
        let (view, findings) = (heard.view, heard.findings);
        snapshot.deliveries.insert(side.clone(), view);
        snapshot.findings.extend(findings);
    }
    candidates(pair, observation, snapshot);
    let quiet = observation.environments.iter().filter(|known| history.unfinalized(&known.name).is_none());
    let unequal = quiet.filter_map(|environment| unequal(&environment.name, snapshot));
    let unequal: Vec<Finding> = unequal.collect();
    snapshot.findings.extend(unequal);
}

/// A part of a delivery.
#[derive(Debug, Clone, Copy)]
enum Part {
    Releases,
    Embargo,
    Settings,
    Schedules,
}

impl Part {
    /// The finding where it cannot be read, and its name.
    fn unreadable(self) -> (FindingKind, &'static str) {
        match self {
            Self::Releases => (FindingKind::ReleasesUnreadable, "releases"),
            Self::Embargo => (FindingKind::EmbargoUnreadable, "embargo"),
            Self::Settings => (FindingKind::SettingsUnreadable, "settings"),
            Self::Schedules => (FindingKind::SchedulesUnreadable, "schedules"),
        }
    }
}

/// What one side's delivery said, being understood.
struct Heard<'a> {
    side: &'a SideName,
    observation: &'a Observation,
    snapshot: &'a Snapshot,
    view: DeliveryView,
    findings: Vec<Finding>,
}

impl Heard<'_> {
    fn place(&self) -> Place {
        Place::Delivery { side: self.side.clone() }
    }

    fn unreadable(&mut self, environment: &Environment, what: Part, why: impl std::fmt::Display) {
        let (kind, what) = what.unreadable();
        let message = format!("{}: the {what} of side {} cannot be read: {why}", environment.name, self.side);
        self.findings.push(Finding::error(kind, self.place(), message));
    }

    fn role(&self, environment: &EnvironmentName) -> Option<Role> {
        let production = self.snapshot.roles.get(environment).and_then(RoleState::production)?;
        Some(if production == self.side { Role::Production } else { Role::Standby })
    }

    fn releases(&mut self, environment: &Environment, said: &DeliveryObservation) {
        match said.releases.get(&environment.name) {
            Some(Ok(view)) => {
                for found in &view.under_way {
                    let message = format!("{}: {found} is under way on side {}", environment.name, self.side);
                    let finding = Finding::error(FindingKind::DeploymentUnderWay, self.place(), message);
                    let advice = "wait until it has ended, or cancel it".to_owned();
                    self.findings.push(finding.suggest(Some(advice)));
                }
                self.view.releases.insert(environment.name.clone(), view.clone());
            }
            Some(Err(error)) => self.unreadable(environment, Part::Releases, error),
            None => {}
        }
    }

    fn embargo(&mut self, environment: &Environment, said: &DeliveryObservation) {
        match said.embargoes.get(&environment.name) {
            Some(Ok(view)) => {
                for other in &view.others {
                    let message = format!(
                        "{}: side {} has an embargo that is not Switchover's: {other}",
                        environment.name, self.side
                    );
                    self.findings.push(Finding::warning(FindingKind::ForeignEmbargo, self.place(), message));
                }
                self.view.embargoes.insert(environment.name.clone(), view.clone());
            }
            Some(Err(error)) => self.unreadable(environment, Part::Embargo, error),
            None => {}
        }
    }

    fn settings(&mut self, environment: &Environment, said: &DeliveryObservation) {
        match said.settings.get(&environment.name) {
            Some(Ok(views)) => {
                for (name, view) in views {
                    let setting = SettingRef { environment: environment.name.clone(), name: name.clone() };
                    self.setting(setting, view);
                }
            }
            Some(Err(error)) => self.unreadable(environment, Part::Settings, error),
            None if !environment.settings.is_empty() => {
                self.unreadable(environment, Part::Settings, "its delivery has none");
            }
            None => {}
        }
    }

    fn setting(&mut self, setting: SettingRef, view: &SettingView) {
        let found = match view {
            SettingView::There(found) => found,
            SettingView::Missing(absence) => {
                let message = format!("{setting} on side {}: {absence}", self.side);
                return self.wrong(FindingKind::SettingMissing, &setting, message, "define it on both sides");
            }
        };
        let Some(meant) = self.observation.meant.get(&setting) else { return };
        let value = match &found.value {
            Reading::Shown(value) => value,
            Reading::Hidden => {
                let message = format!("{setting} on side {} is hidden, so it cannot be compared", self.side);
                let advice = "define it anew without hiding it; masking is possible";
                return self.wrong(FindingKind::SettingHidden, &setting, message, advice);
            }
        };
        let fingerprint = value.fingerprint(&meant.salt);
        let says = Role::ALL.into_iter().find(|role| meant.values.of(*role) == value);
        self.fit(&setting, says);
        for role in Role::ALL {
            if let Some(why) = self.observation.objections.get(&(self.side.clone(), setting.clone(), role)) {
                let message =
                    format!("{setting} on side {} cannot take its value as {role}: {why}", self.side);
                self.wrong(
                    FindingKind::SettingUnfit,
                    &setting,
                    message,
                    "change the value, or the setting's attributes",
                );
            }
        }
        self.view.settings.insert(setting, SettingState { fingerprint, says });
    }

    /// Whether a setting says what its side's role asks for.
    fn fit(&mut self, setting: &SettingRef, says: Option<Role>) {
        let role = self.role(&setting.environment);
        match (says, role) {
            (None, _) => {
                let message = format!(
                    "{setting} on side {} has neither the production nor the stand-by value",
                    self.side
                );
                let advice = "correct the setting, or the values in the file";
                self.wrong(FindingKind::SettingForeign, setting, message, advice);
            }
            (Some(says), Some(role)) if says != role => {
                let message = format!(
                    "{setting} on side {} has the value of the {says}, and the side is the {role}",
                    self.side
                );
                let place = Place::Setting { setting: setting.clone() };
                let finding = Finding::warning(FindingKind::SettingOfOtherRole, place, message);
                self.findings.push(finding.suggest(Some(SET_RIGHT.to_owned())));
            }
            (Some(_), Some(_) | None) => {}
        }
    }

    fn wrong(&mut self, kind: FindingKind, setting: &SettingRef, message: String, advice: &str) {
        let place = Place::Setting { setting: setting.clone() };
        self.findings.push(Finding::error(kind, place, message).suggest(Some(advice.to_owned())));
    }

    fn schedules(&mut self, environment: &Environment, said: &DeliveryObservation) {
        if environment.standby_schedules.is_empty() {
            return;
        }
        let listed = match &said.schedules {
            Some(Ok(listed)) => listed,
            Some(Err(error)) => return self.unreadable(environment, Part::Schedules, error),
            None => return self.unreadable(environment, Part::Schedules, "its delivery has none"),
        };
        for name in &environment.standby_schedules {
            let mut named = listed.iter().filter(|schedule| schedule.name == *name);
            match (named.next(), named.next()) {
                (Some(found), None) => {
                    self.view.schedules.entry(environment.name.clone()).or_default().push(found.clone());
                }
                (None, _) => self.no_schedule(
                    environment,
                    format!("side {} has no schedule `{name}`", self.side),
                    listed,
                ),
                (Some(_), Some(_)) => {
                    self.no_schedule(
                        environment,
                        format!("side {} has several schedules `{name}`", self.side),
                        &[],
                    );
                }
            }
        }
        self.awake(environment);
    }

    fn no_schedule(&mut self, environment: &Environment, message: String, listed: &[Schedule]) {
        let place = Place::Environment { environment: environment.name.clone() };
        let known: Vec<String> = listed.iter().map(|schedule| format!("`{}`", schedule.name)).collect();
        let advice = (!known.is_empty()).then(|| format!("it has {}", known.join(", ")));
        self.findings.push(Finding::error(FindingKind::ScheduleMissing, place, message).suggest(advice));
    }

    /// On production they are paused.
    fn awake(&mut self, environment: &Environment) {
        if self.role(&environment.name) != Some(Role::Production) {
            return;
        }
        let of_environment = self.view.schedules.get(&environment.name).into_iter().flatten();
        let awake: Vec<String> = of_environment
            .filter(|schedule| schedule.activity == Activity::Active)
            .map(|schedule| format!("`{}`", schedule.name))
            .collect();
        if awake.is_empty() {
            return;
        }
        let message = format!(
            "{}: {} of side {} is for the stand-by, and runs while the side is production",
            environment.name,
            awake.join(", "),
            self.side
        );
        let place = Place::Environment { environment: environment.name.clone() };
        let finding = Finding::warning(FindingKind::ScheduleOfOtherRole, place, message);
        self.findings.push(finding.suggest(Some(SET_RIGHT.to_owned())));
    }

    fn denied(&mut self) {
        for (environment, kind, why) in self.observation.denied.get(self.side).into_iter().flatten() {
            let message = format!("{environment}: side {} cannot be changed: {why}", self.side);
            self.findings.push(Finding::error(*kind, self.place(), message));
        }
    }
}

/// Whether the release that was asked for can be deployed to the stand-by.
fn candidates(pair: &Pair, observation: &Observation, snapshot: &mut Snapshot) {
    for (environment, found) in &observation.candidates {
        let production = snapshot.roles.get(environment).and_then(RoleState::production);
        let standby = production.and_then(|side| pair.opposite(side).ok()).map(|side| side.name.clone());
        let Some(standby) = standby else { continue };
        let place = Place::Delivery { side: standby.clone() };
        let mut unfit = |why: String| {
            let message = format!("{environment} on side {standby}: {why}");
            snapshot.findings.push(Finding::error(FindingKind::ReleaseUnfit, place.clone(), message));
        };
        match found {
            Ok(candidate) => {
                for obstacle in &candidate.obstacles {
                    unfit(format!("{} cannot be deployed: {obstacle}", candidate.release));
                }
                let (release, latest) = (candidate.release.clone(), candidate.latest.clone());
                snapshot.candidates.insert(environment.clone(), CandidateView { release, latest });
            }
            Err(error) => unfit(error.to_string()),
        }
    }
}

/// Two sides with different releases are as expected between a release and its end, and worth a look at any other time.
fn unequal(environment: &EnvironmentName, snapshot: &Snapshot) -> Option<Finding> {
    let running = snapshot
        .deliveries
        .iter()
        .filter_map(|(side, view)| Some((side, &view.releases.get(environment)?.current.as_ref()?.release)));
    let running: Vec<_> = running.collect();
    let [(one, first), (other, second)] = running.as_slice() else { return None };
    if first == second {
        return None;
    }
    let message = format!("{environment}: side {one} runs {first} and side {other} runs {second}");
    let place = Place::Environment { environment: environment.clone() };
    Some(Finding::warning(FindingKind::ReleasesDiffer, place, message))
}
