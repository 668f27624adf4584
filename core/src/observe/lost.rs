//! Looking at a pair whose production may be gone: nothing about the lost side stops or slows it.
//!
//! Both sides are asked side by side, each by itself, and the one that is taken to be lost gets [`LIMIT`] in all. Its addresses are taken
//! from where the names lead: its own book may be gone, or lie.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::{join_all, join3};
use serde::Serialize;

use super::look::{look_at_side, look_at_zones, wanted_addresses};
use super::lost_side::Clues;
use super::{Finding, FindingKind, Observation, Place, Severity, SideObservation, Snapshot, assess};
use crate::journal::PairState;
use crate::model::{AddressName, Environment, EnvironmentName, Pair, Role, SideName, StoreRef};
use crate::port::{
    Access, AddressError, Attachment, Clock, Inspection, Listing, LoneSide, NamedAddress, Ports, within,
};

/// How long anything about the side that is taken to be lost may take.
pub const LIMIT: Duration = Duration::from_secs(2);
/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What every system said, each side asked by itself.
#[derive(Debug, Clone)]
pub struct LostObservation {
    /// Everything but the stores.
    pub all: Observation,
    /// Each side of each store, or why it could not be seen.
    pub stores: BTreeMap<StoreRef, BTreeMap<SideName, Result<LoneSide, String>>>,
}

/// The sides that are lost, and what the others hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The side that is taken to be lost: production by the names, and by the journal where those do not tell.
    pub sides: BTreeMap<EnvironmentName, SideName>,
    /// What the other side holds of each store, where it could be seen.
    pub copies: BTreeMap<StoreRef, LoneSide>,
}

/// Reads address books, zones and stores, and waits for no side longer than is said. Changes nothing.
pub async fn look_lost(
    pair: &Pair,
    ports: &Ports,
    environments: &[Environment],
    history: &PairState,
    to: Option<&SideName>,
) -> LostObservation {
    let limits = limits(pair, environments, history, to);
    let (sides, zones, stores) = join3(
        books(pair, ports, environments, &limits),
        look_at_zones(ports, environments),
        halves(pair, ports, environments, &limits),
    )
    .await;
    let all = Observation { sides, zones, ..Observation::of(ports, environments) };
    LostObservation { all, stores }
}

/// How long each side may take. Where nothing tells which one is lost, neither is waited for long.
fn limits(
    pair: &Pair,
    environments: &[Environment],
    history: &PairState,
    to: Option<&SideName>,
) -> BTreeMap<SideName, Duration> {
    let known: BTreeSet<&SideName> =
        environments.iter().filter_map(|environment| history.production.get(&environment.name)).collect();
    let stays = |side: &SideName| match to {
        Some(to) => side == to,
        None => known.len() == 1 && !known.contains(side),
    };
    let limit = |side: &SideName| if stays(side) { PATIENCE } else { LIMIT };
    pair.sides.iter().map(|side| (side.name.clone(), limit(&side.name))).collect()
}

fn limit_of(limits: &BTreeMap<SideName, Duration>, side: &SideName) -> Duration {
    limits.get(side).copied().unwrap_or(LIMIT)
}

fn silent(limit: Duration) -> String {
    format!("no answer within {} s", limit.as_secs())
}

async fn books(
    pair: &Pair,
    ports: &Ports,
    environments: &[Environment],
    limits: &BTreeMap<SideName, Duration>,
) -> BTreeMap<SideName, SideObservation> {
    let wanted = wanted_addresses(environments);
    let sides = pair.sides.iter().map(|side| {
        let (wanted, limit) = (&wanted, limit_of(limits, &side.name));
        async move {
            let asked = look_at_side(&side.name, ports, wanted);
            let seen = within(&*ports.clock, limit, asked).await.unwrap_or_else(|| {
                let whose = format!("side {}", side.name);
                let error = AddressError::Unavailable { whose, why: silent(limit) };
                SideObservation { listing: Err(error.clone()), identity: Err(error) }
            });
            (side.name.clone(), seen)
        }
    });
    join_all(sides).await.into_iter().collect()
}

async fn halves(
    pair: &Pair,
    ports: &Ports,
    environments: &[Environment],
    limits: &BTreeMap<SideName, Duration>,
) -> BTreeMap<StoreRef, BTreeMap<SideName, Result<LoneSide, String>>> {
    let stores = environments.iter().flat_map(Environment::stores);
    let looks = stores.map(|(store, _)| async move {
        let sides = pair.sides.iter().map(|side| {
            let (store, limit) = (&store, limit_of(limits, &side.name));
            async move { (side.name.clone(), half(ports, store, &side.name, limit).await) }
        });
        let sides: BTreeMap<_, _> = join_all(sides).await.into_iter().collect();
        (store, sides)
    });
    join_all(looks).await.into_iter().collect()
}

async fn half(ports: &Ports, store: &StoreRef, side: &SideName, limit: Duration) -> Result<LoneSide, String> {
    let found = ports.stores.get(store).ok_or("it was not connected")?;
    let clock: &dyn Clock = &*ports.clock;
    match within(clock, limit, found.look(side)).await {
        Some(seen) => seen.map_err(|error| error.to_string()),
        None => Err(silent(limit)),
    }
}

