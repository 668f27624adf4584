//! A name service in memory that holds its callers to the contract.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{DnsName, Record, RecordId, ZoneName};
use switchover::port::{Clock as _, Meter, NameError, NameService, RecordChange, ZoneView};

use super::name_fault::{NameCall, NameFault, NameRequest, refusal};
use super::script::Script;
use super::zone::{FakeZone, Held, MINIMUM_TTL};
use super::{VirtualClock, lock};

/// How old the read may be that a change is based on.
const JUST_READ: Duration = Duration::from_secs(10);

/// A change on its way to the service.
#[derive(Debug)]
struct Flight {
    ticket: u64,
    arrives: Duration,
    zone: ZoneName,
    changes: Vec<RecordChange>,
    compared: bool,
}

/// A change of whose outcome the caller cannot know yet.
#[derive(Debug)]
struct Unsettled {
    ticket: u64,
    sent: Duration,
    zone: ZoneName,
    changes: Vec<RecordChange>,
}

#[derive(Debug)]
struct Inner {
    zones: BTreeMap<ZoneName, FakeZone>,
    latency: Duration,
    in_flight: Duration,
    script: Script<(NameCall, Option<ZoneName>), NameFault>,
    requests: Vec<NameRequest>,
    tickets: u64,
    flights: Vec<Flight>,
    outcomes: BTreeMap<u64, Result<(), NameError>>,
    unsettled: Vec<Unsettled>,
    /// What the caller read last of each record, and when.
    last_read: BTreeMap<(ZoneName, RecordId), (Duration, Record)>,
}

/// Zones in memory. Clones are one service.
///
/// A read returns the records of the names that were asked for and no others, so that nobody relies on more. A request takes
/// 100 ms of virtual time unless [`FakeNames::set_latency`] says otherwise.
///
/// # Panics
///
/// The service panics, and so fails the test, when its caller breaks the contract of [`NameService`]: changes records after an
/// unknown outcome before the time in flight has passed and a read has shown what became of it; hands in records that it has
/// not just read; changes a record's type; names a record twice.
#[derive(Debug, Clone)]
pub struct FakeNames {
    clock: VirtualClock,
    meter: Meter,
    inner: Arc<Mutex<Inner>>,
}

