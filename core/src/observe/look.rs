//! Reads every system that a pair stands on, all at once. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join_all, join3, join4};
use jiff::Timestamp;

use crate::model::{
    AddressName, AnnouncerName, CheckName, DnsName, Endpoint, Environment, EnvironmentName, Pair,
    ReleaseName, Role, SettingRef, SideName, StatusPageName, StoreRef, ZoneRef,
};
use crate::port::{
    AddressError, AnnounceError, Candidate, CheckFailure, DataError, Depth, Identity, Inspection, Listing,
    NameError, Ports, ReleaseError, RoleTableError, Subject, ZoneView,
};

use super::ask::{self, DeliveryObservation, Denied};
use super::delivery::{self, MeantSetting};

/// What one side's address book said.
#[derive(Debug, Clone)]
pub struct SideObservation {
    /// The addresses.
    pub listing: Result<Listing, AddressError>,
    /// Whose credentials were used.
    pub identity: Result<Option<Identity>, AddressError>,
}

/// What every system said, uninterpreted.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When the reading ended.
    pub at: Timestamp,
    /// The environments that were looked at.
    pub environments: Vec<Environment>,
    /// Both sides.
    pub sides: BTreeMap<SideName, SideObservation>,
    /// The zones of the environments' names.
    pub zones: BTreeMap<ZoneRef, Result<ZoneView, NameError>>,
    /// Whether each zone can be changed; empty if that was not tried.
    pub writable: BTreeMap<ZoneRef, Result<(), NameError>>,
    /// The stores of the environments.
    pub stores: BTreeMap<StoreRef, Result<Inspection, DataError>>,
    /// What brings releases and settings to each side; empty if that was not asked.
    pub deliveries: BTreeMap<SideName, DeliveryObservation>,
    /// What the configuration means each setting to say.
    pub meant: BTreeMap<SettingRef, MeantSetting>,
    /// What the services say against the values of settings, by side and role.
    pub objections: BTreeMap<(SideName, SettingRef, Role), String>,
    /// Whether the release that was asked for can be deployed to the stand-by; empty if none was asked for.
    pub candidates: BTreeMap<EnvironmentName, Result<Candidate, ReleaseError>>,
    /// What the credentials of each side may not write; empty if that was not tried.
    pub denied: BTreeMap<SideName, Denied>,
    /// What the status pages say; empty if none was asked.
    pub status_pages: BTreeMap<StatusPageName, Result<(), CheckFailure>>,
    /// Whether people could be told; empty if that was not tried.
    pub announcers: BTreeMap<AnnouncerName, Result<(), AnnounceError>>,
    /// Whether the role table could be written; `None` if that was not tried or there is none.
    pub role_table: Option<Result<(), RoleTableError>>,
    /// What the checks of a side said; empty if none were run.
    pub checks: Vec<(Subject, CheckName, Result<(), CheckFailure>)>,
}

impl Observation {
    /// Nothing was asked yet.
    pub(super) fn of(ports: &Ports, environments: &[Environment]) -> Self {
        Self {
            at: ports.clock.now(),
            environments: environments.to_vec(),
            sides: BTreeMap::new(),
            zones: BTreeMap::new(),
            writable: BTreeMap::new(),
            stores: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            meant: BTreeMap::new(),
            objections: BTreeMap::new(),
            candidates: BTreeMap::new(),
            denied: BTreeMap::new(),
            status_pages: BTreeMap::new(),
            announcers: BTreeMap::new(),
            role_table: None,
            checks: Vec::new(),
        }
    }
}

/// Reads address books, zones and stores for these environments. Changes nothing.
pub async fn look(pair: &Pair, ports: &Ports, environments: &[Environment], depth: Depth) -> Observation {
    let sides = look_at_sides(pair, ports, environments);
    let (sides, zones, stores) =
        join3(sides, look_at_zones(ports, environments), look_at_stores(ports, environments, depth)).await;
    Observation { sides, zones, stores, ..Observation::of(ports, environments) }
}

