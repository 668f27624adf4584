//! The zones: their records, the rules for changing them, and what they publish.
//!
//! Everything here is synchronous and free of I/O. A change is a [`Changes`], applied by [`Zone::apply`] as
//! one transaction; the answer is what was changed, or the first [`Refusal`].

pub(crate) mod change;
pub(crate) mod draft;
pub(crate) mod record;
pub(crate) mod refusal;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use change::{Applied, Changes};
pub(crate) use draft::Draft;
pub use record::{Kind, Record, RecordId};
pub use refusal::Refusal;

/// The 32 hexadecimal digits by which the API names a zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneId(pub(crate) String);

impl ZoneId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The plan of a zone, which decides its limits.
///
/// Sources of the limits: batches,
/// <https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/>; TTL,
/// <https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>; comments and tags,
/// <https://developers.cloudflare.com/dns/manage-dns-records/reference/record-attributes/>; records per zone,
/// <https://developers.cloudflare.com/dns/manage-dns-records/>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// 200 changes in a batch, 200 records, comments of 100 characters, no tags.
    #[default]
    Free,
    /// 3,500 changes in a batch, 3,500 records, comments of 500 characters, 20 tags on a record.
    Pro,
    /// As [`Plan::Pro`].
    Business,
    /// As [`Plan::Pro`], and a TTL may be 30 seconds.
    Enterprise,
}

impl Plan {
    /// How many changes one batch may hold.
    pub fn batch_limit(self) -> usize {
        match self {
            Plan::Free => 200,
            Plan::Pro | Plan::Business | Plan::Enterprise => 3_500,
        }
    }

    /// How many records a new zone may hold.
    pub fn record_limit(self) -> usize {
        self.batch_limit()
    }

    /// The shortest TTL in seconds, but for 1, which means automatic.
    pub fn shortest_ttl(self) -> u32 {
        match self {
            Plan::Free | Plan::Pro | Plan::Business => 60,
            Plan::Enterprise => 30,
        }
    }

    /// How many characters a comment may have.
    pub fn comment_limit(self) -> usize {
        match self {
            Plan::Free => 100,
            Plan::Pro | Plan::Business | Plan::Enterprise => 500,
        }
    }

    /// How many tags one record may have.
    pub fn tag_limit(self) -> usize {
        match self {
            Plan::Free => 0,
            Plan::Pro | Plan::Business | Plan::Enterprise => 20,
        }
    }

    /// The name the API gives this plan in `plan.legacy_id`.
    pub fn legacy_id(self) -> &'static str {
        match self {
            Plan::Free => "free",
            Plan::Pro => "pro",
            Plan::Business => "business",
            Plan::Enterprise => "enterprise",
        }
    }
}

/// The longest TTL, a day.
pub(crate) const LONGEST_TTL: u32 = 86_400;

/// What the name server answers for a record whose TTL is automatic.
/// Source: <https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>.
pub(crate) const AUTOMATIC_TTL: u32 = 300;

/// One zone with its records.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) id: ZoneId,
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) plan: Plan,
    /// The shortest TTL in seconds, the plan's unless the seed set another.
    pub(crate) shortest_ttl: u32,
    /// How many records it may hold, the plan's unless the seed set another.
    pub(crate) most_records: usize,
    pub(crate) name_servers: Vec<String>,
    pub(crate) created_on: Timestamp,
    pub(crate) modified_on: Timestamp,
    /// Grows with every transaction; the SOA's serial.
    pub(crate) serial: u32,
    pub(crate) records: BTreeMap<RecordId, Record>,
    /// How many ids were given out; the next record's id derives from it.
    pub(crate) ids_given: u64,
}

impl Zone {
    /// Carries out all of `changes` in the order deletes, patches, puts, posts, or none of them.
    pub(crate) fn apply(&mut self, changes: &Changes, now: Timestamp) -> Result<Applied, Refusal> {
        let mut next = self.clone();
        let applied = next.carry_out(changes, now)?;
        next.serial += 1;
        next.modified_on = now;
        *self = next;
        Ok(applied)
    }

    /// The records, sorted by type, name and id, which is the API's own order when none is asked for.
    pub(crate) fn sorted(&self) -> Vec<&Record> {
        let mut records: Vec<&Record> = self.records.values().collect();
        records.sort_by(|a, b| (a.kind.as_str(), &a.name, &a.id).cmp(&(b.kind.as_str(), &b.name, &b.id)));
        records
    }

    /// Whether `name` is the apex or lies below it.
    pub(crate) fn holds(&self, name: &str) -> bool {
        name == self.name || name.strip_suffix(&self.name).is_some_and(|rest| rest.ends_with('.'))
    }
}
