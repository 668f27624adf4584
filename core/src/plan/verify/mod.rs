//! The plan checker: holds a finished plan against the safety rules, knowing nothing of how it was made.

mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::{Intent, OnFailure, Plan, Shift, Step};
use crate::action::{Action, AwaitRecords, ChangeRecords, Hold, PlannedChange, Purpose, Servers};
use crate::journal::PairState;
use crate::model::{Addresses, DnsName, Endpoint, Pair, RecordKind, RecordValue, Role, SideName};
use crate::observe::Snapshot;
use crate::port::SyncPurpose;

/// A safety rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// Where the plan breaks it.
    pub place: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// Every safety rule that a plan breaks; none for a plan that may run.
pub fn verify(pair: &Pair, snapshot: &Snapshot, history: &PairState, plan: &Plan) -> Vec<Violation> {
    let mut checker = Checker { pair, snapshot, history, plan, violations: Vec::new() };
    checker.shape();
    checker.changes();
    checker.only_its_names();
    match plan.intent {
        Intent::Switchover | Intent::Revert => checker.swap(),
        Intent::Prepare | Intent::RestoreTtl | Intent::Sync => checker.moves_nothing(),
    }
    checker.data();
    checker.violations
}

/// Whether a step may fail without stopping its run.
fn may_fail(action: &Action) -> bool {
    let asks_resolvers =
        matches!(action, Action::AwaitRecords(AwaitRecords { servers: Servers::Resolvers(_), .. }));
    let goes_on = action.as_sync_store().is_some_and(|sync| sync.purpose != SyncPurpose::Final);
    asks_resolvers || goes_on
}