/// As [`look`], and asks the deliveries of both sides too. Changes nothing.
pub async fn look_at_all(
    pair: &Pair,
    ports: &Ports,
    environments: &[Environment],
    depth: Depth,
) -> Observation {
    let (mut observation, deliveries) =
        join(look(pair, ports, environments, depth), ask::deliveries(ports, environments)).await;
    observation.meant = delivery::meant(pair, ports);
    observation.objections = ask::objections(ports, &deliveries);
    observation.deliveries = deliveries;
    observation.at = ports.clock.now();
    observation
}

/// Tries whether every credential can write what a swap will write, whether the stand-by of each environment passes its
/// checks, and whether a release could be deployed there. Changes nothing.
pub async fn prove(
    ports: &Ports,
    observation: &mut Observation,
    standby: &BTreeMap<EnvironmentName, SideName>,
    release: Option<&ReleaseName>,
) {
    let environments = observation.environments.clone();
    let ((), denied, candidates, (status_pages, announcers, role_table)) = join4(
        prove_standby(ports, observation, standby),
        ask::denials(ports, &environments),
        ask::candidates(ports, standby, release),
        ask_around(ports),
    )
    .await;
    observation.denied = denied;
    observation.candidates = candidates;
    observation.status_pages = status_pages;
    observation.announcers = announcers;
    observation.role_table = role_table;
}

/// Tries no more than what a failover stands on: whether the zones can be written, and the stand-by passes its checks. Changes nothing.
pub async fn prove_standby(
    ports: &Ports,
    observation: &mut Observation,
    standby: &BTreeMap<EnvironmentName, SideName>,
) {
    let proofs = prove_writes(ports, observation);
    let (writable, checks) = join(proofs, run_checks(ports, observation, standby)).await;
    observation.writable = writable;
    observation.checks = checks;
}

type Around = (
    BTreeMap<StatusPageName, Result<(), CheckFailure>>,
    BTreeMap<AnnouncerName, Result<(), AnnounceError>>,
    Option<Result<(), RoleTableError>>,
);

/// Asks what stands around the pair: status pages, and what will tell people.
async fn ask_around(ports: &Ports) -> Around {
    let pages =
        ports.status_pages.iter().map(|(name, page)| async move { (name.clone(), page.look().await) });
    let announcers =
        ports.announcers.iter().map(|(name, found)| async move { (name.clone(), found.prove().await) });
    let table = async {
        match &ports.role_table {
            Some(table) => Some(table.prove().await),
            None => None,
        }
    };
    let (pages, announcers, table) = join3(join_all(pages), join_all(announcers), table).await;
    (pages.into_iter().collect(), announcers.into_iter().collect(), table)
}

/// Every address name of these environments.
pub(super) fn wanted_addresses(environments: &[Environment]) -> BTreeSet<AddressName> {
    environments.iter().flat_map(|e| &e.endpoints).map(|endpoint| endpoint.address.clone()).collect()
}

async fn look_at_sides(
    pair: &Pair,
    ports: &Ports,
    environments: &[Environment],
) -> BTreeMap<SideName, SideObservation> {
    let wanted = wanted_addresses(environments);
    let sides = pair.sides.iter().map(|side| {
        let wanted = &wanted;
        async move { (side.name.clone(), look_at_side(&side.name, ports, wanted).await) }
    });
    join_all(sides).await.into_iter().collect()
}

pub(super) async fn look_at_side(
    side: &SideName,
    ports: &Ports,
    wanted: &BTreeSet<AddressName>,
) -> SideObservation {
    let Some(book) = ports.addresses.get(side) else {
        let error = AddressError::Unavailable {
            whose: format!("side {side}"),
            why: "no address book was connected".to_owned(),
        };
        return SideObservation { listing: Err(error.clone()), identity: Err(error) };
    };
    let (listing, identity) = join(book.look_up(wanted), book.identity()).await;
    SideObservation { listing, identity }
}

