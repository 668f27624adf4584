//! Pipeline schedules: paused by making them inactive.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use switchover::model::{Activity, Schedule, ScheduleId};
use switchover::port::{RemoteError, Schedules, Switched};

use crate::answer::{Failure, legible};
use crate::refusal::is_missing;
use crate::side::GitLab;
use crate::wire::PipelineSchedule;

const READ: &str = "read pipeline schedules (role Developer, scope read_api)";
const CHANGE: &str = "change the pipeline schedule (its owner, scope api)";
const LIST: &str = "the list of pipeline schedules";
/// The role Maintainer (<https://docs.gitlab.com/api/members/#roles>).
const MAINTAINER: u32 = 40;

fn activity(schedule: &PipelineSchedule) -> Activity {
    if schedule.active { Activity::Active } else { Activity::Paused }
}

fn schedule(wire: PipelineSchedule) -> Option<Schedule> {
    Some(Schedule {
        id: ScheduleId::new(wire.id.to_string()).ok()?,
        activity: activity(&wire),
        what: legible(&format!("a pipeline of {} at `{}`", wire.reference, wire.cron)),
        name: legible(&wire.description.unwrap_or_default()),
        owner: wire.owner.map(|user| legible(&user.username)),
    })
}

/// Whether the server says that this user may not, while the token is good for changes.
fn is_anothers(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if refusal.status == 403 && !refusal.words.contains("insufficient_scope"))
}

impl GitLab {
    async fn schedule(&self, id: &ScheduleId) -> Result<PipelineSchedule, RemoteError> {
        let missing =
            || RemoteError::NotFound { place: self.place(), what: format!("the pipeline schedule {id}") };
        if !id.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(missing());
        }
        let found = self.client.get(&["pipeline_schedules", id.as_str()], &[]).await;
        found.map_err(
            |failure| if is_missing(&failure) { missing() } else { self.unchanged(failure, LIST, READ) },
        )
    }

    async fn put_schedule(&self, id: &ScheduleId, body: &Value) -> Result<PipelineSchedule, Failure> {
        self.client.change(Method::PUT, &["pipeline_schedules", id.as_str()], &[], Some(body)).await
    }

    /// Changes a schedule, and becomes its owner first where that is needed and allowed.
    async fn put_owned(&self, id: &ScheduleId, body: &Value) -> Result<PipelineSchedule, Failure> {
        match self.put_schedule(id, body).await {
            Err(failure) if is_anothers(&failure) && self.options.take_ownership => {
                let path = ["pipeline_schedules", id.as_str(), "take_ownership"];
                let _owned: PipelineSchedule = self.client.change(Method::POST, &path, &[], None).await?;
                self.put_schedule(id, body).await
            }
            outcome => outcome,
        }
    }

    fn not_changed(&self, failure: Failure, found: &PipelineSchedule) -> RemoteError {
        if !is_anothers(&failure) {
            return self.changed(failure, "the pipeline schedule", CHANGE);
        }
        let owner = found.owner.as_ref().map_or("nobody", |owner| &owner.username);
        let why = legible(&format!(
            "{failure}; it belongs to {owner}: with `take_ownership` Switchover takes it over"
        ));
        RemoteError::Forbidden { place: self.place(), what: CHANGE.to_owned(), why }
    }
}

#[async_trait]
impl Schedules for GitLab {
    async fn list(&self) -> Result<Vec<Schedule>, RemoteError> {
        let all = self.client.list::<PipelineSchedule>(&["pipeline_schedules"], &[]).await;
        let all = all.map_err(|failure| self.unchanged(failure, LIST, READ))?;
        Ok(all.into_iter().filter_map(schedule).collect())
    }

    async fn switch(&self, id: &ScheduleId, to: Activity) -> Result<Switched, RemoteError> {
        let found = self.schedule(id).await?;
        if activity(&found) == to {
            return Ok(Switched::Already);
        }
        let outcome = self.put_owned(id, &json!({ "active": to == Activity::Active })).await;
        let outcome = outcome.and_then(|after| {
            if activity(&after) == to {
                Ok(())
            } else {
                Err(Failure::Garbled("the answer does not show the schedule as it was to be".to_owned()))
            }
        });
        match outcome.map_err(|failure| self.not_changed(failure, &found)) {
            Ok(()) => Ok(Switched::Done),
            Err(RemoteError::Unknown { place, why }) => match self.schedule(id).await {
                Ok(after) if activity(&after) == to => Ok(Switched::Done),
                Ok(_) | Err(_) => Err(RemoteError::Unknown { place, why }),
            },
            Err(error) => Err(error),
        }
    }

    /// Sends a change that names nothing to change. For somebody else's schedule that would have to be taken over, asks for the role that
    /// this needs.
    async fn prove_write(&self, id: &ScheduleId) -> Result<(), RemoteError> {
        let found = self.schedule(id).await?;
        match self.put_schedule(id, &json!({})).await {
            Ok(_) => Ok(()),
            Err(failure) if is_anothers(&failure) && self.options.take_ownership => {
                match self.access_level().await? {
                    Some(level) if level < MAINTAINER => Err(self.not_changed(failure, &found)),
                    Some(_) | None => Ok(()),
                }
            }
            Err(failure) if is_anothers(&failure) => Err(self.not_changed(failure, &found)),
            Err(failure) => Err(self.unchanged(failure, "the pipeline schedule", CHANGE)),
        }
    }

    fn in_flight(&self) -> Duration {
        self.options.in_flight
    }
}
