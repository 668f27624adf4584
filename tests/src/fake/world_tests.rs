//! The world is as the pair's owners describe theirs.

use std::collections::BTreeSet;
use std::time::Duration;

use switchover::journal::{Epoch, Holder, Journal, Seq};
use switchover::model::{AddressKind, DnsName, EnvironmentName};
use switchover::port::{Clock as _, DnsServer, Resolver as _, Subject};

use super::*;

fn name(text: &str) -> DnsName {
    DnsName::new(text).unwrap()
}

fn hongkong(world: &World) -> IpAddr {
    world.address(world.first(), &AddressName::new("eip-gigadb-live-gigadb").unwrap())
}

fn sydney(world: &World) -> IpAddr {
    world.address(world.second(), &AddressName::new("eip-gigadb-live-gigadb").unwrap())
}

#[test]
fn sixteen_names_in_two_environments_and_two_zones_lead_to_hongkong() {
    let world = World::gigadb();
    let names: BTreeSet<_> =
        world.endpoints().flat_map(|endpoint| Role::ALL.map(|role| endpoint.name(role).clone())).collect();
    let zones: BTreeSet<_> =
        world.endpoints().flat_map(|endpoint| Role::ALL.map(|role| endpoint.zone(role).clone())).collect();
    assert_eq!((names.len(), zones.len(), world.pair.environments.len()), (16, 2, 2));
    for environment in ["live", "staging"] {
        let environment = EnvironmentName::new(environment).unwrap();
        assert_eq!(world.production(&environment).as_ref(), Some(world.first()));
    }
}

#[test]
fn a_half_moved_environment_has_no_production() {
    let world = World::gigadb();
    let live = EnvironmentName::new("live").unwrap();
    world.names.point(&name("gigadb.org"), sydney(&world));
    assert_eq!(world.production(&live), None);
    assert_eq!(world.production(&EnvironmentName::new("staging").unwrap()).as_ref(), Some(world.first()));
}

#[test]
fn servers_follow_the_service_each_after_its_delay() {
    let world = World::gigadb();
    let site = name("gigadb.org");
    let (old, new) = (hongkong(&world), sydney(&world));
    world.run(world.clock.sleep(Duration::from_secs(10)));
    let servers = world.run(world.resolver.authorities(&gigadb::zone("gigadb.org"))).unwrap();
    world.names.point(&site, new);
    let ask = |server: &DnsServer| {
        let answer = world.run(world.resolver.ask(server, &site, AddressKind::V4)).unwrap();
        assert!(answer.authoritative);
        answer.addresses
    };
    assert_eq!([ask(&servers[0]), ask(&servers[1])], [[old].into(), [old].into()]);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!([ask(&servers[0]), ask(&servers[1])], [[new].into(), [old].into()]);
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(ask(&servers[1]), [new].into());
}

#[test]
fn a_resolver_keeps_what_it_heard_for_its_ttl() {
    let world = World::gigadb();
    let site = name("gigadb.org");
    let ask = || world.run(world.resolver.look_up(&site, AddressKind::V4)).unwrap();
    let first = ask();
    assert_eq!((first.addresses, first.ttl), ([hongkong(&world)].into(), Duration::from_secs(300)));
    world.names.point(&site, sydney(&world));
    world.clock.advance(Duration::from_secs(299));
    let kept = ask();
    assert_eq!(kept.addresses, [hongkong(&world)].into());
    assert!(!kept.authoritative && kept.ttl < Duration::from_secs(2));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(ask().addresses, [sydney(&world)].into());
}

#[test]
fn a_side_that_goes_down_fails_its_checks_from_then_on() {
    let world = World::gigadb();
    let subject = Subject { name: name("gigadb.org"), address: hongkong(&world) };
    let check = &world.ports().checks[&gigadb::check()];
    assert!(world.run(check.run(&subject)).is_ok());
    world.set_health(world.first(), &Health::Down);
    assert!(world.run(check.run(&subject)).is_err());
    assert!(world.run(check.run(&Subject { address: sydney(&world), ..subject })).is_ok());
    assert_eq!(world.check.asked().len(), 3);
}

#[test]
fn a_crash_at_an_entry_leaves_the_journal_with_or_without_it() {
    let holder =
        || Holder { actor: "ada".to_owned(), host: "ops-1".to_owned(), process: 1, program: String::new() };
    for (after, left) in [(true, 2), (false, 1)] {
        let world = World::gigadb();
        let ports = world.ports();
        if after {
            world.store.crash_after(Seq(1));
        } else {
            world.store.crash_before(Seq(1));
        }
        let crashed = world.run_until_crash(async {
            let mut journal = Journal::open(&world.pair.name, &ports).await.unwrap();
            journal.claim(holder()).await.unwrap();
            journal.claim(holder()).await.unwrap();
        });
        assert_eq!(crashed, None);
        assert_eq!(world.store.entries(&world.pair.name).len(), left);
        let reopened = world.run(Journal::open(&world.pair.name, &ports)).unwrap();
        assert_eq!(reopened.state().epoch, Epoch(left as u64));
    }
}
