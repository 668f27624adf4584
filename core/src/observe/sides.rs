//! What the address books say, understood.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Finding, FindingKind, Observation, Place, SideObservation, suggest};
use crate::config::EndpointField;
use crate::model::{AddressKind, AddressName, Addresses, Environment, Pair, SideName};
use crate::port::{Attachment, Identity, NamedAddress};

/// The addresses that can be used, and what is wrong with the others.
pub(super) struct Books {
    pub(super) addresses: BTreeMap<SideName, BTreeMap<AddressName, Addresses>>,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn understand(pair: &Pair, observation: &Observation) -> Books {
    let mut books = Books { addresses: BTreeMap::new(), findings: Vec::new() };
    for side in &pair.sides {
        if let Some(seen) = observation.sides.get(&side.name) {
            books.read(&side.name, seen, &observation.environments);
        }
    }
    books.compare(pair, &observation.environments);
    books.compare_identities(pair, observation);
    books
}

fn first_use(environments: &[Environment], name: &AddressName) -> Place {
    let mut places = environments.iter().flat_map(|environment| {
        environment.endpoints.iter().enumerate().map(move |(index, endpoint)| (environment, index, endpoint))
    });
    match places.find(|(_, _, endpoint)| endpoint.address == *name) {
        Some((environment, index, _)) => {
            Place::Endpoint { environment: environment.name.clone(), index, field: EndpointField::Address }
        }
        None => Place::Pair,
    }
}

fn wanted(environments: &[Environment]) -> Vec<&AddressName> {
    let mut names: Vec<&AddressName> = Vec::new();
    for endpoint in environments.iter().flat_map(|environment| &environment.endpoints) {
        if !names.contains(&&endpoint.address) {
            names.push(&endpoint.address);
        }
    }
    names
}

impl Books {
    fn read(&mut self, side: &SideName, seen: &SideObservation, environments: &[Environment]) {
        let listing = match &seen.listing {
            Ok(listing) => listing,
            Err(error) => {
                let place = Place::Side { side: side.clone() };
                self.findings.push(Finding::error(
                    FindingKind::SideUnreadable,
                    place,
                    format!("the addresses of side {side} cannot be read: {error}"),
                ));
                return;
            }
        };
        let mut usable = BTreeMap::new();
        for name in wanted(environments) {
            let place = first_use(environments, name);
            match listing.found.get(name).map(Vec::as_slice).unwrap_or_default() {
                [] => self.findings.push(
                    Finding::error(
                        FindingKind::AddressMissing,
                        place,
                        format!("side {side} has no address named `{name}`"),
                    )
                    .suggest(suggest::address(
                        name,
                        listing.found.keys(),
                        listing.others.iter(),
                    )),
                ),
                found => {
                    self.attached(side, name, found, &place);
                    if let Some(addresses) = self.one_of_each(side, name, found, &place) {
                        usable.insert(name.clone(), addresses);
                    }
                }
            }
        }
        self.addresses.insert(side.clone(), usable);
    }

    fn attached(&mut self, side: &SideName, name: &AddressName, found: &[NamedAddress], place: &Place) {
        for address in found.iter().filter(|address| address.attachment == Attachment::Detached) {
            let message = format!(
                "`{name}` on side {side} ({}, {}) is attached to nothing: users sent there would find no server",
                address.address, address.id
            );
            let finding = Finding::error(FindingKind::AddressDetached, place.clone(), message);
            self.findings.push(finding.suggest(Some("attach it to the side's instance first".to_owned())));
        }
    }