impl FakeNames {
    /// A service without zones.
    pub fn new(clock: &VirtualClock, meter: &Meter) -> Self {
        let inner = Inner {
            zones: BTreeMap::new(),
            latency: Duration::from_millis(100),
            in_flight: Duration::from_secs(30),
            script: Script::default(),
            requests: Vec::new(),
            tickets: 0,
            flights: Vec::new(),
            outcomes: BTreeMap::new(),
            unsettled: Vec::new(),
            last_read: BTreeMap::new(),
        };
        Self { clock: clock.clone(), meter: meter.clone(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// Makes the next call of this kind go wrong. Faults that are planned for one kind of call are used one after the other.
    pub fn fail_next(&self, call: NameCall, fault: NameFault) {
        self.check_fault(&fault);
        lock(&self.inner).script.plan((call, None), fault);
    }

    /// Makes the next call of this kind on this zone go wrong.
    pub fn fail_next_in(&self, zone: &ZoneName, call: NameCall, fault: NameFault) {
        self.check_fault(&fault);
        lock(&self.inner).script.plan((call, Some(zone.clone())), fault);
    }

    /// Makes every call of this kind go wrong, until [`FakeNames::heal`].
    pub fn fail_always(&self, call: NameCall, fault: NameFault) {
        self.check_fault(&fault);
        lock(&self.inner).script.keep((call, None), fault);
    }

    /// Makes every call of this kind on this zone go wrong, until [`FakeNames::heal`].
    pub fn fail_always_in(&self, zone: &ZoneName, call: NameCall, fault: NameFault) {
        self.check_fault(&fault);
        lock(&self.inner).script.keep((call, Some(zone.clone())), fault);
    }

    /// Takes all faults back that have not happened yet.
    pub fn heal(&self) {
        lock(&self.inner).script.lift();
    }

    /// How long a request takes.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.inner).latency = latency;
    }

    /// How long a change without an answer may still be applied.
    pub fn set_in_flight(&self, in_flight: Duration) {
        lock(&self.inner).in_flight = in_flight;
    }

    /// Makes a zone, or replaces all of its records. They get new ids.
    pub fn set_zone(&self, zone: &ZoneName, records: &[Held]) {
        let now = self.clock.elapsed();
        let mut inner = lock(&self.inner);
        inner.zones.entry(zone.clone()).or_insert_with(|| FakeZone::new(zone.clone())).set(now, records);
    }

    /// Adds a record by hand, in the zone that its name lies in.
    pub fn add(&self, held: Held) {
        let name = held.name.clone();
        self.by_hand(&name, |zone, now| zone.add(now, held));
    }

    /// Deletes every record of a name by hand.
    pub fn remove(&self, name: &DnsName) {
        self.by_hand(name, |zone, now| zone.remove(now, name));
    }

    /// Edits every record of a name by hand.
    pub fn edit(&self, name: &DnsName, edit: impl Fn(&mut Held)) {
        self.by_hand(name, |zone, now| zone.edit(now, name, edit));
    }

    /// Points every record of a name at an address by hand.
    pub fn point(&self, name: &DnsName, address: IpAddr) {
        self.edit(name, |held| held.value.data = address.into());
    }

    /// Everything that a zone holds now.
    pub fn held(&self, zone: &ZoneName) -> Vec<Held> {
        let mut inner = lock(&self.inner);
        inner.settle(self.clock.elapsed());
        inner.zones.get(zone).map(FakeZone::held).unwrap_or_default()
    }

    /// The addresses that a name's records hold now.
    pub fn leads_to(&self, name: &DnsName) -> BTreeSet<IpAddr> {
        let records = self.seen_at(name, self.clock.elapsed()).unwrap_or_default();
        records.iter().filter_map(|record| record.value.data.address()).collect()
    }

    /// The records of a name as they were at that time; `None` if no zone holds the name.
    pub fn seen_at(&self, name: &DnsName, when: Duration) -> Option<Vec<Record>> {
        let mut inner = lock(&self.inner);
        inner.settle(self.clock.elapsed());
        let zone = inner.zone_of(name)?;
        Some(zone.records_at(when).iter().filter(|record| record.name == *name).cloned().collect())
    }

    /// Whether the service holds that zone.
    pub fn has_zone(&self, zone: &ZoneName) -> bool {
        lock(&self.inner).zones.contains_key(zone)
    }

    /// Every call so far, in order.
    pub fn requests(&self) -> Vec<NameRequest> {
        lock(&self.inner).requests.clone()
    }

    /// How often records were changed, or tried to be.
    pub fn changes(&self) -> usize {
        self.requests().iter().filter(|request| request.call == NameCall::Change).count()
    }

    fn check_fault(&self, fault: &NameFault) {
        if let NameFault::LateUnknown(after) = fault {
            let in_flight = lock(&self.inner).in_flight;
            assert!(
                *after <= in_flight,
                "the test breaks the contract: {after:?} is later than {in_flight:?}"
            );
        }
    }

    fn by_hand(&self, name: &DnsName, work: impl FnOnce(&mut FakeZone, Duration)) {
        let now = self.clock.elapsed();
        let mut inner = lock(&self.inner);
        inner.settle(now);
        work(inner.zone_of_mut(name), now);
    }

    /// Notes a request and says how it goes wrong, how long its way there takes and whether its zone is known.
    fn arrive(
        &self,
        call: NameCall,
        zone: &ZoneName,
        names: BTreeSet<DnsName>,
    ) -> (Option<NameFault>, Duration) {
        self.meter.count();
        let at = self.clock.elapsed();
        let mut inner = lock(&self.inner);
        for name in &names {
            assert!(name.is_within(zone.apex()), "{name} was asked for in {zone}");
        }
        inner.requests.push(NameRequest { at, call, zone: zone.clone(), names });
        let fault = inner.script.take(&[(call, None), (call, Some(zone.clone()))]);
        (fault, inner.latency / 2)
    }

    async fn there(&self, way: Duration, fault: Option<&NameFault>) {
        if let Some(NameFault::Slow(longer)) = fault {
            self.clock.sleep(*longer).await;
        }
        self.clock.sleep(way).await;
    }
}

impl Inner {
    fn zone_of(&self, name: &DnsName) -> Option<&FakeZone> {
        let holding = self.zones.iter().filter(|(zone, _)| name.is_within(zone.apex()));
        holding.max_by_key(|(zone, _)| zone.as_str().len()).map(|(_, zone)| zone)
    }

    fn zone_of_mut(&mut self, name: &DnsName) -> &mut FakeZone {
        let holding = self.zones.iter_mut().filter(|(zone, _)| name.is_within(zone.apex()));
        let closest = holding.max_by_key(|(zone, _)| zone.as_str().len());
        closest.map(|(_, zone)| zone).expect("a zone holds the name")
    }

    fn zone(&self, zone: &ZoneName) -> Result<&FakeZone, NameError> {
        self.zones.get(zone).ok_or_else(|| NameError::ZoneNotFound {
            zone: zone.clone(),
            near: self.zones.keys().cloned().collect(),
        })
    }

    /// Lets every change land whose time has come, in the order in which they arrive.
    fn settle(&mut self, now: Duration) {
        let (mut landing, flying): (Vec<Flight>, Vec<Flight>) =
            std::mem::take(&mut self.flights).into_iter().partition(|flight| flight.arrives <= now);
        self.flights = flying;
        landing.sort_by_key(|flight| (flight.arrives, flight.ticket));
        for flight in landing {
            let zone = self.zones.get_mut(&flight.zone).expect("a zone does not vanish");
            let outcome = if flight.compared {
                zone.compare_and_change(flight.arrives, &flight.changes)
            } else {
                zone.change(flight.arrives, &flight.changes)
            };
            self.outcomes.insert(flight.ticket, outcome);
        }
    }

    /// The contract's side of the caller, before a change is sent.
    fn hold_to_contract(&self, now: Duration, zone: &ZoneName, changes: &[RecordChange]) {
        let mut seen = BTreeSet::new();
        for RecordChange { before, after } in changes {
            let name = &before.name;
            assert!(seen.insert(&before.id), "contract: {name} is changed twice at once");
            assert_eq!(before.kind(), after.data.kind(), "contract: {name} changes its type");
            let read = self.last_read.get(&(zone.clone(), before.id.clone()));
            let (at, read) = read.expect("contract: a record is changed that was not read");
            assert_eq!(read, before, "contract: {name} is not handed in as it was read last");
            let age = now.saturating_sub(*at);
            assert!(
                age <= JUST_READ,
                "contract: {name} is changed on the word of a read that is {age:?} old"
            );
        }
        for open in self.unsettled.iter().filter(|open| open.zone == *zone) {
            let again = open.changes.iter().find(|change| seen.contains(&change.before.id));
            if let Some(again) = again {
                panic!(
                    "contract: {} is changed {:?} after a change with an unknown outcome, and no read since {:?} has \
                     shown what became of it",
                    again.before.name,
                    now.saturating_sub(open.sent),
                    open.sent + self.in_flight,
                );
            }
        }
    }

    /// A read settles what was unknown: it shows the change, or it shows that it did not happen in all the time it had.
    fn note_read(&mut self, now: Duration, zone: &ZoneName, names: &BTreeSet<DnsName>, records: &[Record]) {
        let in_flight = self.in_flight;
        let shows = |change: &RecordChange| {
            let read = records.iter().find(|record| record.id == change.before.id);
            read.is_some_and(|record| record.value == change.after)
        };
        self.unsettled.retain(|open| {
            let asked =
                open.zone == *zone && open.changes.iter().all(|change| names.contains(&change.before.name));
            let settled = open.changes.iter().all(shows) || now >= open.sent + in_flight;
            !(asked && settled)
        });
        self.last_read.retain(|(of, _), (_, record)| of != zone || !names.contains(&record.name));
        for record in records {
            self.last_read.insert((zone.clone(), record.id.clone()), (now, record.clone()));
        }
    }

    /// Sends a change off and says under which ticket its outcome will be found.
    fn send(
        &mut self,
        now: Duration,
        zone: &ZoneName,
        changes: &[RecordChange],
        arrival: Option<(Duration, bool)>,
    ) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        let (zone, changes) = (zone.clone(), changes.to_vec());
        self.unsettled.push(Unsettled { ticket, sent: now, zone: zone.clone(), changes: changes.clone() });
        if let Some((after, compared)) = arrival {
            self.flights.push(Flight { ticket, arrives: now + after, zone, changes, compared });
        }
        ticket
    }
}

#[async_trait]
impl NameService for FakeNames {
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        self.clock.alive().await;
        let (fault, way) = self.arrive(NameCall::Read, zone, names.clone());
        self.there(way, fault.as_ref()).await;
        let answer = match refusal(fault.as_ref(), zone, NameCall::Read) {
            Some(error) => Err(error),
            None => self.look(zone, names, fault.as_ref()),
        };
        self.clock.sleep(way).await;
        answer
    }

