//! Deployments of releases, and the schedules that are paused while roles change.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DeploymentId, ReleaseName, ScheduleId};

/// How far a deployment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// It was ordered and has not begun.
    Pending,
    /// It is being carried out.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed {
        /// Why, in the service's words.
        why: String,
    },
    /// Somebody ended it.
    Cancelled,
}

impl DeploymentState {
    /// Whether it may still change the side.
    pub fn is_under_way(&self) -> bool {
        match self {
            Self::Pending | Self::Running => true,
            Self::Succeeded | Self::Failed { .. } | Self::Cancelled => false,
        }
    }
}

impl fmt::Display for DeploymentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.pad("pending"),
            Self::Running => f.pad("running"),
            Self::Succeeded => f.pad("succeeded"),
            Self::Failed { why } => write!(f, "failed: {why}"),
            Self::Cancelled => f.pad("cancelled"),
        }
    }
}

/// One attempt to bring a release onto a side's environment, by whomever it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its key.
    pub id: DeploymentId,
    /// The release, or whatever else is deployed: somebody may deploy a branch by hand.
    pub release: ReleaseName,
    /// How far it is.
    pub state: DeploymentState,
    /// When it began; `None` before that, and where it is not known.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Who started it, if it is known.
    pub by: Option<String>,
    /// Where a person can look at it.
    pub link: Option<String>,
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deployment {} of {} ({})", self.id, self.release, self.state)?;
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        Ok(())
    }
}

/// The last lines of a log, fit for a terminal: no control characters, bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogTail(Vec<String>);

impl LogTail {
    /// The most lines that are kept, and the most characters of each.
    pub const LINES: usize = 20;
    /// The most characters of a line that are kept.
    pub const WIDTH: usize = 300;

    /// Takes the end of a log. Escape sequences of terminals are dropped, and of a line that was written over by carriage returns only
    /// what was written last is kept.
    pub fn of(log: &[u8]) -> Self {
        let text = String::from_utf8_lossy(log);
        let lines: Vec<String> = text.lines().map(plain).filter(|line| !line.is_empty()).collect();
        let skipped = lines.len().saturating_sub(Self::LINES);
        Self(lines.into_iter().skip(skipped).collect())
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

/// A line as a terminal would show it in the end.
fn plain(line: &str) -> String {
    let line = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    let mut shown = String::new();
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // ECMA-48 section 5.4: a control sequence is `[`, then anything up to a final byte of 0x40 to 0x7e.
            if characters.next_if_eq(&'[').is_some() {
                while characters.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {}
            }
        } else if !character.is_control() {
            shown.push(character);
        } else if character == '\t' {
            shown.push(' ');
        }
    }
    let shown = shown.trim_end();
    match shown.char_indices().nth(LogTail::WIDTH) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown.to_owned(),
    }
}

/// Whether a schedule starts anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It does, at its times.
    Active,
    /// It does not.
    Paused,
}

/// Something that a side's service starts by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its key.
    pub id: ScheduleId,
    /// What people call it.
    pub name: String,
    /// Whether it starts anything.
    pub activity: Activity,
    /// What it starts and when, in the service's words.
    pub what: String,
    /// Whose rights it uses, if it is known.
    pub owner: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_as_a_terminal_shows_it_and_no_longer() {
        let log =
            b"section_start:1:deploy\r\x1b[0K\x1b[32;1mDeploying\x1b[0;m\r\n10%\r50%\r100%\n\n\x07done\n";
        assert_eq!(LogTail::of(log).lines(), ["Deploying", "100%", "done"]);
        let many: Vec<String> = (0..50).map(|number| format!("line {number}")).collect();
        assert_eq!(
            LogTail::of(many.join("\n").as_bytes()).lines().first().map(String::as_str),
            Some("line 30")
        );
        assert_eq!(LogTail::of("é".repeat(900).as_bytes()).lines()[0].chars().count(), LogTail::WIDTH + 1);
        assert_eq!(LogTail::of(b"\xff\x1b[").lines(), ["\u{fffd}"]);
    }
}
