//! Who is production, where every name leads, and what is open.

use jiff::Timestamp;
use serde::Serialize;
use switchover::journal::{Owed, PairState, RunState};
use switchover::model::{EnvironmentName, Pair, Role, SideName};
use switchover::observe::{NameView, Snapshot, holding};

use super::run::state;
use super::table::table;
use super::{BOLD, WARN, json, styled};
use crate::args::Output;
use crate::exit::Stop;

/// A pair's state for machines.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    pair: &'a str,
    sides: Vec<SideRow<'a>>,
    open_run: Option<&'a str>,
    waits_for: Vec<PendingRow>,
    unfinalized: Vec<UnfinalizedRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owed: Vec<Owed>,
    snapshot: &'a Snapshot,
}

/// A group whose approval is missing.
#[derive(Debug, Serialize)]
struct PendingRow {
    group: String,
    missing: u32,
    members: Vec<String>,
}

/// A release that waits for its end.
#[derive(Debug, Serialize)]
struct UnfinalizedRow {
    environment: String,
    release: String,
    run: String,
}

#[derive(Debug, Serialize)]
struct SideRow<'a> {
    side: &'a str,
    project: Option<&'a str>,
    environment: &'a str,
    role: String,
    release: Option<String>,
    embargo: bool,
}

fn sides<'a>(pair: &'a Pair, snapshot: &Snapshot) -> Vec<SideRow<'a>> {
    let environments = pair.environments.iter().filter_map(|e| Some((e, snapshot.roles.get(&e.name)?)));
    let rows = environments.flat_map(|(environment, roles)| {
        pair.sides.iter().map(move |side| SideRow {
            side: side.name.as_str(),
            project: side.project.as_deref(),
            environment: environment.name.as_str(),
            role: holding(Some(roles), &side.name).to_string(),
            release: release(snapshot, &side.name, &environment.name),
            embargo: embargo(snapshot, &side.name, &environment.name),
        })
    });
    rows.collect()
}

/// The release that runs on a side, with one that is on its way.
fn release(snapshot: &Snapshot, side: &SideName, environment: &EnvironmentName) -> Option<String> {
    let view = snapshot.deliveries.get(side)?.releases.get(environment)?;
    let current = view.current.as_ref().map_or("none".to_owned(), |found| found.release.to_string());
    let coming = view.under_way.first().map(|found| format!(" (deploying {})", found.release));
    Some(current + &coming.unwrap_or_default())
}

fn embargo(snapshot: &Snapshot, side: &SideName, environment: &EnvironmentName) -> bool {
    let view = snapshot.deliveries.get(side).and_then(|view| view.embargoes.get(environment));
    view.is_some_and(|view| view.imposed.is_some())
}

/// The role table; with releases and embargoes where they were looked at.
pub(crate) fn roles(pair: &Pair, snapshot: &Snapshot, output: Output) -> String {
    let delivered = !snapshot.deliveries.is_empty();
    let rows = sides(pair, snapshot).into_iter().map(|row| {
        let project = row.project.unwrap_or("-").to_owned();
        let mut cells = vec![row.side.to_owned(), project, row.environment.to_owned(), row.role];
        if delivered {
            let embargo = if row.embargo { "yes" } else { "-" };
            cells.extend([row.release.unwrap_or("-".to_owned()), embargo.to_owned()]);
        }
        cells
    });
    let heads = ["side", "project", "environment", "current role", "release", "embargo"];
    table(output, &heads[..if delivered { 6 } else { 4 }], rows)
}

/// What the open run waits for.
fn pending(history: &PairState, now: Timestamp) -> Vec<PendingRow> {
    let Some(run) = history.open_run() else { return Vec::new() };
    let missing = run.open_gate().map(|gate| gate.pending(run, now)).unwrap_or_default();
    missing
        .into_iter()
        .map(|(group, missing)| PendingRow {
            group: group.name.to_string(),
            missing,
            members: group.members.iter().cloned().collect(),
        })
        .collect()
}

fn unfinalized(pair: &Pair, history: &PairState) -> Vec<UnfinalizedRow> {
    let open = pair.environments.iter().filter_map(|environment| {
        let run: &RunState = history.unfinalized(&environment.name)?;
        Some(UnfinalizedRow {
            environment: environment.name.to_string(),
            release: run.plan.release.as_ref()?.to_string(),
            run: run.id.to_string(),
        })
    });
    open.collect()
}

/// The whole state of a pair.
pub(crate) fn status(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    now: Timestamp,
    output: Output,
) -> Result<String, Stop> {
    let document = Document {
        schema: "switchover/status/1",
        pair: pair.name.as_str(),
        sides: sides(pair, snapshot),
        open_run: history.open_run().map(|run| run.id.as_str()),
        waits_for: pending(history, now),
        unfinalized: unfinalized(pair, history),
        owed: history.owed(),
        snapshot,
    };
    match output {
        Output::Json => json(&document, false),
        Output::Jsonl => json(&document, true),
        Output::Table | Output::Markdown => Ok(for_people(pair, snapshot, history, now, output)),
    }
}

fn for_people(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    now: Timestamp,
    output: Output,
) -> String {
    let mut text = format!("{}\n\n{}\n", styled(BOLD, &pair.name), roles(pair, snapshot, output));
    text += &table(
        output,
        &["environment", "name", "role", "leads to", "side", "ttl"],
        snapshot.names.iter().map(name),
    );
    text += &super::stores::stores(pair, snapshot, history, output);
    if let Some(run) = history.open_run() {
        text += &format!(
            "\n{} run {} ({}) is {}: `swap-roles --resume` or `swap-roles --abort`\n",
            styled(WARN, "open:"),
            run.id,
            run.plan.intent,
            state(run)
        );
    }
    for row in pending(history, now) {
        let members = row.members.join(", ");
        text += &format!(
            "  it waits for {} of {} ({members}): `switchover approve --group {}`\n",
            row.missing, row.group, row.group
        );
    }
    for row in unfinalized(pair, history) {
        text += &format!(
            "\n{} {} in {}: `swap-roles --finalize` ends it, `swap-roles --revert` takes it back\n",
            styled(WARN, "not finalized:"),
            row.release,
            row.environment
        );
    }
    for owed in history.owed() {
        text += &format!("\n{} {owed}: run `swap-roles --reprotect {}`\n", styled(WARN, "owed:"), pair.name);
    }
    let lowered = history.prepared.len();
    if lowered > 0 {
        text += &format!(
            "\nThe TTLs of {lowered} records are lowered for a swap; `swap-roles --restore-ttl` sets them back\n"
        );
    }
    text
}

fn name(view: &NameView) -> Vec<String> {
    let joined = |cells: Vec<String>| if cells.is_empty() { "-".to_owned() } else { cells.join(", ") };
    let data = view.records.iter().map(|record| record.value.data.to_string()).collect();
    let ttl = view
        .records
        .iter()
        .map(|record| if record.proxied { "proxied".to_owned() } else { record.value.ttl.to_string() });
    let role = match view.role {
        Role::Production => "production",
        Role::Standby => "stand-by",
    };
    let side = view.at.as_ref().map_or("-".to_owned(), ToString::to_string);
    let (environment, name) = (view.environment.to_string(), view.name.to_string());
    vec![environment, name, role.to_owned(), joined(data), side, joined(ttl.collect())]
}
