//! A pair in memory, its operator, and the guard that watches both.

mod guard;
mod operator;

use std::time::Duration;

use switchover::model::{DnsName, EnvironmentName, Role, Ttl, ZoneName};
use switchover::plan::{Intent, Request};
use switchover_tests::fake::World;

pub(crate) use guard::Guard;
pub(crate) use operator::{Desk, Process, Trouble};

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

/// A request for all environments.
pub(crate) fn ask(intent: Intent) -> Request {
    Request::new(intent)
}

/// The site and the portainer of `GigaDB`'s live environment, 4 names in 2 zones behind one address a side, small enough to be run
/// a thousand times: TTLs of 60 s, 5 s of margin, no probe, no public resolvers.
pub(crate) fn small() -> World {
    let mut world = World::gigadb();
    world.pair.environments.retain(|environment| environment.name.as_str() == "live");
    world.pair.dns.margin = seconds(5);
    world.pair.dns.resolvers.clear();
    for endpoint in world.pair.environments.iter_mut().flat_map(|environment| &mut environment.endpoints) {
        endpoint.probe = false;
    }
    for environment in &mut world.pair.environments {
        environment.endpoints.retain(|endpoint| endpoint.address.as_str() == "eip-gigadb-live-gigadb");
    }
    set_ttls(&world, 60);
    world
}

/// As [`small`], with TTLs of 120 s that `--prepare` can lower.
pub(crate) fn unprepared() -> World {
    let world = small();
    set_ttls(&world, 120);
    world
}

pub(crate) fn set_ttls(world: &World, ttl: u32) {
    for endpoint in world.endpoints() {
        for role in Role::ALL {
            world.names.edit(endpoint.name(role), |held| held.value.ttl = Ttl::Seconds(ttl));
        }
    }
}
