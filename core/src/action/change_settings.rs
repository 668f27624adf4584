//! Change the settings of one side to what its new role says, by compare-and-set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::remote::{setting_failed, setting_unseen};
use super::{Acted, Context, Look, Perform};
use crate::model::{EnvironmentName, Fingerprint, Role, SettingName, SettingRef, SettingValue, SideName};
use crate::port::{Reading, SettingChange, SettingOutcome, SettingView, Settings};

/// One setting as the plan expects it and as it shall be. Values may be secret, so a plan holds their fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedSetting {
    /// The setting.
    pub setting: SettingRef,
    /// The fingerprint of what it says before.
    pub from: Fingerprint,
    /// The fingerprint of what it says afterwards.
    pub to: Fingerprint,
}

/// Settings of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSettings {
    /// The side.
    pub side: SideName,
    /// The role whose values they get.
    pub role: Role,
    /// The settings, in order.
    pub settings: Vec<PlannedSetting>,
}

#[derive(Debug)]
pub(super) struct Changing<'a> {
    action: &'a ChangeSettings,
    open: Vec<&'a PlannedSetting>,
}

/// How one setting reads.
enum Read {
    AsAfter,
    AsBefore,
    Otherwise(String),
}

impl<'a> Changing<'a> {
    pub(super) fn new(action: &'a ChangeSettings) -> Self {
        Self { action, open: Vec::new() }
    }

    fn settings<'p>(&self, context: &Context<'p>) -> Result<&'p Arc<dyn Settings>, String> {
        let delivery = context.ports.deliveries.get(&self.action.side);
        let settings = delivery.and_then(|delivery| delivery.settings.as_ref());
        settings.ok_or_else(|| format!("side {} has no settings", self.action.side))
    }

    fn names(&self) -> BTreeMap<EnvironmentName, BTreeSet<SettingName>> {
        let mut names: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for planned in &self.action.settings {
            names
                .entry(planned.setting.environment.clone())
                .or_default()
                .insert(planned.setting.name.clone());
        }
        names
    }

    fn compare(&mut self, views: &BTreeMap<SettingRef, SettingView>) -> Look {
        self.open.clear();
        let (mut done, mut otherwise) = (0, Vec::new());
        for planned in &self.action.settings {
            match reading(planned, views.get(&planned.setting)) {
                Read::AsAfter => done += 1,
                Read::AsBefore => self.open.push(planned),
                Read::Otherwise(what) => otherwise.push(format!("{} {what}", planned.setting)),
            }
        }
        let partial = done > 0;
        if !otherwise.is_empty() {
            let why = format!(
                "the settings of side {} are not as the plan expects: {}",
                self.action.side,
                otherwise.join("; ")
            );
            return Look::NotReady { why, partial };
        }
        if self.open.is_empty() { Look::Done(Vec::new()) } else { Look::Ready { partial } }
    }

    /// The value that the plan means, as the configuration has it now.
    fn value(&self, planned: &PlannedSetting, context: &Context<'_>) -> Result<SettingValue, String> {
        let setting = &planned.setting;
        let Some(values) = context.ports.values.get(setting) else {
            return Err(format!("{setting}: the configuration does not say what it shall be"));
        };
        let value = values.of(self.action.role);
        if planned.to.matches(value) {
            return Ok(value.clone());
        }
        Err(format!("{setting}: the configuration says another value than the plan; plan anew"))
    }
}

fn reading(planned: &PlannedSetting, view: Option<&SettingView>) -> Read {
    match view {
        Some(SettingView::There(setting)) => match &setting.value {
            Reading::Shown(value) if planned.to.matches(value) => Read::AsAfter,
            Reading::Shown(value) if planned.from.matches(value) => Read::AsBefore,
            Reading::Shown(_) => Read::Otherwise("has another value".to_owned()),
            Reading::Hidden => Read::Otherwise("is hidden and cannot be compared".to_owned()),
        },
        Some(SettingView::Missing(absence)) => Read::Otherwise(format!("is missing: {absence}")),
        None => Read::Otherwise("was not answered".to_owned()),
    }
}

#[async_trait]
impl Perform for Changing<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let settings = match self.settings(context) {
            Ok(settings) => settings,
            Err(why) => return Look::Refused(why),
        };
        let mut views = BTreeMap::new();
        for (environment, names) in self.names() {
            match settings.read(&environment, &names).await {
                Ok(read) => views.extend(
                    read.into_iter()
                        .map(|(name, view)| (SettingRef { environment: environment.clone(), name }, view)),
                ),
                Err(error) => return setting_unseen(&error),
            }
        }
        self.compare(&views)
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let settings = match self.settings(context) {
            Ok(settings) => settings,
            Err(why) => return Acted::Refused(why),
        };
        for planned in &self.open {
            let to = match self.value(planned, context) {
                Ok(value) => value,
                Err(why) => return Acted::Refused(why),
            };
            let SettingRef { environment, name } = planned.setting.clone();
            let change = SettingChange { environment, name, expected: planned.from.clone(), to };
            match settings.write(&change).await {
                Ok(SettingOutcome::Done | SettingOutcome::Already) => {}
                Ok(SettingOutcome::Conflict(found)) => {
                    return Acted::NotReady(format!("{} reads otherwise: {found}", planned.setting));
                }
                Err(error) => return setting_failed(&error, settings.in_flight()),
            }
        }
        Acted::Accepted(Vec::new())
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(500), Duration::from_secs(8), looks)
    }

    fn in_flight(&self, context: &Context<'_>) -> Duration {
        self.settings(context).map(|settings| settings.in_flight()).unwrap_or_default()
    }
}
