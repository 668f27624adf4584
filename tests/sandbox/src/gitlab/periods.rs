//! Deploy freeze periods (<https://docs.gitlab.com/api/freeze_periods/>). They are kept and not acted on: at GitLab, too, all they do is
//! set `CI_DEPLOY_FREEZE` in pipelines.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::params::Params;
use super::state::{FreezePeriod, Project};
use crate::api::reply::Reply;

fn show(period: &FreezePeriod) -> Value {
    json!({
        "id": period.id,
        "freeze_start": period.start,
        "freeze_end": period.end,
        "cron_timezone": period.zone,
        "created_at": period.created,
        "updated_at": period.updated,
    })
}

/// By the time of their creation.
pub(super) fn list(project: &Project) -> Vec<Value> {
    project.freezes.iter().map(show).collect()
}

/// Five fields of numbers, `*`, lists, ranges and steps: as much of cron as tells a slip from a schedule.
fn is_cron(text: &str) -> bool {
    const LARGEST: [u32; 5] = [59, 23, 31, 12, 7];
    let fields: Vec<&str> = text.split_whitespace().collect();
    let number = |text: &str, most: u32| text.parse::<u32>().is_ok_and(|number| number <= most);
    let part = |text: &str, most: u32| {
        let base = text.split('/').next().unwrap_or_default();
        base == "*" || base.split('-').all(|end| number(end, most))
    };
    fields.len() == 5
        && fields.iter().zip(LARGEST).all(|(field, most)| field.split(',').all(|own| part(own, most)))
}

fn check(period: &FreezePeriod) -> Result<(), ApiError> {
    for (field, text) in [("freeze_start", &period.start), ("freeze_end", &period.end)] {
        if !is_cron(text) {
            return Err(ApiError::invalid(field, " is invalid syntax"));
        }
    }
    if !is_zone(&period.zone) {
        return Err(ApiError::invalid("cron_timezone", "syntax is invalid"));
    }
    Ok(())
}

/// `UTC`, or the form of IANA's names. No table of zones: whether there is one of that name is not checked.
fn is_zone(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    text == "UTC" || (text.contains('/') && text.split('/').all(part))
}

pub(super) fn get(project: &Project, id: u64) -> Result<Reply, ApiError> {
    let found = project.freezes.iter().find(|own| own.id == id);
    found.map(|own| Reply::json(200, &show(own))).ok_or_else(ApiError::no_record)
}

pub(super) fn create(project: &mut Project, params: &Params, now: Timestamp) -> Result<Reply, ApiError> {
    let period = FreezePeriod {
        start: params.required("freeze_start")?,
        end: params.required("freeze_end")?,
        zone: params.text("cron_timezone")?.unwrap_or_else(|| "UTC".to_owned()),
        id: project.next_id(),
        created: now,
        updated: now,
    };
    check(&period)?;
    let shown = show(&period);
    project.freezes.push(period);
    Ok(Reply::json(201, &shown))
}

pub(super) fn update(
    project: &mut Project,
    id: u64,
    params: &Params,
    now: Timestamp,
) -> Result<Reply, ApiError> {
    let own = project.freezes.iter_mut().find(|own| own.id == id).ok_or_else(ApiError::no_record)?;
    let changed = FreezePeriod {
        start: params.text("freeze_start")?.unwrap_or_else(|| own.start.clone()),
        end: params.text("freeze_end")?.unwrap_or_else(|| own.end.clone()),
        zone: params.text("cron_timezone")?.unwrap_or_else(|| own.zone.clone()),
        updated: now,
        ..own.clone()
    };
    check(&changed)?;
    *own = changed;
    Ok(Reply::json(200, &show(own)))
}

pub(super) fn delete(project: &mut Project, id: u64) -> Result<Reply, ApiError> {
    let at = project.freezes.iter().position(|own| own.id == id).ok_or_else(ApiError::no_record)?;
    project.freezes.remove(at);
    Ok(Reply { status: 204, headers: Vec::new(), content_type: "application/json", body: Vec::new() })
}