/// The names of these environments, zone by zone.
fn names_by_zone(environments: &[Environment]) -> BTreeMap<ZoneRef, BTreeSet<DnsName>> {
    let mut zones: BTreeMap<ZoneRef, BTreeSet<DnsName>> = BTreeMap::new();
    for endpoint in environments.iter().flat_map(|environment| &environment.endpoints) {
        for role in Role::ALL {
            zones.entry(endpoint.zone(role).clone()).or_default().insert(endpoint.name(role).clone());
        }
    }
    zones
}

pub(super) async fn look_at_zones(
    ports: &Ports,
    environments: &[Environment],
) -> BTreeMap<ZoneRef, Result<ZoneView, NameError>> {
    let reads = names_by_zone(environments).into_iter().map(|(zone, names)| async move {
        let view = match ports.names.get(&zone.service) {
            Some(service) => service.read(&zone.zone, &names).await,
            None => Err(not_connected(&zone)),
        };
        (zone, view)
    });
    join_all(reads).await.into_iter().collect()
}

async fn look_at_stores(
    ports: &Ports,
    environments: &[Environment],
    depth: Depth,
) -> BTreeMap<StoreRef, Result<Inspection, DataError>> {
    let stores = environments.iter().flat_map(Environment::stores);
    let looks = stores.map(|(store, _)| async move {
        let seen = match ports.stores.get(&store) {
            Some(found) => found.inspect(depth).await,
            None => Err(DataError::Unreachable {
                place: store.to_string(),
                why: "it was not connected".to_owned(),
            }),
        };
        (store, seen)
    });
    join_all(looks).await.into_iter().collect()
}

pub(crate) fn not_connected(zone: &ZoneRef) -> NameError {
    NameError::Unavailable {
        zone: zone.zone.clone(),
        why: format!("the name service {} was not connected", zone.service),
    }
}

async fn prove_writes(ports: &Ports, observation: &Observation) -> BTreeMap<ZoneRef, Result<(), NameError>> {
    let names = names_by_zone(&observation.environments);
    let proofs = names.into_iter().filter_map(|(zone, names)| {
        let view = observation.zones.get(&zone)?.as_ref().ok()?;
        let addressed = |record: &&crate::model::Record| record.value.data.address().is_some();
        let records: Vec<_> =
            view.records.iter().filter(|r| names.contains(&r.name)).filter(addressed).cloned().collect();
        Some(async move {
            let proof = match ports.names.get(&zone.service) {
                Some(service) => service.prove_write(&zone.zone, &records).await,
                None => Err(not_connected(&zone)),
            };
            (zone, proof)
        })
    });
    join_all(proofs).await.into_iter().collect()
}

async fn run_checks(
    ports: &Ports,
    observation: &Observation,
    standby: &BTreeMap<EnvironmentName, SideName>,
) -> Vec<(Subject, CheckName, Result<(), CheckFailure>)> {
    let subjects = observation.environments.iter().flat_map(|environment| {
        let side = standby.get(&environment.name).and_then(|side| observation.sides.get(side));
        let listing = side.and_then(|side| side.listing.as_ref().ok());
        listing
            .into_iter()
            .flat_map(|listing| environment.endpoints.iter().flat_map(|e| subjects(e, listing)))
    });
    let runs = subjects.map(|(subject, name)| async move {
        let outcome = match ports.checks.get(&name) {
            Some(check) => check.run(&subject).await,
            None => Err(CheckFailure::NoAnswer {
                at: subject.name.to_string(),
                why: format!("the check {name} was not connected"),
            }),
        };
        (subject, name, outcome)
    });
    join_all(runs).await
}

fn subjects(endpoint: &Endpoint, listing: &Listing) -> Vec<(Subject, CheckName)> {
    let addresses = listing.found.get(&endpoint.address).into_iter().flatten();
    addresses
        .flat_map(|found| {
            let subject = Subject { name: endpoint.standby.clone(), address: found.address };
            endpoint.checks.iter().map(move |check| (subject.clone(), check.clone()))
        })
        .collect()
}