    fn one_of_each(
        &mut self,
        side: &SideName,
        name: &AddressName,
        found: &[NamedAddress],
        place: &Place,
    ) -> Option<Addresses> {
        let v4: Vec<_> = found.iter().filter(|a| a.address.is_ipv4()).collect();
        let v6: Vec<_> = found.iter().filter(|a| a.address.is_ipv6()).collect();
        for several in [&v4, &v6].into_iter().filter(|family| family.len() > 1) {
            let list: Vec<String> = several.iter().map(|a| format!("{} ({})", a.address, a.id)).collect();
            let message =
                format!("side {side} has {} addresses named `{name}`: {}", several.len(), list.join(", "));
            let finding = Finding::error(FindingKind::AddressDoubled, place.clone(), message);
            self.findings.push(finding.suggest(Some("rename all but one of them".to_owned())));
        }
        let only = |family: &[&NamedAddress]| match family {
            [one] => Some(one.address),
            _ => None,
        };
        let mut addresses = Addresses { v4: None, v6: None };
        for address in [only(&v4), only(&v6)].into_iter().flatten() {
            match address {
                IpAddr::V4(v4) => addresses.v4 = Some(v4),
                IpAddr::V6(v6) => addresses.v6 = Some(v6),
            }
        }
        (v4.len() <= 1 && v6.len() <= 1).then_some(addresses)
    }

    /// Takes out the names whose two sides cannot be told apart or do not match.
    fn compare(&mut self, pair: &Pair, environments: &[Environment]) {
        let [first, second] = [&pair.sides[0].name, &pair.sides[1].name];
        for name in wanted(environments) {
            let of = |side| self.addresses.get(side).and_then(|book| book.get(name)).cloned();
            let (Some(left), Some(right)) = (of(first), of(second)) else { continue };
            let place = first_use(environments, name);
            for family in AddressKind::ALL {
                let fault = match (left.of(family), right.of(family)) {
                    (Some(l), Some(r)) if l == r => Some((
                        FindingKind::SameAddress,
                        format!("both sides have the address {l} under `{name}`: there is nothing to swap"),
                    )),
                    (Some(l), None) => Some(one_sided(name, first, l, second)),
                    (None, Some(r)) => Some(one_sided(name, second, r, first)),
                    (Some(_), Some(_)) | (None, None) => None,
                };
                if let Some((kind, message)) = fault {
                    self.findings.push(Finding::error(kind, place.clone(), message));
                    self.forget(name);
                }
            }
        }
    }

    fn forget(&mut self, name: &AddressName) {
        for book in self.addresses.values_mut() {
            book.remove(name);
        }
    }

    fn compare_identities(&mut self, pair: &Pair, observation: &Observation) {
        let mut known: Vec<(&SideName, &Identity)> = Vec::new();
        for side in &pair.sides {
            let Some(seen) = observation.sides.get(&side.name) else { continue };
            match &seen.identity {
                Ok(Some(identity)) => known.push((&side.name, identity)),
                Err(error) if seen.listing.is_ok() => {
                    let place = Place::Side { side: side.name.clone() };
                    let message =
                        format!("side {}: whose credentials these are cannot be told: {error}", side.name);
                    self.findings.push(Finding::error(FindingKind::SideUnreadable, place, message));
                }
                Ok(None) | Err(_) => {}
            }
        }
        if let [(first, left), (second, right)] = known[..] {
            self.findings.extend(shared(first, left, second, right));
        }
    }
}

fn one_sided(name: &AddressName, has: &SideName, address: IpAddr, lacks: &SideName) -> (FindingKind, String) {
    let message =
        format!("`{name}` is {address} on side {has}, and side {lacks} has no address of that family");
    (FindingKind::AddressOneSided, message)
}

fn shared(first: &SideName, left: &Identity, second: &SideName, right: &Identity) -> Option<Finding> {
    let place = Place::Side { side: second.clone() };
    let advice =
        Some("give each side an access key of its own, so that one leak does not lose both".to_owned());
    if left.fingerprint == right.fingerprint {
        let message = format!("sides {first} and {second} use the same access key {}", left.credential);
        Some(Finding::error(FindingKind::SharedCredential, place, message).suggest(advice))
    } else if left.principal == right.principal {
        let message = format!("sides {first} and {second} act as the same identity {}", left.principal);
        Some(Finding::error(FindingKind::SharedCredential, place, message).suggest(advice))
    } else if left.account == right.account {
        let message = format!("sides {first} and {second} are in one account, {}", left.account);
        Some(Finding::warning(FindingKind::SharedAccount, place, message))
    } else {
        None
    }
}
