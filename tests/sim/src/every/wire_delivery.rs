//! Strikes at what brings releases and settings to a side, and where a process meets all of its boundaries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{
    Activity, DeploymentId, EnvironmentName, ReleaseName, Schedule, ScheduleId, SettingAttributes,
    SettingName, SettingValue,
};
use switchover::port::{
    Candidate, Delivery, DeployOrder, Deploying, Embargo, EmbargoView, Ports, Progress, ReleaseError,
    ReleaseView, Releases, RemoteError, Schedules, SettingChange, SettingError, SettingOutcome, SettingView,
    Settings, Switched,
};
use switchover_tests::fake::{FakeDelivery, RemoteCall, RemoteFault, World};

use super::strike::{Outcome, Sort, Strikes, Wire};
use super::wire_data::StruckStore;
use super::wire_names::{StruckNames, StruckState};
use crate::Life;

/// How late a request may be carried out; a little less than the engine counts on.
const LATE: Duration = Duration::from_secs(79);

impl Strikes {
    /// Puts itself between a process and its ports.
    pub(crate) fn between(&self, world: &World, life: &Life, mut ports: Ports) -> Ports {
        let wire = Wire { strikes: self.clone(), life: life.clone() };
        for service in ports.names.values_mut() {
            let to = Arc::clone(service);
            *service = Arc::new(StruckNames { wire: wire.clone(), world: world.clone(), to });
        }
        for store in ports.stores.values_mut() {
            *store = Arc::new(StruckStore { wire: wire.clone(), to: Arc::clone(store) });
        }
        for (side, delivery) in &mut ports.deliveries {
            *delivery = struck(&wire, side.as_str(), world.deliveries[side].clone());
        }
        let to = Arc::clone(&ports.state);
        ports.state = Arc::new(StruckState { wire, world: world.clone(), to });
        ports
    }
}

fn struck(wire: &Wire, side: &str, to: FakeDelivery) -> Delivery {
    let part = Arc::new(StruckDelivery { wire: wire.clone(), side: side.to_owned(), to });
    Delivery {
        releases: Some(Arc::clone(&part) as Arc<dyn Releases>),
        embargo: Some(Arc::clone(&part) as Arc<dyn Embargo>),
        settings: Some(Arc::clone(&part) as Arc<dyn Settings>),
        schedules: Some(part),
    }
}

#[derive(Debug)]
struct StruckDelivery {
    wire: Wire,
    side: String,
    to: FakeDelivery,
}

impl StruckDelivery {
    /// A request that changes something, and goes wrong as the service has it.
    async fn change<T, E>(
        &self,
        what: impl FnOnce() -> String,
        plan: impl Fn(RemoteFault),
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.wire.strikes.reach(Sort::Change, || format!("{} on {}", what(), self.side)) {
            None => call.await,
            Some(Outcome::DiesBefore) => self.wire.dies().await,
            Some(Outcome::DiesAfter) => {
                drop(call.await);
                self.wire.dies().await
            }
            Some(Outcome::Refused) => {
                plan(RemoteFault::Forbidden);
                call.await
            }
            Some(Outcome::LostLanded) => {
                plan(RemoteFault::AppliedUnknown);
                call.await
            }
            Some(Outcome::LostNever) => {
                plan(RemoteFault::LostUnknown);
                call.await
            }
            Some(Outcome::LandsLate) => {
                plan(RemoteFault::LateUnknown(LATE));
                drop(call.await);
                self.wire.dies().await
            }
        }
    }

    fn of_releases(&self, fault: RemoteFault) {
        self.to.releases.fail_next(RemoteCall::Change, fault);
    }
}

#[async_trait]
impl Releases for StruckDelivery {
    async fn read(&self, environment: &EnvironmentName) -> Result<ReleaseView, ReleaseError> {
        Releases::read(&self.to.releases, environment).await
    }

    async fn find(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseName,
    ) -> Result<Candidate, ReleaseError> {
        self.to.releases.find(environment, release).await
    }

    async fn deploy(&self, order: &DeployOrder) -> Result<Deploying, ReleaseError> {
        let what = || format!("deploys {}", order.release);
        self.change(what, |fault| self.of_releases(fault), self.to.releases.deploy(order)).await
    }

    async fn look(
        &self,
        environment: &EnvironmentName,
        deployment: &DeploymentId,
    ) -> Result<Progress, ReleaseError> {
        self.to.releases.look(environment, deployment).await
    }

    fn in_flight(&self) -> Duration {
        Releases::in_flight(&self.to.releases)
    }
}

#[async_trait]
impl Embargo for StruckDelivery {
    async fn read(&self, environment: &EnvironmentName) -> Result<EmbargoView, RemoteError> {
        Embargo::read(&self.to.releases, environment).await
    }

    async fn impose(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        let what = || "imposes the embargo".to_owned();
        self.change(what, |fault| self.of_releases(fault), self.to.releases.impose(environment)).await
    }

    async fn lift(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        let what = || "lifts the embargo".to_owned();
        self.change(what, |fault| self.of_releases(fault), self.to.releases.lift(environment)).await
    }

    async fn prove_write(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        self.to.releases.prove_write(environment).await
    }

    fn in_flight(&self) -> Duration {
        Embargo::in_flight(&self.to.releases)
    }
}

#[async_trait]
impl Settings for StruckDelivery {
    async fn read(
        &self,
        environment: &EnvironmentName,
        names: &BTreeSet<SettingName>,
    ) -> Result<BTreeMap<SettingName, SettingView>, SettingError> {
        self.to.settings.read(environment, names).await
    }

    async fn write(&self, change: &SettingChange) -> Result<SettingOutcome, SettingError> {
        let plan = |fault| self.to.settings.fail_next(RemoteCall::Change, fault);
        self.change(|| format!("sets {}", change.name), plan, self.to.settings.write(change)).await
    }

    fn objection(&self, attributes: &SettingAttributes, value: &SettingValue) -> Option<String> {
        self.to.settings.objection(attributes, value)
    }

    async fn prove_write(&self, environment: &EnvironmentName) -> Result<(), SettingError> {
        self.to.settings.prove_write(environment).await
    }

    fn in_flight(&self) -> Duration {
        Settings::in_flight(&self.to.settings)
    }
}

#[async_trait]
impl Schedules for StruckDelivery {
    async fn list(&self) -> Result<Vec<Schedule>, RemoteError> {
        self.to.schedules.list().await
    }

    async fn switch(&self, schedule: &ScheduleId, to: Activity) -> Result<Switched, RemoteError> {
        let plan = |fault| self.to.schedules.fail_next(RemoteCall::Change, fault);
        self.change(|| format!("switches {schedule}"), plan, self.to.schedules.switch(schedule, to)).await
    }

    async fn prove_write(&self, schedule: &ScheduleId) -> Result<(), RemoteError> {
        self.to.schedules.prove_write(schedule).await
    }

    fn in_flight(&self) -> Duration {
        Schedules::in_flight(&self.to.schedules)
    }
}
