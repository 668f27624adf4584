//! Releases by programs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::model::{
    Deployment, DeploymentId, DeploymentState, EnvironmentName, LogTail, ReleaseName, SideName,
};
use switchover::port::{
    Candidate, Clock, DeployOrder, Deploying, Obstacle, Progress, ReleaseError, ReleaseView, Releases,
    RemoteError,
};

use crate::ledger::{Ledger, Record};
use crate::options::{CommandOptions, SetupError};
use crate::program::{Failure, Surroundings, run};
use crate::supervise::Start;

/// The id of a release that runs and that no record here knows.
const CURRENT: &str = "current";
/// How often the lock is asked for: somebody may hold it for as long as a look takes.
const TRIES: u32 = 5;

/// A side whose releases and embargo are known to programs. Needs a tokio runtime with processes and time enabled.
#[derive(Debug)]
pub struct Command {
    pub(crate) options: CommandOptions,
    pub(crate) surroundings: Surroundings,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What the folder says.
struct Books {
    records: Vec<Record>,
    running: bool,
}

impl Books {
    fn deployments(&self) -> impl DoubleEndedIterator<Item = Deployment> + '_ {
        let last = self.records.last().map(|record| record.number);
        let running = move |record: &Record| self.running && Some(record.number) == last;
        self.records.iter().filter_map(move |record| record.deployment(running(record)))
    }

    fn latest(&self, release: &ReleaseName) -> Option<Deployment> {
        self.deployments().rfind(|deployment| deployment.release == *release)
    }

    fn under_way(&self) -> Option<Deployment> {
        self.deployments().rfind(|deployment| deployment.state.is_under_way())
    }
}

impl Command {
    /// Checks the options. Runs nothing. `secrets` are those that the options name, found.
    pub fn new(
        options: CommandOptions,
        side: SideName,
        secrets: BTreeMap<String, SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        options.check()?;
        Ok(Self { options, surroundings: Surroundings { side, secrets: Arc::new(secrets) }, clock })
    }

    pub(crate) fn place(&self, argv: &[String]) -> String {
        let program = argv.first().map_or("no program", String::as_str);
        format!("the program {program} of {}", self.surroundings.side)
    }

    fn ledger(&self, environment: &EnvironmentName) -> Ledger {
        Ledger::new(&self.options.state, &self.surroundings.side, environment)
    }

    fn folder(&self, error: &io::Error) -> RemoteError {
        RemoteError::Unavailable { place: self.options.state.display().to_string(), why: error.to_string() }
    }

    async fn current(&self, environment: &EnvironmentName) -> Result<Option<ReleaseName>, RemoteError> {
        let argv = &self.options.current_release;
        let told = |why: String| RemoteError::Unavailable { place: self.place(argv), why };
        let command =
            self.surroundings.command(argv, environment).map_err(|failure| told(failure.to_string()))?;
        let printed =
            run(command, self.options.timeout.0).await.map_err(|failure| told(failure.to_string()))?;
        match printed.trim() {
            "" => Ok(None),
            text => ReleaseName::new(text)
                .map(Some)
                .map_err(|error| told(format!("it prints no release: {error}"))),
        }
    }

