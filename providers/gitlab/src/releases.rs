//! Releases: what runs in an environment, what is under way, and what could be deployed.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join3, join4};
use reqwest::Method;
use switchover::model::{Deployment, DeploymentId, DeploymentState, EnvironmentName, LogTail, ReleaseName};
use switchover::port::{
    Candidate, DeployOrder, Deploying, Obstacle, Progress, ReleaseError, ReleaseView, Releases, RemoteError,
};

use crate::answer::Failure;
use crate::attempt::{Key, of_deployment, of_job};
use crate::refusal::is_missing;
use crate::side::GitLab;
use crate::wire::{self, Pipeline, Tag};

const LOOK: &str = "look at deployments, pipelines and jobs (role Reporter, scope read_api)";
/// The role Developer (<https://docs.gitlab.com/api/members/#roles>).
const DEVELOPER: u32 = 30;
/// No job has it: ids count from 1.
const NO_JOB: &str = "0";
/// Before every deployment: the filter that goes with ordering by the time of the end (`app/finders/deployments_finder.rb`).
const EVER: &str = "2000-01-01T00:00:00Z";
/// How like two names must be for one to be taken for a slip of the other.
const LIKE: f64 = 0.85;

/// Where the deploy job of a release stands.
#[derive(Debug)]
pub(crate) enum Site {
    /// The job, the newest of its name.
    Job(Box<wire::Job>),
    /// There is none, and why.
    Nothing(String),
}

impl GitLab {
    fn looked(&self, failure: Failure, what: &str) -> RemoteError {
        self.unchanged(failure, what, LOOK)
    }

    /// What runs there, and what may still change it.
    ///
    /// Deployments that run are asked for by that state, however many there are since. Those that wait for a runner have no state of
    /// their own, so they are looked for among the newest hundred.
    pub(crate) async fn view(&self, environment: &str) -> Result<ReleaseView, RemoteError> {
        let of = ("environment", environment);
        let newest_end = [
            of,
            ("status", "success"),
            ("order_by", "finished_at"),
            ("finished_after", EVER),
            ("sort", "desc"),
            ("per_page", "1"),
        ];
        let newest = [of, ("order_by", "id"), ("sort", "desc"), ("per_page", "100")];
        let running = [of, ("status", "running")];
        let path = ["deployments"];
        let (current, running, newest) = join3(
            self.client.get::<Vec<wire::Deployment>>(&path, &newest_end),
            self.client.list::<wire::Deployment>(&path, &running),
            self.client.get::<Vec<wire::Deployment>>(&path, &newest),
        )
        .await;
        let told = |failure| self.looked(failure, "the list of deployments");
        let (current, running, newest) =
            (current.map_err(told)?, running.map_err(told)?, newest.map_err(told)?);
        let mut under_way: Vec<Deployment> = Vec::new();
        for deployment in running.iter().chain(&newest).filter_map(of_deployment) {
            let known = under_way.iter().any(|own| own.id == deployment.id);
            if deployment.state.is_under_way() && !known {
                under_way.push(deployment);
            }
        }
        Ok(ReleaseView { current: current.first().and_then(of_deployment), under_way })
    }

    /// The job that deploys a release: in the newest pipeline of its tag.
    pub(crate) async fn site(&self, release: &ReleaseName, job: Option<&str>) -> Result<Site, RemoteError> {
        let Some(wanted) = job else {
            let why = "no deploy_job is configured for the environment; releases are only looked at";
            return Ok(Site::Nothing(why.to_owned()));
        };
        let query = [
            ("ref", release.as_str()),
            ("scope", "tags"),
            ("order_by", "id"),
            ("sort", "desc"),
            ("per_page", "1"),
        ];
        let pipelines: Vec<Pipeline> = self
            .client
            .get(&["pipelines"], &query)
            .await
            .map_err(|failure| self.looked(failure, "the list of pipelines"))?;
        let Some(pipeline) = pipelines.first() else {
            let why = format!("the tag {release} has no pipeline; run one for it");
            return Ok(Site::Nothing(why));
        };
        let jobs = self.jobs(pipeline.id).await?;
        let newest = jobs.iter().filter(|job| job.name == wanted).max_by_key(|job| job.id);
        Ok(newest.map_or_else(|| no_job(pipeline, wanted, &jobs), |job| Site::Job(Box::new(job.clone()))))
    }

