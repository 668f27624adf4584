//! The stages of a plan, one function each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{OnFailure, Shift, Stage, Step};
use crate::action::{
    Action, AwaitRecords, ChangeRecords, ExpectedName, Hold, PlannedChange, PlannedCheck, Purpose, RunChecks,
    Servers, milliseconds,
};
use crate::journal::PairState;
use crate::model::{
    AddressKind, DnsName, Endpoint, Pair, Record, RecordData, RecordKind, RecordValue, Role, SideName,
    StepId, Ttl, ZoneRef,
};
use crate::observe::{NameView, Snapshot};

/// How long a change of records may take, unclear answers and second tries included.
const CHANGE_DEADLINE: Duration = Duration::from_secs(180);
/// How long a side may take to pass its checks.
const CHECK_DEADLINE: Duration = Duration::from_secs(60);

/// A record and what it shall say.
struct Target<'a> {
    zone: &'a ZoneRef,
    record: &'a Record,
    data: RecordData,
}

/// The names that a plan is about, with what each shall say.
pub(super) struct Names<'a>(Vec<Target<'a>>);

impl<'a> Names<'a> {
    /// The names of these shifts, each to lead to the side that its role moves to; some may lead there already.
    pub(super) fn moving(snapshot: &'a Snapshot, shifts: &[Shift]) -> Self {
        let mut seen = BTreeSet::new();
        let mut targets = Vec::new();
        for shift in shifts {
            for view in snapshot.names.iter().filter(|view| view.environment == shift.environment) {
                let side = match view.role {
                    Role::Production => &shift.to,
                    Role::Standby => &shift.from,
                };
                let Some(addresses) = snapshot.addresses(side, &view.address) else { continue };
                for record in &view.records {
                    let Some(address) = family(record).and_then(|family| addresses.of(family)) else {
                        continue;
                    };
                    let data = RecordData::from(address);
                    if seen.insert((&record.name, record.kind())) {
                        targets.push(Target { zone: &view.zone, record, data });
                    }
                }
            }
        }
        Self(targets)
    }

