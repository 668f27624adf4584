//! The plan of a drill: everything that can be tried without moving anybody, to see that it works and how long it takes.
//!
//! A step that fails stops no other, so that one drill tells everything at once; and what the preflight finds is told and stops nothing,
//! unless it cannot be said which side is production.

use std::time::Duration;

use super::planner::{asked_for, refuse_without_releases};
use super::steps::{Names, ask_stage, stage, standby_checks, step};
use super::{Intent, OnFailure, Plan, PlanError, Request, Shift, Stage, Step};
use crate::action::{Action, ProveFrozen, SyncStore, VerifyBackup, milliseconds};
use crate::model::{Direction, Environment, EnvironmentName, Pair, StorePolicy, StoreRef, Verification};
use crate::observe::{Finding, NameView, RoleState, Snapshot};
use crate::port::{Method, SyncPurpose};

/// How long a proof may take, connections and the stretch in which nothing moves included.
const PROOF_DEADLINE: Duration = Duration::from_secs(60);

/// A store with the way its data flows.
struct Tried<'a> {
    store: StoreRef,
    policy: &'a StorePolicy,
    direction: Direction,
    method: Option<Method>,
}

/// Makes the plan.
pub(super) fn drill(pair: &Pair, snapshot: &Snapshot, request: &Request) -> Result<Plan, PlanError> {
    refuse_without_releases(pair, snapshot, request)?;
    let environments = asked_for(pair, request)?;
    let sides = sides(pair, snapshot, &environments)?;
    let stores = stores(pair, snapshot, &sides);
    let views: Vec<&NameView> =
        snapshot.names.iter().filter(|view| environments.contains(&view.environment)).collect();
    let stages = [
        stage("Rehearse the syncs", stores.iter().map(Tried::rehearsal)),
        stage("Restore the newest backups beside the stand-by's data", stores.iter().map(Tried::trial)),
        stage("Prove that the stand-by refuses writes", stores.iter().map(Tried::proof)),
        standby_checks(pair, snapshot, &sides, "check stand-by"),
        ask_stage(pair, &Names::staying(&views)),
    ];
    let stages = stages.into_iter().flatten().map(tolerant).collect();
    Ok(Plan { stages, notes: notes(snapshot, request), ..Plan::without_stages(pair, Intent::Drill) })
}

/// From production to the stand-by, environment by environment, as a swap would go. No plan of a drill holds them.
fn sides(
    pair: &Pair,
    snapshot: &Snapshot,
    environments: &[EnvironmentName],
) -> Result<Vec<Shift>, PlanError> {
    let each = environments.iter().map(|environment| {
        let production = snapshot.roles.get(environment).and_then(RoleState::production);
        let from = production.ok_or_else(|| PlanError::NoProduction(environment.clone()))?.clone();
        let to = pair.opposite(&from)?.name.clone();
        Ok(Shift { environment: environment.clone(), from, to })
    });
    each.collect()
}

fn stores<'a>(pair: &'a Pair, snapshot: &Snapshot, sides: &[Shift]) -> Vec<Tried<'a>> {
    let each = sides.iter().flat_map(|shift| {
        let stores = pair.environment(&shift.environment).into_iter().flat_map(Environment::stores);
        stores.filter_map(|(store, policy)| {
            let direction = Direction::of(pair, &shift.from).ok()?;
            let method = snapshot.stores.get(&store).map(|seen| seen.method);
            Some(Tried { store, policy, direction, method })
        })
    });
    each.collect()
}

fn tolerant(mut stage: Stage) -> Stage {
    stage.steps.iter_mut().for_each(|step| step.on_failure = OnFailure::Note);
    stage
}

fn notes(snapshot: &Snapshot, request: &Request) -> Vec<String> {
    let found = snapshot.errors().map(|Finding { message, .. }| format!("the preflight found: {message}"));
    let release = request.release.iter().map(|release| {
        format!(
            "{release} was looked for by the preflight, where it would be deployed from; nothing is deployed"
        )
    });
    release.chain(found).collect()
}

impl Tried<'_> {
    fn rehearsal(&self) -> Option<Step> {
        let sync = SyncStore {
            store: self.store.clone(),
            direction: self.direction.clone(),
            purpose: SyncPurpose::Rehearsal,
            key: None,
            verify: Verification::Counts,
            overwrite: false,
            deadline_ms: milliseconds(self.policy.deadline),
        };
        step(&format!("rehearse {}", self.store), Action::SyncStore(sync), self.policy.deadline)
    }

    /// Only what is copied as a whole is backed up by key.
    fn trial(&self) -> Option<Step> {
        match self.method? {
            Method::Snapshot => {}
            Method::Mirror | Method::Streaming => return None,
        }
        let (store, side) = (self.store.clone(), self.direction.to().clone());
        let trial = VerifyBackup { store, side, deadline_ms: milliseconds(self.policy.deadline) };
        step(&format!("restore {}", self.store), Action::VerifyBackup(trial), self.policy.deadline)
    }

    fn proof(&self) -> Option<Step> {
        let proof = ProveFrozen { store: self.store.clone(), side: self.direction.to().clone() };
        step(&format!("prove {} frozen", self.store), Action::ProveFrozen(proof), PROOF_DEADLINE)
    }
}
