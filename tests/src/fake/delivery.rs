//! What brings releases and settings to one side, in memory.

use std::sync::Arc;

use switchover::model::SideName;
use switchover::port::{Delivery, Meter};

use super::{FakeReleases, FakeSchedules, FakeSettings, VirtualClock};

/// The delivery of one side, each part open to the test's hands.
#[derive(Debug, Clone)]
pub struct FakeDelivery {
    /// Its releases and its embargo.
    pub releases: FakeReleases,
    /// Its settings.
    pub settings: FakeSettings,
    /// What it starts by the clock.
    pub schedules: FakeSchedules,
}

impl FakeDelivery {
    pub(super) fn new(side: &SideName, clock: &VirtualClock, meter: &Meter) -> Self {
        Self {
            releases: FakeReleases::new(side, clock, meter),
            settings: FakeSettings::new(side, clock, meter),
            schedules: FakeSchedules::new(side, clock, meter),
        }
    }

    pub(super) fn port(&self) -> Delivery {
        Delivery {
            releases: Some(Arc::new(self.releases.clone())),
            embargo: Some(Arc::new(self.releases.clone())),
            settings: Some(Arc::new(self.settings.clone())),
            schedules: Some(Arc::new(self.schedules.clone())),
        }
    }
}
