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
use crate::load::{Loaded, load};
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

/// The command. What the file alone shows comes first, so that it is seen even where no system can be asked.
pub(super) async fn run(common: &Common, pair: Option<&PairName>, offline: bool) -> Outcome {
    let loaded = load(&common.config)?;
    let warnings = slips(&loaded, pair)?;
    let for_people = matches!(common.output, Output::Table | Output::Markdown);
    if for_people || offline {
        for warning in &warnings {
            render::problems::show_warning(&loaded.config, warning);
        }
    }
    if offline {
        let (file, count) = (common.config.display(), warnings.len());
        let s = if count == 1 { "" } else { "s" };
        say(format_args!("{file} is well formed; {count} name{s} look like slips"));
        return Ok(Exit::Done);
    }
    let session = Session::connect(loaded, pair, Arc::new(Unwatched)).await?;
    let journal = session.engine.journal().await?;
    let snapshot = session.engine.preflight(&session.pair.pair.environments, journal.state()).await;
    if for_people {
        tell(&session, &snapshot, &warnings, common)?;
    } else {
        let document = document(&session, &snapshot, &warnings);
        render::out(&json(&document, common.output == Output::Jsonl)?)?;
    }
    match snapshot.errors().count() {
        0 => Ok(Exit::Done),
        errors => {
            let s = if errors == 1 { "" } else { "s" };
            let message = format!("{} is not fit for a swap: {errors} problem{s}", session.pair.pair.name);
            Err(Stop::new(Exit::Refused, message))
        }
    }
}

/// Names that look like slips: of one pair if it is named, else of all.
fn slips(loaded: &Loaded, pair: Option<&PairName>) -> Result<Vec<Warning>, Stop> {
    if pair.is_none() {
        return Ok(loaded.config.lint());
    }
    let found = loaded.config.pair(pair).map_err(|error| Stop::new(Exit::Usage, error.to_string()))?;
    Ok(switchover::config::lint(&found.pair))
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

fn tell(session: &Session, snapshot: &Snapshot, warnings: &[Warning], common: &Common) -> Result<(), Stop> {
    let pair = &session.pair.pair;
    render::findings::show(&session.config, &pair.name, &snapshot.findings);
    render::out(&render::status::roles(pair, snapshot, common.output))?;
    if snapshot.findings.is_empty() && warnings.is_empty() {
        let names = snapshot.names.len();
        let stores = match snapshot.stores.len() {
            0 => String::new(),
            1 => "; the store is in order".to_owned(),
            many => format!("; {many} stores are in order"),
        };
        say(format_args!(
            "{} {names} names lead where they should; every credential can write{stores}",
            styled(GOOD, "fit:")
        ));
    }
    Ok(())
}