/// The side that takes over in each environment, as far as that can be told.
pub fn successors(
    pair: &Pair,
    observation: &LostObservation,
    history: &PairState,
    to: Option<&SideName>,
) -> BTreeMap<EnvironmentName, SideName> {
    let lost = Clues { pair, observation: &observation.all, history, to }.lost();
    lost.into_iter()
        .filter_map(|(environment, side)| Some((environment, pair.opposite(&side).ok()?.name.clone())))
        .collect()
}

/// Understands an observation of a pair whose production may be gone. What is wrong with the lost side is told, and stops nothing.
pub fn assess_lost(
    pair: &Pair,
    observation: &LostObservation,
    history: &PairState,
    to: Option<&SideName>,
) -> Snapshot {
    let clues = Clues { pair, observation: &observation.all, history, to };
    let sides = clues.lost();
    let mut all = observation.all.clone();
    for side in sides.values().collect::<BTreeSet<_>>() {
        let listing = clues.addresses_of(side);
        all.sides.insert(side.clone(), SideObservation { listing: Ok(listing), identity: Ok(None) });
    }
    let mut snapshot = assess(pair, &all, history);
    let lost: BTreeSet<&SideName> = sides.values().collect();
    soften(&mut snapshot, &lost);
    snapshot.findings.extend(unread_books(observation, &lost));
    let mut copies = BTreeMap::new();
    for (store, halves) in &observation.stores {
        let Some(side) = sides.get(&store.environment) else { continue };
        let Ok(standby) = pair.opposite(side) else { continue };
        match halves.get(&standby.name) {
            Some(Ok(copy)) => {
                let handed = handed_over(history, store, &standby.name, copy);
                let newest = copy.newest.into_iter().chain(handed).max();
                copies.insert(store.clone(), LoneSide { newest, ..copy.clone() });
            }
            Some(Err(why)) => snapshot.findings.push(unseen(store, &standby.name, why, Severity::Error)),
            None => {}
        }
        if let Some(Err(why)) = halves.get(side) {
            snapshot.findings.push(unseen(store, side, why, Severity::Warning));
        }
        snapshot.stores.extend(together(halves).map(|inspection| (store.clone(), inspection)));
    }
    snapshot.findings.extend(answers(pair, observation, &sides));
    snapshot.findings.sort_by_key(|finding| finding.severity);
    snapshot.lost = Some(Lost { sides, copies });
    snapshot
}

/// The moment up to which a side holds everything because it gave all of it away: it was production until the last sync of a switchover, and
/// is still as that run fenced it. It got no copy since.
fn handed_over(
    history: &PairState,
    store: &StoreRef,
    side: &SideName,
    seen: &LoneSide,
) -> Option<jiff::Timestamp> {
    let given = &history.stores.get(store)?.last.as_ref()?.synced.copied;
    let untouched = matches!(&seen.side.access, Access::Frozen { by, until: None } if *by == given.run);
    (given.complete && given.from == *side && untouched).then_some(given.as_of)
}

/// Both halves as one; nothing is known of what flows between them.
fn together(halves: &BTreeMap<SideName, Result<LoneSide, String>>) -> Option<Inspection> {
    let seen = || halves.iter().filter_map(|(name, half)| Some((name, half.as_ref().ok()?)));
    let unread = halves.iter().filter_map(|(name, half)| Some((name.clone(), half.as_ref().err()?.clone())));
    Some(Inspection {
        method: seen().next()?.1.method,
        sides: seen().map(|(name, half)| (name.clone(), half.side.clone())).collect(),
        unread: unread.collect(),
        stream: None,
        problems: Vec::new(),
    })
}

fn unseen(store: &StoreRef, side: &SideName, why: &str, severity: Severity) -> Finding {
    let place = Place::Store { store: store.clone() };
    let message = format!("store {store} on side {side} could not be read: {why}");
    Finding { severity, ..Finding::error(FindingKind::StoreUnreadable, place, message) }
}

fn unread_books(observation: &LostObservation, lost: &BTreeSet<&SideName>) -> Vec<Finding> {
    let unread = observation.all.sides.iter().filter(|(side, _)| lost.contains(side)).filter_map(|(side, seen)| {
        let error = seen.listing.as_ref().err()?;
        let message = format!(
            "the addresses of side {side} cannot be read ({error}); they are taken from where the names lead"
        );
        Some(Finding::warning(FindingKind::SideUnreadable, Place::Side { side: side.clone() }, message))
    });
    unread.collect()
}

