//! The settings of one side in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{
    EnvironmentName, SettingAttributes, SettingKind, SettingName, SettingValue, SideName,
};
use switchover::port::{
    Absence, Found, Meter, Reading, Setting, SettingChange, SettingError, SettingOutcome, SettingView,
    Settings,
};

use super::remote::{IN_FLIGHT, Line, Lost, RemoteCall, RemoteFault, scripted};
use super::{VirtualClock, lock};

/// What stands in a scope, hidden or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSetting {
    /// Its value.
    pub value: SettingValue,
    /// What is said of it besides.
    pub attributes: SettingAttributes,
}

impl HeldSetting {
    /// A value without anything special.
    pub fn plain(value: &str) -> Self {
        let attributes = SettingAttributes {
            kind: SettingKind::Variable,
            masked: false,
            hidden: false,
            protected: false,
            raw: false,
        };
        Self { value: SettingValue::new(value), attributes }
    }
}

/// An environment, or `None` for all of them.
type Scope = Option<EnvironmentName>;

#[derive(Debug, Default)]
struct Inner {
    held: BTreeMap<(SettingName, Scope), HeldSetting>,
    late: Vec<(Duration, SettingChange)>,
    edited_first: Option<(EnvironmentName, SettingName, SettingValue)>,
    writes: usize,
}

impl Inner {
    /// Makes the late changes whose time has come.
    fn settle(&mut self, now: Duration) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = later;
        for (_, change) in due {
            self.apply(&change);
        }
    }

    fn apply(&mut self, change: &SettingChange) {
        let scope = Some(change.environment.clone());
        if let Some(held) = self.held.get_mut(&(change.name.clone(), scope)) {
            held.value = change.to.clone();
            self.writes += 1;
        }
    }

    fn absence(&self, environment: &EnvironmentName, name: &SettingName) -> Absence {
        let shown = |scope: &Scope| scope.as_ref().map_or("*".to_owned(), ToString::to_string);
        let of_name = self.held.keys().filter(|(own, _)| own == name);
        let here = self.held.keys().filter(|(_, scope)| scope.as_ref() == Some(environment));
        let like = |own: &SettingName| {
            own.as_str().chars().zip(name.as_str().chars()).filter(|(a, b)| a != b).count() < 2
                && own.as_str().len().abs_diff(name.as_str().len()) < 2
        };
        Absence {
            elsewhere: of_name.map(|(_, scope)| shown(scope)).collect(),
            near: here.map(|(own, _)| own.clone()).filter(like).collect(),
        }
    }
}

/// The settings of one side. Clones are one service. A request takes 100 ms of virtual time.
///
/// Masked values have at least eight characters and no spaces. A write that is repeated while an earlier one may still be on its way fails
/// the test.
#[derive(Debug, Clone)]
pub struct FakeSettings {
    line: Line,
    inner: Arc<Mutex<Inner>>,
}

scripted!(FakeSettings);

impl FakeSettings {
    /// No settings.
    pub fn new(side: &SideName, clock: &VirtualClock, meter: &Meter) -> Self {
        Self { line: Line::new(format!("settings of {side}"), clock, meter), inner: Arc::default() }
    }

    /// Defines a setting in an environment's scope, or for all environments.
    pub fn define(&self, environment: Option<&EnvironmentName>, name: &SettingName, held: HeldSetting) {
        lock(&self.inner).held.insert((name.clone(), environment.cloned()), held);
    }

    /// Removes a setting of an environment's scope.
    pub fn remove(&self, environment: &EnvironmentName, name: &SettingName) {
        lock(&self.inner).held.remove(&(name.clone(), Some(environment.clone())));
    }

    /// What stands in an environment's scope.
    pub fn held(&self, environment: &EnvironmentName, name: &SettingName) -> Option<HeldSetting> {
        let mut inner = lock(&self.inner);
        inner.settle(self.line.clock.elapsed());
        inner.held.get(&(name.clone(), Some(environment.clone()))).cloned()
    }

    /// How many writes changed something.
    pub fn writes(&self) -> usize {
        lock(&self.inner).writes
    }

    /// Just before the next write arrives, somebody sets this value.
    pub fn edit_first(&self, environment: &EnvironmentName, name: &SettingName, value: &str) {
        let edit = (environment.clone(), name.clone(), SettingValue::new(value));
        lock(&self.inner).edited_first = Some(edit);
    }

    /// What a write would do, once everything that came before it has happened.
    fn compare(&self, change: &SettingChange) -> Result<Option<SettingOutcome>, SettingError> {
        let mut inner = lock(&self.inner);
        inner.settle(self.line.clock.elapsed());
        if let Some((environment, name, value)) = inner.edited_first.take()
            && let Some(held) = inner.held.get_mut(&(name, Some(environment)))
        {
            held.value = value;
        }
        let Some(held) = inner.held.get(&(change.name.clone(), Some(change.environment.clone()))) else {
            let found = inner.absence(&change.environment, &change.name);
            return Ok(Some(SettingOutcome::Conflict(Found::Missing(found))));
        };
        let (place, name) = (self.line.place.clone(), change.name.clone());
        if held.attributes.hidden {
            return Err(SettingError::Hidden { place, name });
        }
        if held.value == change.to {
            return Ok(Some(SettingOutcome::Already));
        }
        if !change.expected.matches(&held.value) {
            let found = Found::Other(held.value.fingerprint(&change.expected.salt()));
            return Ok(Some(SettingOutcome::Conflict(found)));
        }
        match self.objection(&held.attributes, &change.to) {
            Some(why) => Err(SettingError::Unfit { place, name, why }),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Settings for FakeSettings {
    async fn read(
        &self,
        environment: &EnvironmentName,
        names: &BTreeSet<SettingName>,
    ) -> Result<BTreeMap<SettingName, SettingView>, SettingError> {
        self.line.ask(RemoteCall::Read).await?;
        let mut inner = lock(&self.inner);
        inner.settle(self.line.clock.elapsed());
        let view = |name: &SettingName| match inner.held.get(&(name.clone(), Some(environment.clone()))) {
            None => SettingView::Missing(inner.absence(environment, name)),
            Some(held) => {
                let hidden = held.attributes.hidden;
                let value = if hidden { Reading::Hidden } else { Reading::Shown(held.value.clone()) };
                SettingView::There(Setting { value, attributes: held.attributes })
            }
        };
        Ok(names.iter().map(|name| (name.clone(), view(name))).collect())
    }

    async fn write(&self, change: &SettingChange) -> Result<SettingOutcome, SettingError> {
        let lost = self.line.change(&format!("{} of {}", change.name, change.environment)).await?;
        if let Some(outcome) = self.compare(change)? {
            return Ok(outcome);
        }
        let mut inner = lock(&self.inner);
        match lost {
            None => {
                inner.apply(change);
                return Ok(SettingOutcome::Done);
            }
            Some(Lost::Applied) => inner.apply(change),
            Some(Lost::Never) => {}
            Some(Lost::At(moment)) => inner.late.push((moment, change.clone())),
        }
        Err(self.line.unknown().into())
    }

    fn objection(&self, attributes: &SettingAttributes, value: &SettingValue) -> Option<String> {
        let unfit = value.expose().len() < 8 || value.expose().contains(char::is_whitespace);
        (attributes.is_secret() && unfit).then(|| "a masked value has 8 characters and no spaces".to_owned())
    }

    async fn prove_write(&self, _environment: &EnvironmentName) -> Result<(), SettingError> {
        Ok(self.line.ask(RemoteCall::Prove).await?)
    }

    fn in_flight(&self) -> Duration {
        IN_FLIGHT
    }
}
