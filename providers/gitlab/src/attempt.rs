//! Jobs and deployments of GitLab in the words of the port. Pure.

use jiff::Timestamp;
use switchover::model::{Deployment, DeploymentId, DeploymentState, ReleaseName};

use crate::answer::legible;
use crate::wire;

/// What precedes the number of a deployment that no job carries out: a program reports it by the API.
const REPORTED: &str = "deployment-";

/// What an id of the port leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A job.
    Job(u64),
    /// A deployment that a program reports.
    Reported(u64),
}

impl Key {
    pub(crate) fn of(id: &DeploymentId) -> Option<Self> {
        match id.as_str().strip_prefix(REPORTED) {
            Some(number) => number.parse().ok().map(Self::Reported),
            None => id.as_str().parse().ok().map(Self::Job),
        }
    }

    fn id(self) -> Option<DeploymentId> {
        match self {
            Self::Job(number) => DeploymentId::new(number.to_string()).ok(),
            Self::Reported(number) => DeploymentId::new(format!("{REPORTED}{number}")).ok(),
        }
    }
}

/// How far a job is; `None` if nobody started it. A job that is `created` waits for others and may still want to be played, so nobody
/// ordered it yet (<https://docs.gitlab.com/api/jobs/>, `CommitStatus::AVAILABLE_STATUSES`).
pub(crate) fn state(status: &str, why: Option<&str>) -> Option<DeploymentState> {
    match status {
        "created" | "manual" | "scheduled" | "skipped" | "blocked" => None,
        "success" => Some(DeploymentState::Succeeded),
        "failed" => {
            let why =
                why.map_or_else(|| "GitLab gives no reason".to_owned(), |why| legible(why).replace('_', " "));
            Some(DeploymentState::Failed { why })
        }
        "canceled" => Some(DeploymentState::Cancelled),
        "running" | "canceling" => Some(DeploymentState::Running),
        // `pending`, `preparing`, `waiting_for_resource`, and whatever comes: what is not known is taken for something that may run.
        _ => Some(DeploymentState::Pending),
    }
}

fn release(reference: Option<&str>) -> Option<ReleaseName> {
    ReleaseName::new(legible(reference?)).ok()
}

/// A job that was started.
pub(crate) fn of_job(job: &wire::Job) -> Option<Deployment> {
    Some(Deployment {
        id: Key::Job(job.id).id()?,
        release: release(job.reference.as_deref())?,
        state: state(&job.status, job.failure_reason.as_deref())?,
        started: job.started_at,
        finished: job.finished_at,
        by: job.user.as_ref().map(|user| legible(&user.username)),
        link: job.web_url.as_deref().map(legible),
    })
}

/// A deployment, by its job where it has one: the job knows more.
pub(crate) fn of_deployment(deployment: &wire::Deployment) -> Option<Deployment> {
    if let Some(job) = &deployment.deployable {
        let known = of_job(job)?;
        return Some(Deployment { release: release(Some(&deployment.reference))?, ..known });
    }
    let state = match deployment.status.as_str() {
        "created" => DeploymentState::Pending,
        other => state(other, None)?,
    };
    let over = |moment: Option<Timestamp>| moment.filter(|_| !state.is_under_way());
    Some(Deployment {
        id: Key::Reported(deployment.id).id()?,
        release: release(Some(&deployment.reference))?,
        started: deployment.created_at,
        finished: over(deployment.updated_at),
        by: deployment.user.as_ref().map(|user| legible(&user.username)),
        link: None,
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_where_they_come_from() {
        for key in [Key::Job(7), Key::Reported(7)] {
            assert_eq!(Key::of(&key.id().unwrap()), Some(key));
        }
        for text in ["x", "deployment-", "deployment-x", "-1"] {
            assert_eq!(Key::of(&DeploymentId::new(text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn a_state_that_nobody_knows_counts_as_under_way() {
        assert!(state("waiting_for_something_new", None).unwrap().is_under_way());
        assert!(state("canceling", None).unwrap().is_under_way());
        assert_eq!(state("manual", None), None);
        let why = "runner_system_failure";
        assert_eq!(state("failed", Some(why)).unwrap().to_string(), "failed: runner system failure");
    }
}
