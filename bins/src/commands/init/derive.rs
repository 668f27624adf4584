//! From addresses and records that were read to the endpoints of a pair: a pure function.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use switchover::model::{AddressName, DnsName};

use super::class::{Class, Words, class_of, class_of_name};
use super::likeness;
use super::side::{SideAt, SideWish};

/// Two addresses of whose names no two are as alike as this have nothing to do with one another: names of one environment
/// have 1 for that alone.
const ALIKE: f64 = 1.0;

/// The named addresses of a side; a name with several of them is in use twice.
pub(super) type Book = BTreeMap<AddressName, BTreeSet<IpAddr>>;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Every name of the zones that has addresses.
    pub(super) names: BTreeMap<DnsName, BTreeSet<IpAddr>>,
    /// The Elastic IPs of each side, where they could be read.
    pub(super) books: [Option<Book>; 2],
}

/// An endpoint of which it is not yet said which of its names is production's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The name that leads to each side now.
    pub(super) names: [DnsName; 2],
    /// The address that both lead to.
    pub(super) address: AddressName,
}

/// An environment of the pair.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FoundEnvironment {
    pub(super) name: String,
    pub(super) endpoints: Vec<Found>,
}

/// Everything that could be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Derived {
    /// What matters least first.
    pub(super) environments: Vec<FoundEnvironment>,
    /// The addresses of both sides under their names, for sides that have no address book of their own.
    pub(super) fixed: BTreeMap<AddressName, [BTreeSet<IpAddr>; 2]>,
    /// What did not fit, for a person to look at.
    pub(super) remarks: Vec<String>,
}

/// An address of each side that belong together, and the names that lead to each.
struct Slot {
    address: Option<AddressName>,
    addresses: [BTreeSet<IpAddr>; 2],
    names: [BTreeSet<DnsName>; 2],
}

impl Slot {
    fn said(&self) -> Option<(Class, &'static str)> {
        self.address.as_ref().and_then(|address| class_of(address.as_str()))
    }

    /// The environment of two of its names: what the address says counts before what the names say.
    fn class(&self, names: &[DnsName; 2]) -> Class {
        let by_names = || names.iter().find_map(|name| class_of_name(name.as_str()));
        self.said().or_else(by_names).map_or(Class::Live, |(class, _)| class)
    }
}

fn words_of(slots: &[Slot]) -> Words {
    let mut words = Words::default();
    for slot in slots {
        words.count(slot.said());
        slot.names.iter().flatten().for_each(|name| words.count(class_of_name(name.as_str())));
    }
    words
}

/// Finds the endpoints. Without the addresses of both sides there are none.
pub(super) fn derive(sides: &[SideWish; 2], seen: &Seen) -> Derived {
    let mut derived = Derived::default();
    let slots = match (&sides[0].at, &sides[1].at, &seen.books) {
        (SideAt::Ec2 { .. }, SideAt::Ec2 { .. }, [Some(first), Some(second)]) => {
            derived.named_slots(sides, [first, second], &seen.names)
        }
        (SideAt::Networks(_), SideAt::Networks(_), _) => derived.alike_slots(sides, &seen.names),
        (SideAt::Ec2 { .. } | SideAt::Networks(_) | SideAt::Unsaid, _, _) => Vec::new(),
    };
    derived.endpoints(sides, slots);
    derived
}

/// The names that lead to these addresses and to no others.
fn leading_to(
    addresses: &BTreeSet<IpAddr>,
    names: &BTreeMap<DnsName, BTreeSet<IpAddr>>,
) -> BTreeSet<DnsName> {
    let there = names.iter().filter(|(_, found)| !found.is_empty() && found.is_subset(addresses));
    there.map(|(name, _)| name.clone()).collect()
}

fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

impl Derived {
    fn remark(&mut self, what: &str, of: impl IntoIterator<Item = impl ToString>) {
        let list = listed(of);
        if !list.is_empty() {
            self.remarks.push(format!("{what}: {list}."));
        }
    }

