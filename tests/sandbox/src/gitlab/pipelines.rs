//! Tags, pipelines and environments, which clients only read.
//!
//! <https://docs.gitlab.com/api/tags/>, <https://docs.gitlab.com/api/pipelines/>, <https://docs.gitlab.com/api/environments/>.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::job::Job;
use super::params::Params;
use super::state::{Pipeline, Project, Tag};
use super::{deployments, jobs};
use crate::api::reply::Reply;
use crate::ids;

fn show_tag(tag: &Tag) -> Value {
    json!({
        "name": tag.name,
        "message": "",
        "target": tag.sha,
        "commit": { "id": tag.sha, "short_id": &tag.sha[..8], "title": tag.name },
        "release": null,
        "protected": false,
    })
}

/// `search` finds what contains it, or starts (`^`) or ends (`$`) with it. Newest first.
pub(super) fn tags(project: &Project, params: &Params) -> Result<Vec<Value>, ApiError> {
    let search = params.text("search")?.unwrap_or_default();
    let fits = |name: &str| match (search.strip_prefix('^'), search.strip_suffix('$')) {
        (Some(start), _) => name.starts_with(start),
        (None, Some(end)) => name.ends_with(end),
        (None, None) => name.contains(&search),
    };
    Ok(project.tags.iter().rev().filter(|tag| fits(&tag.name)).map(show_tag).collect())
}

pub(super) fn tag(project: &Project, name: &str) -> Result<Reply, ApiError> {
    let found = project.tags.iter().find(|tag| tag.name == name);
    found.map(|tag| Reply::json(200, &show_tag(tag))).ok_or_else(|| ApiError::not_found("Tag"))
}

/// What a pipeline's jobs make of it. A manual deployment that nobody played blocks nothing (`allow_failure`), so it does not count
/// while anything else says more.
fn status(project: &Project, pipeline: &Pipeline, now: Timestamp) -> &'static str {
    let own = |job: &&Job| job.pipeline == pipeline.id && !job.retried;
    let all: Vec<&str> = project.jobs.iter().filter(own).map(|job| job.standing(now).status).collect();
    let order = ["running", "pending", "failed", "canceled", "success", "manual"];
    order.into_iter().find(|status| all.contains(status)).unwrap_or("skipped")
}

pub(super) fn show(project: &Project, pipeline: &Pipeline, now: Timestamp) -> Value {
    json!({
        "id": pipeline.id,
        "iid": pipeline.id - project.id * 1_000_000,
        "project_id": project.id,
        "sha": pipeline.sha,
        "ref": pipeline.tag,
        "status": status(project, pipeline, now),
        "source": "push",
        "created_at": pipeline.created,
        "updated_at": pipeline.created,
        "web_url": format!("https://gitlab.test/{}/-/pipelines/{}", project.path, pipeline.id),
    })
}

pub(super) fn list(project: &Project, params: &Params, now: Timestamp) -> Result<Vec<Value>, ApiError> {
    params.word("scope", &["running", "pending", "finished", "branches", "tags"])?;
    params.word("order_by", &["id", "status", "ref", "updated_at", "user_id"])?;
    let sort = params.word("sort", &["asc", "desc"])?;
    let (reference, wanted) = (params.text("ref")?, params.text("status")?);
    let fits = |pipeline: &&Pipeline| {
        reference.as_ref().is_none_or(|tag| *tag == pipeline.tag)
            && wanted.as_ref().is_none_or(|wanted| *wanted == status(project, pipeline, now))
    };
    let mut found: Vec<Value> =
        project.pipelines.iter().filter(fits).map(|own| show(project, own, now)).collect();
    if sort.as_deref() != Some("asc") {
        found.reverse();
    }
    Ok(found)
}

pub(super) fn find(project: &Project, id: u64) -> Result<&Pipeline, ApiError> {
    project.pipelines.iter().find(|own| own.id == id).ok_or_else(ApiError::no_record)
}

/// The jobs of a pipeline, newest first; those that a newer attempt replaced only if asked for.
pub(super) fn jobs_of(
    project: &Project,
    id: u64,
    params: &Params,
    now: Timestamp,
) -> Result<Vec<Value>, ApiError> {
    let pipeline = find(project, id)?.id;
    let all = params.flag("include_retried")?.unwrap_or(false);
    let scope = jobs::scope(params)?;
    let fits = |job: &&Job| job.pipeline == pipeline && (all || !job.retried);
    let fits = |job: &&Job| {
        fits(job) && (scope.is_empty() || scope.iter().any(|own| own == job.standing(now).status))
    };
    Ok(project.jobs.iter().rev().filter(fits).map(|job| jobs::show(project, job, now)).collect())
}

fn environment_names(project: &Project) -> Vec<String> {
    let mut names: Vec<String> = project.templates.iter().filter_map(|job| job.environment.clone()).collect();
    names.extend(project.deployments.iter().map(|own| own.environment.clone()));
    names.sort();
    names.dedup();
    names
}

/// An environment. Its id is made from its name.
pub(super) fn show_environment(project: &Project, name: &str) -> Value {
    let id = ids::number(&["environment", &project.path, name]) % 1_000_000;
    json!({ "id": id, "name": name, "slug": name, "state": "available", "tier": "other", "external_url": null })
}

pub(super) fn environments(project: &Project, params: &Params) -> Result<Vec<Value>, ApiError> {
    let (name, search) = (params.text("name")?, params.text("search")?);
    if name.is_some() && search.is_some() {
        return Err(ApiError::parameter("name, search are mutually exclusive"));
    }
    let fits = |own: &&String| {
        name.as_ref().is_none_or(|name| name == *own) && search.as_ref().is_none_or(|part| own.contains(part))
    };
    Ok(environment_names(project).iter().filter(fits).map(|own| show_environment(project, own)).collect())
}

pub(super) fn environment(project: &Project, id: u64, now: Timestamp) -> Result<Reply, ApiError> {
    let shown = |name: &String| (name.clone(), show_environment(project, name));
    let mut all = environment_names(project).iter().map(shown).collect::<Vec<_>>().into_iter();
    let (name, mut body) = all.find(|(_, own)| own["id"] == id).ok_or_else(ApiError::no_record)?;
    body["last_deployment"] = deployments::last(project, &name, now).unwrap_or(Value::Null);
    Ok(Reply::json(200, &body))
}
