//! Changes records by id, in whole batches, and says what became of each record where a batch was refused.

use std::collections::BTreeSet;
use std::time::Duration;

use switchover::model::{DnsName, Record, RecordKind, RecordValue, Ttl, ZoneName};
use switchover::port::{Conflict, NameError, RecordChange};

use crate::answer::{Failure, Refusal};
use crate::client::{Client, Patience};
use crate::endpoint::ChangeBatch;
use crate::listing;
use crate::locate::Located;
use crate::refusal::{Meaning, refused, rejected, unchanged};
use crate::wire::{BatchResult, Patch};

const WHAT: &str = "change its records (permission DNS Write)";
/// The smallest TTL of any plan.
const LEAST_TTL: Duration = Duration::from_secs(30);
const LONGEST_TTL: Duration = Duration::from_secs(86_400);
const COMPARE: &str = "read its records (permission DNS Read)";

/// Refuses what must never be sent. Nothing is asked of the service. `least` is the smallest TTL that the file says its zones take.
pub(crate) fn check(
    zone: &ZoneName,
    changes: &[RecordChange],
    least: Option<Duration>,
) -> Result<(), NameError> {
    let mut ids = BTreeSet::new();
    for change in changes {
        let fault = fault(zone, change, least)
            .or_else(|| (!ids.insert(&change.before.id)).then(|| "is changed twice at once".to_owned()));
        if let Some(why) = fault {
            return Err(rejected(
                zone,
                None,
                format!("{} {} {why}", change.before.name, change.before.kind()),
            ));
        }
    }
    Ok(())
}

fn fault(zone: &ZoneName, change: &RecordChange, least: Option<Duration>) -> Option<String> {
    let (before, after) = (&change.before, &change.after);
    if before.id.0.is_empty() {
        return Some("has no id; read the zone first".to_owned());
    }
    if !before.name.is_within(zone.apex()) {
        return Some("is not in this zone".to_owned());
    }
    if before.kind() != after.data.kind() {
        return Some(format!("cannot become {}: the type must stay", after.data.kind()));
    }
    if matches!(before.kind(), RecordKind::Other(_)) {
        return Some("is of a type that Switchover never writes".to_owned());
    }
    match after.ttl {
        Ttl::Seconds(seconds) if before.proxied => {
            Some(format!("is proxied, so its TTL is always auto and cannot be {seconds} s"))
        }
        Ttl::Seconds(seconds) if after.ttl != before.value.ttl => {
            ttl_fault(seconds, least.unwrap_or(LEAST_TTL))
        }
        Ttl::Auto | Ttl::Seconds(_) => None,
    }
}

/// Cloudflare takes 1 for *auto*, and nothing outside 30 s (Enterprise, else 60 s) to a day
/// (<https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>).
fn ttl_fault(seconds: u32, least: Duration) -> Option<String> {
    let given = Duration::from_secs(u64::from(seconds));
    (given < least || given > LONGEST_TTL).then(|| {
        format!("cannot get a TTL of {seconds} s: it must be auto, or 60 s (30 s on Enterprise) to 86400 s")
    })
}

/// Cuts changes into batches of at most `most`, in their order, between names where that is possible: the addresses of one
/// name move together.
pub(crate) fn split(changes: &[RecordChange], most: usize) -> Vec<&[RecordChange]> {
    let mut batches = Vec::new();
    let mut rest = changes;
    while rest.len() > most {
        let between = |cut: &usize| rest[cut - 1].before.name != rest[*cut].before.name;
        let cut = (1..=most).rev().find(between).unwrap_or(most);
        let (batch, after) = rest.split_at(cut);
        batches.push(batch);
        rest = after;
    }
    if !rest.is_empty() {
        batches.push(rest);
    }
    batches
}

/// Applies one batch.
///
/// A 429 means that nothing was applied, so the batch is sent again; but only after the records were compared anew, because
/// what was read before the wait may no longer hold. No other failure is ever followed by a second attempt.
pub(crate) async fn apply(
    client: &Client,
    zone: &ZoneName,
    located: &Located,
    batch: &[RecordChange],
) -> Result<(), NameError> {
    let patches: Vec<Patch> =
        batch.iter().map(|change| Patch::between(&change.before, &change.after)).collect();
    let request =
        ChangeBatch::new(&located.id, &patches).map_err(|error| rejected(zone, None, error.to_string()))?;
    let patience = client.patience();
    let mut tries = 0;
    loop {
        let ticket = match client.admit(patience).await {
            Ok(ticket) => ticket,
            Err(failure) => return Err(unchanged(client, zone, WHAT, failure).await),
        };
        if ticket.waited || tries > 0 {
            compare(client, zone, located, batch, patience).await?;
        }
        let failure = match client.once(&request, ticket).await {
            Ok(page) => return shown(zone, batch, &page.result),
            Err(failure) => failure,
        };
        tries += 1;
        let again = matches!(failure, Failure::Throttled(_)) && client.rest(&failure, tries, patience).await;
        if !again {
            return Err(failed(client, zone, located, batch, failure).await);
        }
    }
}

