//! From what was read to what it means: a pure function.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::around;
use super::names::Asked;
use super::{
    Finding, FindingKind, NameView, Observation, Place, RoleState, Snapshot, delivery, sides, stores,
};
use crate::journal::{Outcome, PairState, RunState};
use crate::model::{Addresses, Environment, EnvironmentName, Pair, Role, SideName};
use crate::port::NameError;

/// Understands an observation: addresses, positions, roles, and everything that is wrong. `history` is what the pair's journal
/// says; roles come from DNS and are held against it.
pub fn assess(pair: &Pair, observation: &Observation, history: &PairState) -> Snapshot {
    let books = sides::understand(pair, observation);
    let mut snapshot = Snapshot {
        at: observation.at,
        addresses: books.addresses,
        names: Vec::new(),
        roles: BTreeMap::new(),
        minimum_ttl: minimum_ttls(observation),
        stores: BTreeMap::new(),
        deliveries: BTreeMap::new(),
        candidates: BTreeMap::new(),
        meant: BTreeMap::new(),
        lost: None,
        findings: books.findings,
    };
    zones(observation, &mut snapshot.findings);
    names(pair, observation, &mut snapshot);
    for environment in &observation.environments {
        roles(pair, environment, history, &mut snapshot);
    }
    stores::understand(pair, observation, history, &mut snapshot);
    delivery::understand(pair, observation, history, &mut snapshot);
    around::understand(pair, observation, &mut snapshot.findings);
    advise_reprotect(history, &mut snapshot.findings);
    let failed = checks(observation, &snapshot);
    snapshot.findings.extend(failed);
    snapshot.findings.sort_by(|left, right| {
        (left.severity, order(pair, &left.place)).cmp(&(right.severity, order(pair, &right.place)))
    });
    snapshot
}

/// Where a side is owed, what is wrong with its stores is mended in one way only.
fn advise_reprotect(history: &PairState, findings: &mut [Finding]) {
    let owed = history.owed();
    for finding in findings {
        let Place::Store { store } = &finding.place else { continue };
        if let Some(owed) = owed.iter().find(|owed| owed.stores.iter().any(|debt| debt.store == *store)) {
            let advice =
                format!("failover {} gave side {} up: run `swap-roles --reprotect`", owed.run, owed.side);
            finding.suggestion = Some(advice);
        }
    }
}

/// Where a place stands in the file: pair, sides, zones, then environments in the file's order.
fn order(pair: &Pair, place: &Place) -> (usize, usize, Place) {
    let position = |name: &EnvironmentName| {
        pair.environments.iter().position(|environment| environment.name == *name).unwrap_or_default()
    };
    let (class, environment) = match place {
        Place::Pair => (0, 0),
        Place::Side { .. } | Place::Delivery { .. } => (1, 0),
        Place::Announcer { .. } | Place::RoleTable | Place::StatusPage { .. } => (5, 0),
        Place::Zone { .. } => (2, 0),
        Place::Environment { environment } | Place::Endpoint { environment, .. } => {
            (3, position(environment))
        }
        Place::Store { store } => (4, position(&store.environment)),
        Place::Setting { setting } => (5, position(&setting.environment)),
    };
    (class, environment, place.clone())
}

fn minimum_ttls(observation: &Observation) -> BTreeMap<crate::model::ZoneRef, std::time::Duration> {
    let zones = observation.zones.iter();
    zones.filter_map(|(zone, view)| Some((zone.clone(), view.as_ref().ok()?.minimum_ttl?))).collect()
}

fn zones(observation: &Observation, findings: &mut Vec<Finding>) {
    for (zone, view) in &observation.zones {
        if let Err(error) = view {
            let place = Place::Zone { zone: zone.clone() };
            let finding = Finding::error(FindingKind::ZoneUnreadable, place, error.to_string());
            findings.push(finding.suggest(advice(error)));
        }
    }
    for (zone, proof) in &observation.writable {
        if let Err(error) = proof {
            let place = Place::Zone { zone: zone.clone() };
            let finding = Finding::error(FindingKind::ZoneNotWritable, place, error.to_string());
            findings.push(finding.suggest(advice(error)));
        }
    }
}

fn advice(error: &NameError) -> Option<String> {
    let text = match error {
        NameError::ZoneNotFound { .. } => "check the zone's name and the credential's scope",
        NameError::Unauthorized { .. } => "renew the credential",
        NameError::Forbidden { .. } => "give the credential the right to read and change the zone's records",
        NameError::Throttled { .. } => "wait, and try again",
        NameError::Unavailable { .. } | NameError::Unknown { .. } => "check the connection, and try again",
        NameError::Conflict { .. } => "look who else is changing records",
        NameError::Rejected { .. } => return None,
    };
    Some(text.to_owned())
}

fn names(pair: &Pair, observation: &Observation, snapshot: &mut Snapshot) {
    for environment in &observation.environments {
        for (index, endpoint) in environment.endpoints.iter().enumerate() {
            for role in Role::ALL {
                let asked = Asked { pair, environment, index, endpoint, role };
                let (view, findings) = asked.view(observation, snapshot);
                snapshot.names.push(view);
                snapshot.findings.extend(findings);
            }
        }
    }
}