/// A lost side that answers in all that was asked is probably not lost.
fn answers(
    pair: &Pair,
    observation: &LostObservation,
    sides: &BTreeMap<EnvironmentName, SideName>,
) -> Vec<Finding> {
    let lost: BTreeSet<&SideName> = sides.values().collect();
    let well = lost.into_iter().filter(|side| {
        let book = observation.all.sides.get(side).is_some_and(|seen| seen.listing.is_ok());
        let halves = observation.stores.values().filter_map(|halves| halves.get(*side));
        book && halves.into_iter().all(Result::is_ok)
    });
    let told = well.map(|side| {
        let message = format!(
            "side {side} answers: a switchover of {} loses nothing, while a failover may lose what was written since the latest sync",
            pair.name
        );
        let finding = Finding::warning(FindingKind::LostAnswers, Place::Side { side: side.clone() }, message);
        finding.suggest(Some("if its clients are served, use `swap-roles` without `--failover`".to_owned()))
    });
    told.collect()
}

/// What concerns the lost side, the names of the stand-by or the state before stops no failover.
fn soften(snapshot: &mut Snapshot, lost: &BTreeSet<&SideName>) {
    let unknown: BTreeSet<AddressName> = snapshot
        .names
        .iter()
        .map(|view| &view.address)
        .filter(|name| lost.iter().any(|side| snapshot.addresses(side, name).is_none()))
        .filter(|name| {
            let mut others = snapshot.addresses.iter().filter(|(side, _)| !lost.contains(side));
            others.any(|(_, book)| book.contains_key(*name))
        })
        .cloned()
        .collect();
    let names: BTreeMap<(EnvironmentName, usize), AddressName> = snapshot
        .names
        .iter()
        .map(|view| ((view.environment.clone(), view.index), view.address.clone()))
        .collect();
    for finding in &mut snapshot.findings {
        if !stops(finding, lost, &unknown, &names) {
            finding.severity = Severity::Warning;
        }
    }
}

fn stops(
    finding: &Finding,
    lost: &BTreeSet<&SideName>,
    unknown: &BTreeSet<AddressName>,
    names: &BTreeMap<(EnvironmentName, usize), AddressName>,
) -> bool {
    let of_lost = matches!(&finding.place, Place::Side { side } if lost.contains(side));
    let (of_standby_name, of_unknown) = match &finding.place {
        Place::Endpoint { environment, index, field } => (
            *field == Role::Standby.into(),
            names.get(&(environment.clone(), *index)).is_some_and(|name| unknown.contains(name)),
        ),
        Place::Pair
        | Place::Side { .. }
        | Place::Zone { .. }
        | Place::Environment { .. }
        | Place::Store { .. }
        | Place::Delivery { .. }
        | Place::Setting { .. }
        | Place::Announcer { .. }
        | Place::RoleTable
        | Place::StatusPage { .. } => (false, false),
    };
    match finding.kind {
        FindingKind::ZoneUnreadable
        | FindingKind::ZoneNotWritable
        | FindingKind::AddressDoubled
        | FindingKind::AddressDetached
        | FindingKind::CheckFailed => finding.is_error(),
        FindingKind::SideUnreadable => finding.is_error() && !of_lost,
        FindingKind::AddressMissing => finding.is_error() && !of_unknown,
        FindingKind::RecordMissing
        | FindingKind::RecordDoubled
        | FindingKind::AliasBeside
        | FindingKind::LeftBehind
        | FindingKind::PointsElsewhere
        | FindingKind::WrongAddress => finding.is_error() && !of_standby_name,
        FindingKind::SharedCredential
        | FindingKind::SharedAccount
        | FindingKind::AddressOneSided
        | FindingKind::SameAddress
        | FindingKind::WrongSide
        | FindingKind::RolesUnclear
        | FindingKind::JournalDisagrees
        | FindingKind::StoreUnreadable
        | FindingKind::StoreUnfit
        | FindingKind::StoreShared
        | FindingKind::StoreUnguarded
        | FindingKind::BothWritable
        | FindingKind::StoreDisagrees
        | FindingKind::ProductionFrozen
        | FindingKind::StoreDiverged
        | FindingKind::StoreStale
        | FindingKind::ReleasesUnreadable
        | FindingKind::EmbargoUnreadable
        | FindingKind::SettingsUnreadable
        | FindingKind::SchedulesUnreadable
        | FindingKind::EmbargoNotWritable
        | FindingKind::SettingsNotWritable
        | FindingKind::ReleaseUnfit
        | FindingKind::ReleasesDiffer
        | FindingKind::DeploymentUnderWay
        | FindingKind::ForeignEmbargo
        | FindingKind::SettingMissing
        | FindingKind::SettingHidden
        | FindingKind::SettingForeign
        | FindingKind::SettingOfOtherRole
        | FindingKind::SettingUnfit
        | FindingKind::ScheduleMissing
        | FindingKind::ScheduleOfOtherRole
        | FindingKind::TroubleReported
        | FindingKind::StatusPageSilent
        | FindingKind::AnnouncerUnfit
        | FindingKind::RoleTableUnfit
        | FindingKind::LostAnswers => false,
    }
}

/// An address that nobody vouches for but the names.
pub(super) fn led_to(address: IpAddr) -> NamedAddress {
    NamedAddress { id: "from DNS".to_owned(), address, attachment: Attachment::Unknown }
}

/// A listing of addresses by name.
pub(super) fn listing(found: BTreeMap<AddressName, Vec<NamedAddress>>) -> Listing {
    Listing { found, others: BTreeSet::new() }
}
