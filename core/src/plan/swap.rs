//! The stages of a swap, in order.

use super::gate::{gate_stage, soak_stage};
use super::release::Deliveries;
use super::steps::{Names, checks, hold_stage, read_back_stage, restore_stage, standby_checks, swap_stage};
use super::stores::Stores;
use super::{Intent, OnFailure, Plan, PlanError, Request, Shift, Stage, Step, Waiver};
use crate::journal::PairState;
use crate::model::{Pair, Role};
use crate::observe::Snapshot;

/// A swap of these shifts: everything before its pivot, the pivot, and everything after it.
pub(super) fn swap(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    request: &Request,
    shifts: Vec<Shift>,
) -> Result<Plan, PlanError> {
    let names = Names::moving(snapshot, &shifts);
    let release = request.release.clone();
    let mut plan = Plan { release, shifts, ..Plan::without_stages(pair, request.intent) };
    let stores = Stores::moving(pair, snapshot, &plan.shifts);
    let Some(swap) = pivot_stage(&names, &stores) else {
        plan.shifts.clear();
        return Ok(plan);
    };
    plan.waivers.clone_from(&request.waivers);
    let unchecked = plan.waivers.contains(&Waiver::Checks);
    plan.pivot = swap.steps.first().map(|step| step.id.clone());
    plan.notes = notes(pair, &names, &stores);
    plan.notes.extend(not_deployed(&plan, snapshot));
    let deliveries = Deliveries { pair, snapshot };
    let after = [
        stores.fence(),
        Some(swap),
        read_back_stage(pair, snapshot, &names, &plan.shifts, beside_read_back(&plan, &deliveries, &stores))
            .map(|stage| forgiving(stage, unchecked)),
        hold_stage(pair, &names, &plan.shifts),
        if plan.waivers.contains(&Waiver::Soak) { None } else { soak(pair, snapshot, &plan.shifts) },
        // A release is closed by its finalize.
        if plan.release.is_none() { deliveries.reopen(&plan.shifts) } else { None },
        restore_stage(&names, history),
    ];
    let before = until_last_syncs(pair, snapshot, request, &plan, &stores)?;
    let data = stores.last_syncs().into_iter();
    plan.stages = before.into_iter().chain(data).chain(after.into_iter().flatten()).collect();
    super::announce::tell(&mut plan, pair, snapshot, history);
    Ok(plan)
}

/// Everything before production is frozen: it may take days.
fn until_last_syncs(
    pair: &Pair,
    snapshot: &Snapshot,
    request: &Request,
    plan: &Plan,
    stores: &Stores<'_>,
) -> Result<Vec<Stage>, PlanError> {
    let deliveries = Deliveries { pair, snapshot };
    let unchecked = plan.waivers.contains(&Waiver::Checks);
    let check = |verb| (!unchecked).then(|| standby_checks(pair, snapshot, &plan.shifts, verb)).flatten();
    let targets = plan.shifts.iter().map(|shift| (&shift.environment, &shift.to, &shift.from));
    let deploy = plan
        .release
        .as_ref()
        .filter(|_| !plan.waivers.contains(&Waiver::Deployment))
        .and_then(|release| deliveries.deploy(release, "Deploy the release to the stand-by", targets));
    let gate =
        if plan.intent == Intent::Switchover { gate_stage(pair, request, &plan.shifts)? } else { None };
    let mut stages = vec![deliveries.quiet(&plan.shifts, &plan.waivers), deploy];
    if gate.is_some() {
        let copy = if plan.waivers.contains(&Waiver::ReviewCopy) { None } else { stores.for_review() };
        stages.extend([copy, check("check stand-by for review"), gate]);
    }
    stages.extend([check("check stand-by"), stores.warm_up()]);
    Ok(stages.into_iter().flatten().collect())
}

/// What must be done soon after the pivot and keeps no user waiting.
fn beside_read_back(plan: &Plan, deliveries: &Deliveries<'_>, stores: &Stores<'_>) -> Vec<Option<Step>> {
    let as_they_are = plan.waivers.contains(&Waiver::Settings);
    let mut steps = if as_they_are { Vec::new() } else { deliveries.settings(&plan.shifts) };
    // The former production runs the release before: it gets no data of the new one until it is finalized.
    if plan.release.is_none() {
        steps.extend(stores.turns());
    }
    steps
}

fn soak(pair: &Pair, snapshot: &Snapshot, shifts: &[Shift]) -> Option<Stage> {
    let watched = checks(pair, snapshot, shifts, Role::Production).into_values().flatten().collect();
    soak_stage(pair, shifts, watched)
}

/// Lets the checks of a stage fail without stopping the run, where somebody opened that gate.
pub(super) fn forgiving(mut stage: Stage, unchecked: bool) -> Stage {
    let checks = stage.steps.iter_mut().filter(|step| unchecked && step.action.as_run_checks().is_some());
    for step in checks {
        step.on_failure = OnFailure::Note;
    }
    stage
}

/// Moves the names and lets the new side take writes. Where an earlier run moved the names and no more, what it left of that.
fn pivot_stage(names: &Names, stores: &Stores<'_>) -> Option<Stage> {
    match swap_stage(names) {
        Some(mut swap) => {
            swap.steps.extend(stores.thaws());
            Some(swap)
        }
        None if stores.all_moved() => None,
        None => Some(Stage { title: "Let the new production take writes".to_owned(), steps: stores.thaws() }),
    }
}

/// What the stand-by runs where a release is not deployed there.
fn not_deployed(plan: &Plan, snapshot: &Snapshot) -> Vec<String> {
    let Some(release) = plan.release.as_ref().filter(|_| plan.waivers.contains(&Waiver::Deployment)) else {
        return Vec::new();
    };
    let others = plan.shifts.iter().filter_map(|Shift { environment, to, .. }| {
        let runs = snapshot.release(to, environment).filter(|runs| *runs != release)?;
        Some(format!("{release} is not deployed: in {environment} users get {runs}, which side {to} runs"))
    });
    others.collect()
}

fn notes(pair: &Pair, names: &Names, stores: &Stores<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let longest = names.longest_ttl();
    if longest > pair.dns.swap_ttl && !names.all_proxied() {
        notes.push(format!(
            "some records may be kept for {} s: until then users can reach the old side; `swap-roles --prepare` lowers TTLs ahead",
            longest.as_secs()
        ));
    }
    if names.any_proxied() {
        notes.push(
            "proxied names show Cloudflare's edge in DNS, which follows within five minutes; they are read back from the API"
                .to_owned(),
        );
    }
    if stores.is_empty() {
        notes.push("this moves names only: data written on a side stays on that side".to_owned());
    }
    notes
}
