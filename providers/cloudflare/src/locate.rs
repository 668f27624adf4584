//! From a zone's name to its id and plan: one question for all zones, asked once.

use std::collections::BTreeMap;
use std::time::Duration;

use switchover::model::{Zone, ZoneName};
use switchover::port::NameError;
use tokio::sync::Mutex;

use crate::answer::{Failure, Refusal};
use crate::client::{Client, Patience};
use crate::endpoint::ListZones;
use crate::options::{SetupError, is_id};
use crate::refusal::{rejected, unchanged};
use crate::wire::WireZone;

/// What a failed look-up was trying to do.
const WHAT: &str = "find the zone by its name (permission Zone Read; or give the zone's id)";
/// Zones named in an error, nearest first.
const NEAR: usize = 10;

/// A zone's plan, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The zone was given by id, so nobody asked; or the plan's name is new.
    Unknown,
    /// Free.
    Free,
    /// Pro or Business.
    Paid,
    /// Enterprise.
    Enterprise,
}

impl Plan {
    fn named(name: Option<&str>) -> Self {
        match name {
            Some("free") => Self::Free,
            Some("pro" | "business") => Self::Paid,
            Some("enterprise") => Self::Enterprise,
            Some(_) | None => Self::Unknown,
        }
    }

    /// The most changes in one batch
    /// (<https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/>).
    pub(crate) fn batch(self) -> usize {
        match self {
            Self::Unknown | Self::Free => 200,
            Self::Paid | Self::Enterprise => 3_500,
        }
    }

    /// The smallest TTL (<https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>).
    pub(crate) fn minimum_ttl(self) -> Duration {
        match self {
            Self::Unknown | Self::Free | Self::Paid => Duration::from_secs(60),
            Self::Enterprise => Duration::from_secs(30),
        }
    }
}

/// A zone that requests can be made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) id: String,
    pub(crate) plan: Plan,
}

/// The zones of one account by name. Those with an id in the file are never looked up.
#[derive(Debug)]
pub(crate) struct Directory {
    given: BTreeMap<ZoneName, Located>,
    found: Mutex<Zones>,
}

impl Directory {
    pub(crate) fn new(zones: &[Zone]) -> Result<Self, SetupError> {
        let mut given = BTreeMap::new();
        for (zone, id) in zones.iter().filter_map(|zone| Some((&zone.name, zone.id.as_ref()?))) {
            if !is_id(id) {
                return Err(SetupError::ZoneId { zone: zone.clone(), id: id.escape_debug().to_string() });
            }
            given.insert(zone.clone(), Located { id: id.clone(), plan: Plan::Unknown });
        }
        Ok(Self { given, found: Mutex::new(Zones::new()) })
    }

    /// The zone of that name. Zones that are asked for together wait for one look-up.
    pub(crate) async fn locate(
        &self,
        client: &Client,
        zone: &ZoneName,
        patience: Patience,
    ) -> Result<Located, NameError> {
        if let Some(given) = self.given.get(zone) {
            return Ok(given.clone());
        }
        let mut found = self.found.lock().await;
        let mut seen = Vec::new();
        if !found.contains_key(zone) {
            match look_up(client, zone, patience).await {
                Ok(look) => {
                    found.extend(look.certain);
                    seen = look.seen;
                }
                Err(failure) => return Err(unchanged(client, zone, WHAT, failure).await),
            }
        }
        match found.get(zone).map(Vec::as_slice) {
            Some([one]) => Ok(one.clone()),
            Some(several @ [_, ..]) => Err(ambiguous(zone, several)),
            Some([]) | None => Err(NameError::ZoneNotFound { zone: zone.clone(), near: near(zone, &seen) }),
        }
    }

