//! The releases of one side: what runs there, what could run there, and bringing it there.

use std::fmt;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::RemoteError;
use crate::model::{Deployment, DeploymentId, EnvironmentName, LogTail, ReleaseName};

/// An environment of a side as just seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReleaseView {
    /// The deployment whose release runs there; `None` if nothing was ever deployed.
    pub current: Option<Deployment>,
    /// Every deployment that may still change it, by whomever it was started.
    pub under_way: Vec<Deployment>,
}

/// Something that stands in the way of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no such release.
    NoSuchRelease {
        /// Releases that are probably meant.
        near: Vec<ReleaseName>,
    },
    /// The release is there and nothing was built that could be deployed.
    NothingToDeploy {
        /// What is missing, and what to do about it.
        why: String,
    },
    /// What deploys it cannot be started yet, or not any more.
    NotReady {
        /// Why, in the service's words.
        why: String,
    },
    /// These credentials may not start it.
    NotPermitted {
        /// The service's words.
        why: String,
    },
    /// Another deployment may still change the environment.
    UnderWay(Box<Deployment>),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRelease { near } if near.is_empty() => f.write_str("there is no such release"),
            Self::NoSuchRelease { near } => {
                let names: Vec<&str> = near.iter().map(ReleaseName::as_str).collect();
                write!(f, "there is no such release; is {} meant?", names.join(" or "))
            }
            Self::NothingToDeploy { why } | Self::NotReady { why } => f.write_str(why),
            Self::NotPermitted { why } => write!(f, "these credentials may not start it: {why}"),
            Self::UnderWay(deployment) => write!(f, "{deployment} is under way"),
        }
    }
}

/// A release that somebody wants to deploy, as just seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The release.
    pub release: ReleaseName,
    /// The newest attempt to deploy it here, whatever came of it; an order names it.
    pub latest: Option<DeploymentId>,
    /// Everything that stands in the way, at once. None of it: it can be deployed.
    pub obstacles: Vec<Obstacle>,
}

/// One deployment to start: only if no attempt was made since the one that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployOrder {
    /// The environment.
    pub environment: EnvironmentName,
    /// The release.
    pub release: ReleaseName,
    /// The newest attempt when the plan was made ([`Candidate::latest`]).
    pub after: Option<DeploymentId>,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Deploying {
    /// It was started now.
    Started(Deployment),
    /// It was there: the release runs already, or an attempt newer than the order's was found, which may be the order's own, or
    /// somebody else's; under way, or ended well or badly. Nothing was started.
    Found(Deployment),
}

impl Deploying {
    /// The deployment, whoever started it.
    pub fn deployment(&self) -> &Deployment {
        match self {
            Self::Started(deployment) | Self::Found(deployment) => deployment,
        }
    }
}

/// One deployment as just seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The deployment.
    pub deployment: Deployment,
    /// The end of its log; empty if there is none yet, or it cannot be read.
    pub log: LogTail,
    /// Whoever tried it again after it ended badly: the newest such attempt, which is the one to follow.
    pub retried_as: Option<DeploymentId>,
}

/// Why a release could not be seen or deployed. Only [`RemoteError::Unknown`] leaves open whether something was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The provider does not know the environment.
    #[error("the environment {0} is not configured for releases")]
    NoEnvironment(EnvironmentName),
    /// The release cannot be deployed as things are; nothing was started.
    #[error("{place}: {release} cannot be deployed: {obstacle}")]
    Obstructed {
        /// Where.
        place: String,
        /// The release.
        release: ReleaseName,
        /// What stands in the way.
        obstacle: Obstacle,
    },
    /// There is no deployment of that id.
    #[error("{place}: there is no deployment {id}")]
    NoDeployment {
        /// Where.
        place: String,
        /// The id.
        id: DeploymentId,
    },
    /// The service did not do it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// The releases of one side.
///
/// One deployment of one environment at a time is all that a provider promises. That no two *sides* are deployed to at once is the
/// caller's: it reads both before it orders, and goes on reading while a deployment is under way.
#[async_trait]
pub trait Releases: Debug + Send + Sync {
    /// Looks at an environment: what runs there, and every deployment under way, also those that were started by hand or by another
    /// job. May be repeated.
    async fn read(&self, environment: &EnvironmentName) -> Result<ReleaseView, ReleaseError>;

    /// Says whether a release could be deployed, with everything that stands in the way at once, and that the credentials could start it.
    /// Changes nothing. May be repeated. A release that runs already or is being deployed is no obstacle to itself.
    async fn find(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseName,
    ) -> Result<Candidate, ReleaseError>;

    /// Starts a deployment, unless one is found that makes it unnecessary, and returns without waiting for its end.
    ///
    /// Looks first, and starts nothing when the release runs already, when an attempt newer than [`DeployOrder::after`] is there, or
    /// when any other deployment of the environment is under way ([`ReleaseError::Obstructed`]). So it may be repeated at any time, and
    /// two calls of one order start one deployment. A start whose answer was lost is looked for once: if it shows, it is `Started`; if not, it is
    /// [`RemoteError::Unknown`], and the order must not be repeated until [`Releases::in_flight`] has passed.
    async fn deploy(&self, order: &DeployOrder) -> Result<Deploying, ReleaseError>;

    /// Looks at one deployment. May be repeated; a caller that follows one waits some seconds in between.
    async fn look(
        &self,
        environment: &EnvironmentName,
        deployment: &DeploymentId,
    ) -> Result<Progress, ReleaseError>;

    /// The longest time after which a request without an answer may still be carried out, counted from when it was sent.
    fn in_flight(&self) -> Duration;
}