    /// Names whose records stay where they lead.
    pub(super) fn staying(views: &[&'a NameView]) -> Self {
        let records =
            views.iter().flat_map(|view| view.records.iter().map(move |record| (&view.zone, record)));
        Self(records.map(|(zone, record)| Target { zone, record, data: record.value.data.clone() }).collect())
    }

    pub(super) fn longest_ttl(&self) -> Duration {
        self.0.iter().map(|target| target.record.value.ttl.duration()).max().unwrap_or_default()
    }

    pub(super) fn any_proxied(&self) -> bool {
        self.0.iter().any(|target| target.record.proxied)
    }

    pub(super) fn all_proxied(&self) -> bool {
        self.0.iter().all(|target| target.record.proxied)
    }

    /// The changes of each zone, for those names where `to` finds something to change.
    fn changes(&self, to: impl Fn(&Target<'_>) -> Option<(RecordValue, RecordValue)>) -> Changes {
        let mut zones: Changes = BTreeMap::new();
        for target in &self.0 {
            let Some((from, to)) = to(target) else { continue };
            zones.entry(target.zone.clone()).or_default().push(PlannedChange {
                name: target.record.name.clone(),
                kind: target.record.kind(),
                from,
                to,
                proxied: target.record.proxied,
            });
        }
        for changes in zones.values_mut() {
            changes.sort_by(|left, right| (&left.name, &left.kind).cmp(&(&right.name, &right.kind)));
        }
        zones
    }
}

type Changes = BTreeMap<ZoneRef, Vec<PlannedChange>>;

fn family(record: &Record) -> Option<AddressKind> {
    match record.kind() {
        RecordKind::A => Some(AddressKind::V4),
        RecordKind::Aaaa => Some(AddressKind::V6),
        RecordKind::Cname | RecordKind::Other(_) => None,
    }
}

pub(super) fn step(id: &str, action: Action, deadline: Duration) -> Option<Step> {
    let id = StepId::new(id).ok()?;
    Some(Step { id, action, undo: None, deadline_ms: milliseconds(deadline), on_failure: OnFailure::Stop })
}

pub(super) fn stage(title: &str, steps: impl IntoIterator<Item = Option<Step>>) -> Option<Stage> {
    let steps: Vec<Step> = steps.into_iter().flatten().collect();
    (!steps.is_empty()).then(|| Stage { title: title.to_owned(), steps })
}

fn change_stage(title: &str, verb: &str, purpose: Purpose, zones: Changes) -> Option<Stage> {
    stage(
        title,
        zones.into_iter().map(|(zone, changes)| {
            let id = format!("{verb} {zone}");
            step(&id, Action::ChangeRecords(ChangeRecords { zone, purpose, changes }), CHANGE_DEADLINE)
        }),
    )
}

/// Every moving record to the address of its role's new side, with the TTL that it has.
pub(super) fn swap_stage(names: &Names<'_>) -> Option<Stage> {
    let zones = names.changes(|target| {
        let from = target.record.value.clone();
        let to = RecordValue { data: target.data.clone(), ttl: from.ttl };
        (from != to).then_some((from, to))
    });
    change_stage("Swap the records", "swap", Purpose::Swap, zones)
}

/// TTLs back to what they were before they were lowered, for the records as they will then be.
pub(super) fn restore_stage(names: &Names<'_>, history: &PairState) -> Option<Stage> {
    let zones = names.changes(|target| {
        let was = *history.prepared.get(&(target.record.name.clone(), target.record.kind()))?;
        let now = RecordValue { data: target.data.clone(), ttl: target.record.value.ttl };
        (now.ttl != was).then(|| (now.clone(), RecordValue { data: now.data, ttl: was }))
    });
    change_stage("Restore the TTLs", "restore TTLs of", Purpose::RestoreTtl, zones)
}

/// TTLs down to the swap's, then a wait until no resolver can hold an older one.
pub(super) fn lower_stages(pair: &Pair, snapshot: &Snapshot, views: &[&NameView]) -> Vec<Stage> {
    let names = Names::staying(views);
    let zones = names.changes(|target| {
        let least = snapshot.minimum_ttl.get(target.zone).copied().unwrap_or_default();
        let low = pair.dns.swap_ttl.max(least);
        let ttl = Ttl::Seconds(u32::try_from(low.as_secs()).unwrap_or(u32::MAX));
        let from = target.record.value.clone();
        let lower = !target.record.proxied && from.ttl.duration() > low;
        lower.then(|| (from.clone(), RecordValue { data: from.data, ttl }))
    });
    let old_ttl = zones.values().flatten().map(|change| change.from.ttl.duration()).max().unwrap_or_default();
    let lower = change_stage("Lower the TTLs", "lower TTLs of", Purpose::LowerTtl, zones).map(with_undo);
    let Some(lower) = lower else { return Vec::new() };
    let hold = Hold { old_ttl_ms: milliseconds(old_ttl), margin_ms: 0 };
    let wait = step("wait out the old TTLs", Action::Hold(hold.clone()), hold.duration() + CHECK_DEADLINE);
    [Some(lower), stage("Wait out the old TTLs", [wait])].into_iter().flatten().collect()
}

/// Gives each change of a stage its opposite as undo.
fn with_undo(mut stage: Stage) -> Stage {
    for step in &mut stage.steps {
        let Action::ChangeRecords(change) = &step.action else { continue };
        let back = |planned: &PlannedChange| PlannedChange {
            from: planned.to.clone(),
            to: planned.from.clone(),
            ..planned.clone()
        };
        let changes = change.changes.iter().map(back).collect();
        step.undo = Some(Action::ChangeRecords(ChangeRecords { changes, ..change.clone() }));
    }
    stage
}

fn endpoints<'a>(pair: &'a Pair, shift: &'a Shift) -> impl Iterator<Item = &'a Endpoint> {
    let environments = pair.environments.iter().filter(|environment| environment.name == shift.environment);
    environments.flat_map(|environment| &environment.endpoints)
}

/// The checks of every endpoint at the new side's addresses, under the endpoint's name of a role.
pub(super) fn checks(
    pair: &Pair,
    snapshot: &Snapshot,
    shifts: &[Shift],
    role: Role,
) -> BTreeMap<SideName, Vec<PlannedCheck>> {
    let mut sides: BTreeMap<SideName, Vec<PlannedCheck>> = BTreeMap::new();
    for shift in shifts {
        for endpoint in endpoints(pair, shift) {
            let Some(addresses) = snapshot.addresses(&shift.to, &endpoint.address) else { continue };
            for check in &endpoint.checks {
                sides.entry(shift.to.clone()).or_default().extend(addresses.iter().map(|address| {
                    PlannedCheck { check: check.clone(), name: endpoint.name(role).clone(), address }
                }));
            }
        }
    }
    sides
}

fn check_steps(verb: &str, sides: BTreeMap<SideName, Vec<PlannedCheck>>) -> Vec<Option<Step>> {
    let steps = sides.into_iter().map(|(side, checks)| {
        let id = format!("{verb} {side}");
        step(&id, Action::RunChecks(RunChecks { side, checks }), CHECK_DEADLINE)
    });
    steps.collect()
}

/// Asks the side that shall take production whether it is fit.
pub(super) fn standby_checks(
    pair: &Pair,
    snapshot: &Snapshot,
    shifts: &[Shift],
    verb: &str,
) -> Option<Stage> {
    stage("Check the stand-by", check_steps(verb, checks(pair, snapshot, shifts, Role::Standby)))
}

/// What each zone's servers shall say: every moved name that is not hidden behind an edge.
fn expected(names: &Names<'_>) -> BTreeMap<ZoneRef, Vec<ExpectedName>> {
    let mut zones: BTreeMap<ZoneRef, BTreeMap<(DnsName, AddressKind), BTreeSet<std::net::IpAddr>>> =
        BTreeMap::new();
    for target in names.0.iter().filter(|target| !target.record.proxied) {
        let (Some(family), Some(address)) = (family(target.record), target.data.address()) else { continue };
        let key = (target.record.name.clone(), family);
        zones.entry(target.zone.clone()).or_default().entry(key).or_default().insert(address);
    }
    let entry = |((name, family), addresses)| ExpectedName { name, family, addresses };
    zones.into_iter().map(|(zone, names)| (zone, names.into_iter().map(entry).collect())).collect()
}

/// Reads every authoritative server back, and asks the new production by its own names.
pub(super) fn read_back_stage(
    pair: &Pair,
    snapshot: &Snapshot,
    names: &Names<'_>,
    shifts: &[Shift],
    beside: Vec<Option<Step>>,
) -> Option<Stage> {
    let reads = expected(names).into_iter().map(|(zone, names)| {
        let servers = pair.services.get(&zone.service).map(|service| service.authorities.clone());
        let id = format!("read back {zone}");
        let servers = Servers::Authoritative(servers.unwrap_or_default());
        step(&id, Action::AwaitRecords(AwaitRecords { zone, servers, names }), pair.dns.propagation_deadline)
    });
    let checks = check_steps("check production", checks(pair, snapshot, shifts, Role::Production));
    stage("Read back and check the new production", reads.chain(checks).chain(beside))
}

/// Asks every authoritative server for names that stay as they are.
pub(super) fn ask_stage(pair: &Pair, names: &Names<'_>) -> Option<Stage> {
    let asks = expected(names).into_iter().map(|(zone, names)| {
        let servers = pair.services.get(&zone.service).map(|service| service.authorities.clone());
        let id = format!("ask the servers of {zone}");
        let servers = Servers::Authoritative(servers.unwrap_or_default());
        let deadline = CHECK_DEADLINE.min(pair.dns.propagation_deadline);
        step(&id, Action::AwaitRecords(AwaitRecords { zone, servers, names }), deadline)
    });
    stage("Ask every authoritative server for the names as they are", asks)
}

/// Keeps the old side until the old TTL and the margin have passed, and watches the public resolvers meanwhile.
pub(super) fn hold_stage(pair: &Pair, names: &Names<'_>, shifts: &[Shift]) -> Option<Stage> {
    let old: BTreeSet<&str> = shifts.iter().map(|shift| shift.from.as_str()).collect();
    let hold =
        Hold { old_ttl_ms: milliseconds(names.longest_ttl()), margin_ms: milliseconds(pair.dns.margin) };
    let deadline = hold.duration() + CHECK_DEADLINE;
    let sides: Vec<&str> = old.into_iter().collect();
    let wait = step(&format!("hold {}", sides.join(" and ")), Action::Hold(hold.clone()), deadline);
    let resolvers =
        expected(names).into_iter().filter(|_| !pair.dns.resolvers.is_empty()).map(|(zone, names)| {
            let id = format!("ask resolvers for {zone}");
            let servers = Servers::Resolvers(pair.dns.resolvers.clone());
            let ask = AwaitRecords { zone, servers, names };
            let step = step(&id, Action::AwaitRecords(ask), hold.duration());
            step.map(|step| Step { on_failure: OnFailure::Note, ..step })
        });
    stage("Hold the old side until the old TTL has passed", std::iter::once(wait).chain(resolvers))
}
