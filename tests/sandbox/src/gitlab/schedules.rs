//! Pipeline schedules (<https://docs.gitlab.com/api/pipeline_schedules/>). Nothing starts by them here.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::params::Params;
use super::state::{PipelineSchedule, Project};
use crate::api::reply::Reply;

fn show(schedule: &PipelineSchedule) -> Value {
    json!({
        "id": schedule.id,
        "description": schedule.description,
        "ref": schedule.reference,
        "cron": schedule.cron,
        "cron_timezone": "UTC",
        "next_run_at": null,
        "active": schedule.active,
        "created_at": schedule.updated,
        "updated_at": schedule.updated,
        "owner": { "username": schedule.owner, "name": schedule.owner },
    })
}

pub(super) fn list(project: &Project, params: &Params) -> Result<Vec<Value>, ApiError> {
    let scope = params.word("scope", &["active", "inactive"])?;
    let fits = |own: &&PipelineSchedule| scope.as_ref().is_none_or(|scope| (scope == "active") == own.active);
    Ok(project.schedules.iter().filter(fits).map(show).collect())
}

fn find(project: &mut Project, id: u64) -> Result<&mut PipelineSchedule, ApiError> {
    project
        .schedules
        .iter_mut()
        .find(|own| own.id == id)
        .ok_or_else(|| ApiError::not_found("Pipeline Schedule"))
}

pub(super) fn get(project: &mut Project, id: u64) -> Result<Reply, ApiError> {
    find(project, id).map(|own| Reply::json(200, &show(own)))
}

/// Only the owner may change a schedule; a maintainer takes it over first.
pub(super) fn update(
    project: &mut Project,
    id: u64,
    params: &Params,
    user: &str,
    now: Timestamp,
) -> Result<Reply, ApiError> {
    let own = find(project, id)?;
    if own.owner != user {
        return Err(ApiError::forbidden());
    }
    own.active = params.flag("active")?.unwrap_or(own.active);
    own.description = params.text("description")?.unwrap_or_else(|| own.description.clone());
    own.cron = params.text("cron")?.unwrap_or_else(|| own.cron.clone());
    own.reference = params.text("ref")?.unwrap_or_else(|| own.reference.clone());
    own.updated = now;
    Ok(Reply::json(200, &show(own)))
}

/// 200 for whoever owns it already, 201 for whoever does now.
pub(super) fn take(project: &mut Project, id: u64, user: &str) -> Result<Reply, ApiError> {
    let own = find(project, id)?;
    let status = if own.owner == user { 200 } else { 201 };
    user.clone_into(&mut own.owner);
    Ok(Reply::json(status, &show(own)))
}
