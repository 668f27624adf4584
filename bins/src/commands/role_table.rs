//! `switchover status --write` and `--check`: the role table in a document, from a live look.

use std::path::Path;

use switchover::model::EnvironmentName;
use switchover::observe::{Noted, RoleState, Snapshot, role_rows};
use switchover::port::{RoleTable as _, RoleTableError};
use switchover_markdown::MarkdownTable;

use super::Outcome;
use crate::args::Document;
use crate::exit::{Exit, Stop};
use crate::render::{self, GOOD, say, styled};
use crate::session::Session;

/// How often a document that somebody edits meanwhile is read again.
const TRIES: usize = 5;

/// Writes or checks the table of each pair; all that is stale is shown before the command ends.
pub(super) async fn run(sessions: &[Session], document: &Document) -> Outcome {
    let mut stale = 0;
    for session in sessions {
        match document {
            Document { write: Some(file), .. } => write(session, file).await?,
            Document { check: Some(file), .. } => stale += usize::from(!check(session, file).await?),
            Document { write: None, check: None } => {}
        }
    }
    match (&document.check, stale) {
        (Some(file), 1..) => Err(Stop::new(Exit::Failed, format!("{} is stale", file.display()))
            .hint(format!("`switchover status --write {}` makes it true", file.display()))),
        (Some(_), 0) | (None, _) => Ok(Exit::Done),
    }
}

async fn write(session: &Session, file: &Path) -> Result<(), Stop> {
    let (table, rows) = wanted(session, file).await?;
    let (name, shown) = (&session.pair.pair.name, file.display());
    for _ in 0..TRIES {
        let view = table.read().await.map_err(|error| stop(&error))?;
        if view.text == table.rendered(&rows) {
            say(format_args!(
                "{} the role table of {name} in {shown} says what is so",
                styled(GOOD, "true:")
            ));
            return Ok(());
        }
        match table.write(&rows, &view.version).await {
            Ok(()) => {
                let head = styled(GOOD, "written:");
                say(format_args!("{head} the role table of {name} in {shown}"));
                return Ok(());
            }
            Err(RoleTableError::Changed { .. }) => {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            Err(error) => return Err(stop(&error)),
        }
    }
    Err(stop(&RoleTableError::Changed { place: shown.to_string() }))
}

/// Whether the document says what is so; shows the difference if it does not.
async fn check(session: &Session, file: &Path) -> Result<bool, Stop> {
    let (table, rows) = wanted(session, file).await?;
    let (view, now) = (table.read().await.map_err(|error| stop(&error))?, table.rendered(&rows));
    let (name, shown) = (&session.pair.pair.name, file.display());
    if view.text == now {
        say(format_args!("{} the role table of {name} in {shown} says what is so", styled(GOOD, "true:")));
        return Ok(true);
    }
    render::out(&format!("--- {shown}, {name}\n+++ as it is\n{}", difference(&view.text, &now)))?;
    Ok(false)
}

/// The table of the pair in the document, and the rows that it shall have.
async fn wanted(
    session: &Session,
    file: &Path,
) -> Result<(MarkdownTable, Vec<switchover::model::RoleRow>), Stop> {
    let pair = &session.pair.pair;
    let journal = session.engine.journal().await?;
    let all: Vec<EnvironmentName> = pair.environments.iter().map(|e| e.name.clone()).collect();
    let shown = pair.role_table.clone().unwrap_or(all);
    let snapshot = session.engine.survey(&pair.environments, journal.state()).await;
    known(session, &snapshot, &shown, file)?;
    let rows = role_rows(pair, &shown, &snapshot.roles, |environment, side| Noted {
        release: snapshot.release(side, environment).cloned(),
        ..Noted::default()
    });
    Ok((MarkdownTable::new(file, pair.name.clone()), rows))
}

/// A table that is true is not written over because nobody answered.
fn known(session: &Session, snapshot: &Snapshot, shown: &[EnvironmentName], file: &Path) -> Result<(), Stop> {
    let unknown =
        |name: &&EnvironmentName| matches!(snapshot.roles.get(*name), Some(RoleState::Unknown) | None);
    let Some(environment) = shown.iter().find(unknown) else { return Ok(()) };
    render::findings::show(&session.config, &session.pair.pair.name, &snapshot.findings);
    let message = format!(
        "it cannot be told which side is production in {environment}; {} is left as it is",
        file.display()
    );
    Err(Stop::new(Exit::Failed, message))
}

/// The lines that go and the lines that come, each beside those that stay.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let marked = |mark: &str, lines: &[&str]| -> String {
        lines.iter().flat_map(|line| [mark, line, "\n"]).map(str::to_owned).collect()
    };
    let gone: Vec<&str> = old.iter().copied().filter(|line| !new.contains(line)).collect();
    let come: Vec<&str> = new.iter().copied().filter(|line| !old.contains(line)).collect();
    let text = marked("-", &gone) + &marked("+", &come);
    // The same lines in another order.
    if text.is_empty() { marked("+", &new) } else { text }
}

fn stop(error: &RoleTableError) -> Stop {
    Stop::new(Exit::Failed, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_shows_what_goes_and_what_comes() {
        assert_eq!(difference("a\nb\nc\n", "a\nd\nc\n"), "-b\n+d\n");
        assert_eq!(difference("", "a\n"), "+a\n");
        assert_eq!(difference("b\na\n", "a\nb\n"), "+a\n+b\n");
    }
}