    /// The jobs of a pipeline, without those that a newer attempt replaced.
    async fn jobs(&self, pipeline: u64) -> Result<Vec<wire::Job>, RemoteError> {
        let id = pipeline.to_string();
        let jobs = self.client.list(&["pipelines", &id, "jobs"], &[]).await;
        jobs.map_err(|failure| self.looked(failure, &format!("the pipeline {id}")))
    }

    /// Whether there is such a tag; if not, those that are probably meant.
    async fn tag(&self, release: &ReleaseName) -> Result<Option<Obstacle>, RemoteError> {
        // These two would be taken for parts of the path.
        if !matches!(release.as_str(), "." | "..") {
            match self.client.get::<Tag>(&["repository", "tags", release.as_str()], &[]).await {
                Ok(_) => return Ok(None),
                Err(failure) if is_missing(&failure) => {}
                Err(failure) => return Err(self.looked(failure, &format!("the tag {release}"))),
            }
        }
        let newest: Vec<Tag> = self
            .client
            .get(&["repository", "tags"], &[("per_page", "100")])
            .await
            .map_err(|failure| self.looked(failure, "the list of tags"))?;
        let like = |tag: &&Tag| strsim::jaro_winkler(&tag.name, release.as_str()) >= LIKE;
        let near = newest.iter().filter(like).filter_map(|tag| ReleaseName::new(&tag.name).ok()).take(3);
        Ok(Some(Obstacle::NoSuchRelease { near: near.collect() }))
    }

    /// Why the token could not play a job: plays one that there cannot be, which shows its scope, and asks for its role. What a protected
    /// environment allows shows only when it is tried.
    async fn may_play(&self) -> Result<Option<Obstacle>, RemoteError> {
        let path = ["jobs", NO_JOB, "play"];
        let (proof, level) =
            join(self.client.change::<wire::Job>(Method::POST, &path, &[], None), self.access_level()).await;
        let refused = |why: String| Ok(Some(Obstacle::NotPermitted { why }));
        match proof {
            Err(failure) if is_missing(&failure) => {}
            Err(Failure::Refused(refusal)) if refusal.status == 403 => return refused(refusal.to_string()),
            Err(failure) => return Err(self.looked(failure, "the list of jobs")),
            Ok(_) => return refused("the server plays a job that cannot exist".to_owned()),
        }
        match level? {
            Some(level) if level < DEVELOPER => {
                refused("its user's role in the project is below Developer".to_owned())
            }
            Some(_) | None => Ok(None),
        }
    }

    /// A newer attempt than one that ended badly.
    async fn successor(&self, job: &wire::Job) -> Result<Option<DeploymentId>, RemoteError> {
        let Some(pipeline) = &job.pipeline else { return Ok(None) };
        let jobs = self.jobs(pipeline.id).await?;
        let newer = jobs.iter().filter(|own| own.name == job.name && own.id > job.id);
        Ok(newer.max_by_key(|own| own.id).and_then(of_job).map(|attempt| attempt.id))
    }

    async fn follow(&self, number: u64, id: &DeploymentId) -> Result<Progress, ReleaseError> {
        let text = number.to_string();
        let (job, log) = join(
            self.client.get::<wire::Job>(&["jobs", &text], &[]),
            self.client.tail(&["jobs", &text, "trace"]),
        )
        .await;
        let job = job.map_err(|failure| self.gone(failure, id))?;
        let deployment = of_job(&job).ok_or_else(|| self.none(id))?;
        let retried_as = match deployment.state {
            DeploymentState::Failed { .. } | DeploymentState::Cancelled => self.successor(&job).await?,
            DeploymentState::Pending | DeploymentState::Running | DeploymentState::Succeeded => None,
        };
        // A log that cannot be read just now is no reason to lose sight of the job.
        let log = LogTail::of(&log.unwrap_or_default());
        Ok(Progress { deployment, log, retried_as })
    }

