//! The DNS records of a zone, read freshly and changed by compare-and-set.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::{DnsName, Record, RecordValue, ZoneName};

/// A zone as just read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneView {
    /// The zone.
    pub zone: ZoneName,
    /// At least every record, of any type, of the names that were asked for; the whole zone where that costs no more.
    pub records: Vec<Record>,
    /// The smallest TTL that the service takes, if it is known.
    pub minimum_ttl: Option<Duration>,
}

impl ZoneView {
    /// Every record of a name.
    pub fn of<'a>(&'a self, name: &'a DnsName) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |record| record.name == *name)
    }
}

/// One record to change: only if it still reads as `before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// The record as it was just read, with its id.
    pub before: Record,
    /// What it shall say. The type is the same; everything that is not named here (proxied, comment, tags) is kept.
    pub after: RecordValue,
}

/// A record that does not read as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Its name.
    pub name: DnsName,
    /// What it should have read, as text.
    pub expected: String,
    /// What it reads, as text; `None` if it is gone or the service does not say.
    pub found: Option<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.as_deref().unwrap_or("something else or nothing");
        write!(f, "{} reads {found}, expected {}", self.name, self.expected)
    }
}

fn conflicts(list: &[Conflict]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn suggestion(near: &[ZoneName]) -> String {
    let names: Vec<&str> = near.iter().map(ZoneName::as_str).collect();
    if names.is_empty() { String::new() } else { format!("; it can see {}", names.join(", ")) }
}

fn coded(code: Option<u32>) -> String {
    code.map(|code| format!(" (code {code})")).unwrap_or_default()
}

fn after(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default()
}

/// Why a zone could not be read or changed. Every variant but `Unknown` promises that nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The zone is not there, or the credential may not see it.
    #[error("zone {zone} is not among the zones that this credential can see{}", suggestion(.near))]
    ZoneNotFound {
        /// The zone that was asked for.
        zone: ZoneName,
        /// The zones it can see.
        near: Vec<ZoneName>,
    },
    /// The credential is unknown, expired or disabled.
    #[error("zone {zone}: the credential was not accepted{}: {message}", coded(*.code))]
    Unauthorized {
        /// The zone.
        zone: ZoneName,
        /// The service's code.
        code: Option<u32>,
        /// The service's words.
        message: String,
    },
    /// The credential is good and may not do this.
    #[error("zone {zone}: the credential may not {what}{}: {message}", coded(*.code))]
    Forbidden {
        /// The zone.
        zone: ZoneName,
        /// What was tried (`read its records`, `change its records`).
        what: &'static str,
        /// The service's code.
        code: Option<u32>,
        /// The service's words.
        message: String,
    },
    /// The service asks to slow down, and went on asking for longer than the provider waits.
    #[error("zone {zone}: the service takes no more requests for now{}", after(*.retry_after))]
    Throttled {
        /// The zone.
        zone: ZoneName,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// A record no longer reads as it was read; nothing of this change was applied.
    #[error("zone {zone}: {}", conflicts(.records))]
    Conflict {
        /// The zone.
        zone: ZoneName,
        /// The records that differ.
        records: Vec<Conflict>,
    },
    /// The service refused the change or the question as such; nothing was applied.
    #[error("zone {zone}: refused{}: {message}", coded(*.code))]
    Rejected {
        /// The zone.
        zone: ZoneName,
        /// The service's code.
        code: Option<u32>,
        /// The service's words, with the record it names, if it names one.
        message: String,
    },
    /// The service could not be reached or gave no usable answer, and nothing can have been applied.
    #[error("zone {zone}: no usable answer: {why}")]
    Unavailable {
        /// The zone.
        zone: ZoneName,
        /// What happened.
        why: String,
    },
    /// A change was sent and its answer never came or could not be understood: it may have been applied, may be
    /// applied yet, or never.
    #[error("zone {zone}: the outcome of the change is unknown: {why}")]
    Unknown {
        /// The zone.
        zone: ZoneName,
        /// What happened.
        why: String,
    },
}

/// The records of the zones of one account or server.
#[async_trait]
pub trait NameService: Debug + Send + Sync {
    /// Reads a zone freshly, in as few requests as the service allows.
    ///
    /// Must return every record, of any type, of each of `names`; should return the whole zone if that costs no more. May be
    /// repeated. Must never return part of what it read: a page that could not be read is an error. Waits and tries again
    /// where the service says so, within the provider's own timeout.
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError>;

    /// Changes records in one zone, as one batch: all or none of each batch that the service allows, and only if they
    /// still read as `before`.
    ///
    /// Where the service compares by itself the change is atomic; elsewhere the caller hands in what it has *just* read, and the provider
    /// binds the change to the ids it read. Ok promises that the service accepted everything. Must not be repeated after
    /// [`NameError::Unknown`] until [`NameService::in_flight`] has passed and a read shows that it did not happen.
    /// More changes than the service takes at once are split; an error then leaves whole batches applied, and is `Unknown`
    /// unless the first batch failed, so that the caller looks again. No changes are `Ok`, and nothing is sent: it says nothing about the
    /// zone or the credential.
    async fn change(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError>;

    /// Proves that the credential may change these records, and changes nothing. May be repeated.
    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError>;

    /// The longest time after which a request without an answer may still be applied, counted from when it was sent.
    fn in_flight(&self) -> Duration;
}
