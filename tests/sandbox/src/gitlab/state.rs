//! What a server holds, and the moves that several calls share: playing, retrying and cancelling a job.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::error::ApiError;
use super::job::{Course, Job, Phase};
use super::seed::{GitLabSeed, JobSeed, ProjectSeed, Role, Scope, TokenState, VariableSeed};
use crate::fault::Faults;
use crate::ids;
use crate::log::Log;

/// Who calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) user: String,
    pub(super) role: Role,
    pub(super) scope: Scope,
    pub(super) state: TokenState,
    pub(super) projects: Option<Vec<String>>,
    secret: SecretString,
}

impl Caller {
    pub(super) fn has(&self, token: &SecretString) -> bool {
        self.secret.expose_secret() == token.expose_secret()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) sha: String,
}

#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    pub(super) tag: String,
    pub(super) sha: String,
    pub(super) created: Timestamp,
}

/// What a deployment's status comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A job.
    Job(u64),
    /// A program that reports its deployments by the API: status, when it last changed.
    Program(String, Timestamp),
}

#[derive(Clone, Debug)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) environment: String,
    pub(super) reference: String,
    pub(super) sha: String,
    pub(super) created: Timestamp,
    pub(super) user: String,
    pub(super) source: Source,
}

#[derive(Clone, Debug)]
pub(super) struct FreezePeriod {
    pub(super) id: u64,
    pub(super) start: String,
    pub(super) end: String,
    pub(super) zone: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct PipelineSchedule {
    pub(super) id: u64,
    pub(super) description: String,
    pub(super) cron: String,
    pub(super) reference: String,
    pub(super) owner: String,
    pub(super) active: bool,
    pub(super) updated: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) path: String,
    pub(super) variables: Vec<VariableSeed>,
    pub(super) templates: Vec<JobSeed>,
    pub(super) tags: Vec<Tag>,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) jobs: Vec<Job>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) freezes: Vec<FreezePeriod>,
    pub(super) schedules: Vec<PipelineSchedule>,
    last_id: u64,
}

/// What a reset brings back to the seed's state.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) callers: Vec<Caller>,
    pub(super) projects: Vec<Project>,
    pub(super) faults: Faults,
    pub(super) latency: std::time::Duration,
    pub(super) log: Log,
}

impl State {
    pub(super) fn of(seed: &GitLabSeed, now: Timestamp) -> State {
        let caller = |token: &super::GitLabTokenSeed| Caller {
            name: token.name.clone(),
            user: token.user.clone(),
            role: token.role,
            scope: token.scope,
            state: token.state,
            projects: token.projects.clone(),
            secret: token.value.clone(),
        };
        let projects =
            (1_u64..).zip(&seed.projects).map(|(id, project)| Project::of(id, project, now)).collect();
        State {
            callers: seed.tokens.iter().map(caller).collect(),
            projects,
            faults: Faults::default(),
            latency: std::time::Duration::ZERO,
            log: Log::default(),
        }
    }
}

