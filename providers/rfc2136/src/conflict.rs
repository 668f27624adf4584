//! Which record sets are not what a change expected. Pure.

use std::collections::BTreeSet;

use switchover::model::{Record, RecordData, RecordKind};
use switchover::port::{Conflict, ZoneView};

use crate::update::SetChange;

/// The sets of a batch that differ from a fresh view of the zone. All of them, with nothing found, if there is no view or it
/// shows no difference: a wildcard answers for the name, or it was changed back in the meantime.
pub(crate) fn account(batch: &[SetChange], fresh: Option<&ZoneView>) -> Vec<Conflict> {
    let differing: Vec<Conflict> =
        fresh.iter().flat_map(|fresh| batch.iter().filter_map(|change| difference(change, fresh))).collect();
    if differing.is_empty() { batch.iter().map(|change| conflict(change, None)).collect() } else { differing }
}

fn conflict(change: &SetChange, found: Option<String>) -> Conflict {
    let expected = shown(&change.key.kind, change.before.iter()).unwrap_or_default();
    Conflict { name: change.key.name.clone(), expected, found }
}

/// How a set differs from what it should be; `None` if it does not.
fn difference(change: &SetChange, fresh: &ZoneView) -> Option<Conflict> {
    let of_name: Vec<&Record> = fresh.of(&change.key.name).collect();
    let of_kind = |kind: &RecordKind| -> BTreeSet<&RecordData> {
        of_name.iter().filter(|r| r.kind() == *kind).map(|r| &r.value.data).collect()
    };
    let now = of_kind(&change.key.kind);
    if now == change.before.iter().collect() {
        return None;
    }
    // An alias in its place is what a person needs to know.
    let alias = || shown(&RecordKind::Cname, of_kind(&RecordKind::Cname).into_iter());
    Some(conflict(change, shown(&change.key.kind, now.into_iter()).or_else(alias)))
}

/// What a record set holds, as text: `A 192.0.2.1, A 192.0.2.2`. `None` if it holds nothing.
fn shown<'a>(kind: &RecordKind, set: impl Iterator<Item = &'a RecordData>) -> Option<String> {
    let texts: Vec<String> = set.map(|data| format!("{kind} {data}")).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}
