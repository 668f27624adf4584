//! The rules about names: swapped as a whole, from what was looked at, checked first and held afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Checker;
use crate::action::{Action, ChangeRecords, PlannedChange, Purpose, Servers};
use crate::model::{Addresses, DnsName, Endpoint, RecordKind, RecordValue, Role, SideName};
use crate::plan::{Intent, Shift, Waiver};

impl<'a> Checker<'a> {
    pub(super) fn swap(&mut self) {
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

    /// Where production moves: with the names, or with the data alone where an earlier run moved the names.
    fn moving_stages(&self) -> BTreeSet<usize> {
        let swaps: BTreeSet<usize> = self.swaps().map(|(place, _)| place).collect();
        if swaps.is_empty() { self.thaws().into_iter().map(|(place, ..)| place).collect() } else { swaps }
    }

    fn in_one_stage(&mut self) {
        let stages = self.moving_stages();
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
                if self.may_stay(role) {
                    continue;
                }
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

    /// Whether a name may stay where it is: in a failover the stand-by's, whose side may have no address that is known.
    fn may_stay(&self, role: Role) -> bool {
        role == Role::Standby && self.plan.intent == Intent::Failover
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
            Intent::Switchover | Intent::Revert | Intent::Finalize | Intent::Failover => {
                self.plan.shifts.iter().flat_map(|shift| self.endpoints(shift)).collect()
            }
            Intent::Prepare | Intent::RestoreTtl | Intent::Sync | Intent::Drill | Intent::Reprotect => {
                self.pair.environments.iter().flat_map(|environment| &environment.endpoints).collect()
            }
        }
    }

    pub(super) fn only_its_names(&mut self) {
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

    /// The side that takes production has passed every check of every endpoint before any name moves, unless somebody opened that gate.
    fn after_checks(&mut self) {
        if self.plan.waivers.contains(&Waiver::Checks) {
            return;
        }
        let before = self.moving_stages().first().copied().unwrap_or_default();
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
        let swap = self.moving_stages().last().copied().unwrap_or_default();
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