    /// The error for a zone that was given by id and may not be touched, if the token sees the zone under another id.
    ///
    /// To a token, an id that no zone has and a zone that it may not touch look the same (403, code 10000).
    pub(crate) async fn misnamed(
        &self,
        client: &Client,
        zone: &ZoneName,
        code: Option<u32>,
    ) -> Option<NameError> {
        let given = self.given.get(zone)?;
        let (seen, _) = list(client, None, client.patience()).await.ok()?;
        match seen.get(zone).map(Vec::as_slice) {
            Some([right]) if right.id != given.id => Some(wrong_id(zone, right, code)),
            Some(_) | None => None,
        }
    }

    /// Forgets a zone that turned out not to be there.
    pub(crate) async fn forget(&self, zone: &ZoneName) {
        self.found.lock().await.remove(zone);
    }
}

type Zones = BTreeMap<ZoneName, Vec<Located>>;

/// What a look-up brought.
struct Look {
    /// Zones with all their namesakes.
    certain: Zones,
    /// Names of zones that the token sees; not all, where there are many.
    seen: Vec<ZoneName>,
}

/// The first page of all zones, which is all of them for nearly everybody; else the one zone by its name.
async fn look_up(client: &Client, zone: &ZoneName, patience: Patience) -> Result<Look, Failure> {
    let (first, more) = list(client, None, patience).await?;
    let seen = first.keys().cloned().collect();
    // With more pages, a zone of the first one may have namesakes in other accounts that were not seen.
    let certain = if more { list(client, Some(zone), patience).await?.0 } else { first };
    Ok(Look { certain, seen })
}

async fn list(
    client: &Client,
    name: Option<&ZoneName>,
    patience: Patience,
) -> Result<(Zones, bool), Failure> {
    let name = name.map(ToString::to_string);
    let page =
        client.patient(&ListZones { name, account: client.account().map(str::to_owned) }, patience).await?;
    let more = page.info.and_then(|info| info.total_pages).is_some_and(|pages| pages > 1);
    let mut zones = Zones::new();
    for wire in page.result.0 {
        let Some(zone) = wire.zone() else { continue };
        zones.entry(zone).or_default().push(located(wire)?);
    }
    Ok((zones, more))
}

fn located(wire: WireZone) -> Result<Located, Failure> {
    if !is_id(&wire.id) {
        return Err(Failure::Garbled("a zone with an id that is none".to_owned()));
    }
    let plan = Plan::named(wire.plan.and_then(|plan| plan.legacy_id).as_deref());
    Ok(Located { id: wire.id, plan })
}

fn ambiguous(zone: &ZoneName, several: &[Located]) -> NameError {
    let ids: Vec<&str> = several.iter().map(|zone| zone.id.as_str()).collect();
    let message =
        format!("there are several zones of this name; give the id of one of them: {}", ids.join(", "));
    rejected(zone, None, message)
}

/// The error for an id that leads to no zone, with the right id if the token sees the zone.
pub(crate) async fn not_found(client: &Client, zone: &ZoneName, refusal: &Refusal) -> NameError {
    let seen = list(client, None, client.patience()).await.map(|(zones, _)| zones).unwrap_or_default();
    match seen.get(zone).map(Vec::as_slice) {
        Some([right]) => wrong_id(zone, right, refusal.code()),
        Some(_) | None => NameError::ZoneNotFound { zone: zone.clone(), near: near(zone, seen.keys()) },
    }
}

fn wrong_id(zone: &ZoneName, right: &Located, code: Option<u32>) -> NameError {
    rejected(zone, code, format!("there is no zone with this id; the id of {zone} is {}", right.id))
}

fn near<'a>(zone: &ZoneName, seen: impl IntoIterator<Item = &'a ZoneName>) -> Vec<ZoneName> {
    let mut near: Vec<&ZoneName> = seen.into_iter().filter(|other| *other != zone).collect();
    near.sort_by_key(|other| strsim::damerau_levenshtein(zone.as_str(), other.as_str()));
    near.into_iter().take(NEAR).cloned().collect()
}
