//! What the zones say about one name, understood.

use std::collections::BTreeSet;

use super::{Finding, FindingKind, NameView, Observation, Place, Snapshot, suggest};
use crate::model::{AddressKind, DnsName, Endpoint, Environment, Pair, Record, RecordKind, Role, SideName};
use crate::port::ZoneView;

/// One name and the place where the file gives it.
pub(super) struct Asked<'a> {
    pub(super) pair: &'a Pair,
    pub(super) environment: &'a Environment,
    pub(super) index: usize,
    pub(super) endpoint: &'a Endpoint,
    pub(super) role: Role,
}

impl Asked<'_> {
    fn name(&self) -> &DnsName {
        self.endpoint.name(self.role)
    }

    fn place(&self) -> Place {
        Place::Endpoint {
            environment: self.environment.name.clone(),
            index: self.index,
            field: self.role.into(),
        }
    }

    fn error(&self, kind: FindingKind, message: String) -> Finding {
        Finding::error(kind, self.place(), message)
    }

    /// What is known of the name, and what is wrong with it. `snapshot` has the addresses already.
    pub(super) fn view(&self, observation: &Observation, snapshot: &Snapshot) -> (NameView, Vec<Finding>) {
        let mut view = NameView {
            environment: self.environment.name.clone(),
            index: self.index,
            role: self.role,
            name: self.name().clone(),
            zone: self.endpoint.zone(self.role).clone(),
            address: self.endpoint.address.clone(),
            records: Vec::new(),
            at: None,
        };
        let Some(Ok(zone)) = observation.zones.get(&view.zone) else { return (view, Vec::new()) };
        if let Some(finding) = self.alias(zone) {
            return (view, vec![finding]);
        }
        if zone.of(self.name()).all(|record| record.value.data.address().is_none()) {
            return (view, vec![self.missing(observation, snapshot)]);
        }
        match self.records(zone, snapshot) {
            Err(findings) => (view, findings),
            Ok(None) => (view, Vec::new()),
            Ok(Some((records, at))) => {
                view.records = records;
                view.at = Some(at);
                (view, Vec::new())
            }
        }
    }

    fn alias(&self, zone: &ZoneView) -> Option<Finding> {
        let alias = zone.of(self.name()).find(|record| record.kind() == RecordKind::Cname)?;
        let message = format!(
            "{} is an alias (CNAME) of {}; Switchover moves address records only",
            self.name(),
            alias.value.data
        );
        Some(self.error(FindingKind::AliasBeside, message))
    }

    fn missing(&self, observation: &Observation, snapshot: &Snapshot) -> Finding {
        let message =
            format!("{} has no address record in zone {}", self.name(), self.endpoint.zone(self.role));
        let targets: BTreeSet<_> = snapshot
            .addresses
            .values()
            .filter_map(|book| book.get(&self.endpoint.address))
            .flat_map(crate::model::Addresses::iter)
            .collect();
        let claimed: BTreeSet<&DnsName> = self
            .pair
            .environments
            .iter()
            .flat_map(|environment| &environment.endpoints)
            .flat_map(|endpoint| [&endpoint.production, &endpoint.standby])
            .collect();
        let free: Vec<&Record> = observation
            .zones
            .values()
            .filter_map(|zone| zone.as_ref().ok())
            .flat_map(|zone| &zone.records)
            .filter(|record| record.value.data.address().is_some() && !claimed.contains(&record.name))
            .collect();
        let there = free.iter().filter(|r| r.value.data.address().is_some_and(|a| targets.contains(&a)));
        let suggestion = suggest::name(
            self.name(),
            there.map(|record| &record.name),
            free.iter().map(|record| &record.name),
        );
        self.error(FindingKind::RecordMissing, message).suggest(suggestion)
    }

    /// The records of every family and the one side they lead to; `None` where that would be a side whose own addresses are not known.
    fn records(
        &self,
        zone: &ZoneView,
        snapshot: &Snapshot,
    ) -> Result<Option<(Vec<Record>, SideName)>, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut records = Vec::new();
        let mut sides = BTreeSet::new();
        for family in AddressKind::ALL {
            let of_family: Vec<&Record> =
                zone.of(self.name()).filter(|record| record.kind() == family.record_kind()).collect();
            match of_family[..] {
                [] => {}
                [record] => match self.position(record, family, snapshot) {
                    Ok(Some(side)) => {
                        records.push(record.clone());
                        sides.insert(side);
                    }
                    Ok(None) => return Ok(None),
                    Err(finding) => findings.push(finding),
                },
                _ => findings.push(self.doubled(&of_family)),
            }
        }
        let mut sides = sides.into_iter();
        match (findings.is_empty(), sides.next(), sides.next()) {
            (true, Some(side), None) => Ok(Some((records, side))),
            (true, Some(first), Some(second)) => {
                let message = format!(
                    "{} leads to side {first} with one address family and to side {second} with the other",
                    self.name()
                );
                Err(vec![self.error(FindingKind::WrongSide, message)])
            }
            (true, None, _) => Ok(None),
            (false, _, _) => Err(findings),
        }
    }

    fn doubled(&self, records: &[&Record]) -> Finding {
        let list: Vec<String> = records.iter().map(|record| record.value.data.to_string()).collect();
        let kind = records.first().map(|record| record.kind().to_string()).unwrap_or_default();
        let message = format!("{} has {} {kind} records: {}", self.name(), records.len(), list.join(", "));
        self.error(FindingKind::RecordDoubled, message)
            .suggest(Some("remove all but the one that leads to the side that holds the role".to_owned()))
    }

    fn position(
        &self,
        record: &Record,
        family: AddressKind,
        snapshot: &Snapshot,
    ) -> Result<Option<SideName>, Finding> {
        let books: Vec<_> = self
            .pair
            .sides
            .iter()
            .filter_map(|side| Some((&side.name, snapshot.addresses(&side.name, &self.endpoint.address)?)))
            .collect();
        let seen = record.value.data.address();
        if let Some((side, _)) = books.iter().find(|(_, addresses)| addresses.of(family) == seen) {
            return Ok(Some((*side).clone()));
        }
        if books.len() < self.pair.sides.len() {
            return Ok(None);
        }
        if books.iter().all(|(_, addresses)| addresses.of(family).is_none()) {
            let message = format!(
                "{} has an {} record {} and no side has such an address under `{}`: it would stay behind",
                self.name(),
                record.kind(),
                record.value.data,
                self.endpoint.address
            );
            let advice = "remove the record, or give both sides an address of that family".to_owned();
            return Err(self.error(FindingKind::LeftBehind, message).suggest(Some(advice)));
        }
        Err(self.elsewhere(record, snapshot))
    }

    fn elsewhere(&self, record: &Record, snapshot: &Snapshot) -> Finding {
        let seen = record.value.data.address();
        let owner = snapshot.addresses.iter().find_map(|(side, book)| {
            let (name, _) = book.iter().find(|(_, addresses)| addresses.iter().any(|a| Some(a) == seen))?;
            Some((side, name))
        });
        let should: Vec<String> = self
            .pair
            .sides
            .iter()
            .filter_map(|side| {
                let addresses = snapshot.addresses(&side.name, &self.endpoint.address)?;
                Some(format!("{addresses} ({})", side.name))
            })
            .collect();
        let should = should.join(" or ");
        match owner {
            Some((side, name)) => self.error(
                FindingKind::WrongAddress,
                format!(
                    "{} leads to {}, which is `{name}` of side {side}; `{}` is {should}",
                    self.name(),
                    record.value.data,
                    self.endpoint.address
                ),
            ),
            None => self.error(
                FindingKind::PointsElsewhere,
                format!(
                    "{} leads to {}, which belongs to neither side; `{}` is {should}",
                    self.name(),
                    record.value.data,
                    self.endpoint.address
                ),
            ),
        }
    }
}
