//! Reads the deliveries of both sides: releases, embargoes, settings and schedules. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join_all, join4};

use super::FindingKind;
use crate::model::{
    Environment, EnvironmentName, ReleaseName, Role, Schedule, SettingName, SettingRef, SideName,
};
use crate::port::{
    Candidate, Delivery, EmbargoView, Ports, ReleaseError, ReleaseView, RemoteError, SettingError,
    SettingView,
};

/// What a side's delivery said, uninterpreted. What it does not do is absent.
#[derive(Debug, Clone, Default)]
pub struct DeliveryObservation {
    /// The releases of each environment.
    pub releases: BTreeMap<EnvironmentName, Result<ReleaseView, ReleaseError>>,
    /// The embargoes of each environment.
    pub embargoes: BTreeMap<EnvironmentName, Result<EmbargoView, RemoteError>>,
    /// The settings of each environment that has some.
    pub settings: BTreeMap<EnvironmentName, Result<BTreeMap<SettingName, SettingView>, SettingError>>,
    /// Everything that the side starts by the clock, where an environment asks for some of it.
    pub schedules: Option<Result<Vec<Schedule>, RemoteError>>,
}

/// What a side's credentials may not write, in words; nothing if all that a swap will write can be written.
pub type Denied = Vec<(EnvironmentName, FindingKind, String)>;

/// Asks the delivery of every side about these environments.
pub(super) async fn deliveries(
    ports: &Ports,
    environments: &[Environment],
) -> BTreeMap<SideName, DeliveryObservation> {
    let asked = ports
        .deliveries
        .iter()
        .map(|(side, delivery)| async move { (side.clone(), delivery_of(delivery, environments).await) });
    join_all(asked).await.into_iter().collect()
}

async fn delivery_of(delivery: &Delivery, environments: &[Environment]) -> DeliveryObservation {
    let (releases, embargoes, settings, schedules) = join4(
        join_all(environments.iter().map(|environment| releases(delivery, environment))),
        join_all(environments.iter().map(|environment| embargo(delivery, environment))),
        join_all(environments.iter().map(|environment| settings(delivery, environment))),
        schedules(delivery, environments),
    )
    .await;
    DeliveryObservation {
        releases: releases.into_iter().flatten().collect(),
        embargoes: embargoes.into_iter().flatten().collect(),
        settings: settings.into_iter().flatten().collect(),
        schedules,
    }
}

async fn releases(
    delivery: &Delivery,
    environment: &Environment,
) -> Option<(EnvironmentName, Result<ReleaseView, ReleaseError>)> {
    let releases = delivery.releases.as_ref()?;
    Some((environment.name.clone(), releases.read(&environment.name).await))
}

async fn embargo(
    delivery: &Delivery,
    environment: &Environment,
) -> Option<(EnvironmentName, Result<EmbargoView, RemoteError>)> {
    let embargo = delivery.embargo.as_ref()?;
    Some((environment.name.clone(), embargo.read(&environment.name).await))
}

type SettingsRead = Result<BTreeMap<SettingName, SettingView>, SettingError>;

async fn settings(delivery: &Delivery, environment: &Environment) -> Option<(EnvironmentName, SettingsRead)> {
    let names: BTreeSet<SettingName> = environment.settings.iter().cloned().collect();
    let settings = delivery.settings.as_ref().filter(|_| !names.is_empty())?;
    Some((environment.name.clone(), settings.read(&environment.name, &names).await))
}

async fn schedules(
    delivery: &Delivery,
    environments: &[Environment],
) -> Option<Result<Vec<Schedule>, RemoteError>> {
    let wanted = environments.iter().any(|environment| !environment.standby_schedules.is_empty());
    let schedules = delivery.schedules.as_ref().filter(|_| wanted)?;
    Some(schedules.list().await)
}

/// What the services say against the values of a side's settings, by role. Asks nobody.
pub(super) fn objections(
    ports: &Ports,
    deliveries: &BTreeMap<SideName, DeliveryObservation>,
) -> BTreeMap<(SideName, SettingRef, Role), String> {
    let mut objections = BTreeMap::new();
    for (side, said) in deliveries {
        let Some(settings) = ports.deliveries.get(side).and_then(|delivery| delivery.settings.as_ref())
        else {
            continue;
        };
        for (environment, views) in
            said.settings.iter().filter_map(|(name, read)| Some((name, read.as_ref().ok()?)))
        {
            for (name, view) in views {
                let setting = SettingRef { environment: environment.clone(), name: name.clone() };
                let (SettingView::There(found), Some(values)) = (view, ports.values.get(&setting)) else {
                    continue;
                };
                for role in Role::ALL {
                    let objection = settings.objection(&found.attributes, values.of(role));
                    objections.extend(objection.map(|why| ((side.clone(), setting.clone(), role), why)));
                }
            }
        }
    }
    objections
}

/// Asks whether a release could be deployed to the stand-by of each environment.
pub(super) async fn candidates(
    ports: &Ports,
    standby: &BTreeMap<EnvironmentName, SideName>,
    release: Option<&ReleaseName>,
) -> BTreeMap<EnvironmentName, Result<Candidate, ReleaseError>> {
    let Some(release) = release else { return BTreeMap::new() };
    let asked = standby.iter().filter_map(|(environment, side)| {
        let releases = ports.deliveries.get(side)?.releases.as_ref()?;
        Some(async move { (environment.clone(), releases.find(environment, release).await) })
    });
    join_all(asked).await.into_iter().collect()
}

/// Tries, on every side, whether its credentials may write what a swap writes there. Changes nothing.
pub(super) async fn denials(ports: &Ports, environments: &[Environment]) -> BTreeMap<SideName, Denied> {
    let asked = ports.deliveries.iter().map(|(side, delivery)| async move {
        let each = environments.iter().map(|environment| denied(delivery, environment));
        (side.clone(), join_all(each).await.into_iter().flatten().collect())
    });
    join_all(asked).await.into_iter().collect()
}

async fn denied(delivery: &Delivery, environment: &Environment) -> Denied {
    let name = &environment.name;
    let embargo = async {
        let denied = delivery.embargo.as_ref()?.prove_write(name).await.err()?;
        Some((name.clone(), FindingKind::EmbargoNotWritable, denied.to_string()))
    };
    let settings = async {
        let settings = delivery.settings.as_ref().filter(|_| !environment.settings.is_empty())?;
        let denied = settings.prove_write(name).await.err()?;
        Some((name.clone(), FindingKind::SettingsNotWritable, denied.to_string()))
    };
    let (embargo, settings) = join(embargo, settings).await;
    embargo.into_iter().chain(settings).collect()
}
