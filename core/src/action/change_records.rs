//! Change records in one zone, by compare-and-set, as one batch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::{doubling, milliseconds};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{DnsName, Record, RecordKind, RecordValue, ZoneRef};
use crate::observe::not_connected;
use crate::port::{Conflict, NameError, NameService, RecordChange, ZoneView};

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

/// Changes the records that do not read as they shall.
#[derive(Debug)]
pub(super) struct Change<'a> {
    action: &'a ChangeRecords,
    ready: Vec<RecordChange>,
}

/// How one record reads.
enum Reading {
    AsAfter,
    AsBefore(Record),
    Otherwise(Conflict),
}

impl<'a> Change<'a> {
    pub(super) fn new(action: &'a ChangeRecords) -> Self {
        Self { action, ready: Vec::new() }
    }

    fn service<'p>(&self, context: &Context<'p>) -> Option<&'p Arc<dyn NameService>> {
        context.ports.names.get(&self.action.zone.service)
    }

    fn compare(&mut self, view: &ZoneView) -> Look {
        let mut conflicts = Vec::new();
        let mut partial = false;
        self.ready.clear();
        for planned in &self.action.changes {
            match reading(view, planned) {
                Reading::AsAfter => partial = true,
                Reading::AsBefore(before) => {
                    self.ready.push(RecordChange { before, after: planned.to.clone() });
                }
                Reading::Otherwise(conflict) => conflicts.push(conflict.to_string()),
            }
        }
        if !conflicts.is_empty() {
            let zone = &self.action.zone;
            let why = format!("zone {zone} is not as the plan expects: {}", conflicts.join("; "));
            return Look::NotReady { why, partial };
        }
        if self.ready.is_empty() { Look::Done(Vec::new()) } else { Look::Ready { partial } }
    }
}

fn reading(view: &ZoneView, planned: &PlannedChange) -> Reading {
    let of_name: Vec<&Record> = view.of(&planned.name).collect();
    let of_kind: Vec<&Record> =
        of_name.iter().copied().filter(|record| record.kind() == planned.kind).collect();
    let alias = of_name.iter().find(|record| record.kind() == RecordKind::Cname);
    let otherwise = |found: Option<String>| {
        Reading::Otherwise(Conflict {
            name: planned.name.clone(),
            expected: shown(&planned.from, planned.proxied),
            found,
        })
    };
    match (&of_kind[..], alias) {
        ([record], None) if record.proxied == planned.proxied => {
            if record.value == planned.to {
                Reading::AsAfter
            } else if record.value == planned.from {
                Reading::AsBefore((*record).clone())
            } else {
                otherwise(Some(shown(&record.value, record.proxied)))
            }
        }
        ([record], None) => otherwise(Some(shown(&record.value, record.proxied))),
        (_, Some(alias)) => otherwise(Some(format!("an alias of {}", alias.value.data))),
        ([], None) => otherwise(Some("nothing".to_owned())),
        (several, None) => otherwise(Some(format!("{} records", several.len()))),
    }
}

fn shown(value: &RecordValue, proxied: bool) -> String {
    format!("{} (TTL {}{})", value.data, value.ttl, if proxied { ", proxied" } else { "" })
}

#[async_trait]
impl Perform for Change<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let Some(service) = self.service(context) else {
            return Look::Refused(not_connected(&self.action.zone).to_string());
        };
        let names: BTreeSet<DnsName> = self.action.changes.iter().map(|change| change.name.clone()).collect();
        match service.read(&self.action.zone.zone, &names).await {
            Ok(view) => self.compare(&view),
            Err(
                error @ (NameError::ZoneNotFound { .. }
                | NameError::Unauthorized { .. }
                | NameError::Forbidden { .. }
                | NameError::Rejected { .. }),
            ) => Look::Refused(error.to_string()),
            Err(
                error @ (NameError::Throttled { .. }
                | NameError::Unavailable { .. }
                | NameError::Conflict { .. }
                | NameError::Unknown { .. }),
            ) => Look::Unseen(error.to_string()),
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let Some(service) = self.service(context) else {
            return Acted::Refused(not_connected(&self.action.zone).to_string());
        };
        let sent = context.ports.clock.monotonic();
        match service.change(&self.action.zone.zone, &self.ready).await {
            Ok(()) => Acted::Accepted(vec![Fact::Accepted {
                names: self.ready.iter().map(|change| change.before.name.clone()).collect(),
                at: context.ports.clock.now(),
                took_ms: milliseconds(context.ports.clock.monotonic().saturating_sub(sent)),
                requests: context.requests(),
            }]),
            Err(NameError::Unknown { zone, why }) => {
                let error = NameError::Unknown { zone, why };
                Acted::Unknown { why: error.to_string(), in_flight: service.in_flight() }
            }
            Err(error @ NameError::Conflict { .. }) => Acted::NotReady(error.to_string()),
            Err(error @ (NameError::Throttled { .. } | NameError::Unavailable { .. })) => {
                Acted::Later(error.to_string())
            }
            Err(
                error @ (NameError::ZoneNotFound { .. }
                | NameError::Unauthorized { .. }
                | NameError::Forbidden { .. }
                | NameError::Rejected { .. }),
            ) => Acted::Refused(error.to_string()),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(250), Duration::from_secs(8), looks)
    }

    fn in_flight(&self, context: &Context<'_>) -> Duration {
        self.service(context).map(|service| service.in_flight()).unwrap_or_default()
    }
}