    async fn change(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        self.clock.alive().await;
        if changes.is_empty() {
            return Ok(());
        }
        let names = changes.iter().map(|change| change.before.name.clone()).collect();
        let (fault, way) = self.arrive(NameCall::Change, zone, names);
        if let Some(error) = refusal(fault.as_ref(), zone, NameCall::Change) {
            self.there(way * 2, None).await;
            return Err(error);
        }
        let (ticket, unknown, longer) = self.depart(zone, changes, fault.as_ref(), way)?;
        self.there(way * 2 + longer, None).await;
        self.answer(ticket, zone, unknown)
    }

    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        self.clock.alive().await;
        let names = records.iter().map(|record| record.name.clone()).collect();
        let (fault, way) = self.arrive(NameCall::ProveWrite, zone, names);
        self.there(way * 2, fault.as_ref()).await;
        let refused = refusal(fault.as_ref(), zone, NameCall::ProveWrite);
        refused.map_or_else(|| lock(&self.inner).zone(zone).map(drop), Err)
    }

    fn in_flight(&self) -> Duration {
        lock(&self.inner).in_flight
    }
}

impl FakeNames {
    fn look(
        &self,
        zone: &ZoneName,
        names: &BTreeSet<DnsName>,
        fault: Option<&NameFault>,
    ) -> Result<ZoneView, NameError> {
        let now = self.clock.elapsed();
        let mut inner = lock(&self.inner);
        inner.settle(now);
        let all = if let Some(NameFault::Stale(age)) = fault {
            inner.zone(zone)?.records_at(now.saturating_sub(*age)).to_vec()
        } else {
            inner.zone(zone)?.records()
        };
        // Newest first: nobody may rely on an order.
        let records: Vec<Record> =
            all.into_iter().rev().filter(|record| names.contains(&record.name)).collect();
        inner.note_read(now, zone, names, &records);
        Ok(ZoneView { zone: zone.clone(), records, minimum_ttl: Some(MINIMUM_TTL) })
    }