/// The error for a batch that was sent and brought no result.
async fn failed(
    client: &Client,
    zone: &ZoneName,
    located: &Located,
    batch: &[RecordChange],
    failure: Failure,
) -> NameError {
    match failure {
        Failure::NotSent(_) | Failure::Throttled(_) => unchanged(client, zone, WHAT, failure).await,
        Failure::Silent(_) | Failure::OutOfOrder(_) | Failure::Garbled(_) => {
            unknown(zone, failure.to_string())
        }
        Failure::Refused(refusal) => match refusal.meaning() {
            Meaning::NoSuchRecord | Meaning::Other => account(client, zone, located, batch, &refusal).await,
            Meaning::BadToken | Meaning::NotAllowed | Meaning::NoSuchZone => {
                refused(client, zone, WHAT, &refusal).await
            }
        },
    }
}

fn unknown(zone: &ZoneName, why: String) -> NameError {
    NameError::Unknown { zone: zone.clone(), why }
}

/// Cloudflare names only the first error of a batch and no record, so the records themselves are asked, once.
async fn account(
    client: &Client,
    zone: &ZoneName,
    located: &Located,
    batch: &[RecordChange],
    refusal: &Refusal,
) -> NameError {
    let note = match differing(client, located, batch, client.patience()).await {
        Ok(records) if !records.is_empty() => return NameError::Conflict { zone: zone.clone(), records },
        Ok(_) => format!("all {} records still read as before", batch.len()),
        Err(why) => format!("nothing of this was applied; how the records read could not be asked: {why}"),
    };
    rejected(zone, refusal.code(), format!("{refusal}; {note}"))
}

/// Compares a batch with a fresh read.
async fn compare(
    client: &Client,
    zone: &ZoneName,
    located: &Located,
    batch: &[RecordChange],
    patience: Patience,
) -> Result<(), NameError> {
    match differing(client, located, batch, patience).await {
        Ok(records) if records.is_empty() => Ok(()),
        Ok(records) => Err(NameError::Conflict { zone: zone.clone(), records }),
        Err(failure) => Err(unchanged(client, zone, COMPARE, failure).await),
    }
}

async fn differing(
    client: &Client,
    located: &Located,
    batch: &[RecordChange],
    patience: Patience,
) -> Result<Vec<Conflict>, Failure> {
    let names: BTreeSet<DnsName> = batch.iter().map(|change| change.before.name.clone()).collect();
    let now = listing::records(client, &located.id, &names, patience).await?;
    Ok(batch.iter().filter_map(|change| conflict(change, &now)).collect())
}

/// How a record differs from what was read before: gone, changed by somebody, or already as it should be.
fn conflict(change: &RecordChange, now: &[Record]) -> Option<Conflict> {
    let before = &change.before;
    let same = now.iter().find(|record| record.id == before.id);
    if same == Some(before) {
        return None;
    }
    let found = match same {
        Some(record) if record.name != before.name => Some(format!("{} at {}", text(record), record.name)),
        Some(record) if record.value == change.after && record.proxied == before.proxied => {
            Some(format!("{} (already as this change would make it)", text(record)))
        }
        Some(record) => Some(text(record)),
        None => successors(before, now),
    };
    Some(Conflict { name: before.name.clone(), expected: text(before), found })
}

/// Records of the same name and type that took the place of one that is gone.
fn successors(before: &Record, now: &[Record]) -> Option<String> {
    let alike = now.iter().filter(|record| record.name == before.name && record.kind() == before.kind());
    let all: Vec<String> = alike
        .map(|record| format!("{} (another record, the one that was read is gone)", text(record)))
        .collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn text(record: &Record) -> String {
    let RecordValue { data, ttl } = &record.value;
    let proxied = if record.proxied { ", proxied" } else { "" };
    format!("{} {data} (TTL {ttl}{proxied})", record.kind())
}

/// Believes a success only if the answer shows every record as it should be now.
fn shown(zone: &ZoneName, batch: &[RecordChange], result: &BatchResult) -> Result<(), NameError> {
    let patched = result.patches.as_deref().unwrap_or_default();
    let read: Vec<Record> = patched.iter().filter_map(|wire| wire.read().ok()).collect();
    for change in batch {
        let want = Record { value: change.after.clone(), ..change.before.clone() };
        if !read.contains(&want) {
            let got =
                read.iter().find(|record| record.id == want.id).map_or_else(|| "nothing".to_owned(), text);
            let why = format!(
                "the service reports success, but shows {got} for {}, not {}",
                want.name,
                text(&want)
            );
            return Err(unknown(zone, why));
        }
    }
    Ok(())
}

/// The error of a batch that was not the first: the ones before it are applied, so the caller must look again.
pub(crate) fn partly(zone: &ZoneName, applied: usize, all: usize, error: &NameError) -> NameError {
    unknown(
        zone,
        format!(
            "{applied} of {all} records were changed, in batches as large as the plan allows; then: {error}"
        ),
    )
}
