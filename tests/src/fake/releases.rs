//! The releases and the embargo of one side in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use switchover::model::{
    Deployment, DeploymentId, DeploymentState, EnvironmentName, LogTail, ReleaseName, SideName,
};
use switchover::port::{
    Candidate, Clock as _, DeployOrder, Deploying, Embargo, EmbargoView, Imposed, Meter, Obstacle, Progress,
    Reach, ReleaseError, ReleaseView, Releases, RemoteError,
};

use super::remote::{IN_FLIGHT, Line, Lost, RemoteCall, RemoteFault, scripted};
use super::{VirtualClock, lock};

/// How deployments go that are started from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Going {
    /// How long they take.
    pub takes: Duration,
    /// How they end; `None`: never.
    pub ends: Option<DeploymentState>,
}

impl Default for Going {
    /// A minute, and well.
    fn default() -> Self {
        Self { takes: Duration::from_secs(60), ends: Some(DeploymentState::Succeeded) }
    }
}

#[derive(Debug, Clone)]
struct Attempt {
    environment: EnvironmentName,
    deployment: Deployment,
    began: Duration,
    going: Going,
}

impl Attempt {
    fn at(&self, now: Duration) -> Deployment {
        let mut deployment = self.deployment.clone();
        let over = self.began + self.going.takes;
        if let Some(end) = self.going.ends.clone().filter(|_| over <= now) {
            deployment.state = end;
            let took = SignedDuration::try_from(self.going.takes).expect("less than an age");
            deployment.finished = deployment.started.map(|started| started + took);
        }
        deployment
    }
}

#[derive(Debug, Default)]
struct Inner {
    offered: BTreeMap<ReleaseName, Option<Obstacle>>,
    attempts: Vec<Attempt>,
    going: Going,
    late: Vec<(Duration, DeployOrder)>,
    embargoes: BTreeMap<EnvironmentName, Timestamp>,
    others: BTreeSet<String>,
}

impl Inner {
    fn start(&mut self, order: &DeployOrder, by: &str, clock: &VirtualClock) -> Deployment {
        let id = DeploymentId::new(format!("{}", self.attempts.len() + 1)).expect("an id");
        let deployment = Deployment {
            id,
            release: order.release.clone(),
            state: DeploymentState::Running,
            started: Some(clock.now()),
            finished: None,
            by: Some(by.to_owned()),
            link: None,
        };
        self.attempts.push(Attempt {
            environment: order.environment.clone(),
            deployment: deployment.clone(),
            began: clock.elapsed(),
            going: self.going.clone(),
        });
        deployment
    }

    /// Starts the late ones whose time has come.
    fn settle(&mut self, clock: &VirtualClock) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= clock.elapsed());
        self.late = later;
        for (_, order) in due {
            self.start(&order, "switchover", clock);
        }
    }

    fn of<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        now: Duration,
    ) -> impl Iterator<Item = Deployment> + 'a {
        let own = self.attempts.iter().filter(move |attempt| attempt.environment == *environment);
        own.map(move |attempt| attempt.at(now))
    }

    fn view(&self, environment: &EnvironmentName, now: Duration) -> ReleaseView {
        let good = self.of(environment, now).filter(|own| own.state == DeploymentState::Succeeded);
        ReleaseView {
            current: good.max_by_key(|own| own.finished),
            under_way: self.of(environment, now).filter(|own| own.state.is_under_way()).collect(),
        }
    }

    fn latest(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseName,
        now: Duration,
    ) -> Option<Deployment> {
        self.of(environment, now).filter(|own| own.release == *release).last()
    }

    fn obstacle(&self, release: &ReleaseName) -> Option<Obstacle> {
        if let Some(obstacle) = self.offered.get(release) {
            return obstacle.clone();
        }
        let near = |own: &&ReleaseName| own.as_str().get(..3) == release.as_str().get(..3);
        Some(Obstacle::NoSuchRelease { near: self.offered.keys().filter(near).take(3).cloned().collect() })
    }
}