    /// Sends a change: its ticket, whether its answer will be lost, and how much longer it takes.
    fn depart(
        &self,
        zone: &ZoneName,
        changes: &[RecordChange],
        fault: Option<&NameFault>,
        way: Duration,
    ) -> Result<(u64, bool, Duration), NameError> {
        let now = self.clock.elapsed();
        let mut inner = lock(&self.inner);
        inner.settle(now);
        inner.zone(zone)?;
        inner.hold_to_contract(now, zone, changes);
        if let Some(NameFault::EditedFirst(name, address)) = fault {
            inner.zone_of_mut(name).edit(now, name, |held| held.value.data = (*address).into());
        }
        let (arrival, unknown, longer) = match fault {
            Some(NameFault::LostUnknown) => (None, true, Duration::ZERO),
            Some(NameFault::LateUnknown(after)) => (Some((*after, false)), true, Duration::ZERO),
            Some(NameFault::AppliedUnknown) => (Some((way, true)), true, Duration::ZERO),
            Some(NameFault::Slow(longer)) => (Some((way + *longer, true)), false, *longer),
            Some(
                NameFault::Unavailable
                | NameFault::Unauthorized
                | NameFault::Forbidden
                | NameFault::Throttled(_)
                | NameFault::Rejected
                | NameFault::Stale(_)
                | NameFault::EditedFirst(..),
            )
            | None => (Some((way, true)), false, Duration::ZERO),
        };
        Ok((inner.send(now, zone, changes, arrival), unknown, longer))
    }

    fn answer(&self, ticket: u64, zone: &ZoneName, unknown: bool) -> Result<(), NameError> {
        let mut inner = lock(&self.inner);
        inner.settle(self.clock.elapsed());
        if unknown {
            return Err(NameError::Unknown { zone: zone.clone(), why: "the answer was lost".to_owned() });
        }
        inner.unsettled.retain(|open| open.ticket != ticket);
        inner.outcomes.remove(&ticket).expect("a change that was sent has arrived")
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
