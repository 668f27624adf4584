//! The stores of a pair: who may write where, how old the stand-by's data is, when it came.

use std::time::Duration;

use switchover::config::Period;
use switchover::journal::PairState;
use switchover::model::{Pair, Role, StorePolicy, StoreRef};
use switchover::observe::{RoleState, Snapshot, data_age};
use switchover::port::{Access, Inspection};

use super::table::table;
use super::{BAD, GOOD, styled};
use crate::args::Output;

/// The table of stores, with an empty line before it; nothing where a pair has none.
pub(super) fn stores(pair: &Pair, snapshot: &Snapshot, history: &PairState, output: Output) -> String {
    let all = pair.environments.iter().flat_map(switchover::model::Environment::stores);
    let rows: Vec<Vec<String>> =
        all.map(|(store, policy)| row(pair, snapshot, history, &store, policy)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = ["store", "method", "production", "stand-by", "data age", "objective", "last sync"];
    format!("\n{}", table(output, &heads, rows))
}

fn row(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    store: &StoreRef,
    policy: &StorePolicy,
) -> Vec<String> {
    let none = || "-".to_owned();
    let seen = snapshot.stores.get(store);
    let production = snapshot.roles.get(&store.environment).and_then(RoleState::production);
    let side = |role: Role| {
        let production = production?;
        match role {
            Role::Production => Some(production.clone()),
            Role::Standby => pair.opposite(production).ok().map(|side| side.name.clone()),
        }
    };
    let access = |role| {
        let (side, seen) = (side(role)?, seen?);
        Some(format!("{side}: {}", words(seen, &side)))
    };
    let age = side(Role::Standby).and_then(|standby| data_age(seen?, &standby, snapshot.at));
    let last = history.stores.get(store).and_then(|known| known.last.as_ref());
    vec![
        store.to_string(),
        seen.map_or_else(none, |seen| seen.method.to_string()),
        access(Role::Production).unwrap_or_else(none),
        access(Role::Standby).unwrap_or_else(none),
        age.map_or_else(none, |age| aged(age, policy.rpo)),
        policy.rpo.map_or_else(none, |rpo| Period(rpo).to_string()),
        last.map_or_else(none, |last| format!("{} UTC", last.at.strftime("%F %T"))),
    ]
}

fn words(seen: &Inspection, side: &switchover::model::SideName) -> &'static str {
    match seen.sides.get(side).map(|side| &side.access) {
        Some(Access::Writable) => "takes writes",
        Some(Access::Frozen { .. }) => "frozen",
        Some(Access::Lapsed { .. }) => "takes writes (a freeze ran out)",
        Some(Access::Unguarded) => "cannot be frozen",
        None => "unreadable",
    }
}

/// An age to the second, or to the minute from an hour on.
fn aged(age: Duration, objective: Option<Duration>) -> String {
    let grain = if age.as_secs() >= 3600 { 60 } else { 1 };
    let text = Period(Duration::from_secs(age.as_secs() / grain * grain)).to_string();
    match objective {
        Some(objective) if age > objective => styled(BAD, text),
        Some(_) => styled(GOOD, text),
        None => text,
    }
}
