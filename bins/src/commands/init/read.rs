//! Reads zones and Elastic IPs, as far as there is access to them. Only reads; what fails is a warning.

use futures_util::future::{join, join_all};
use switchover::model::ZoneName;
use switchover::port::{Meter, ZoneView};

use super::derive::{Book, Seen};
use super::side::{SideAt, SideWish};
use super::wishes::Wishes;

/// What was read, and what was not.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) seen: Seen,
    pub(super) warnings: Vec<String>,
}

/// Asks everything at once.
pub(super) async fn read(wishes: &Wishes) -> Read {
    let meter = Meter::default();
    let books = join_all(wishes.sides.iter().map(|side| book(side, &meter)));
    let (zones, books) = join(zones(wishes, &meter), books).await;
    let mut read = Read { seen: Seen::default(), warnings: Vec::new() };
    match zones {
        Ok(views) => views.into_iter().for_each(|view| match view {
            Ok(view) => read.note(&view),
            Err(why) => read.warnings.push(why),
        }),
        Err(why) => read.warnings.push(why),
    }
    for (place, book) in books.into_iter().enumerate() {
        match book {
            Ok(book) => read.seen.books[place] = book,
            Err(why) => read.warnings.push(why),
        }
    }
    read
}

impl Read {
    fn note(&mut self, view: &ZoneView) {
        for record in &view.records {
            if let Some(address) = record.value.data.address() {
                self.seen.names.entry(record.name.clone()).or_default().insert(address);
            }
        }
    }
}

/// The zones, each with its own failure; or why none of them could be asked for.
#[cfg(feature = "cloudflare")]
async fn zones(wishes: &Wishes, meter: &Meter) -> Result<Vec<Result<ZoneView, String>>, String> {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Arc;

    use switchover::config::SecretRef;
    use switchover::model::Zone;
    use switchover::port::NameService as _;
    use switchover_cloudflare::{Cloudflare, CloudflareOptions, TOKEN_VARIABLE};
    use switchover_runtime::TokioClock;

    if wishes.zones.is_empty() {
        return Ok(Vec::new());
    }
    let token = crate::secret::resolve(&SecretRef::Env(TOKEN_VARIABLE.to_owned()), Path::new("."));
    let token = token.map_err(|error| format!("{error}, so {} not read", are(&wishes.zones)))?;
    let mut options = CloudflareOptions::default();
    if let Some(url) = &wishes.cloudflare_url {
        options.base_url.clone_from(url);
    }
    let asked: Vec<Zone> = wishes.zones.iter().map(|name| Zone { name: name.clone(), id: None }).collect();
    let service = Cloudflare::new(&options, token, &asked, meter.clone(), Arc::new(TokioClock::new()));
    let service = service.map_err(|error| format!("{error}, so {} not read", are(&wishes.zones)))?;
    let nothing = BTreeSet::new();
    let views = join_all(wishes.zones.iter().map(|zone| service.read(zone, &nothing))).await;
    Ok(views.into_iter().map(|view| view.map_err(|error| error.to_string())).collect())
}

#[cfg(not(feature = "cloudflare"))]
async fn zones(wishes: &Wishes, _: &Meter) -> Result<Vec<Result<ZoneView, String>>, String> {
    if wishes.zones.is_empty() {
        return Ok(Vec::new());
    }
    Err(format!(
        "this program was built without the provider `cloudflare`, so {} not read",
        are(&wishes.zones)
    ))
}

fn are(zones: &[ZoneName]) -> String {
    match zones {
        [one] => format!("the zone {one} was"),
        several => {
            let names: Vec<&str> = several.iter().map(ZoneName::as_str).collect();
            format!("the zones {} were", names.join(", "))
        }
    }
}

/// The Elastic IPs of a side; `None` for a side that has none.
async fn book(side: &SideWish, meter: &Meter) -> Result<Option<Book>, String> {
    match &side.at {
        SideAt::Unsaid | SideAt::Networks(_) => Ok(None),
        SideAt::Ec2 { profile, region } => {
            let book = elastic_ips(side, profile, region.as_deref(), meter).await;
            book.map(Some).map_err(|why| format!("the Elastic IPs of {} were not read: {why}", side.name))
        }
    }
}

#[cfg(feature = "ec2")]
async fn elastic_ips(
    side: &SideWish,
    profile: &str,
    region: Option<&str>,
    meter: &Meter,
) -> Result<Book, String> {
    use switchover::port::AddressBook as _;
    use switchover_ec2::{Ec2Addresses, Ec2Options};

    let options = Ec2Options {
        profile: Some(profile.to_owned()),
        region: region.map(ToOwned::to_owned),
        ..Ec2Options::default()
    };
    let text = |error: switchover::port::AddressError| error.to_string();
    let book = Ec2Addresses::connect(&side.name, options, meter.clone()).await.map_err(text)?;
    let names = book.list_all().await.map_err(text)?;
    let listing = book.look_up(&names).await.map_err(text)?;
    let entries = listing.found.into_iter();
    Ok(entries.map(|(name, found)| (name, found.into_iter().map(|one| one.address).collect())).collect())
}

#[cfg(not(feature = "ec2"))]
#[expect(clippy::unused_async, reason = "with the feature `ec2` it asks")]
async fn elastic_ips(_: &SideWish, _: &str, _: Option<&str>, _: &Meter) -> Result<Book, String> {
    Err("this program was built without the provider `ec2`".to_owned())
}
