//! `switchover history`, `report` and `verify`: what the journal remembers.

use std::sync::Arc;

use switchover::model::{PairName, RunId};
use switchover::report::Report;

use super::Outcome;
use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::render::{self, say};
use crate::session::Session;

/// `switchover history`.
pub(super) async fn list(common: &Common, pair: Option<&PairName>, entries: bool) -> Outcome {
    let session = Session::open_journal(common, pair).await?;
    let journal = session.engine.journal().await?;
    let text = if entries {
        render::run::entries(journal.entries(), common.output)?
    } else {
        let runs = journal.state().runs.iter().rev().map(AsRef::as_ref);
        render::run::history(runs, common.output)?
    };
    render::out(&text)?;
    for owed in journal.state().owed() {
        say(format!("owed: {owed}; run `swap-roles --reprotect {}`", session.pair.pair.name));
    }
    Ok(Exit::Done)
}

/// `switchover report`.
pub(super) async fn report(common: &Common, pair: Option<&PairName>, run: Option<&RunId>) -> Outcome {
    let session = Session::open_journal(common, pair).await?;
    let journal = session.engine.journal().await?;
    let found = match run {
        Some(id) => journal.state().run(id),
        None => journal.state().runs.last().map(Arc::as_ref),
    };
    let Some(found) = found else {
        let what = run.map_or("no run yet".to_owned(), |id| format!("no run {id}"));
        return Err(Stop::new(
            Exit::Usage,
            format!("the journal of {} holds {what}", session.pair.pair.name),
        )
        .hint("`switchover history` lists the runs"));
    };
    render::out(&render::run::report(&Report::of(found).against(found, &session.pair.pair), common.output)?)?;
    Ok(Exit::Done)
}

/// `switchover verify`.
pub(super) async fn verify(common: &Common, pair: Option<&PairName>) -> Outcome {
    let session = Session::open_journal(common, pair).await?;
    let journal = session.engine.journal().await?;
    let state = journal.state();
    let head = state.head.as_ref().map_or("none".to_owned(), ToString::to_string);
    render::out(&format!(
        "{}: {} entries, every hash, epoch and transition is right; the head is {head}\n",
        session.pair.pair.name,
        journal.entries().len()
    ))?;
    Ok(Exit::Done)
}