struct Checker<'a> {
    pair: &'a Pair,
    snapshot: &'a Snapshot,
    history: &'a PairState,
    plan: &'a Plan,
    violations: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn require(&mut self, holds: bool, place: impl fmt::Display, rule: &'static str) {
        if !holds {
            self.violations.push(Violation { rule, place: place.to_string() });
        }
    }

    fn zone_changes(&self) -> impl Iterator<Item = (usize, &'a ChangeRecords)> + use<'a> {
        let stages = self.plan.stages.iter().enumerate();
        stages.flat_map(|(place, stage)| {
            stage.steps.iter().filter_map(move |step| Some((place, step.action.as_change_records()?)))
        })
    }

    fn shape(&mut self) {
        let plan = self.plan;
        self.require(plan.pair == self.pair.name, &plan.pair, "a plan is for the pair it was made for");
        let mut ids = BTreeSet::new();
        for step in plan.steps() {
            self.require(ids.insert(&step.id), &step.id, "every step has an id of its own");
            self.require(step.deadline_ms > 0, &step.id, "every step has a deadline");
            let may_fail = may_fail(&step.action);
            self.require(
                step.on_failure == OnFailure::Stop || may_fail,
                &step.id,
                "only a question to public resolvers and a sync that is not the last may fail without stopping the run",
            );
        }
        for stage in &plan.stages {
            self.require(!stage.steps.is_empty(), &stage.title, "a stage has steps");
        }
        let pivot = plan.pivot.as_ref();
        self.require(
            pivot.is_none_or(|id| plan.step(id).is_some()),
            &plan.pair,
            "the pivot is a step of the plan",
        );
        let after = plan.pivot_stage().map_or(plan.stages.len(), |place| place);
        for step in plan.stages.iter().skip(after).flat_map(|stage| &stage.steps) {
            self.require(step.undo.is_none(), &step.id, "nothing is undone from the pivot on");
        }
    }

    fn changes(&mut self) {
        let plan = self.plan;
        let mut touched: BTreeMap<(&DnsName, &RecordKind, bool), usize> = BTreeMap::new();
        for (place, change) in self.zone_changes() {
            self.require(!change.changes.is_empty(), &change.zone, "a step changes something");
            if change.purpose == Purpose::LowerTtl {
                self.waited_out(place, change);
            }
            for record in &change.changes {
                *touched.entry((&record.name, &record.kind, change.purpose == Purpose::Swap)).or_default() +=
                    1;
                self.record(change, record);
            }
        }
        for ((name, kind, _), times) in touched {
            self.require(times == 1, format!("{name} {kind}"), "a record is changed once for one purpose");
        }
        for step in plan.steps() {
            self.undo(step);
        }
    }

    fn undo(&mut self, step: &Step) {
        let (lowers, exact) = match (&step.action, &step.undo) {
            (Action::ChangeRecords(forward), undo) => (
                forward.purpose == Purpose::LowerTtl,
                undo.as_ref().is_none_or(|undo| is_inverse(forward, undo)),
            ),
            (
                Action::AwaitRecords(_) | Action::RunChecks(_) | Action::Hold(_) | Action::ThawStore(_),
                undo,
            ) => (false, undo.is_none()),
            (Action::FreezeStore(freeze), undo) => (false, stores::takes_back(freeze, undo.as_ref())),
            (Action::SyncStore(sync), undo) => (false, stores::goes_on(sync, undo.as_ref())),
        };
        self.require(exact, &step.id, "what undoes a step is its exact opposite");
        self.require(!lowers || step.undo.is_some(), &step.id, "TTLs that are lowered can be set back");
    }

    /// A swap that comes later counts on it that no resolver holds an older, longer TTL.
    fn waited_out(&mut self, place: usize, change: &ChangeRecords) {
        let old = change.changes.iter().map(|record| record.from.ttl.duration()).max().unwrap_or_default();
        let waited = self.held_after(place) >= old;
        self.require(waited, &change.zone, "the old TTLs are waited out after they were lowered");
    }

    /// The longest hold in the stages after this one.
    fn held_after(&self, place: usize) -> Duration {
        let later = self.plan.stages.iter().skip(place + 1).flat_map(|stage| &stage.steps);
        let holds = later.filter_map(|step| step.action.as_hold()).map(Hold::duration);
        holds.max().unwrap_or_default()
    }

    fn record(&mut self, change: &ChangeRecords, record: &PlannedChange) {
        let place = format!("{} {}", record.name, record.kind);
        let elsewhere =
            self.snapshot.names.iter().any(|view| view.name == record.name && view.zone != change.zone);
        self.require(!elsewhere, &place, "a record is changed in the zone that holds it");
        self.require(record.from != record.to, &place, "a change changes something");
        let same_kind = record.from.data.kind() == record.kind && record.to.data.kind() == record.kind;
        self.require(same_kind, &place, "a record keeps its type: no record set is ever left empty");
        self.require(
            !record.proxied || record.from.ttl == record.to.ttl,
            &place,
            "a proxied record keeps its automatic TTL",
        );
        match change.purpose {
            Purpose::Swap => {
                self.require(record.from.ttl == record.to.ttl, &place, "a swap keeps the TTL");
            }
            Purpose::LowerTtl | Purpose::RestoreTtl => {
                self.require(record.from.data == record.to.data, &place, "a change of TTL moves nothing");
            }
        }
        if change.purpose == Purpose::LowerTtl {
            let lower = record.to.ttl.duration() <= record.from.ttl.duration();
            self.require(lower, &place, "a TTL that is lowered does not grow");
        }
        if change.purpose == Purpose::RestoreTtl {
            let was = self.history.prepared.get(&(record.name.clone(), record.kind.clone()));
            self.require(
                was == Some(&record.to.ttl),
                &place,
                "a TTL is restored to what it was before it was lowered",
            );
        }
    }

    fn moves_nothing(&mut self) {
        let moves = self.zone_changes().any(|(_, change)| change.purpose == Purpose::Swap);
        self.require(
            !moves && self.plan.shifts.is_empty(),
            self.plan.intent,
            "a change of TTLs moves no traffic",
        );
        self.require(
            self.plan.pivot.is_none(),
            self.plan.intent,
            "a plan that moves no traffic has no pivot",
        );
    }

    fn swap(&mut self) {
        if self.plan.is_empty() {
            return;
        }
        for shift in &self.plan.shifts {
            let opposite = self.pair.opposite(&shift.from).is_ok_and(|side| side.name == shift.to);
            self.require(
                opposite,
                &shift.environment,
                "production moves from one side of the pair to the other",
            );
        }
        self.in_one_stage();
        for shift in &self.plan.shifts {
            self.every_name(shift);
        }
        self.after_checks();
        self.then_watch();
        self.then_restore();
    }

    fn swaps(&self) -> impl Iterator<Item = (usize, &'a ChangeRecords)> + use<'a> {
        self.zone_changes().filter(|(_, change)| change.purpose == Purpose::Swap)
    }

    fn swapped_records(&self) -> impl Iterator<Item = &'a PlannedChange> + use<'a> {
        self.swaps().flat_map(|(_, change)| &change.changes)
    }

    fn in_one_stage(&mut self) {
        let stages: BTreeSet<usize> = self.swaps().map(|(place, _)| place).collect();
        self.require(stages.len() == 1, self.plan.intent, "all zones are swapped side by side in one stage");
        self.require(
            self.plan.pivot_stage() == stages.first().copied(),
            self.plan.intent,
            "the pivot is the first step that moves traffic",
        );
        let zones: Vec<_> = self.swaps().map(|(_, change)| &change.zone).collect();
        let distinct: BTreeSet<_> = zones.iter().collect();
        self.require(distinct.len() == zones.len(), self.plan.intent, "each zone is swapped in one batch");
    }

    fn endpoints(&self, shift: &Shift) -> Vec<&'a Endpoint> {
        let environment = self.pair.environment(&shift.environment);
        environment.map(|environment| environment.endpoints.iter().collect()).unwrap_or_default()
    }

    /// After the plan, every name of the environment leads to the side of its role.
    fn every_name(&mut self, shift: &Shift) {
        for endpoint in self.endpoints(shift) {
            for (role, side) in [(Role::Production, &shift.to), (Role::Standby, &shift.from)] {
                for (kind, address) in self.afterwards(endpoint.name(role)) {
                    let right = self.belongs(side, endpoint, address);
                    let place = format!("{} {kind}", endpoint.name(role));
                    self.require(right, place, "after the swap a name leads to the side of its role");
                }
                let some = !self.afterwards(endpoint.name(role)).is_empty();
                self.require(some, endpoint.name(role), "a name that is swapped has a record");
            }
        }
    }

    fn belongs(&self, side: &SideName, endpoint: &Endpoint, address: IpAddr) -> bool {
        let addresses = self.snapshot.addresses(side, &endpoint.address);
        addresses.is_some_and(|addresses| addresses.iter().any(|known| known == address))
    }

    fn swapped(&self, name: &DnsName, kind: &RecordKind) -> Option<&'a PlannedChange> {
        self.swapped_records().find(|record| record.name == *name && record.kind == *kind)
    }

    /// Where a name leads once the plan has run, by type of record.
    fn afterwards(&self, name: &DnsName) -> BTreeMap<RecordKind, IpAddr> {
        let mut leads = BTreeMap::new();
        for record in self.snapshot.names.iter().flat_map(|view| &view.records) {
            if record.name != *name {
                continue;
            }
            let after = match self.swapped(name, &record.kind()) {
                Some(change) => change.to.data.address(),
                None => record.value.data.address(),
            };
            leads.extend(after.map(|address| (record.kind(), address)));
        }
        leads
    }

    /// The endpoints that a plan is about: those of its shifts, or all where nothing moves.
    fn concerned(&self) -> Vec<&'a Endpoint> {
        match self.plan.intent {
            Intent::Switchover | Intent::Revert => {
                self.plan.shifts.iter().flat_map(|shift| self.endpoints(shift)).collect()
            }
            Intent::Prepare | Intent::RestoreTtl | Intent::Sync => {
                self.pair.environments.iter().flat_map(|environment| &environment.endpoints).collect()
            }
        }
    }

    fn only_its_names(&mut self) {
        let names: BTreeSet<&DnsName> = self
            .concerned()
            .into_iter()
            .flat_map(|endpoint| [&endpoint.production, &endpoint.standby])
            .collect();
        for (_, change) in self.zone_changes() {
            for record in &change.changes {
                self.require(
                    names.contains(&record.name),
                    &record.name,
                    "a plan touches only names of its environments",
                );
                let starts = self.starts_from(change.purpose, record);
                self.require(starts, &record.name, "a plan starts from what was read");
            }
        }
    }

    /// Whether a change expects what was read, or what the plan itself has made of it by then.
    fn starts_from(&self, purpose: Purpose, record: &PlannedChange) -> bool {
        let kind = record.from.data.kind();
        let mut records = self.snapshot.names.iter().flat_map(|view| &view.records);
        let Some(seen) = records.find(|r| r.name == record.name && r.kind() == kind) else { return false };
        let swapped: Option<&RecordValue> = match purpose {
            Purpose::Swap | Purpose::LowerTtl => None,
            Purpose::RestoreTtl => self.swapped(&record.name, &kind).map(|change| &change.to),
        };
        *swapped.unwrap_or(&seen.value) == record.from && seen.proxied == record.proxied
    }

    /// The side that takes production has passed every check of every endpoint before any name moves.
    fn after_checks(&mut self) {
        let before = self.swaps().map(|(place, _)| place).min().unwrap_or_default();
        let steps = self.plan.stages.iter().take(before).flat_map(|stage| &stage.steps);
        let checked: BTreeSet<_> = steps
            .filter_map(|step| step.action.as_run_checks())
            .flat_map(|run| run.checks.as_slice())
            .map(|planned| (&planned.check, planned.address))
            .collect();
        for shift in &self.plan.shifts {
            for endpoint in self.endpoints(shift) {
                let addresses = self.snapshot.addresses(&shift.to, &endpoint.address);
                let addresses: Vec<IpAddr> = addresses.into_iter().flat_map(Addresses::iter).collect();
                let passed = |check| addresses.iter().all(|address| checked.contains(&(check, *address)));
                let all = endpoint.checks.iter().all(passed);
                self.require(
                    all,
                    &endpoint.production,
                    "a side passes its checks before it takes production",
                );
            }
        }
    }

    /// Every moved name is read back, and only then the old side is held for the old TTL and the margin.
    fn then_watch(&mut self) {
        let swap = self.swaps().map(|(place, _)| place).max().unwrap_or_default();
        let mut read_back = BTreeSet::new();
        let mut last_read = swap;
        for (place, stage) in self.plan.stages.iter().enumerate().skip(swap + 1) {
            for step in &stage.steps {
                let Action::AwaitRecords(wait) = &step.action else { continue };
                let Servers::Authoritative(named) = &wait.servers else { continue };
                let known = self.pair.services.get(&wait.zone.service);
                self.require(
                    known.is_some_and(|service| service.authorities == *named),
                    &step.id,
                    "a read-back asks every authoritative server of its zone",
                );
                last_read = place;
                read_back.extend(wait.names.iter().map(|name| (&name.name, name.family, &name.addresses)));
            }
        }
        for record in self.swapped_records() {
            let to: BTreeSet<IpAddr> = record.to.data.address().into_iter().collect();
            let seen = read_back.iter().any(|(name, family, addresses)| {
                **name == record.name && family.record_kind() == record.kind && **addresses == to
            });
            self.require(
                record.proxied || seen,
                &record.name,
                "every moved name is read back from its authoritative servers",
            );
        }
        let old = self.swapped_records().map(|record| record.from.ttl.duration()).max().unwrap_or_default();
        self.require(
            self.held_after(last_read) >= old + self.pair.dns.margin,
            self.plan.intent,
            "the old side is held until the old TTL and the margin have passed",
        );
    }

    fn then_restore(&mut self) {
        let restored: BTreeSet<(&DnsName, RecordKind)> = self
            .zone_changes()
            .filter(|(_, change)| change.purpose == Purpose::RestoreTtl)
            .flat_map(|(_, change)| &change.changes)
            .map(|record| (&record.name, record.from.data.kind()))
            .collect();
        for record in self.swapped_records() {
            let was = self.history.prepared.get(&(record.name.clone(), record.kind.clone()));
            let low = was.is_some_and(|was| *was != record.to.ttl);
            self.require(
                !low || restored.contains(&(&record.name, record.kind.clone())),
                &record.name,
                "a TTL that was lowered ahead is restored after the swap",
            );
        }
    }
}

fn is_inverse(forward: &ChangeRecords, undo: &Action) -> bool {
    let Action::ChangeRecords(back) = undo else { return false };
    let pairs = forward.changes.iter().zip(&back.changes);
    forward.zone == back.zone
        && forward.changes.len() == back.changes.len()
        && pairs
            .into_iter()
            .all(|(f, b)| f.name == b.name && f.kind == b.kind && f.from == b.to && f.to == b.from)
}