/// The releases and the embargo of one side. Clones are one service. A request takes 100 ms of virtual time.
///
/// An order that is repeated while an earlier one may still be on its way fails the test.
#[derive(Debug, Clone)]
pub struct FakeReleases {
    line: Line,
    inner: Arc<Mutex<Inner>>,
}

scripted!(FakeReleases);

impl FakeReleases {
    /// No releases, and nothing deployed.
    pub fn new(side: &SideName, clock: &VirtualClock, meter: &Meter) -> Self {
        Self { line: Line::new(format!("releases of {side}"), clock, meter), inner: Arc::default() }
    }

    /// Makes a release that can be deployed, or that this obstacle keeps from it.
    pub fn offer(&self, release: &ReleaseName, obstacle: Option<Obstacle>) {
        lock(&self.inner).offered.insert(release.clone(), obstacle);
    }

    /// Says how deployments go that are started from now on.
    pub fn going(&self, going: Going) {
        lock(&self.inner).going = going;
    }

    /// Somebody starts a deployment by hand, whatever is under way.
    pub fn by_hand(&self, environment: &EnvironmentName, release: &ReleaseName) -> Deployment {
        let order = DeployOrder { environment: environment.clone(), release: release.clone(), after: None };
        lock(&self.inner).start(&order, "somebody", &self.line.clock)
    }

    /// Somebody cancels whatever is under way.
    pub fn cancel(&self, environment: &EnvironmentName) {
        let now = self.line.clock.elapsed();
        let mut inner = lock(&self.inner);
        for attempt in inner.attempts.iter_mut().filter(|own| own.environment == *environment) {
            if attempt.at(now).state.is_under_way() {
                let takes = now.checked_sub(attempt.began).expect("it began before");
                attempt.going = Going { takes, ends: Some(DeploymentState::Cancelled) };
            }
        }
    }

    /// How many deployments of a release were ever started in an environment.
    pub fn started(&self, environment: &EnvironmentName, release: &ReleaseName) -> usize {
        let mut inner = lock(&self.inner);
        inner.settle(&self.line.clock);
        inner.of(environment, Duration::ZERO).filter(|own| own.release == *release).count()
    }

    /// Somebody else lays an embargo.
    pub fn embargo_of_others(&self, words: &str) {
        lock(&self.inner).others.insert(words.to_owned());
    }

    fn obstructed(&self, order: &DeployOrder, obstacle: Obstacle) -> ReleaseError {
        ReleaseError::Obstructed { place: self.line.place.clone(), release: order.release.clone(), obstacle }
    }

