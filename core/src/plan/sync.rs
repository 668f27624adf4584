//! The planner of a sync by itself: which stores, which way, how thoroughly.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::planner::finished;
use super::steps::stage;
use super::stores::Ordered;
use super::{Intent, OnFailure, Plan, PlanError, Step};
use crate::journal::{Owed, PairState};
use crate::model::{
    BackupKey, Direction, Environment, EnvironmentName, Pair, StorePolicy, StoreRef, Verification,
};
use crate::observe::{Finding, FindingKind, Place, Snapshot};
use crate::port::SyncPurpose;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRequest {
    /// The stores; all of the pair if none are named.
    pub stores: BTreeSet<StoreRef>,
    /// The key; `None`: the minute in which the run begins.
    pub key: Option<BackupKey>,
    /// Whether to compare all content, due or not.
    pub content: bool,
    /// Whether the stand-by's data may be lost even where it holds what production does not.
    pub overwrite: bool,
    /// Whether to say only what would be done.
    pub rehearse: bool,
}

impl SyncRequest {
    /// Every store, with nothing special.
    pub fn routine() -> Self {
        Self { stores: BTreeSet::new(), key: None, content: false, overwrite: false, rehearse: false }
    }
}

/// Makes a plan that syncs stores, always from the side that *is* production to the other one.
///
/// The plan has passed [`super::verify`]. Only what concerns these stores can stop it: a sync goes on while a check fails or a zone
/// cannot be changed.
pub fn plan_sync(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &SyncRequest,
) -> Result<Plan, PlanError> {
    if let Some(open) = history.open_run() {
        return Err(PlanError::RunOpen(open.id.clone()));
    }
    let wanted = wanted(pair, request)?;
    refuse_owed(history, &wanted)?;
    refuse_unfit(snapshot, &wanted, request)?;
    let mut steps = Vec::new();
    for (store, policy) in wanted {
        let roles = snapshot.roles.get(&store.environment);
        let Some(production) = roles.and_then(|roles| roles.production()) else {
            return Err(PlanError::NoProduction(store.environment));
        };
        if let Some(waiting) = history.unfinalized(&store.environment) {
            return Err(PlanError::ReleaseOpen { environment: store.environment, run: waiting.id.clone() });
        }
        let direction = Direction::of(pair, production)?;
        let verify = if request.content || content_due(policy, snapshot, history, &store) {
            Verification::Content
        } else {
            Verification::Counts
        };
        let purpose = if request.rehearse { SyncPurpose::Rehearsal } else { SyncPurpose::Routine };
        let (key, overwrite, deadline) = (request.key.clone(), request.overwrite, policy.deadline);
        steps.push(Ordered { store, direction, purpose, key, verify, overwrite, deadline }.step());
    }
    let several = steps.len() > 1;
    // What became of one store is no reason to leave the others.
    let on_failure = if several { OnFailure::Note } else { OnFailure::Stop };
    let steps = steps.into_iter().map(|step| step.map(|step| Step { on_failure, ..step }));
    let stages = stage("Bring the stand-by's data up to date", steps).into_iter().collect();
    let plan = Plan { stages, ..Plan::without_stages(pair, Intent::Sync) };
    finished(pair, snapshot, history, plan)
}

/// Nothing is written to a side that may hold what production does not.
fn refuse_owed(history: &PairState, wanted: &[(StoreRef, &StorePolicy)]) -> Result<(), PlanError> {
    let concerned = |owed: &Owed| wanted.iter().any(|(store, _)| store.environment == owed.environment);
    match history.owed().into_iter().find(concerned) {
        Some(owed) => Err(PlanError::Owed(Box::new(owed))),
        None => Ok(()),
    }
}

/// The stores that were asked for, in the order of the file.
fn wanted<'a>(pair: &'a Pair, request: &SyncRequest) -> Result<Vec<(StoreRef, &'a StorePolicy)>, PlanError> {
    for store in &request.stores {
        let environment = pair.environment(&store.environment)?;
        if !environment.stores.iter().any(|policy| policy.name == store.store) {
            return Err(PlanError::NoSuchStore(store.clone()));
        }
    }
    let all = pair.environments.iter().flat_map(Environment::stores);
    Ok(all.filter(|(store, _)| request.stores.is_empty() || request.stores.contains(store)).collect())
}

fn refuse_unfit(
    snapshot: &Snapshot,
    wanted: &[(StoreRef, &StorePolicy)],
    request: &SyncRequest,
) -> Result<(), PlanError> {
    let environments: BTreeSet<&EnvironmentName> =
        wanted.iter().map(|(store, _)| &store.environment).collect();
    let stops = |finding: &&Finding| match (&finding.place, finding.kind) {
        // The sync itself freezes the stand-by.
        (Place::Store { .. }, FindingKind::BothWritable | FindingKind::StoreUnguarded)
        | (
            Place::Pair
            | Place::Side { .. }
            | Place::Zone { .. }
            | Place::Delivery { .. }
            | Place::Setting { .. }
            | Place::Announcer { .. }
            | Place::RoleTable
            | Place::StatusPage { .. },
            _,
        ) => false,
        (Place::Store { .. }, FindingKind::StoreDiverged) if request.overwrite => false,
        (Place::Store { store }, _) => wanted.iter().any(|(known, _)| known == store),
        (Place::Endpoint { environment, .. } | Place::Environment { environment }, kind) => {
            let of_roles = matches!(kind, FindingKind::WrongSide | FindingKind::RolesUnclear);
            of_roles && environments.contains(environment)
        }
    };
    let errors: Vec<Finding> = snapshot.errors().filter(stops).cloned().collect();
    if errors.is_empty() { Ok(()) } else { Err(PlanError::Unfit(errors)) }
}

/// Whether all content was not compared for so long that this sync shall do it.
fn content_due(policy: &StorePolicy, snapshot: &Snapshot, history: &PairState, store: &StoreRef) -> bool {
    let Some(every) = policy.content_every else { return false };
    let Some(last) = history.stores.get(store).and_then(|known| known.content_compared) else { return true };
    let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
    snapshot.at.duration_since(last) >= every
}
