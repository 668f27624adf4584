//! A plan with its real values.

use std::collections::BTreeSet;

use serde::Serialize;
use switchover::action::{Action, ChangeRecords, PlannedChange, Servers};
use switchover::model::RecordData;
use switchover::observe::Snapshot;
use switchover::plan::{Intent, Plan, Step};

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
    plan: &'a Plan,
}

/// A plan in the form that was asked for.
pub(crate) fn plan(plan: &Plan, snapshot: &Snapshot, output: Output) -> Result<String, Stop> {
    let document = Document {
        schema: "switchover/plan/1",
        digest: plan.digest().to_string(),
        empty: plan.is_empty(),
        plan,
    };
    match output {
        Output::Json => json(&document, false),
        Output::Jsonl => json(&document, true),
        Output::Table | Output::Markdown => Ok(for_people(plan, snapshot, output)),
    }
}

fn for_people(plan: &Plan, snapshot: &Snapshot, output: Output) -> String {
    if plan.is_empty() {
        return format!("{}: nothing to do\n", plan.pair);
    }
    let mut text = format!("{}\n", styled(BOLD, title(plan)));
    for shift in &plan.shifts {
        text += &format!("  {}: production from {} to {}\n", shift.environment, shift.from, shift.to);
    }
    text.push('\n');
    text += &table(output, &["environment", "name", "type", "from", "to", "ttl"], rows(plan, snapshot));
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
    }
}

fn changed(action: &Action) -> Option<&ChangeRecords> {
    match action {
        Action::ChangeRecords(change) => Some(change),
        Action::AwaitRecords(_) | Action::RunChecks(_) | Action::Hold(_) => None,
    }
}

/// One row a record, in the order of the file: what becomes of its address and of its TTL in the end.
fn rows(plan: &Plan, snapshot: &Snapshot) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut shown = BTreeSet::new();
    let changes: Vec<&PlannedChange> =
        plan.steps().filter_map(|step| changed(&step.action)).flat_map(|change| &change.changes).collect();
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
    };
    format!("{}: {detail}", step.id)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
