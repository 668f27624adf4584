//! A plan with its real values.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use switchover::action::{Action, Gate, PlannedChange, Rule, Servers, SyncStore};
use switchover::config::Period;
use switchover::journal::PairState;
use switchover::model::{Pair, RecordData, Verification};
use switchover::observe::Snapshot;
use switchover::plan::{Intent, Plan, Step, losses};
use switchover::port::SyncPurpose;
use switchover::report::{Estimate, Expected};

use super::recovery::expected;
use super::table::table;
use super::{BOLD, DIM, json, styled};
use crate::args::Output;
use crate::exit::Stop;

/// A plan for machines.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    digest: String,
    empty: bool,
    writes_refused: Option<Estimate>,
    users_moved: Option<Expected>,
    plan: &'a Plan,
}

/// A plan in the form that was asked for.
pub(crate) fn plan(
    plan: &Plan,
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    output: Output,
) -> Result<String, Stop> {
    let document = Document {
        schema: "switchover/plan/1",
        digest: plan.digest().to_string(),
        empty: plan.is_empty(),
        writes_refused: Estimate::of(plan, history),
        users_moved: Expected::of(plan, pair, history),
        plan,
    };
    match output {
        Output::Json => json(&document, false),
        Output::Jsonl => json(&document, true),
        Output::Table | Output::Markdown => Ok(for_people(&document, snapshot, history, output)),
    }
}

fn for_people(document: &Document<'_>, snapshot: &Snapshot, history: &PairState, output: Output) -> String {
    let plan = document.plan;
    if plan.is_empty() {
        return format!("{}: nothing to do\n", plan.pair);
    }
    let mut text = format!("{}\n", styled(BOLD, title(plan)));
    if let Some(release) = &plan.release {
        text += &format!("  release {release}\n");
    }
    for shift in plan.shifts.iter().filter(|shift| shift.from != shift.to) {
        text += &format!("  {}: production from {} to {}\n", shift.environment, shift.from, shift.to);
    }
    let rows = rows(plan, snapshot);
    if !rows.is_empty() {
        text.push('\n');
        text += &table(output, &["environment", "name", "type", "from", "to", "ttl"], rows);
    }
    text += "\nStages\n";
    for (place, stage) in plan.stages.iter().enumerate() {
        let pivot = if Some(place) == plan.pivot_stage() {
            styled(DIM, "   (the point of no return)")
        } else {
            String::new()
        };
        text += &format!("  {}. {}{pivot}\n", place + 1, stage.title);
        for step in &stage.steps {
            text += &format!("     - {}\n", what(step));
        }
    }
    text += &refusal(plan, history);
    text += &document.users_moved.as_ref().map(expected).unwrap_or_default();
    text += &lost(plan, snapshot);
    for waiver in &plan.waivers {
        text += &format!("\nNot waited for, as asked: {}\n", waiver.meaning());
    }
    for note in &plan.notes {
        text += &format!("\nNote: {note}\n");
    }
    text + &format!("\nDigest {}\n", plan.digest())
}

fn title(plan: &Plan) -> String {
    match plan.intent {
        Intent::Switchover => format!("Switchover of {}", plan.pair),
        Intent::Revert => format!("Revert the latest switchover of {}", plan.pair),
        Intent::Prepare => format!("Prepare {} for a switchover", plan.pair),
        Intent::RestoreTtl => format!("Restore the TTLs of {}", plan.pair),
        Intent::Failover => format!("Failover of {}", plan.pair),
        Intent::Reprotect => format!("Reprotect {}", plan.pair),
        Intent::Sync => format!("Bring the stand-by of {} up to date", plan.pair),
        Intent::Finalize => format!("Finalize the release of {}", plan.pair),
        Intent::Drill => format!("Drill of {}: nobody is moved", plan.pair),
    }
}

/// One row a record, in the order of the file: what becomes of its address and of its TTL in the end.
fn rows(plan: &Plan, snapshot: &Snapshot) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut shown = BTreeSet::new();
    let changes: Vec<&PlannedChange> = plan
        .steps()
        .filter_map(|step| step.action.as_change_records())
        .flat_map(|change| &change.changes)
        .collect();
    for view in &snapshot.names {
        for record in &view.records {
            let kind = record.kind();
            let mut planned =
                changes.iter().filter(|change| change.name == record.name && change.kind == kind);
            let Some(first) = planned.next() else { continue };
            if shown.insert((&record.name, kind.clone())) {
                rows.push(row(
                    view.environment.to_string(),
                    snapshot,
                    first,
                    planned.next_back().unwrap_or(first),
                ));
            }
        }
    }
    rows
}

fn row(environment: String, snapshot: &Snapshot, first: &PlannedChange, last: &PlannedChange) -> Vec<String> {
    let from = owned(snapshot, &first.from.data);
    let to =
        if first.from.data == last.to.data { "stays".to_owned() } else { owned(snapshot, &last.to.data) };
    let ttl = if first.proxied {
        "proxied".to_owned()
    } else if first.from.ttl == last.to.ttl {
        first.from.ttl.to_string()
    } else {
        format!("{} to {}", first.from.ttl, last.to.ttl)
    };
    vec![environment, first.name.to_string(), first.kind.to_string(), from, to, ttl]
}

/// An address and the side that it belongs to.
fn owned(snapshot: &Snapshot, data: &RecordData) -> String {
    let address = data.address();
    let owner = snapshot.addresses.iter().find(|(_, book)| {
        book.values().any(|addresses| addresses.iter().any(|known| Some(known) == address))
    });
    match owner {
        Some((side, _)) => format!("{data} ({side})"),
        None => data.to_string(),
    }
}

