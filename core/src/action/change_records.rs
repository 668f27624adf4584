//! Change records in one zone, by compare-and-set, as one batch.

use serde::{Deserialize, Serialize};

use crate::model::{DnsName, RecordKind, RecordValue, ZoneRef};

/// What a change of records is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Names move to the other side.
    Swap,
    /// TTLs are lowered ahead of a swap.
    LowerTtl,
    /// TTLs are set back to what they were.
    RestoreTtl,
}

/// One record as the plan expects it and as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedChange {
    /// Its name.
    pub name: DnsName,
    /// Its type, which stays.
    pub kind: RecordKind,
    /// What it reads before.
    pub from: RecordValue,
    /// What it reads afterwards.
    pub to: RecordValue,
    /// Whether clients see the service's edge instead of the address.
    pub proxied: bool,
}

/// Changes in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRecords {
    /// The zone.
    pub zone: ZoneRef,
    /// What for.
    pub purpose: Purpose,
    /// The changes, in order of name and type.
    pub changes: Vec<PlannedChange>,
}
