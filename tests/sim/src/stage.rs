//! The world of a scenario, and the hands that make things go wrong in it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::SignedDuration;
use switchover::model::{DnsName, Endpoint, EnvironmentName, ReleaseName, Role, SideName, ZoneName};
use switchover_tests::desk::set_ttls;
use switchover_tests::fake::{AddressFault, DataFault, Health, StoreCall, World};

use crate::judge::CANARY;
use crate::play::Table;
use crate::scenario::{Fault, Shape, Trouble};

/// The zones of the pair, in the order in which scenarios count them.
const ZONES: [&str; 2] = ["gigadb.org", "gigadb.host"];

/// The releases that can be had.
pub(crate) const RELEASES: [&str; 3] = ["v4.3.3", "v4.4.0", "v4.5.0"];

/// The world of a shape, before anything happens.
pub(crate) fn world(shape: &Shape) -> World {
    let mut world = World::gigadb();
    world.pair.environments.retain(|environment| shape.staging || environment.name.as_str() == "live");
    world.pair.dns.margin = Duration::from_secs(5);
    world.pair.dns.resolvers.clear();
    for environment in &mut world.pair.environments {
        environment.endpoints.truncate(shape.endpoints);
        environment.endpoints.iter_mut().for_each(|endpoint| endpoint.probe = false);
    }
    set_ttls(&world, shape.ttl);
    world.names.set_latency(shape.latency);
    world.names.set_in_flight(shape.in_flight);
    for method in &shape.stores {
        world.add_store("live", &method.to_string(), *method);
    }
    if shape.delivery {
        deliver(&mut world);
    }
    world
}

fn deliver(world: &mut World) {
    world.add_deliveries();
    world.add_setting("live", "HOME_URL", &format!("{CANARY}-production"), &format!("{CANARY}-standby"));
    world.add_schedule("live", "nightly sync");
    for environment in world.pair.environments.iter().map(|environment| environment.name.clone()) {
        for delivery in world.deliveries.values() {
            for name in RELEASES {
                delivery.releases.offer(&release(name), None);
            }
            delivery.releases.by_hand(&environment, &release(RELEASES[0]));
        }
    }
    world.clock.advance(Duration::from_secs(61));
}

pub(crate) fn release(text: &str) -> ReleaseName {
    ReleaseName::new(text).expect("a release's name")
}

/// The side that most production names lead to.
pub(crate) fn production(world: &World) -> SideName {
    let first = world.pair.environments.first().map(|environment| environment.name.clone());
    let known = first.and_then(|name: EnvironmentName| world.production(&name));
    known.unwrap_or_else(|| world.first().clone())
}

fn side(world: &World, place: usize) -> SideName {
    if place == 0 { world.first().clone() } else { world.second().clone() }
}

fn zone(place: usize) -> ZoneName {
    ZoneName::new(ZONES[place % ZONES.len()]).expect("a zone")
}

/// Lets a fault happen, and ends it.
pub(crate) async fn happen(table: &Table<'_>, fault: &Fault) {
    let world = &table.desk.world;
    match &fault.trouble {
        Trouble::Name(call, place, how) => world.names.fail_next_in(&zone(*place), *call, how.clone()),
        Trouble::Names(call, place, how) => {
            world.names.fail_always_in(&zone(*place), *call, how.clone());
            world.sleep(fault.lasts).await;
            world.names.heal();
        }
        Trouble::Data(..) | Trouble::AllData(..) | Trouble::Leak(_) => data(world, fault).await,
        Trouble::Append(how) => world.store.fail_next(StoreCall::Append, *how),
        Trouble::Disk(how) => {
            world.store.fail_always(StoreCall::Append, *how);
            world.sleep(fault.lasts).await;
            world.store.heal();
        }
        Trouble::Away(place) => away(world, &side(world, *place), fault.lasts).await,
        Trouble::Lost(how) => {
            let lost = production(world);
            world.stores.values().for_each(|store| store.fall_away(&lost, *how));
            gone(world, &lost);
            world.sleep(fault.lasts).await;
            world.stores.values().for_each(|store| store.come_back(&lost));
            back(world, &lost);
        }
        Trouble::Edit(place) => edit(table, *place, fault.lasts).await,
        Trouble::Clock(by) => world.clock.step_wall_clock(SignedDuration::from_secs(*by)),
        Trouble::Delivery(place, call, how) => {
            let Some(delivery) = world.deliveries.get(&side(world, *place)) else { return };
            delivery.releases.fail_next(*call, how.clone());
            delivery.settings.fail_next(*call, how.clone());
            delivery.schedules.fail_next(*call, how.clone());
        }
        Trouble::Rival => world.store.rival_claims(&world.pair.name),
    }
}