fn what(step: &Step) -> String {
    let detail = match &step.action {
        Action::ChangeRecords(change) => format!("{}, one batch", counted(change.changes.len(), "record")),
        Action::AwaitRecords(wait) => {
            let who = match &wait.servers {
                Servers::Authoritative(_) => "every authoritative server",
                Servers::Resolvers(_) => "the public resolvers",
            };
            format!("{} at {who}, within {} s", counted(wait.names.len(), "name"), step.deadline().as_secs())
        }
        Action::RunChecks(checks) => {
            format!("{}, within {} s", counted(checks.checks.len(), "check"), step.deadline().as_secs())
        }
        Action::Hold(hold) => {
            format!("for {} s after the stage before", hold.duration().as_secs())
        }
        Action::FreezeStore(freeze) => match freeze.lease() {
            Some(lease) => {
                format!("refuse writes on {}, proved; ends by itself after {}", freeze.side, Period(lease))
            }
            None => format!("refuse writes on {} until somebody lets them in", freeze.side),
        },
        Action::ThawStore(thaw) => format!("let {} take writes", thaw.side),
        Action::SyncStore(sync) => brought(sync),
        Action::ProveFrozen(proof) => format!("writes are tried on {}, and refused", proof.side),
        Action::VerifyBackup(trial) => {
            format!("beside the data of {}, compared, and removed again", trial.side)
        }
        Action::Deploy(deploy) => {
            format!("while nothing is deployed to {}, within {}", deploy.other, Period(step.deadline()))
        }
        Action::SetEmbargo(set) => match set.rule {
            Rule::Imposed => format!("nothing is to be deployed to {}", set.side),
            Rule::Lifted => format!("{} may be deployed to again", set.side),
        },
        Action::SwitchSchedules(switch) => listed(switch.schedules.iter().map(|schedule| &schedule.name)),
        Action::ChangeSettings(change) => {
            let names = listed(change.settings.iter().map(|planned| &planned.setting));
            format!("to the values of the {}: {names}", change.role)
        }
        Action::Gate(gate) => gated(gate),
        Action::Soak(soak) => {
            let checks = counted(soak.checks.len(), "check");
            format!("for {} after the stage before, {checks} again and again", Period(soak.duration()))
        }
        Action::Announce(announce) => {
            format!("{}; nothing waits for it, tried for {} s", announce.moment, step.deadline().as_secs())
        }
        Action::WriteRoleTable(write) => counted(write.rows.len(), "row"),
        Action::TakeOver(taken) => {
            format!("nothing arrives on {} any more; as of {}", taken.side, taken.as_of.strftime("%F %T UTC"))
        }
        Action::FenceLost(fence) => {
            let proof = if fence.prove { ", and prove it" } else { "" };
            format!(
                "refuse writes on {} if it answers, within {} s{proof}",
                fence.side,
                step.deadline().as_secs()
            )
        }
        Action::KeepData(keep) => format!("what {} holds, before anything is written over it", keep.side),
    };
    format!("{}: {detail}", step.id)
}

fn listed<T: std::fmt::Display>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

fn gated(gate: &Gate) -> String {
    let groups = gate.groups.iter().map(|group| {
        let members = listed(group.members.iter());
        format!("{} of {} ({members})", group.needed, group.name)
    });
    let mut words = Vec::new();
    if !gate.groups.is_empty() {
        let expire = Period(Duration::from_millis(gate.expire_ms));
        words.push(format!("approved by {}, within {expire}", listed(groups)));
    }
    let windows = gate.windows.iter().take(2).map(|window| {
        let closes = window.closes.map(|at| format!(" to {}", at.strftime("%F %R"))).unwrap_or_default();
        format!("{}{closes}", window.opens.strftime("%F %R"))
    });
    if !gate.windows.is_empty() {
        words.push(format!("from {} (UTC)", windows.collect::<Vec<_>>().join(", or ")));
    }
    words.join("; ")
}

fn brought(sync: &SyncStore) -> String {
    if sync.purpose == SyncPurpose::Rehearsal {
        return format!("{}, nothing is written", sync.direction);
    }
    let how = match sync.verify {
        Verification::None => "not compared",
        Verification::Counts => "counts compared",
        Verification::Content => "all content compared",
    };
    let key = sync.key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
    let over = if sync.overwrite { ", writing over what only the stand-by holds" } else { "" };
    format!("{}{key}, {how}{over}", sync.direction)
}

/// How long writes will be refused, in words; empty where none are.
fn refusal(plan: &Plan, history: &PairState) -> String {
    let Some(estimate) = Estimate::of(plan, history) else { return String::new() };
    let known = Period(Duration::from_millis(estimate.refused_ms.div_ceil(100) * 100));
    if estimate.unmeasured.is_empty() {
        return format!("\nWrites will be refused for about {known}, by what earlier runs took\n");
    }
    let stores: Vec<String> = estimate.unmeasured.iter().map(ToString::to_string).collect();
    let stores = stores.join(", ");
    if estimate.refused_ms == 0 {
        return format!(
            "\nWrites will be refused while the last data is brought over; {stores}: never measured\n"
        );
    }
    format!(
        "\nWrites will be refused for at least {known}, by what earlier runs took; {stores}: never measured\n"
    )
}

/// What a failover may lose, in words; empty for any other plan.
fn lost(plan: &Plan, snapshot: &Snapshot) -> String {
    let losses = losses(plan, snapshot.at);
    if losses.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = losses.iter().map(|loss| format!("  {loss}\n")).collect();
    format!("\nWhat may be lost\n{}", lines.concat())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
