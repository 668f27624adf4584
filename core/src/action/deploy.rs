//! Bring a release onto one side, while nothing is deployed to the other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::remote::{release_failed, release_unseen};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{
    Deployment, DeploymentId, DeploymentState, EnvironmentName, LogTail, ReleaseName, SideName,
};
use crate::port::{DeployOrder, Progress, ReleaseError, ReleaseView, Releases};

/// A deployment to one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The side that gets the release.
    pub side: SideName,
    /// The other side, to which nothing may be deployed meanwhile.
    pub other: SideName,
    /// The environment.
    pub environment: EnvironmentName,
    /// The release.
    pub release: ReleaseName,
    /// The newest attempt when the plan was made: only one that is newer can be this step's.
    pub after: Option<DeploymentId>,
}

/// What knows the releases of a side, or what to say where nothing does.
fn releases<'p>(context: &Context<'p>, side: &SideName) -> Result<&'p Arc<dyn Releases>, String> {
    let delivery = context.ports.deliveries.get(side);
    let releases = delivery.and_then(|delivery| delivery.releases.as_ref());
    releases.ok_or_else(|| format!("side {side} has no releases"))
}

/// Starts the deployment once, and follows it to its end.
#[derive(Debug)]
pub(super) struct Deploying<'a> {
    action: &'a Deploy,
    /// The deployment that is followed.
    following: Option<DeploymentId>,
}

impl<'a> Deploying<'a> {
    pub(super) fn new(action: &'a Deploy) -> Self {
        Self { action, following: None }
    }

    async fn sight(&mut self, context: &Context<'_>) -> Result<Look, Look> {
        let Deploy { side, other, environment, .. } = self.action;
        let ours = releases(context, side).map_err(Look::Refused)?;
        let theirs = releases(context, other).map_err(Look::Refused)?;
        let (here, there) = join(ours.read(environment), theirs.read(environment)).await;
        let unseen = |error: ReleaseError| release_unseen(&error);
        let (here, there) = (here.map_err(unseen)?, there.map_err(unseen)?);
        if let Some(found) = there.under_way.first() {
            let why = format!(
                "{found} is under way on side {other}: a release is never deployed to both sides at once"
            );
            return Ok(Look::NotReady { why, partial: self.following.is_some() });
        }
        self.follow(&here)?;
        match self.following.clone() {
            Some(id) => {
                let progress = ours.look(environment, &id).await.map_err(unseen)?;
                Ok(self.judge(progress, &here))
            }
            None if self.runs(&here) => Ok(Look::Done(Vec::new())),
            None => Ok(Look::Ready { partial: false }),
        }
    }

    fn runs(&self, here: &ReleaseView) -> bool {
        here.current.as_ref().is_some_and(|current| current.release == self.action.release)
    }

    /// Follows a deployment of the release that is under way already; another one is in the way.
    fn follow(&mut self, here: &ReleaseView) -> Result<(), Look> {
        if self.following.is_some() {
            return Ok(());
        }
        let ours = |found: &&Deployment| found.release == self.action.release;
        match (here.under_way.iter().find(ours), here.under_way.first()) {
            (Some(found), _) => self.following = Some(found.id.clone()),
            (None, Some(foreign)) => {
                let why = format!("{foreign} is under way on side {}", self.action.side);
                return Err(Look::NotReady { why, partial: false });
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn judge(&mut self, progress: Progress, here: &ReleaseView) -> Look {
        let Progress { deployment, log, retried_as } = progress;
        match &deployment.state {
            DeploymentState::Pending | DeploymentState::Running => {
                let last = log.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
                Look::Waiting(format!("{}{last}", deployment.state))
            }
            DeploymentState::Succeeded if self.runs(here) => {
                Look::Done(vec![Fact::Deployed { deployment, log }])
            }
            DeploymentState::Succeeded => {
                Look::Waiting(format!("{deployment} ended, and the side does not show its release yet"))
            }
            DeploymentState::Failed { .. } | DeploymentState::Cancelled => match retried_as {
                Some(again) => {
                    self.following = Some(again);
                    Look::Waiting(format!("{deployment}; it is tried again"))
                }
                None => Look::NotReady { why: told(&self.action.side, &deployment, &log), partial: true },
            },
        }
    }
}

fn told(side: &SideName, deployment: &Deployment, log: &LogTail) -> String {
    let link = deployment.link.as_ref().map(|link| format!(" ({link})")).unwrap_or_default();
    let last: Vec<&str> = log.lines().iter().rev().take(3).rev().map(String::as_str).collect();
    let last = if last.is_empty() { String::new() } else { format!("; its log ends: {}", last.join(" / ")) };
    format!("{deployment} on side {side} did not succeed{link}{last}")
}

#[async_trait]
impl Perform for Deploying<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        match self.sight(context).await {
            Ok(look) | Err(look) => look,
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let releases = match releases(context, &self.action.side) {
            Ok(releases) => releases,
            Err(why) => return Acted::Refused(why),
        };
        let Deploy { environment, release, after, .. } = self.action.clone();
        match releases.deploy(&DeployOrder { environment, release, after }).await {
            Ok(deploying) => {
                self.following = Some(deploying.deployment().id.clone());
                Acted::Accepted(Vec::new())
            }
            Err(error) => release_failed(&error, releases.in_flight()),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(500), Duration::from_secs(10), looks)
    }

    fn in_flight(&self, context: &Context<'_>) -> Duration {
        releases(context, &self.action.side).map(|releases| releases.in_flight()).unwrap_or_default()
    }
}