async fn data(world: &World, fault: &Fault) {
    let store = |place: usize| world.stores.values().nth(place);
    match &fault.trouble {
        Trouble::Data(place, call, how) => {
            if let Some(store) = store(*place) {
                store.fail_next(*call, *how);
            }
        }
        Trouble::AllData(place, call, how) => {
            let Some(store) = store(*place) else { return };
            store.fail_always(*call, *how);
            world.sleep(fault.lasts).await;
            store.heal();
        }
        Trouble::Leak(place) => {
            let Some(store) = store(*place) else { return };
            store.fail_always(switchover_tests::fake::DataCall::Freeze, DataFault::Leaks);
            world.sleep(fault.lasts).await;
            store.heal();
        }
        Trouble::Name(..)
        | Trouble::Names(..)
        | Trouble::Append(_)
        | Trouble::Disk(_)
        | Trouble::Away(_)
        | Trouble::Lost(_)
        | Trouble::Edit(_)
        | Trouble::Clock(_)
        | Trouble::Delivery(..)
        | Trouble::Rival => {}
    }
}

async fn away(world: &World, side: &SideName, lasts: Duration) {
    world.stores.values().for_each(|store| store.set_lost(side, true));
    gone(world, side);
    world.sleep(lasts).await;
    world.stores.values().for_each(|store| store.set_lost(side, false));
    back(world, side);
}

pub(crate) fn gone(world: &World, side: &SideName) {
    world.books[side].fail_always(AddressFault::Unavailable);
    world.set_health(side, &Health::Down);
}

pub(crate) fn back(world: &World, side: &SideName) {
    world.books[side].heal();
    world.set_health(side, &Health::Healthy);
}

/// Somebody points a name at another address. What a person wrote is the person's: no run may write over it.
async fn edit(table: &Table<'_>, place: usize, lasts: Duration) {
    let (world, desk) = (&table.desk.world, table.desk);
    let names: Vec<(Role, &Endpoint)> =
        world.endpoints().flat_map(|endpoint| Role::ALL.map(|role| (role, endpoint))).collect();
    let (role, endpoint) = names[place % names.len()];
    let name = endpoint.name(role);
    let before = world.names.leads_to(name);
    let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 200));
    let Some(before) = before.first().copied().filter(|before| *before != other) else { return };
    desk.guard.spare(name);
    point(world, name, other);
    world.sleep(lasts).await;
    let now = world.names.leads_to(name);
    if table.scenario.lands_late() && now != [other].into() {
        return;
    }
    assert!(now == [other].into(), "{name} was pointed at {other} by hand, and a run wrote {now:?} over it");
    point(world, name, meant(table, role, endpoint).unwrap_or(before));
}

/// Where a name shall lead, by what the journal says of the roles.
fn meant(table: &Table<'_>, role: Role, endpoint: &Endpoint) -> Option<IpAddr> {
    let world = &table.desk.world;
    let holds = |environment: &&switchover::model::Environment| environment.endpoints.contains(endpoint);
    let environment = world.pair.environments.iter().find(holds)?;
    let state = table.judge.replayed();
    let on_its_way = state.open_run().filter(|run| run.pivot_crossed()).and_then(|run| {
        run.plan.shifts.iter().find(|shift| shift.environment == environment.name).map(|shift| &shift.to)
    });
    let production = on_its_way.or_else(|| state.production.get(&environment.name))?;
    let side = match role {
        Role::Production => production,
        Role::Standby => &world.pair.opposite(production).ok()?.name,
    };
    Some(world.address(side, &endpoint.address))
}

/// Points the addresses of a name elsewhere, and leaves its other records.
fn point(world: &World, name: &DnsName, to: IpAddr) {
    world.names.edit(name, |held| {
        if held.value.data.address().is_some() {
            held.value.data = to.into();
        }
    });
}
