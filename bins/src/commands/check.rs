//! `switchover check`: everything that is wrong, at once, with its place and what was probably meant.

use std::sync::Arc;

use serde::Serialize;
use switchover::config::Warning;
use switchover::execute::Unwatched;
use switchover::model::PairName;
use switchover::observe::{Finding, Snapshot};

use super::Outcome;
use crate::args::{Common, Output};
use crate::exit::{Exit, Stop};
use crate::render::{self, GOOD, json, say, styled};
use crate::session::Session;

/// The findings for machines.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    pair: &'a str,
    fit: bool,
    findings: &'a [Finding],
    unlikely_names: Vec<Unlikely>,
}

/// A name that looks like a slip.
#[derive(Debug, Serialize)]
struct Unlikely {
    path: String,
    message: String,
    suggestion: Option<String>,
}

/// The command.
pub(super) async fn run(common: &Common, pair: Option<&PairName>, offline: bool) -> Outcome {
    if offline {
        return offline_only(common, pair);
    }
    let session = Session::open(common, pair, Arc::new(Unwatched)).await?;
    let journal = session.engine.journal().await?;
    let snapshot = session.engine.preflight(&session.pair.pair.environments, journal.state()).await;
    let warnings = switchover::config::lint(&session.pair.pair);
    let errors = snapshot.errors().count();
    match common.output {
        Output::Json | Output::Jsonl => {
            let document = document(&session, &snapshot, &warnings);
            render::out(&json(&document, common.output == Output::Jsonl)?)?;
        }
        Output::Table | Output::Markdown => for_people(&session, &snapshot, &warnings, common)?,
    }
    if errors == 0 {
        return Ok(Exit::Done);
    }
    let s = if errors == 1 { "" } else { "s" };
    Err(Stop::new(
        Exit::Refused,
        format!("{} is not fit for a swap: {errors} problem{s}", session.pair.pair.name),
    ))
}

fn document<'a>(session: &'a Session, snapshot: &'a Snapshot, warnings: &[Warning]) -> Document<'a> {
    Document {
        schema: "switchover/check/1",
        pair: session.pair.pair.name.as_str(),
        fit: snapshot.errors().next().is_none(),
        findings: &snapshot.findings,
        unlikely_names: warnings
            .iter()
            .map(|warning| Unlikely {
                path: warning.path.to_string(),
                message: warning.message.clone(),
                suggestion: warning.suggestion.clone(),
            })
            .collect(),
    }
}

fn for_people(
    session: &Session,
    snapshot: &Snapshot,
    warnings: &[Warning],
    common: &Common,
) -> Result<(), Stop> {
    let pair = &session.pair.pair;
    render::findings::show(&session.config, &pair.name, &snapshot.findings);
    for warning in warnings {
        render::problems::show_warning(&session.config, warning);
    }
    render::out(&render::status::roles(pair, snapshot, common.output))?;
    if snapshot.findings.is_empty() && warnings.is_empty() {
        let names = snapshot.names.len();
        say(format_args!(
            "{} {names} names lead where they should; every credential can write",
            styled(GOOD, "fit:")
        ));
    }
    Ok(())
}

fn offline_only(common: &Common, pair: Option<&PairName>) -> Outcome {
    let loaded = crate::load::load(&common.config)?;
    let warnings = if pair.is_some() {
        let found = loaded.config.pair(pair);
        let found = found.map_err(|error| Stop::new(Exit::Usage, error.to_string()))?;
        switchover::config::lint(&found.pair)
    } else {
        loaded.config.lint()
    };
    for warning in &warnings {
        render::problems::show_warning(&loaded.config, warning);
    }
    let s = if warnings.len() == 1 { "" } else { "s" };
    say(format_args!(
        "{} is well formed; {} name{s} look like slips",
        common.config.display(),
        warnings.len()
    ));
    Ok(Exit::Done)
}