    /// The Elastic IPs that both sides have under one name.
    fn named_slots(
        &mut self,
        sides: &[SideWish; 2],
        books: [&Book; 2],
        names: &BTreeMap<DnsName, BTreeSet<IpAddr>>,
    ) -> Vec<Slot> {
        for (side, book, other) in [(&sides[0], books[0], books[1]), (&sides[1], books[1], books[0])] {
            let only = book.keys().filter(|name| !other.contains_key(*name));
            self.remark(&format!("Elastic IPs that only {} has", side.name), only);
            let doubled = book.iter().filter(|(_, addresses)| addresses.len() > 1).map(|(name, _)| name);
            self.remark(
                &format!("Names that several Elastic IPs of {} have, so left out", side.name),
                doubled,
            );
        }
        let shared = books[0].iter().filter_map(|(name, first)| Some((name, first, books[1].get(name)?)));
        let single = shared.filter(|(_, first, second)| first.len() == 1 && second.len() == 1);
        let slots: Vec<Slot> = single
            .map(|(name, first, second)| Slot {
                address: Some(name.clone()),
                names: [leading_to(first, names), leading_to(second, names)],
                addresses: [first.clone(), second.clone()],
            })
            .collect();
        let idle = slots.iter().filter(|slot| slot.names.iter().any(BTreeSet::is_empty));
        self.remark(
            "Elastic IPs that both sides have, and that no name leads to on at least one of them",
            idle.filter_map(|slot| slot.address.as_ref()),
        );
        slots
    }

    /// Addresses in the networks of the two sides, paired by the likeness of the names that lead to them.
    fn alike_slots(
        &mut self,
        sides: &[SideWish; 2],
        names: &BTreeMap<DnsName, BTreeSet<IpAddr>>,
    ) -> Vec<Slot> {
        let groups = [grouped(&sides[0], names), grouped(&sides[1], names)];
        let across = names.iter().filter(|(_, addresses)| {
            let within = |side: &SideWish, all: bool| {
                let mut lies = addresses.iter().map(|address| lies_at(side, *address));
                if all { lies.all(|yes| yes) } else { lies.any(|yes| yes) }
            };
            sides.iter().any(|side| within(side, false)) && !sides.iter().any(|side| within(side, true))
        });
        self.remark("Names that lead to a side and elsewhere too, so left out", across.map(|(name, _)| name));
        let [ones, others] = &groups;
        let pairs = likeness::pairs(ones, others, |one, other| likeness::of_sets(&one.1, &other.1));
        let belong =
            |(one, other): &(usize, usize)| likeness::of_best(&ones[*one].1, &others[*other].1) >= ALIKE;
        let pairs: Vec<_> = pairs.into_iter().filter(belong).collect();
        let taken = [pairs.iter().map(|pair| pair.0).collect(), pairs.iter().map(|pair| pair.1).collect()];
        for ((side, group), taken) in sides.iter().zip(&groups).zip::<[BTreeSet<usize>; 2]>(taken) {
            let left = group.iter().enumerate().filter(|(place, _)| !taken.contains(place));
            let left =
                left.map(|(_, (addresses, names))| format!("{} ({})", listed(addresses), listed(names)));
            self.remark(&format!("Addresses of {} without a partner", side.name), left);
        }
        let slot = |(one, other): (usize, usize)| Slot {
            address: None,
            addresses: [ones[one].0.clone(), others[other].0.clone()],
            names: [ones[one].1.clone(), others[other].1.clone()],
        };
        pairs.into_iter().map(slot).collect()
    }

    fn endpoints(&mut self, sides: &[SideWish; 2], slots: Vec<Slot>) {
        let words = words_of(&slots);
        let mut by_class: BTreeMap<Class, Vec<Found>> = BTreeMap::new();
        for slot in slots {
            let pairs = self.pairs(sides, &slot);
            let classes: Vec<Class> = pairs.iter().map(|names| slot.class(names)).collect();
            let plainest = classes
                .iter()
                .zip(&pairs)
                .min_by_key(|(_, names)| names.each_ref().map(|name| plainness([name])));
            let Some((class, names)) = plainest else { continue };
            let address = slot.address.clone().or_else(|| self.called(words.name(*class), names));
            let Some(address) = address else { continue };
            if slot.address.is_none() {
                self.fixed.insert(address.clone(), slot.addresses);
            }
            for (class, names) in classes.into_iter().zip(pairs) {
                by_class.entry(class).or_default().push(Found { names, address: address.clone() });
            }
        }
        let environment = |(class, endpoints)| {
            let name = words.name(class).to_owned();
            FoundEnvironment { name, endpoints: sorted(endpoints) }
        };
        self.environments = by_class.into_iter().map(environment).collect();
    }

