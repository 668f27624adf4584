//! What brings releases and settings to one side: several ports, because one outside system mostly serves all of them.

use std::sync::Arc;

use super::{Embargo, Releases, Schedules, Settings};

/// The delivery of one side. What is absent, the side's system does not do.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// Its releases.
    pub releases: Option<Arc<dyn Releases>>,
    /// Its change embargo.
    pub embargo: Option<Arc<dyn Embargo>>,
    /// Its settings.
    pub settings: Option<Arc<dyn Settings>>,
    /// What it starts by the clock.
    pub schedules: Option<Arc<dyn Schedules>>,
}