impl Project {
    fn of(id: u64, seed: &ProjectSeed, now: Timestamp) -> Project {
        let sha = |tag: &str| ids::hex(&["sha", &seed.path, tag]) + "01234567";
        let tags = seed.tags.iter().chain(&seed.bare_tags);
        let mut project = Project {
            id,
            path: seed.path.clone(),
            variables: seed.variables.clone(),
            templates: seed.jobs.clone(),
            tags: tags.map(|name| Tag { name: name.clone(), sha: sha(name) }).collect(),
            pipelines: Vec::new(),
            jobs: Vec::new(),
            deployments: Vec::new(),
            freezes: Vec::new(),
            schedules: Vec::new(),
            last_id: id * 1_000_000,
        };
        for tag in &seed.tags {
            project.begin(tag, &sha(tag), &seed.deployed, now);
        }
        for schedule in &seed.schedules {
            let id = project.next_id();
            project.schedules.push(PipelineSchedule {
                id,
                description: schedule.description.clone(),
                cron: schedule.cron.clone(),
                reference: schedule.reference.clone(),
                owner: schedule.owner.clone(),
                active: schedule.active,
                updated: now,
            });
        }
        project
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Makes the pipeline of a tag. Jobs that nobody has to play have run; so have those whose tag was deployed.
    fn begin(
        &mut self,
        tag: &str,
        sha: &str,
        deployed: &std::collections::BTreeMap<String, String>,
        now: Timestamp,
    ) {
        let pipeline = self.next_id();
        self.pipelines.push(Pipeline {
            id: pipeline,
            tag: tag.to_owned(),
            sha: sha.to_owned(),
            created: now,
        });
        for template in self.templates.clone() {
            let environment = template.environment.clone();
            let is_deployed =
                environment.as_ref().is_some_and(|name| deployed.get(name).is_some_and(|own| own == tag));
            let ran = if environment.is_some() { is_deployed } else { !template.manual };
            let id = self.next_id();
            let mut course = Course::from(&template);
            if ran {
                course = Course {
                    pending: std::time::Duration::ZERO,
                    takes: std::time::Duration::ZERO,
                    ends: super::Ends::Success,
                    ..course
                };
            }
            self.jobs.push(Job {
                id,
                pipeline,
                name: template.name,
                stage: template.stage,
                environment,
                protected: template.protected,
                course,
                phase: if ran { Phase::Played(now) } else { Phase::Manual },
                created: now,
                user: "seed".to_owned(),
                retried: false,
            });
            self.deploys(id, "seed", now);
        }
    }

    /// A deployment is there from the moment its job is; its status follows the job's (`created` until the job starts).
    fn deploys(&mut self, job: u64, user: &str, now: Timestamp) {
        let id = self.next_id();
        let found = self.jobs.iter().find(|own| own.id == job);
        let Some((environment, pipeline)) =
            found.and_then(|job| Some((job.environment.clone()?, job.pipeline)))
        else {
            return;
        };
        let Some(pipeline) = self.pipelines.iter().find(|own| own.id == pipeline) else { return };
        self.deployments.push(Deployment {
            id,
            environment,
            reference: pipeline.tag.clone(),
            sha: pipeline.sha.clone(),
            created: now,
            user: user.to_owned(),
            source: Source::Job(job),
        });
    }

    pub(super) fn job(&self, id: u64) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// Plays a job: one that waits is started; one that is over is run again, which makes a new job, and the old one is what is
    /// answered (`lib/api/ci/jobs.rb`, `Ci::PlayBuildService`).
    pub(super) fn play(&mut self, id: u64, user: &str, now: Timestamp) -> Result<(), ApiError> {
        let job = self.jobs.iter_mut().find(|job| job.id == id).ok_or_else(ApiError::no_record)?;
        let over = job.is_complete(now);
        match job.phase {
            Phase::Manual => {
                job.phase = Phase::Played(now);
                user.clone_into(&mut job.user);
                Ok(())
            }
            Phase::Played(_) | Phase::Cancelled(..) if over && !job.retried => {
                self.retry(id, user, now).map(|_| ())
            }
            Phase::Played(_) | Phase::Cancelled(..) => Err(ApiError::bad_request("Unplayable Job")),
        }
    }

    /// Runs a job again that is over: a new job of the same name.
    pub(super) fn retry(&mut self, id: u64, user: &str, now: Timestamp) -> Result<u64, ApiError> {
        let new = self.next_id();
        let template =
            self.job(id).and_then(|job| self.templates.iter().find(|own| own.name == job.name)).cloned();
        let old = self.jobs.iter_mut().find(|job| job.id == id).ok_or_else(ApiError::no_record)?;
        if old.retried || !old.is_complete(now) {
            return Err(ApiError::forbidden_because("Job is not retryable"));
        }
        old.retried = true;
        let course = template.map_or_else(|| old.course.clone(), |template| Course::from(&template));
        let again = Job {
            id: new,
            course,
            phase: Phase::Played(now),
            created: now,
            user: user.to_owned(),
            retried: false,
            ..old.clone()
        };
        self.jobs.push(again);
        self.deploys(new, user, now);
        Ok(new)
    }

    /// Ends a job that is under way; nothing else can be cancelled (`Ci::HasStatus`).
    pub(super) fn cancel(&mut self, id: u64, now: Timestamp) -> Result<(), ApiError> {
        let job = self.jobs.iter_mut().find(|job| job.id == id).ok_or_else(ApiError::no_record)?;
        match job.phase {
            Phase::Played(at) if !job.is_complete(now) => job.phase = Phase::Cancelled(at, now),
            Phase::Manual | Phase::Played(_) | Phase::Cancelled(..) => {}
        }
        Ok(())
    }

    /// The newest job of a name in a tag's newest pipeline.
    pub(super) fn newest(&self, tag: &str, job: &str) -> Option<u64> {
        let pipeline = self.pipelines.iter().rfind(|own| own.tag == tag)?.id;
        self.jobs.iter().rfind(|own| own.pipeline == pipeline && own.name == job).map(|job| job.id)
    }
}