/// The side that a name calls production: the one it leads to, or for a stand-by name the other one.
fn vote(pair: &Pair, view: &NameView) -> Option<SideName> {
    let at = view.at.as_ref()?;
    match view.role {
        Role::Production => Some(at.clone()),
        Role::Standby => pair.opposite(at).ok().map(|side| side.name.clone()),
    }
}

fn roles(pair: &Pair, environment: &Environment, history: &PairState, snapshot: &mut Snapshot) {
    let of_environment: Vec<&NameView> =
        snapshot.names.iter().filter(|view| view.environment == environment.name).collect();
    let mut votes: BTreeMap<SideName, usize> = BTreeMap::new();
    for side in of_environment.iter().filter_map(|view| vote(pair, view)) {
        *votes.entry(side).or_default() += 1;
    }
    let state = count(&votes);
    let findings = match &state {
        RoleState::Settled { production } => disagreement(environment, production, history),
        RoleState::Split { leading: Some(leading) } => strays(pair, &of_environment, leading),
        RoleState::Split { leading: None } => vec![Finding::error(
            FindingKind::RolesUnclear,
            Place::Environment { environment: environment.name.clone() },
            format!(
                "in {} as many names call one side production as the other: which one it is cannot be told",
                environment.name
            ),
        )],
        RoleState::Unknown => Vec::new(),
    };
    snapshot.findings.extend(findings);
    snapshot.roles.insert(environment.name.clone(), state);
}

fn count(votes: &BTreeMap<SideName, usize>) -> RoleState {
    let most = votes.values().max().copied().unwrap_or_default();
    let mut leaders = votes.iter().filter(|(_, count)| **count == most).map(|(side, _)| side.clone());
    match (votes.len(), leaders.next(), leaders.next()) {
        (0, _, _) | (_, None, _) => RoleState::Unknown,
        (1, Some(production), _) => RoleState::Settled { production },
        (_, Some(leading), None) => RoleState::Split { leading: Some(leading) },
        (_, Some(_), Some(_)) => RoleState::Split { leading: None },
    }
}

fn strays(pair: &Pair, views: &[&NameView], leading: &SideName) -> Vec<Finding> {
    let stray = views.iter().filter(|view| vote(pair, view).is_some_and(|side| side != *leading));
    stray
        .filter_map(|view| {
            let at = view.at.as_ref()?;
            let place = Place::Endpoint {
                environment: view.environment.clone(),
                index: view.index,
                field: view.role.into(),
            };
            let message = format!(
                "{} is a name of the {} and leads to side {at}, while most names of {} call side {leading} production",
                view.name, view.role, view.environment
            );
            Some(Finding::error(FindingKind::WrongSide, place, message))
        })
        .collect()
}

fn disagreement(environment: &Environment, production: &SideName, history: &PairState) -> Vec<Finding> {
    match history.production.get(&environment.name) {
        Some(written) if written != production => vec![Finding::warning(
            FindingKind::JournalDisagrees,
            Place::Environment { environment: environment.name.clone() },
            format!(
                "in {} DNS says that side {production} is production; the journal last saw side {written} become it: {}",
                environment.name,
                who_moved(environment, production, history)
            ),
        )],
        Some(_) | None => Vec::new(),
    }
}

/// A run that was closed part-way may have moved every record, and nothing was written down of where that led.
fn who_moved(environment: &Environment, production: &SideName, history: &PairState) -> String {
    let moved = history.runs.iter().rev().find(|run| run.plan.pivot.is_some() && run.pivot_crossed());
    let closed = moved.filter(|run| match run.finished {
        Some((Outcome::Abandoned | Outcome::Superseded, _)) => true,
        Some((Outcome::Completed | Outcome::CompletedWithExceptions | Outcome::Undone, _)) | None => false,
    });
    let there = |run: &&Arc<RunState>| {
        let mut shifts = run.plan.shifts.iter();
        shifts.any(|shift| shift.environment == environment.name && shift.to == *production)
    };
    match closed.filter(there) {
        Some(run) => format!("run {}, which was closed part-way, moved the records", run.id),
        None => "somebody moved the records by hand".to_owned(),
    }
}

fn checks(observation: &Observation, snapshot: &Snapshot) -> Vec<Finding> {
    let failed = observation.checks.iter().filter_map(|(subject, check, outcome)| {
        let failure = outcome.as_ref().err()?;
        let owns =
            |book: &BTreeMap<_, Addresses>| book.values().any(|all| all.iter().any(|a| a == subject.address));
        let side =
            snapshot.addresses.iter().find(|(_, book)| owns(book)).map(|(side, _)| format!(" (side {side})"));
        let at = format!("{}{}", subject.address, side.unwrap_or_default());
        let message = format!("check {check} of {} at {at} failed: {failure}", subject.name);
        Some(Finding::error(FindingKind::CheckFailed, endpoint_of(observation, subject), message))
    });
    failed.collect()
}

fn endpoint_of(observation: &Observation, subject: &crate::port::Subject) -> Place {
    let mut all = observation.environments.iter().flat_map(|environment| {
        environment.endpoints.iter().enumerate().map(move |(index, endpoint)| (environment, index, endpoint))
    });
    match all.find(|(_, _, endpoint)| endpoint.standby == subject.name) {
        Some((environment, index, _)) => {
            Place::Endpoint { environment: environment.name.clone(), index, field: Role::Standby.into() }
        }
        None => Place::Pair,
    }
}
