//! Starts a deployment once: looks, plays the job or runs it again, and looks for a start whose answer was lost.
//!
//! GitLab runs a job that is over *again* when it is played, and answers with the old one (`Ci::PlayBuildService`). So a second request
//! would start a second deployment. What protects is the look before, by the newest attempt that the order names.

use reqwest::Method;
use switchover::model::Deployment;
use switchover::port::{DeployOrder, Deploying, Obstacle, ReleaseError};

use crate::answer::Failure;
use crate::attempt::of_job;
use crate::releases::{Site, not_ready};
use crate::side::GitLab;
use crate::wire;

const START: &str = "start the job (role Developer, or what the protected environment asks for; scope api)";

impl GitLab {
    fn obstructed(&self, order: &DeployOrder, obstacle: Obstacle) -> ReleaseError {
        ReleaseError::Obstructed { place: self.place(), release: order.release.clone(), obstacle }
    }

    /// The job of an order as it is now.
    async fn job_of(&self, order: &DeployOrder) -> Result<wire::Job, ReleaseError> {
        let stage = self.options.stage(&order.environment);
        if stage.deploy_job.is_none() {
            return Err(ReleaseError::NoEnvironment(order.environment.clone()));
        }
        match self.site(&order.release, stage.deploy_job.as_deref()).await? {
            Site::Job(job) => Ok(*job),
            Site::Nothing(why) => Err(self.obstructed(order, Obstacle::NothingToDeploy { why })),
        }
    }

    pub(crate) async fn carry_out(&self, order: &DeployOrder) -> Result<Deploying, ReleaseError> {
        let stage = self.options.stage(&order.environment);
        let view = self.view(&stage.environment).await?;
        let (own, others): (Vec<_>, Vec<_>) =
            view.under_way.into_iter().partition(|deployment| deployment.release == order.release);
        if let Some(found) = own.into_iter().next() {
            return Ok(Deploying::Found(found));
        }
        let job = self.job_of(order).await?;
        let before = of_job(&job);
        if let Some(newer) = newer(order, before.as_ref()) {
            return Ok(Deploying::Found(newer));
        }
        if let Some(current) = view.current.filter(|current| current.release == order.release) {
            return Ok(Deploying::Found(current));
        }
        if let Some(other) = others.into_iter().next() {
            return Err(self.obstructed(order, Obstacle::UnderWay(Box::new(other))));
        }
        if let Some(why) = not_ready(&job) {
            return Err(self.obstructed(order, Obstacle::NotReady { why }));
        }
        self.start(order, &job, before).await
    }

    /// Plays a job that waits, runs one again that is over.
    async fn start(
        &self,
        order: &DeployOrder,
        job: &wire::Job,
        before: Option<Deployment>,
    ) -> Result<Deploying, ReleaseError> {
        let verb = if before.is_none() { "play" } else { "retry" };
        let (id, what) = (job.id.to_string(), format!("the job {}", job.name));
        let path = ["jobs", id.as_str(), verb];
        let started: Result<wire::Job, Failure> = self.client.change(Method::POST, &path, &[], None).await;
        match started {
            Ok(job) => match of_job(&job) {
                Some(deployment) => Ok(Deploying::Started(deployment)),
                None => {
                    self.looked_for(order, before, Failure::Garbled("the answer shows no start".to_owned()))
                        .await
                }
            },
            // Somebody else may have been faster.
            Err(Failure::Refused(refusal)) if is_unplayable(&refusal.words) => {
                let now = of_job(&self.job_of(order).await?);
                let newer = now.filter(|now| before.as_ref().is_none_or(|before| before.id != now.id));
                let why = refusal.to_string();
                newer.map(Deploying::Found).ok_or_else(|| self.obstructed(order, Obstacle::NotReady { why }))
            }
            Err(failure @ (Failure::Silent(_) | Failure::OutOfOrder(_) | Failure::Garbled(_))) => {
                self.looked_for(order, before, failure).await
            }
            Err(failure @ (Failure::NotSent(_) | Failure::Throttled(_) | Failure::Refused(_))) => {
                Err(self.changed(failure, &what, START).into())
            }
        }
    }

    /// A start whose answer was lost may show already.
    async fn looked_for(
        &self,
        order: &DeployOrder,
        before: Option<Deployment>,
        failure: Failure,
    ) -> Result<Deploying, ReleaseError> {
        let found = self.job_of(order).await.ok().and_then(|job| of_job(&job));
        match found.filter(|found| before.is_none_or(|before| before.id != found.id)) {
            Some(started) => Ok(Deploying::Started(started)),
            None => Err(self.changed(failure, "the job", START).into()),
        }
    }
}

/// An attempt that the order does not know of: its own, or somebody else's.
fn newer(order: &DeployOrder, found: Option<&Deployment>) -> Option<Deployment> {
    found.filter(|found| order.after.as_ref() != Some(&found.id)).cloned()
}

/// `lib/api/ci/jobs.rb`.
fn is_unplayable(words: &str) -> bool {
    words.contains("Unplayable Job") || words.contains("not retryable")
}
