//! Proves that the token may change records, by a change that cannot happen.
//!
//! A batch is sent whose only patch is for a record id that no record has. Cloudflare checks the token's permission before it
//! looks at records: a token that may write is told that there is no such record (81044), one that may not is told so.
//!
//! Why nothing can change: a batch is one transaction, all or nothing, and its only part fails, because ids are 32 random
//! hexadecimal digits and this one is all zeros. So the request may be repeated like any read. Apart from the id the patch is a
//! copy of a record of the zone, so that nothing else is found wrong with it first.

use switchover::model::{Record, ZoneName};
use switchover::port::NameError;

use crate::answer::Failure;
use crate::client::{Client, Patience};
use crate::endpoint::ChangeBatch;
use crate::locate::Located;
use crate::refusal::{Meaning, rejected, unchanged};
use crate::wire::{Patch, seconds};

const NO_RECORD: &str = "00000000000000000000000000000000";
const WHAT: &str = "change its records (permission DNS Write)";

pub(crate) async fn prove(
    client: &Client,
    zone: &ZoneName,
    located: &Located,
    records: &[Record],
    patience: Patience,
) -> Result<(), NameError> {
    let patch = impossible(zone, records.first());
    let request =
        ChangeBatch::new(&located.id, &[patch]).map_err(|error| rejected(zone, None, error.to_string()))?;
    match client.patient(&request, patience).await {
        Err(Failure::Refused(refusal)) if refusal.meaning() == Meaning::NoSuchRecord => Ok(()),
        Err(failure) => Err(unchanged(client, zone, WHAT, failure).await),
        Ok(_) => {
            let message =
                "the service reports success for a record that does not exist; its answers cannot be trusted";
            Err(rejected(zone, None, message.to_owned()))
        }
    }
}

/// A patch without a fault but its id.
fn impossible(zone: &ZoneName, like: Option<&Record>) -> Patch {
    let id = NO_RECORD.to_owned();
    match like {
        Some(record) => Patch {
            id,
            kind: record.kind().to_string(),
            name: record.name.to_string(),
            ttl: seconds(record.value.ttl),
            content: Some(record.value.data.to_string()),
        },
        None => Patch { id, kind: "TXT".to_owned(), name: zone.to_string(), ttl: 1, content: None },
    }
}
