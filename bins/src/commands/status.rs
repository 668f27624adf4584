//! `switchover status`: who is production, and where every name leads.

use std::sync::Arc;
use std::time::Duration;

use switchover::execute::Unwatched;
use switchover::model::PairName;

use super::{Outcome, role_table};
use crate::args::{Common, Document, Output};
use crate::exit::{Exit, Stop};
use crate::load::load;
use crate::render;
use crate::session::Session;

/// The time between two looks of `--watch`.
const EVERY: Duration = Duration::from_secs(5);

/// The command.
pub(super) async fn run(
    common: &Common,
    pair: Option<&PairName>,
    watch: bool,
    document: &Document,
) -> Outcome {
    if document.is_wanted() && matches!(common.output, Output::Json | Output::Jsonl) {
        return Err(Stop::new(
            Exit::Usage,
            "a document is Markdown; leave `--output` out, or name `markdown`",
        ));
    }
    let names: Vec<PairName> = match pair {
        Some(name) => vec![name.clone()],
        None => load(&common.config)?.config.pairs.keys().cloned().collect(),
    };
    let mut sessions = Vec::new();
    for name in &names {
        sessions.push(Session::open(common, Some(name), Arc::new(Unwatched)).await?);
    }
    if document.is_wanted() {
        return role_table::run(&sessions, document).await;
    }
    loop {
        for session in &sessions {
            show(common, session).await?;
        }
        if !watch {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn show(common: &Common, session: &Session) -> Result<(), Stop> {
    let journal = session.engine.journal().await?;
    let pair = &session.pair.pair;
    let snapshot = session.engine.survey(&pair.environments, journal.state()).await;
    render::out(&render::status::status(
        pair,
        &snapshot,
        journal.state(),
        session.engine.ports.clock.now(),
        common.output,
    )?)?;
    render::findings::show(&session.config, &pair.name, &snapshot.findings);
    Ok(())
}
