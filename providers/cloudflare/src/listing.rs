//! Reads a zone whole: every page, counted, or an error. Never a part.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use switchover::model::{DnsName, Record};

use crate::answer::{Failure, Page};
use crate::client::{Client, Patience};
use crate::endpoint::{ListRecords, RECORDS_PER_PAGE, Records};
use crate::wire::WireRecord;

/// How often a zone that changes while it is read is read anew.
const READINGS: u32 = 3;
/// Pages read at once.
const ABREAST: usize = 4;
/// More pages than this (a million records) are no zone.
const MOST_PAGES: u64 = 200;

/// Every record of the zone, in words of core.
///
/// Records that no [`DnsName`] can name, or that cannot be read, are left out, unless they are of one of `names`: those are
/// an error.
pub(crate) async fn records(
    client: &Client,
    zone: &str,
    names: &BTreeSet<DnsName>,
    patience: Patience,
) -> Result<Vec<Record>, Failure> {
    let mut records = Vec::new();
    for wire in whole(client, zone, patience).await? {
        match wire.read() {
            Ok(record) => records.push(record),
            Err(why) if wire.name().is_some_and(|name| names.contains(&name)) => {
                return Err(Failure::Garbled(format!("a record cannot be read: {why}")));
            }
            Err(_) => {}
        }
    }
    Ok(records)
}

async fn whole(client: &Client, zone: &str, patience: Patience) -> Result<Vec<WireRecord>, Failure> {
    let mut fault = String::new();
    for _ in 0..READINGS {
        let pages = pages(client, zone, patience).await?;
        match complete(pages) {
            Ok(records) => return Ok(records),
            Err(why) => fault = why,
        }
    }
    Err(Failure::Garbled(format!("the list of records does not add up, {READINGS} times over: {fault}")))
}

async fn pages(client: &Client, zone: &str, patience: Patience) -> Result<Vec<Page<Records>>, Failure> {
    let page = |page| {
        let list = ListRecords { zone: zone.to_owned(), page };
        async move { client.patient(&list, patience).await }
    };
    let first = page(1).await?;
    let count = count(&first)?;
    let rest: Vec<_> = stream::iter(2..=count).map(page).buffered(ABREAST).try_collect().await?;
    Ok(std::iter::once(first).chain(rest).collect())
}

/// How many pages there are, by the first one's account.
fn count(first: &Page<Records>) -> Result<u64, Failure> {
    let unusable = |why: String| Failure::Garbled(format!("a list of records that {why}"));
    let total = first.info.and_then(|info| info.total_count);
    let (Some(info), Some(total)) = (first.info, total) else {
        return Err(unusable("does not say how many there are".to_owned()));
    };
    let size = info.per_page.filter(|size| *size > 0).unwrap_or(RECORDS_PER_PAGE);
    let pages = info.total_pages.unwrap_or_else(|| total.div_ceil(size));
    if pages > MOST_PAGES {
        return Err(unusable(format!("claims {pages} pages")));
    }
    Ok(pages)
}

/// Puts pages together, if every one tells of the same number of records, all of them are there, and none twice.
fn complete(pages: Vec<Page<Records>>) -> Result<Vec<WireRecord>, String> {
    let totals: BTreeSet<Option<u64>> =
        pages.iter().map(|page| page.info.and_then(|info| info.total_count)).collect();
    let records: Vec<WireRecord> = pages.into_iter().flat_map(|page| page.result.0).collect();
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    if ids.len() != records.len() {
        return Err(format!("{} records came twice", records.len() - ids.len()));
    }
    if totals != BTreeSet::from([Some(records.len() as u64)]) {
        let said: Vec<String> =
            totals.iter().map(|total| total.map_or("none".to_owned(), |n| n.to_string())).collect();
        return Err(format!("{} records came, the service counts {}", records.len(), said.join(" and ")));
    }
    Ok(records)
}
