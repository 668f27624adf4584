//! A pair in memory, its operator, and the guard that watches both: for every test that runs the engine on the fakes.

mod guard;
mod operator;

use std::time::Duration;

pub use guard::Guard;
pub use operator::{Desk, Process, Trouble};
use switchover::model::{Role, Ttl};
use switchover::plan::{Intent, Request};

use crate::fake::World;

/// A request for all environments.
pub fn ask(intent: Intent) -> Request {
    Request::of(intent)
}

/// The site and the portainer of `GigaDB`'s live environment, 4 names in 2 zones behind one address a side, small enough to be run
/// a thousand times: TTLs of 60 s, 5 s of margin, no probe, no public resolvers.
pub fn small() -> World {
    let mut world = World::gigadb();
    world.pair.environments.retain(|environment| environment.name.as_str() == "live");
    world.pair.dns.margin = Duration::from_secs(5);
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

/// Gives every name of the pair this TTL, in seconds, by hand.
pub fn set_ttls(world: &World, ttl: u32) {
    for endpoint in world.endpoints() {
        for role in Role::ALL {
            world.names.edit(endpoint.name(role), |held| held.value.ttl = Ttl::Seconds(ttl));
        }
    }
}
