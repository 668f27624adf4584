//! The fake holds its callers to the contract, and its faults do what they say.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures_util::future::{Either, select};
use switchover::model::{DnsName, Record, RecordValue, Ttl};
use switchover::port::{Clock as _, NameError, NameService as _, RecordChange};

use super::*;
use crate::fake::World;

const OLD: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const NEW: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

struct Bench {
    clock: VirtualClock,
    names: FakeNames,
    zone: ZoneName,
    site: DnsName,
}

impl Bench {
    fn new() -> Self {
        let clock = VirtualClock::default();
        let names = FakeNames::new(&clock, &Meter::default());
        let zone = ZoneName::new("example.org").unwrap();
        let site = DnsName::new("www.example.org").unwrap();
        names.set_zone(&zone, &[Held::plain(site.clone(), OLD)]);
        Self { clock, names, zone, site }
    }

    fn read(&self) -> Vec<Record> {
        self.clock.run(self.names.read(&self.zone, &[self.site.clone()].into())).unwrap().records
    }

    fn to(&self, address: IpAddr) -> Vec<RecordChange> {
        let turn = |before: Record| {
            let after = RecordValue { data: address.into(), ttl: before.value.ttl };
            RecordChange { before, after }
        };
        self.read().into_iter().map(turn).collect()
    }

    fn change(&self, changes: &[RecordChange]) -> Result<(), NameError> {
        self.clock.run(self.names.change(&self.zone, changes))
    }

    fn leads_to(&self, address: IpAddr) -> bool {
        self.names.leads_to(&self.site) == BTreeSet::from([address])
    }

    fn wait(&self, seconds: u64) {
        self.clock.run(self.clock.sleep(Duration::from_secs(seconds)));
    }
}

#[test]
fn a_change_is_applied_on_its_way_and_not_before() {
    let bench = Bench::new();
    assert_eq!(bench.change(&bench.to(NEW)), Ok(()));
    assert!(bench.leads_to(NEW));
    assert_eq!(bench.clock.elapsed(), Duration::from_millis(200), "a read and a change");
}

#[test]
fn an_unknown_change_was_applied_or_lost_as_scripted() {
    for (fault, applied) in [(NameFault::AppliedUnknown, true), (NameFault::LostUnknown, false)] {
        let bench = Bench::new();
        bench.names.fail_next(NameCall::Change, fault);
        assert!(matches!(bench.change(&bench.to(NEW)), Err(NameError::Unknown { .. })));
        assert_eq!(bench.leads_to(NEW), applied);
    }
}

#[test]
fn a_late_change_lands_when_its_time_has_come() {
    let bench = Bench::new();
    bench.names.fail_next(NameCall::Change, NameFault::LateUnknown(Duration::from_secs(20)));
    assert!(matches!(bench.change(&bench.to(NEW)), Err(NameError::Unknown { .. })));
    bench.wait(19);
    assert!(bench.leads_to(OLD));
    bench.wait(1);
    assert!(bench.leads_to(NEW));
}

#[test]
#[should_panic(expected = "contract: www.example.org is changed")]
fn a_change_is_not_repeated_while_its_first_try_may_still_arrive() {
    let bench = Bench::new();
    bench.names.fail_next(NameCall::Change, NameFault::LostUnknown);
    let _ = bench.change(&bench.to(NEW));
    bench.wait(20);
    let _ = bench.change(&bench.to(NEW));
}

#[test]
#[should_panic(expected = "contract: www.example.org is changed")]
fn a_change_is_not_repeated_on_the_word_of_a_read_that_came_too_early() {
    let bench = Bench::new();
    bench.names.fail_next(NameCall::Change, NameFault::LostUnknown);
    let _ = bench.change(&bench.to(NEW));
    bench.wait(25);
    let again = bench.to(NEW);
    bench.wait(6);
    let _ = bench.change(&again);
}

#[test]
fn a_change_may_be_repeated_after_its_time_and_a_read() {
    let bench = Bench::new();
    bench.names.fail_next(NameCall::Change, NameFault::LostUnknown);
    let _ = bench.change(&bench.to(NEW));
    bench.wait(30);
    assert_eq!(bench.change(&bench.to(NEW)), Ok(()));
}