    fn pairs(&mut self, sides: &[SideWish; 2], slot: &Slot) -> Vec<[DnsName; 2]> {
        let [ones, others] = slot.names.each_ref().map(|names| names.iter().collect::<Vec<&DnsName>>());
        let pairs = likeness::pairs(&ones, &others, |one, other| likeness::of_names(one, other));
        let pairs: Vec<[DnsName; 2]> =
            pairs.into_iter().map(|(one, other)| [ones[one].clone(), others[other].clone()]).collect();
        for (place, side) in sides.iter().enumerate() {
            let taken: BTreeSet<&DnsName> = pairs.iter().map(|pair| &pair[place]).collect();
            let left = slot.names[place].iter().filter(|name| !taken.contains(name));
            self.remark(&format!("Names that lead to {} and have no partner", side.name), left);
        }
        pairs
    }

    /// A name for an address that has none: the environment and the first label, such as `live-files`.
    fn called(&self, environment: &str, names: &[DnsName; 2]) -> Option<AddressName> {
        let label = if production_is_first(names) { &names[0] } else { &names[1] };
        let label = label.as_str().split('.').next().unwrap_or_default().replace('*', "any");
        let base = if label == environment { label } else { format!("{environment}-{label}") };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        std::iter::once(base.clone()).chain(numbered).find_map(|name| {
            let name = AddressName::new(name).ok()?;
            (!self.fixed.contains_key(&name)).then_some(name)
        })
    }
}

/// Addresses that the same names lead to, and those names.
type Group = (BTreeSet<IpAddr>, BTreeSet<DnsName>);

fn grouped(side: &SideWish, names: &BTreeMap<DnsName, BTreeSet<IpAddr>>) -> Vec<Group> {
    let mut groups: BTreeMap<BTreeSet<IpAddr>, BTreeSet<DnsName>> = BTreeMap::new();
    for (name, addresses) in names {
        if !addresses.is_empty() && addresses.iter().all(|address| lies_at(side, *address)) {
            groups.entry(addresses.clone()).or_default().insert(name.clone());
        }
    }
    groups.into_iter().collect()
}

fn lies_at(side: &SideWish, address: IpAddr) -> bool {
    match &side.at {
        SideAt::Networks(networks) => networks.iter().any(|network| network.contains(address)),
        SideAt::Ec2 { .. } | SideAt::Unsaid => false,
    }
}

/// How much a name looks like one that users use, least first: fewer labels, then fewer letters.
fn plainness<'a>(names: impl IntoIterator<Item = &'a DnsName>) -> (usize, usize) {
    names.into_iter().fold((0, 0), |(labels, letters), name| {
        (labels + name.as_str().split('.').count(), letters + name.as_str().len())
    })
}

fn production_is_first(names: &[DnsName; 2]) -> bool {
    plainness([&names[0]]) <= plainness([&names[1]])
}

fn sorted(mut endpoints: Vec<Found>) -> Vec<Found> {
    endpoints.sort_by_key(|found| (plainness([&found.names[0]]), found.names[0].clone()));
    endpoints
}

impl FoundEnvironment {
    /// The side whose names are production's, as far as names can tell: of most endpoints the plainer one, with fewer labels,
    /// then fewer letters; where that is a draw, those that are plainer taken together.
    pub(super) fn likely_production(&self) -> usize {
        let first = self.endpoints.iter().filter(|found| production_is_first(&found.names)).count();
        let together = |side: usize| plainness(self.endpoints.iter().map(|found| &found.names[side]));
        let second_leads = match (first * 2).cmp(&self.endpoints.len()) {
            Ordering::Greater => false,
            Ordering::Less => true,
            Ordering::Equal => together(1) < together(0),
        };
        usize::from(second_leads)
    }
}

impl Found {
    /// Whether the endpoint by itself would be read the other way round than its environment.
    pub(super) fn is_odd(&self, production: usize) -> bool {
        production_is_first(&self.names) != (production == 0)
    }
}

/// Which addresses the zones hold, and the names that lead there, for a person who knows which side they are on.
pub(super) fn addresses_seen(seen: &Seen) -> Vec<String> {
    let mut by_address: BTreeMap<IpAddr, Vec<&DnsName>> = BTreeMap::new();
    for (name, addresses) in &seen.names {
        for address in addresses {
            by_address.entry(*address).or_default().push(name);
        }
    }
    by_address.into_iter().map(|(address, names)| format!("{address}: {}", listed(names))).collect()
}

/// Names of both sides in one list, for a question.
pub(super) fn examples(environment: &FoundEnvironment, side: usize) -> String {
    let names: Vec<&DnsName> = environment.endpoints.iter().map(|found| &found.names[side]).collect();
    let more = names.len().saturating_sub(3);
    let shown = listed(names.into_iter().take(3));
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
