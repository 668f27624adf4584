//! Telling people where no step of a plan can: of a run that was undone or stopped part-way, and of nothing, as a test.

use std::time::Duration;

use futures_util::future::join_all;
use switchover::execute::RunEnd;
use switchover::journal::{Outcome as RunOutcome, RunState};
use switchover::model::{Announcement, AnnouncementKey, AnnouncerName, Moment, RunId};
use switchover::plan::Intent;
use switchover::port::{AnnounceError, Announcer, Ports};
use switchover::report::announcement;

use super::Outcome;
use crate::args::Announce;
use crate::exit::{Exit, Stop};
use crate::render::{GOOD, WARN, say, styled};
use crate::session::Session;

/// How long people are tried to be told once a run has left off: its operator waits.
const PATIENCE: Duration = Duration::from_secs(15);
/// The time between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// Tells of a swap that was undone or stopped part-way. What cannot be told is said on standard error and changes nothing.
pub(super) async fn left_off(ports: &Ports, run: &RunState, end: &RunEnd) {
    let moment = match end.outcome {
        Some(RunOutcome::Undone) => Moment::Undone,
        None => Moment::Paused,
        // Whoever took the pair over tells of that.
        Some(
            RunOutcome::Completed
            | RunOutcome::CompletedWithExceptions
            | RunOutcome::Abandoned
            | RunOutcome::Superseded,
        ) => return,
    };
    if run.plan.pivot.is_none() {
        return;
    }
    let told = ports.announcers.iter().map(|(name, announcer)| async move {
        let words = announcement(run, moment, name, run.last);
        (name, patiently(announcer.as_ref(), &words).await)
    });
    for (name, error) in join_all(told).await.into_iter().filter_map(|(name, told)| Some((name, told.err()?)))
    {
        say(format_args!("{} {name} was not told that {moment}: {error}", styled(WARN, "warning:")));
    }
}

/// Tells, and tries again where that may help until the time is up.
async fn patiently(announcer: &dyn Announcer, words: &Announcement) -> Result<(), AnnounceError> {
    let mut last = None;
    let tries = async {
        loop {
            match announcer.announce(words).await {
                Err(error) if error.may_pass() => last = Some(error),
                told @ (Ok(()) | Err(_)) => return told,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(PATIENCE, tries).await {
        Ok(told) => told,
        Err(_) => Err(last.unwrap_or_else(|| AnnounceError::Unavailable {
            place: "the announcer".to_owned(),
            why: format!("no answer within {} s", PATIENCE.as_secs()),
        })),
    }
}

/// `switchover announce --test`.
pub(super) async fn run(session: &Session, arguments: &Announce) -> Outcome {
    let announcers = &session.engine.ports.announcers;
    let chosen = chosen(session, &arguments.to)?;
    let test = test(session)?;
    let mut failed = 0;
    let told = chosen.iter().map(|name| async {
        let key = AnnouncementKey::of(&test.run, test.moment, name, test.at);
        let words = Announcement { key, ..test.clone() };
        match announcers.get(name) {
            Some(announcer) => announcer.announce(&words).await,
            None => Err(AnnounceError::Unready { place: name.to_string(), why: "not connected".to_owned() }),
        }
    });
    for (name, told) in chosen.iter().zip(join_all(told).await) {
        match told {
            Ok(()) => {
                say(format_args!("{} {name} took the test; look whether it arrived", styled(GOOD, "told:")));
            }
            Err(error) => {
                failed += 1;
                say(format_args!("{} {name}: {error}", styled(WARN, "not told:")));
            }
        }
    }
    if failed == 0 { Ok(Exit::Done) } else { Err(Stop::said(Exit::Failed)) }
}

/// The announcers that were named, or all of the pair.
fn chosen(session: &Session, wanted: &[AnnouncerName]) -> Result<Vec<AnnouncerName>, Stop> {
    let known = &session.pair.pair.announce;
    if let Some(stranger) = wanted.iter().find(|name| !known.contains(name)) {
        let names: Vec<&str> = known.iter().map(AnnouncerName::as_str).collect();
        let message = format!("{} tells nobody by `{stranger}`", session.pair.pair.name);
        let stop = Stop::new(Exit::Usage, message);
        return Err(if names.is_empty() {
            stop
        } else {
            stop.hint(format!("it tells by {}", names.join(", ")))
        });
    }
    if known.is_empty() {
        let message = format!("{} tells nobody: it has no `announce = [\"…\"]`", session.pair.pair.name);
        return Err(Stop::new(Exit::Usage, message).hint("docs/how-to.md shows how to tell people of swaps"));
    }
    Ok(if wanted.is_empty() { known.clone() } else { wanted.to_vec() })
}

fn test(session: &Session) -> Result<Announcement, Stop> {
    let at = session.engine.ports.clock.now();
    let run = RunId::new(format!("test-{}", at.as_millisecond()));
    let run = run.map_err(|error| Stop::new(Exit::Failed, error.to_string()))?;
    let name = AnnouncerName::new("test").map_err(|error| Stop::new(Exit::Failed, error.to_string()))?;
    Ok(Announcement {
        key: AnnouncementKey::of(&run, Moment::Test, &name, at),
        moment: Moment::Test,
        at,
        pair: session.pair.pair.name.clone(),
        run,
        intent: Intent::Switchover,
        shifts: Vec::new(),
        release: None,
        by: Some(session.engine.holder.actor.clone()),
        reason: None,
        detail: None,
    })
}
