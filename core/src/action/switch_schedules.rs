//! Pause or resume what a side's delivery starts by the clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::remote::{failed, unseen};
use super::{Acted, Context, Look, Perform};
use crate::model::{Activity, ScheduleId, SideName};
use crate::port::Schedules;

/// A schedule as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedSchedule {
    /// Its key.
    pub id: ScheduleId,
    /// What people call it.
    pub name: String,
}

/// Schedules of one side to pause or resume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchSchedules {
    /// The side.
    pub side: SideName,
    /// What they shall be.
    pub to: Activity,
    /// The schedules.
    pub schedules: Vec<PlannedSchedule>,
}

impl SwitchSchedules {
    /// What takes it back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let to = match self.to {
            Activity::Active => Activity::Paused,
            Activity::Paused => Activity::Active,
        };
        Self { to, ..self.clone() }
    }
}

#[derive(Debug)]
pub(super) struct Switching<'a> {
    action: &'a SwitchSchedules,
    open: Vec<&'a PlannedSchedule>,
}

impl<'a> Switching<'a> {
    pub(super) fn new(action: &'a SwitchSchedules) -> Self {
        Self { action, open: Vec::new() }
    }

    fn schedules<'p>(&self, context: &Context<'p>) -> Result<&'p Arc<dyn Schedules>, String> {
        let delivery = context.ports.deliveries.get(&self.action.side);
        let schedules = delivery.and_then(|delivery| delivery.schedules.as_ref());
        schedules.ok_or_else(|| format!("side {} has no schedules", self.action.side))
    }
}

#[async_trait]
impl Perform for Switching<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let schedules = match self.schedules(context) {
            Ok(schedules) => schedules,
            Err(why) => return Look::Refused(why),
        };
        let listed = match schedules.list().await {
            Ok(listed) => listed,
            Err(error) => return unseen(&error),
        };
        self.open.clear();
        for planned in &self.action.schedules {
            match listed.iter().find(|schedule| schedule.id == planned.id) {
                Some(found) if found.activity == self.action.to => {}
                Some(_) => self.open.push(planned),
                None => {
                    let why = format!("side {}: the schedule `{}` is gone", self.action.side, planned.name);
                    return Look::NotReady { why, partial: false };
                }
            }
        }
        let partial = self.open.len() < self.action.schedules.len();
        if self.open.is_empty() { Look::Done(Vec::new()) } else { Look::Ready { partial } }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let schedules = match self.schedules(context) {
            Ok(schedules) => schedules,
            Err(why) => return Acted::Refused(why),
        };
        for planned in &self.open {
            if let Err(error) = schedules.switch(&planned.id, self.action.to).await {
                return failed(&error, schedules.in_flight());
            }
        }
        Acted::Accepted(Vec::new())
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(500), Duration::from_secs(8), looks)
    }

    fn in_flight(&self, context: &Context<'_>) -> Duration {
        self.schedules(context).map(|schedules| schedules.in_flight()).unwrap_or_default()
    }
}