    async fn locked(&self, ledger: &Ledger) -> Result<Option<File>, RemoteError> {
        for _ in 1..TRIES {
            if let Some(lock) = ledger.lock().map_err(|error| self.folder(&error))? {
                return Ok(Some(lock));
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        ledger.lock().map_err(|error| self.folder(&error))
    }

    async fn books(&self, ledger: &Ledger) -> Result<Books, RemoteError> {
        // The lock first: a deployment that ends in between has its end in the records.
        let running = self.locked(ledger).await?.is_none();
        let records = ledger.records().map_err(|error| self.folder(&error))?;
        Ok(Books { records, running })
    }

    /// What runs there as a deployment: its record, if there is one, or one without an attempt behind it.
    fn as_deployment(books: &Books, release: ReleaseName) -> Option<Deployment> {
        let own = |deployment: &Deployment| {
            deployment.release == release && deployment.state == DeploymentState::Succeeded
        };
        books.deployments().rfind(own).or_else(|| {
            let id = DeploymentId::new(CURRENT).ok()?;
            let state = DeploymentState::Succeeded;
            Some(Deployment { id, release, state, started: None, finished: None, by: None, link: None })
        })
    }

    fn obstructed(&self, order: &DeployOrder, obstacle: Obstacle) -> ReleaseError {
        let place = self.place(&self.options.deploy);
        ReleaseError::Obstructed { place, release: order.release.clone(), obstacle }
    }

    fn start(&self, order: &DeployOrder, start: Start) -> Result<Deploying, ReleaseError> {
        let place = self.place(&self.options.deploy);
        let refused =
            |failure: Failure| RemoteError::Rejected { place: place.clone(), why: failure.to_string() };
        let command = self.surroundings.command(&self.options.deploy, &order.environment).map_err(refused)?;
        let deployment = start.record.deployment(true);
        start.go(command).map_err(refused)?;
        let named = deployment.ok_or_else(|| ReleaseError::NoEnvironment(order.environment.clone()))?;
        Ok(Deploying::Started(named))
    }
}

#[async_trait]
impl Releases for Command {
    async fn read(&self, environment: &EnvironmentName) -> Result<ReleaseView, ReleaseError> {
        let books = self.books(&self.ledger(environment)).await?;
        let current = self.current(environment).await?;
        Ok(ReleaseView {
            current: current.and_then(|release| Self::as_deployment(&books, release)),
            under_way: books.under_way().into_iter().collect(),
        })
    }

    /// Which releases there are shows only when one is deployed.
    async fn find(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseName,
    ) -> Result<Candidate, ReleaseError> {
        let books = self.books(&self.ledger(environment)).await?;
        let mut obstacles = Vec::new();
        if self.options.deploy.is_empty() {
            let why = "no program `deploy` is configured; releases are only looked at".to_owned();
            obstacles.push(Obstacle::NothingToDeploy { why });
        }
        let other = books.under_way().filter(|other| other.release != *release);
        obstacles.extend(other.map(|other| Obstacle::UnderWay(Box::new(other))));
        self.current(environment).await?;
        let latest = books.latest(release).map(|latest| latest.id);
        Ok(Candidate { release: release.clone(), latest, obstacles })
    }

    async fn deploy(&self, order: &DeployOrder) -> Result<Deploying, ReleaseError> {
        if self.options.deploy.is_empty() {
            return Err(ReleaseError::NoEnvironment(order.environment.clone()));
        }
        let ledger = self.ledger(&order.environment);
        let Some(lock) = self.locked(&ledger).await? else {
            let books = self.books(&ledger).await?;
            return match books.under_way() {
                Some(own) if own.release == order.release => Ok(Deploying::Found(own)),
                Some(other) => Err(self.obstructed(order, Obstacle::UnderWay(Box::new(other)))),
                None => {
                    let why = "another Switchover is at work on it just now".to_owned();
                    Err(self.obstructed(order, Obstacle::NotReady { why }))
                }
            };
        };
        let records = ledger.records().map_err(|error| self.folder(&error))?;
        let books = Books { records, running: false };
        let newer = books.latest(&order.release).filter(|latest| order.after.as_ref() != Some(&latest.id));
        if let Some(found) = newer {
            return Ok(Deploying::Found(found));
        }
        let current = self.current(&order.environment).await?.filter(|current| *current == order.release);
        if let Some(found) = current.and_then(|release| Self::as_deployment(&books, release)) {
            return Ok(Deploying::Found(found));
        }
        let number = books.records.last().map_or(1, |last| last.number + 1);
        let (release, started) = (order.release.clone(), self.clock.now());
        let record = Record { number, release, started, end: None };
        ledger.write(&record).map_err(|error| self.folder(&error))?;
        let (limit, clock) = (self.options.deploy_timeout.0, Arc::clone(&self.clock));
        self.start(order, Start { ledger, record, lock, limit, clock })
    }

    async fn look(
        &self,
        environment: &EnvironmentName,
        deployment: &DeploymentId,
    ) -> Result<Progress, ReleaseError> {
        let ledger = self.ledger(environment);
        let books = self.books(&ledger).await?;
        let none =
            || ReleaseError::NoDeployment { place: self.place(&self.options.deploy), id: deployment.clone() };
        if deployment.as_str() == CURRENT {
            let current = self.current(environment).await?.and_then(|own| Self::as_deployment(&books, own));
            let deployment = current.ok_or_else(none)?;
            return Ok(Progress { deployment, log: LogTail::default(), retried_as: None });
        }
        let mut found = books.deployments().find(|own| own.id == *deployment).ok_or_else(none)?;
        let number: u64 = deployment.as_str().parse().map_err(|_| none())?;
        let unseen = found.finished.is_none() && !found.state.is_under_way();
        if unseen && self.current(environment).await?.as_ref() == Some(&found.release) {
            found.state = DeploymentState::Succeeded;
        }
        let badly = !found.state.is_under_way() && found.state != DeploymentState::Succeeded;
        let newer = books.latest(&found.release).filter(|newest| badly && newest.id != found.id);
        Ok(Progress { deployment: found, log: ledger.tail(number), retried_as: newer.map(|newer| newer.id) })
    }

    /// A program that was started is in the folder before it runs, so nothing is ever on its way unseen.
    fn in_flight(&self) -> Duration {
        Duration::ZERO
    }
}
