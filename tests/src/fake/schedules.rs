//! The schedules of one side in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{Activity, Schedule, ScheduleId, SideName};
use switchover::port::{Meter, RemoteError, Schedules, Switched};

use super::remote::{IN_FLIGHT, Line, Lost, RemoteCall, RemoteFault, scripted};
use super::{VirtualClock, lock};

/// The schedules of one side. Clones are one service. A request takes 100 ms of virtual time.
#[derive(Debug, Clone)]
pub struct FakeSchedules {
    line: Line,
    held: Arc<Mutex<Vec<Schedule>>>,
}

scripted!(FakeSchedules);

impl FakeSchedules {
    /// No schedules.
    pub fn new(side: &SideName, clock: &VirtualClock, meter: &Meter) -> Self {
        Self { line: Line::new(format!("schedules of {side}"), clock, meter), held: Arc::default() }
    }

    /// Adds a schedule.
    pub fn add(&self, schedule: Schedule) {
        lock(&self.held).push(schedule);
    }

    /// Every schedule as it is.
    pub fn held(&self) -> Vec<Schedule> {
        lock(&self.held).clone()
    }

    fn missing(&self, id: &ScheduleId) -> RemoteError {
        RemoteError::NotFound { place: self.line.place.clone(), what: format!("the schedule {id}") }
    }
}

#[async_trait]
impl Schedules for FakeSchedules {
    async fn list(&self) -> Result<Vec<Schedule>, RemoteError> {
        self.line.ask(RemoteCall::Read).await?;
        Ok(self.held())
    }

    async fn switch(&self, id: &ScheduleId, to: Activity) -> Result<Switched, RemoteError> {
        let lost = self.line.change(id.as_str()).await?;
        let mut held = lock(&self.held);
        let own = held.iter_mut().find(|own| own.id == *id).ok_or_else(|| self.missing(id))?;
        if own.activity == to {
            return Ok(Switched::Already);
        }
        if lost != Some(Lost::Never) {
            own.activity = to;
        }
        lost.map_or(Ok(Switched::Done), |_| Err(self.line.unknown()))
    }

    async fn prove_write(&self, id: &ScheduleId) -> Result<(), RemoteError> {
        self.line.ask(RemoteCall::Prove).await?;
        lock(&self.held).iter().any(|own| own.id == *id).then_some(()).ok_or_else(|| self.missing(id))
    }

    fn in_flight(&self) -> Duration {
        IN_FLIGHT
    }
}
