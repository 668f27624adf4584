//! The plan checker: holds a finished plan against the safety rules, knowing nothing of how it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::{Intent, Plan, Shift};
use crate::action::{Action, ChangeRecords, PlannedChange, Purpose, Servers};
use crate::journal::PairState;
use crate::model::{DnsName, Endpoint, Pair, RecordKind, Role, SideName};
use crate::observe::Snapshot;

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
    match plan.intent {
        Intent::Switchover | Intent::Revert => checker.swap(),
        Intent::Prepare | Intent::RestoreTtl => checker.moves_nothing(),
    }
    checker.violations
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
            stage.steps.iter().filter_map(move |step| match &step.action {
                Action::ChangeRecords(change) => Some((place, change)),
                Action::AwaitRecords(_) | Action::RunChecks(_) | Action::Hold(_) => None,
            })
        })
    }

    fn shape(&mut self) {
        let plan = self.plan;
        self.require(plan.pair == self.pair.name, &plan.pair, "a plan is for the pair it was made for");
        let mut ids = BTreeSet::new();
        for step in plan.steps() {
            self.require(ids.insert(&step.id), &step.id, "every step has an id of its own");
            self.require(step.deadline_ms > 0, &step.id, "every step has a deadline");
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
        for (_, change) in self.zone_changes() {
            self.require(!change.changes.is_empty(), &change.zone, "a step changes something");
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
            if let (Action::ChangeRecords(forward), Some(undo)) = (&step.action, &step.undo) {
                self.require(is_inverse(forward, undo), &step.id, "what undoes a step is its exact opposite");
            }
        }
    }

    fn record(&mut self, change: &ChangeRecords, record: &PlannedChange) {
        let place = format!("{} {}", record.name, record.kind);
        self.require(
            record.name.is_within(change.zone.zone.apex()),
            &place,
            "a record lies in the zone that is changed",
        );
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
        self.only_its_names();
        self.then_watch();
    }

    fn in_one_stage(&mut self) {
        let swaps: Vec<usize> =
            self.zone_changes().filter(|(_, c)| c.purpose == Purpose::Swap).map(|(place, _)| place).collect();
        let stages: BTreeSet<usize> = swaps.iter().copied().collect();
        self.require(stages.len() == 1, self.plan.intent, "all zones are swapped side by side in one stage");
        self.require(
            self.plan.pivot_stage() == stages.first().copied(),
            self.plan.intent,
            "the pivot is the first step that moves traffic",
        );
        let zones: Vec<_> =
            self.zone_changes().filter(|(_, c)| c.purpose == Purpose::Swap).map(|(_, c)| &c.zone).collect();
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
        self.zone_changes()
            .filter(|(_, change)| change.purpose == Purpose::Swap)
            .flat_map(|(_, change)| &change.changes)
            .find(|record| record.name == *name && record.kind == *kind)
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

    fn only_its_names(&mut self) {
        let names: BTreeSet<&DnsName> = self
            .plan
            .shifts
            .iter()
            .flat_map(|shift| self.endpoints(shift))
            .flat_map(|endpoint| [&endpoint.production, &endpoint.standby])
            .collect();
        for (_, change) in self.zone_changes() {
            for record in &change.changes {
                self.require(
                    names.contains(&record.name),
                    &record.name,
                    "a plan touches only names of its environments",
                );
                let mut records = self.snapshot.names.iter().flat_map(|view| &view.records);
                let seen = records.find(|r| r.name == record.name && r.kind() == record.kind);
                let expected = match change.purpose {
                    Purpose::Swap => {
                        seen.is_some_and(|r| r.value == record.from && r.proxied == record.proxied)
                    }
                    Purpose::LowerTtl | Purpose::RestoreTtl => {
                        seen.is_some_and(|r| r.proxied == record.proxied)
                    }
                };
                self.require(expected, &record.name, "a plan starts from what was read");
            }
        }
    }

    /// Every moved name is read back, and the old side is held for the old TTL and the margin.
    fn then_watch(&mut self) {
        let pivot = self.plan.pivot_stage().unwrap_or_default();
        let mut read_back = BTreeSet::new();
        let mut held = Duration::ZERO;
        for step in self.plan.stages.iter().skip(pivot + 1).flat_map(|stage| &stage.steps) {
            match &step.action {
                Action::AwaitRecords(wait) if matches!(wait.servers, Servers::Authoritative(_)) => {
                    read_back.extend(wait.names.iter().map(|expected| expected.name.clone()));
                }
                Action::Hold(wait) => held = held.max(wait.duration()),
                Action::AwaitRecords(_) | Action::ChangeRecords(_) | Action::RunChecks(_) => {}
            }
        }
        let swaps: Vec<&PlannedChange> = self
            .zone_changes()
            .filter(|(_, change)| change.purpose == Purpose::Swap)
            .flat_map(|(_, change)| &change.changes)
            .collect();
        for record in &swaps {
            let seen = record.proxied || read_back.contains(&record.name);
            self.require(seen, &record.name, "every moved name is read back from its authoritative servers");
        }
        let old = swaps.iter().map(|record| record.from.ttl.duration()).max().unwrap_or_default();
        self.require(
            held >= old + self.pair.dns.margin,
            self.plan.intent,
            "the old side is held until the old TTL and the margin have passed",
        );
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
