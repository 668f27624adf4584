//! Jobs (<https://docs.gitlab.com/api/jobs/>).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::job::{Ends, Job};
use super::params::Params;
use super::pipelines;
use super::state::Project;
use crate::api::reply::Reply;

/// `CommitStatus::AVAILABLE_STATUSES`.
const STATUSES: [&str; 12] = [
    "created",
    "waiting_for_resource",
    "preparing",
    "waiting_for_callback",
    "pending",
    "running",
    "success",
    "failed",
    "canceling",
    "canceled",
    "skipped",
    "manual",
];

pub(super) fn show(project: &Project, job: &Job, now: Timestamp) -> Value {
    let standing = job.standing(now);
    let pipeline = pipelines::find(project, job.pipeline).map(|own| pipelines::show(project, own, now));
    let pipeline = pipeline.unwrap_or(Value::Null);
    let span = |to: Timestamp| standing.started.map(|began| to.duration_since(began).as_secs_f64());
    json!({
        "id": job.id,
        "status": standing.status,
        "stage": job.stage,
        "name": job.name,
        "ref": pipeline["ref"],
        "tag": true,
        "allow_failure": true,
        "created_at": job.created,
        "started_at": standing.started,
        "finished_at": standing.finished,
        "duration": span(standing.finished.unwrap_or(now)),
        "queued_duration": 0.0,
        "failure_reason": (standing.status == "failed").then_some("script_failure"),
        "user": { "username": job.user, "name": job.user },
        "commit": { "id": pipeline["sha"] },
        "pipeline": pipeline,
        "web_url": format!("https://gitlab.test/{}/-/jobs/{}", project.path, job.id),
        "artifacts": [],
        "runner": null,
    })
}

/// The states that are asked for.
pub(super) fn scope(params: &Params) -> Result<Vec<String>, ApiError> {
    let scope = params.list("scope");
    let known = |own: &String| STATUSES.contains(&own.as_str()) || own == "scheduled";
    if scope.iter().all(known) {
        Ok(scope)
    } else {
        Err(ApiError::message(400, "Scope contains invalid value(s)"))
    }
}

/// All jobs of a project, newest first.
pub(super) fn list(project: &Project, params: &Params, now: Timestamp) -> Result<Vec<Value>, ApiError> {
    let scope = scope(params)?;
    let fits = |job: &&Job| scope.is_empty() || scope.iter().any(|own| own == job.standing(now).status);
    Ok(project.jobs.iter().rev().filter(fits).map(|job| show(project, job, now)).collect())
}

/// The log so far: what the job writes comes with its start, how it ended with its end.
pub(super) fn trace(job: &Job, now: Timestamp) -> Reply {
    let standing = job.standing(now);
    let mut text = String::new();
    if standing.started.is_some() {
        text.push_str("section_start:1767225600:step_script\r\u{1b}[0K\u{1b}[0K\u{1b}[36;1mExecuting \"step_script\"\u{1b}[0;m\n");
        text.push_str(&job.course.log);
    }
    match (standing.status, job.course.ends) {
        ("success", _) => text.push_str("\n\u{1b}[32;1mJob succeeded\u{1b}[0;m\n"),
        ("failed", Ends::Failed) => text.push_str("\n\u{1b}[31;1mERROR: Job failed: exit code 1\u{1b}[0;m\n"),
        _ => {}
    }
    Reply { status: 200, headers: Vec::new(), content_type: "text/plain", body: text.into_bytes() }
}
