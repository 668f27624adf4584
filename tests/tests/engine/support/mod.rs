//! What the tests of the engine share.

use std::time::Duration;

use switchover::model::{DnsName, EnvironmentName, ZoneName};
pub(crate) use switchover_tests::desk::{Desk, Process, Trouble, ask, set_ttls, small};
use switchover_tests::fake::World;

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn name(text: &str) -> DnsName {
    DnsName::new(text).unwrap()
}

pub(crate) fn zone(text: &str) -> ZoneName {
    ZoneName::new(text).unwrap()
}

pub(crate) fn environment(text: &str) -> EnvironmentName {
    EnvironmentName::new(text).unwrap()
}

/// As [`small`], with TTLs of 120 s that `--prepare` can lower.
pub(crate) fn unprepared() -> World {
    let world = small();
    set_ttls(&world, 120);
    world
}
