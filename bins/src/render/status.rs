//! Who is production, where every name leads, and what is open.

use serde::Serialize;
use switchover::journal::{Owed, PairState};
use switchover::model::{Pair, Role};
use switchover::observe::{NameView, RoleState, Snapshot};

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owed: Vec<Owed>,
    snapshot: &'a Snapshot,
}

#[derive(Debug, Serialize)]
struct SideRow<'a> {
    side: &'a str,
    project: Option<&'a str>,
    environment: &'a str,
    role: String,
}

fn sides<'a>(pair: &'a Pair, snapshot: &Snapshot) -> Vec<SideRow<'a>> {
    let environments = pair.environments.iter().filter_map(|e| Some((e, snapshot.roles.get(&e.name)?)));
    let rows = environments.flat_map(|(environment, roles)| {
        pair.sides.iter().map(move |side| SideRow {
            side: side.name.as_str(),
            project: side.project.as_deref(),
            environment: environment.name.as_str(),
            role: match roles {
                RoleState::Settled { production } if *production == side.name => Role::Production.to_string(),
                RoleState::Settled { .. } => Role::Standby.to_string(),
                RoleState::Split { .. } => "part-way".to_owned(),
                RoleState::Unknown => "unknown".to_owned(),
            },
        })
    });
    rows.collect()
}

/// The role table.
pub(crate) fn roles(pair: &Pair, snapshot: &Snapshot, output: Output) -> String {
    let rows = sides(pair, snapshot).into_iter().map(|row| {
        let project = row.project.unwrap_or("-").to_owned();
        vec![row.side.to_owned(), project, row.environment.to_owned(), row.role]
    });
    table(output, &["side", "project", "environment", "current role"], rows)
}

/// The whole state of a pair.
pub(crate) fn status(
    pair: &Pair,
    snapshot: &Snapshot,
    history: &PairState,
    output: Output,
) -> Result<String, Stop> {
    let document = Document {
        schema: "switchover/status/1",
        pair: pair.name.as_str(),
        sides: sides(pair, snapshot),
        open_run: history.open_run().map(|run| run.id.as_str()),
        owed: history.owed(),
        snapshot,
    };
    match output {
        Output::Json => json(&document, false),
        Output::Jsonl => json(&document, true),
        Output::Table | Output::Markdown => Ok(for_people(pair, snapshot, history, output)),
    }
}

fn for_people(pair: &Pair, snapshot: &Snapshot, history: &PairState, output: Output) -> String {
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
