//! Which side is lost, and what its addresses are, by everything but its own word.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Observation;
use super::lost::{led_to, listing};
use crate::journal::PairState;
use crate::model::{
    AddressKind, AddressName, DnsName, Endpoint, Environment, EnvironmentName, Pair, Role, SideName,
};
use crate::port::{Listing, NamedAddress};

/// Everything that tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clues<'a> {
    pub(super) pair: &'a Pair,
    pub(super) observation: &'a Observation,
    pub(super) history: &'a PairState,
    /// The side that somebody named as the next production.
    pub(super) to: Option<&'a SideName>,
}

impl Clues<'_> {
    /// The lost side of each environment where it can be told.
    pub(super) fn lost(&self) -> BTreeMap<EnvironmentName, SideName> {
        let environments = self.observation.environments.iter();
        environments.filter_map(|of| Some((of.name.clone(), self.lost_in(of)?))).collect()
    }

    /// The names decide; the journal where they do not, as in the middle of a swap, or where the books contradict each other.
    fn lost_in(&self, environment: &Environment) -> Option<SideName> {
        if let Some(to) = self.to {
            return Some(self.pair.opposite(to).ok()?.name.clone());
        }
        let mut claims = BTreeSet::new();
        for side in self.pair.sides.iter().map(|side| &side.name) {
            match self.holds(environment, side) {
                Some(Role::Production) => drop(claims.insert(side.clone())),
                Some(Role::Standby) => {
                    claims.extend(self.pair.opposite(side).map(|other| other.name.clone()));
                }
                None => {}
            }
        }
        let mut claims = claims.into_iter();
        match (claims.next(), claims.next()) {
            (Some(only), None) => Some(only),
            (None | Some(_), _) => self.history.production.get(&environment.name).cloned(),
        }
    }

    /// The role that a side has by its own book, if the names of the environment agree on it.
    fn holds(&self, environment: &Environment, side: &SideName) -> Option<Role> {
        let leads = |role: Role| {
            environment.endpoints.iter().any(|endpoint| {
                let book = self.book(side, &endpoint.address);
                self.records(endpoint.name(role)).any(|address| book.contains(&address))
            })
        };
        match (leads(Role::Production), leads(Role::Standby)) {
            (true, false) => Some(Role::Production),
            (false, true) => Some(Role::Standby),
            (true, true) | (false, false) => None,
        }
    }

    /// What a side's book says of one name; nothing where it does not answer.
    fn book(&self, side: &SideName, name: &AddressName) -> BTreeSet<IpAddr> {
        let seen = self.observation.sides.get(side).and_then(|seen| seen.listing.as_ref().ok());
        let found = seen.and_then(|listing| listing.found.get(name));
        found.into_iter().flatten().map(|found| found.address).collect()
    }

    /// The addresses that a name leads to now.
    fn records<'n>(&'n self, name: &'n DnsName) -> impl Iterator<Item = IpAddr> + 'n {
        let zones = self.observation.zones.values().filter_map(|view| view.as_ref().ok());
        zones.flat_map(move |view| view.of(name)).filter_map(|record| record.value.data.address())
    }

    /// The addresses that a name led to in earlier runs, newest first.
    fn led_before<'n>(&'n self, name: &'n DnsName) -> impl Iterator<Item = IpAddr> + 'n {
        let steps = self.history.runs.iter().rev().flat_map(|run| run.plan.steps());
        let changes = steps.filter_map(|step| step.action.as_change_records()).flat_map(|of| &of.changes);
        let of_name = changes.filter(move |change| change.name == *name);
        of_name.flat_map(|change| [&change.from, &change.to]).filter_map(|value| value.data.address())
    }

    /// The addresses of a lost side: where the names lead or led, and only then what its book says; never one of the other side's.
    pub(super) fn addresses_of(&self, lost: &SideName) -> Listing {
        let mut found: BTreeMap<AddressName, Vec<NamedAddress>> = BTreeMap::new();
        for endpoint in self.observation.environments.iter().flat_map(|environment| &environment.endpoints) {
            let known = found.entry(endpoint.address.clone()).or_default();
            for family in AddressKind::ALL {
                if known.iter().all(|known| kind_of(known.address) != family) {
                    known.extend(self.address_of(lost, endpoint, family).map(led_to));
                }
            }
        }
        found.retain(|_, addresses| !addresses.is_empty());
        listing(found)
    }

    fn address_of(&self, lost: &SideName, endpoint: &Endpoint, family: AddressKind) -> Option<IpAddr> {
        let other = self.pair.opposite(lost).ok()?;
        let others = self.book(&other.name, &endpoint.address);
        // Nothing of that family moves if the other side has none.
        others.iter().find(|address| kind_of(**address) == family)?;
        let (production, standby) = (endpoint.name(Role::Production), endpoint.name(Role::Standby));
        let led = self.records(production).chain(self.records(standby));
        let before = self.led_before(production).chain(self.led_before(standby));
        let said = self.book(lost, &endpoint.address).into_iter();
        let mut all = led.chain(before).chain(said);
        all.find(|address| kind_of(*address) == family && !others.contains(address))
    }
}

fn kind_of(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(_) => AddressKind::V4,
        IpAddr::V6(_) => AddressKind::V6,
    }
}