    /// What makes a start unnecessary or impossible.
    fn found(&self, inner: &Inner, order: &DeployOrder) -> Result<Option<Deployment>, ReleaseError> {
        let now = self.line.clock.elapsed();
        let view = inner.view(&order.environment, now);
        let (own, others): (Vec<_>, Vec<_>) =
            view.under_way.into_iter().partition(|deployment| deployment.release == order.release);
        let newer = inner
            .latest(&order.environment, &order.release, now)
            .filter(|latest| order.after.as_ref() != Some(&latest.id));
        let current = view.current.filter(|current| current.release == order.release);
        if let Some(found) = own.into_iter().next().or(newer).or(current) {
            return Ok(Some(found));
        }
        let other = others.into_iter().next().map(|other| Obstacle::UnderWay(Box::new(other)));
        match other.or_else(|| inner.obstacle(&order.release)) {
            Some(obstacle) => Err(self.obstructed(order, obstacle)),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Releases for FakeReleases {
    async fn read(&self, environment: &EnvironmentName) -> Result<ReleaseView, ReleaseError> {
        self.line.ask(RemoteCall::Read).await?;
        let mut inner = lock(&self.inner);
        inner.settle(&self.line.clock);
        Ok(inner.view(environment, self.line.clock.elapsed()))
    }

    async fn find(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseName,
    ) -> Result<Candidate, ReleaseError> {
        self.line.ask(RemoteCall::Read).await?;
        let right = match self.line.ask(RemoteCall::Prove).await {
            Ok(()) => None,
            Err(RemoteError::Forbidden { why, .. }) => Some(Obstacle::NotPermitted { why }),
            Err(error) => return Err(error.into()),
        };
        let mut inner = lock(&self.inner);
        inner.settle(&self.line.clock);
        let now = self.line.clock.elapsed();
        let others = inner.view(environment, now).under_way.into_iter().filter(|own| own.release != *release);
        let others = others.map(|other| Obstacle::UnderWay(Box::new(other)));
        Ok(Candidate {
            release: release.clone(),
            latest: inner.latest(environment, release, now).map(|latest| latest.id),
            obstacles: inner.obstacle(release).into_iter().chain(right).chain(others).collect(),
        })
    }

    async fn deploy(&self, order: &DeployOrder) -> Result<Deploying, ReleaseError> {
        let lost = self.line.change(&format!("{} of {}", order.release, order.environment)).await?;
        let mut inner = lock(&self.inner);
        inner.settle(&self.line.clock);
        if let Some(found) = self.found(&inner, order)? {
            return Ok(Deploying::Found(found));
        }
        match lost {
            None => return Ok(Deploying::Started(inner.start(order, "switchover", &self.line.clock))),
            Some(Lost::Applied) => {
                inner.start(order, "switchover", &self.line.clock);
            }
            Some(Lost::Never) => {}
            Some(Lost::At(moment)) => inner.late.push((moment, order.clone())),
        }
        Err(self.line.unknown().into())
    }

    async fn look(
        &self,
        environment: &EnvironmentName,
        deployment: &DeploymentId,
    ) -> Result<Progress, ReleaseError> {
        self.line.ask(RemoteCall::Read).await?;
        let inner = lock(&self.inner);
        let now = self.line.clock.elapsed();
        let Some(found) = inner.of(environment, now).find(|own| own.id == *deployment) else {
            let place = self.line.place.clone();
            return Err(ReleaseError::NoDeployment { place, id: deployment.clone() });
        };
        let badly = !found.state.is_under_way() && found.state != DeploymentState::Succeeded;
        let newest = inner.latest(environment, &found.release, now).filter(|newest| newest.id != found.id);
        let log = LogTail::of(format!("deploying {}\n{}\n", found.release, found.state).as_bytes());
        Ok(Progress { retried_as: newest.filter(|_| badly).map(|newest| newest.id), deployment: found, log })
    }

    fn in_flight(&self) -> Duration {
        IN_FLIGHT
    }
}

#[async_trait]
impl Embargo for FakeReleases {
    async fn read(&self, environment: &EnvironmentName) -> Result<EmbargoView, RemoteError> {
        self.line.ask(RemoteCall::Read).await?;
        let inner = lock(&self.inner);
        let since = inner.embargoes.get(environment).copied();
        Ok(EmbargoView {
            imposed: since.map(|since| Imposed { since: Some(since), reach: Reach::Environment }),
            others: inner.others.iter().cloned().collect(),
        })
    }

    async fn impose(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        let lost = self.line.change(&format!("the embargo on {environment}")).await?;
        if lost != Some(Lost::Never) {
            let now = self.line.clock.now();
            lock(&self.inner).embargoes.entry(environment.clone()).or_insert(now);
        }
        lost.map_or(Ok(()), |_| Err(self.line.unknown()))
    }

    async fn lift(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        let lost = self.line.change(&format!("the embargo on {environment}")).await?;
        if lost != Some(Lost::Never) {
            lock(&self.inner).embargoes.remove(environment);
        }
        lost.map_or(Ok(()), |_| Err(self.line.unknown()))
    }

    async fn prove_write(&self, _environment: &EnvironmentName) -> Result<(), RemoteError> {
        self.line.ask(RemoteCall::Prove).await
    }

    fn in_flight(&self) -> Duration {
        IN_FLIGHT
    }
}