    fn none(&self, id: &DeploymentId) -> ReleaseError {
        ReleaseError::NoDeployment { place: self.place(), id: id.clone() }
    }

    fn gone(&self, failure: Failure, id: &DeploymentId) -> ReleaseError {
        if is_missing(&failure) { self.none(id) } else { self.looked(failure, "the deployment").into() }
    }
}

fn no_job(pipeline: &Pipeline, wanted: &str, jobs: &[wire::Job]) -> Site {
    let like = |job: &wire::Job| strsim::jaro_winkler(&job.name, wanted);
    let mut near: Vec<&wire::Job> = jobs.iter().filter(|job| like(job) >= LIKE).collect();
    near.sort_by(|a, b| like(b).total_cmp(&like(a)));
    let near: Vec<String> = near.iter().take(3).map(|job| format!("`{}`", job.name)).collect();
    let hint = if near.is_empty() { String::new() } else { format!("; is {} meant?", near.join(" or ")) };
    Site::Nothing(format!("pipeline {} has no job `{wanted}`{hint}", pipeline.id))
}

/// Why a job that nobody started cannot be; `None` if it can, or somebody did.
pub(crate) fn not_ready(job: &wire::Job) -> Option<String> {
    let pipeline = job.pipeline.as_ref().map_or("", |pipeline| &pipeline.status);
    match job.status.as_str() {
        "created" => {
            Some(format!("the job {} waits for earlier jobs (its pipeline is {pipeline})", job.name))
        }
        "skipped" => Some(format!("the job {} was skipped (its pipeline is {pipeline})", job.name)),
        "blocked" => Some(format!("the job {} waits for an approval in GitLab", job.name)),
        _ => None,
    }
}

#[async_trait]
impl Releases for GitLab {
    async fn read(&self, environment: &EnvironmentName) -> Result<ReleaseView, ReleaseError> {
        Ok(self.view(&self.options.stage(environment).environment).await?)
    }

    async fn find(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseName,
    ) -> Result<Candidate, ReleaseError> {
        let stage = self.options.stage(environment);
        let (tag, site, view, right) = join4(
            self.tag(release),
            self.site(release, stage.deploy_job.as_deref()),
            self.view(&stage.environment),
            self.may_play(),
        )
        .await;
        let (tag, site) = (tag?, site?);
        let mut candidate = Candidate { release: release.clone(), latest: None, obstacles: Vec::new() };
        let has_tag = tag.is_none();
        candidate.obstacles.extend(tag);
        match site {
            Site::Nothing(why) if has_tag => candidate.obstacles.push(Obstacle::NothingToDeploy { why }),
            // Without a tag that is no news.
            Site::Nothing(_) => {}
            Site::Job(job) => {
                candidate.latest = of_job(&job).map(|attempt| attempt.id);
                candidate.obstacles.extend(not_ready(&job).map(|why| Obstacle::NotReady { why }));
            }
        }
        candidate.obstacles.extend(right?);
        let others = view?.under_way.into_iter().filter(|other| other.release != *release);
        candidate.obstacles.extend(others.map(|other| Obstacle::UnderWay(Box::new(other))));
        Ok(candidate)
    }

    async fn deploy(&self, order: &DeployOrder) -> Result<Deploying, ReleaseError> {
        self.carry_out(order).await
    }

    async fn look(
        &self,
        _environment: &EnvironmentName,
        deployment: &DeploymentId,
    ) -> Result<Progress, ReleaseError> {
        match Key::of(deployment) {
            Some(Key::Job(number)) => self.follow(number, deployment).await,
            Some(Key::Reported(number)) => {
                let path = ["deployments", &number.to_string()];
                let found: Result<wire::Deployment, Failure> = self.client.get(&path, &[]).await;
                let found = found.map_err(|failure| self.gone(failure, deployment))?;
                let known = of_deployment(&found).ok_or_else(|| self.none(deployment))?;
                Ok(Progress { deployment: known, log: LogTail::default(), retried_as: None })
            }
            None => Err(self.none(deployment)),
        }
    }

    fn in_flight(&self) -> Duration {
        self.options.in_flight
    }
}
