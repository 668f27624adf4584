//! Deployments (<https://docs.gitlab.com/api/deployments/>, `app/finders/deployments_finder.rb`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::params::Params;
use super::state::{Deployment, Project, Source};
use super::{jobs, pipelines};
use crate::api::reply::Reply;

const STATUSES: [&str; 7] = ["created", "running", "success", "failed", "canceled", "skipped", "blocked"];
const REPORTED: [&str; 4] = ["running", "success", "failed", "canceled"];

/// Its status, and when it ended.
fn standing(project: &Project, deployment: &Deployment, now: Timestamp) -> (String, Option<Timestamp>) {
    match &deployment.source {
        Source::Program(status, at) => (status.clone(), (status != "running").then_some(*at)),
        Source::Job(id) => {
            let standing = project.job(*id).map(|job| job.standing(now));
            let status = match standing.map_or("canceled", |standing| standing.status) {
                "manual" | "pending" => "created",
                other => other,
            };
            (status.to_owned(), standing.and_then(|standing| standing.finished))
        }
    }
}

fn show(project: &Project, deployment: &Deployment, now: Timestamp) -> Value {
    let (status, finished) = standing(project, deployment, now);
    let deployable = match deployment.source {
        Source::Job(id) => project.job(id).map_or(Value::Null, |job| jobs::show(project, job, now)),
        Source::Program(..) => Value::Null,
    };
    json!({
        "id": deployment.id,
        "iid": deployment.id - project.id * 1_000_000,
        "ref": deployment.reference,
        "sha": deployment.sha,
        "status": status,
        "created_at": deployment.created,
        "updated_at": finished.unwrap_or(deployment.created),
        "user": { "username": deployment.user, "name": deployment.user },
        "environment": pipelines::show_environment(project, &deployment.environment),
        "deployable": deployable,
    })
}

/// The deployment whose release runs: the one that ended well last.
pub(super) fn last(project: &Project, environment: &str, now: Timestamp) -> Option<Value> {
    let good = project.deployments.iter().filter(|own| own.environment == environment).filter_map(|own| {
        let (status, finished) = standing(project, own, now);
        (status == "success").then_some((finished, own.id, own))
    });
    good.max_by_key(|(finished, id, _)| (*finished, *id)).map(|(_, _, own)| show(project, own, now))
}

pub(super) fn list(project: &Project, params: &Params, now: Timestamp) -> Result<Vec<Value>, ApiError> {
    let order = params.word("order_by", &["id", "iid", "created_at", "updated_at", "finished_at", "ref"])?;
    let order = order.unwrap_or_else(|| "id".to_owned());
    let descending = params.word("sort", &["asc", "desc"])?.as_deref() == Some("desc");
    let status = params.word("status", &STATUSES)?;
    let environment = params.text("environment")?;
    let after = params.text("finished_after")?;
    let moment = |text: &String| text.parse().map_err(|_| ApiError::parameter("finished_after is invalid"));
    let after: Option<Timestamp> = after.as_ref().map(moment).transpose()?;
    if after.is_some() != (order == "finished_at") {
        return Err(ApiError::bad_request("`finished_at` filter and `finished_at` sorting must be paired"));
    }
    if after.is_some() && status.as_deref() != Some("success") {
        return Err(ApiError::bad_request(
            "`finished_at` filter must be combined with `success` status filter.",
        ));
    }
    let mut found: Vec<_> = project
        .deployments
        .iter()
        .filter(|own| environment.as_ref().is_none_or(|name| *name == own.environment))
        .map(|own| (standing(project, own, now), own))
        .filter(|((own, _), _)| status.as_ref().is_none_or(|status| status == own))
        .filter(|((_, finished), _)| after.is_none_or(|after| finished.is_some_and(|at| at > after)))
        .collect();
    match order.as_str() {
        "finished_at" => found.sort_by_key(|((_, finished), own)| (*finished, own.id)),
        "updated_at" => found.sort_by_key(|((_, finished), own)| (finished.unwrap_or(own.created), own.id)),
        "ref" => found.sort_by_key(|(_, own)| own.reference.clone()),
        _ => found.sort_by_key(|(_, own)| own.id),
    }
    if descending {
        found.reverse();
    }
    Ok(found.into_iter().map(|(_, own)| show(project, own, now)).collect())
}

pub(super) fn get(project: &Project, id: u64, now: Timestamp) -> Result<Reply, ApiError> {
    let found = project.deployments.iter().find(|own| own.id == id);
    found.map(|own| Reply::json(200, &show(project, own, now))).ok_or_else(ApiError::no_record)
}

/// A program reports a deployment of its own.
pub(super) fn create(
    project: &mut Project,
    params: &Params,
    user: &str,
    now: Timestamp,
) -> Result<Reply, ApiError> {
    let status = params.word("status", &REPORTED)?.ok_or_else(|| ApiError::parameter("status is missing"))?;
    params.flag("tag")?.ok_or_else(|| ApiError::parameter("tag is missing"))?;
    let deployment = Deployment {
        environment: params.required("environment")?,
        reference: params.required("ref")?,
        sha: params.required("sha")?,
        id: project.next_id(),
        created: now,
        user: user.to_owned(),
        source: Source::Program(status, now),
    };
    let shown = show(project, &deployment, now);
    project.deployments.push(deployment);
    Ok(Reply::json(201, &shown))
}

/// A program reports how its deployment went on.
pub(super) fn update(
    project: &mut Project,
    id: u64,
    params: &Params,
    now: Timestamp,
) -> Result<Reply, ApiError> {
    let status = params.word("status", &REPORTED)?.ok_or_else(|| ApiError::parameter("status is missing"))?;
    let own = project.deployments.iter_mut().find(|own| own.id == id).ok_or_else(ApiError::no_record)?;
    match own.source {
        Source::Program(..) => own.source = Source::Program(status, now),
        Source::Job(_) => {
            let why = "Deployments created using GitLab CI can not be updated using the API";
            return Err(ApiError::forbidden_because(why));
        }
    }
    get(project, id, now)
}