#[test]
fn a_read_that_shows_the_change_settles_it_at_once() {
    let bench = Bench::new();
    bench.names.fail_next(NameCall::Change, NameFault::AppliedUnknown);
    let _ = bench.change(&bench.to(NEW));
    assert_eq!(bench.change(&bench.to(OLD)), Ok(()));
}

#[test]
fn a_caller_that_is_gone_leaves_its_change_on_the_way() {
    let bench = Bench::new();
    let changes = bench.to(NEW);
    bench.clock.run(async {
        let change = bench.names.change(&bench.zone, &changes);
        let crash = bench.clock.sleep(Duration::from_millis(10));
        assert!(matches!(select(change, crash).await, Either::Right(_)));
    });
    assert!(bench.leads_to(OLD));
    bench.wait(1);
    assert!(bench.leads_to(NEW));
}

#[test]
fn somebodys_edit_in_between_is_a_conflict_and_stays() {
    let bench = Bench::new();
    let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));
    bench.names.fail_next(NameCall::Change, NameFault::EditedFirst(bench.site.clone(), other));
    assert!(matches!(bench.change(&bench.to(NEW)), Err(NameError::Conflict { .. })));
    assert!(bench.leads_to(other));
}

#[test]
#[should_panic(expected = "on the word of a read that is")]
fn a_change_needs_a_fresh_read() {
    let bench = Bench::new();
    let changes = bench.to(NEW);
    bench.wait(11);
    let _ = bench.change(&changes);
}

#[test]
#[should_panic(expected = "not handed in as it was read last")]
fn a_change_is_not_based_on_what_was_never_read() {
    let bench = Bench::new();
    let mut changes = bench.to(NEW);
    changes[0].before.value.ttl = Ttl::Seconds(60);
    let _ = bench.change(&changes);
}

#[test]
#[should_panic(expected = "changes its type")]
fn a_record_set_cannot_become_empty_by_a_change_of_type() {
    let bench = Bench::new();
    let mut changes = bench.to(NEW);
    changes[0].after.data = IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]).into();
    let _ = bench.change(&changes);
}

#[test]
fn a_batch_of_which_one_change_is_refused_changes_nothing() {
    let bench = Bench::new();
    bench.names.add(Held::plain(bench.site.clone(), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3))));
    let before = bench.names.held(&bench.zone);
    for ttl in [30, 300] {
        // Too short a TTL for the second; then two records that would be one.
        let mut changes = bench.to(NEW);
        changes[1].after.ttl = Ttl::Seconds(ttl);
        assert!(matches!(bench.change(&changes), Err(NameError::Rejected { .. })));
        assert_eq!(bench.names.held(&bench.zone), before);
    }
}

#[test]
#[should_panic(expected = "changed twice at once")]
fn a_record_is_not_changed_twice_at_once() {
    let bench = Bench::new();
    let mut changes = bench.to(NEW);
    changes.extend(changes.clone());
    let _ = bench.change(&changes);
}

#[test]
fn standing_faults_stay_until_they_are_lifted_and_planned_ones_come_first() {
    let bench = Bench::new();
    bench.names.fail_always(NameCall::Read, NameFault::Unavailable);
    bench.names.fail_next(NameCall::Read, NameFault::Throttled(Duration::from_secs(5)));
    let read = || bench.clock.run(bench.names.read(&bench.zone, &BTreeSet::new()));
    assert!(matches!(read(), Err(NameError::Throttled { .. })));
    assert!(matches!(read(), Err(NameError::Unavailable { .. })));
    assert!(matches!(read(), Err(NameError::Unavailable { .. })));
    bench.names.heal();
    assert!(read().is_ok());
}

#[test]
fn requests_are_counted_and_remembered() {
    let world = World::gigadb();
    let zone = ZoneName::new("gigadb.org").unwrap();
    let name = DnsName::new("gigadb.org").unwrap();
    world.run(world.names.read(&zone, &[name.clone()].into())).unwrap();
    assert_eq!(world.meter.total(), 1);
    assert_eq!(world.names.changes(), 0);
    let request = NameRequest { at: Duration::ZERO, call: NameCall::Read, zone, names: [name].into() };
    assert_eq!(world.names.requests(), [request]);
}
