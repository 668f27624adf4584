//! Crontab lines and systemd units that run `sync-data` on a schedule. Pure: text in, text out.
//!
//! cron and systemd do not mean the same, and neither can say everything:
//!
//! | | cronie (Fedora, RHEL, SUSE, Arch) | cron (Debian, Ubuntu) | systemd |
//! | -- | -- | -- | -- |
//! | time zone | `CRON_TZ` | the machine's only | in `OnCalendar` |
//! | runs missed while the machine was off | lost | lost | one, by `Persistent` |
//! | a time that daylight saving skips | right after | right after | left out on that day |
//! | jitter | `sleep` | `sleep` | `RandomizedDelaySec` |
//!
//! `CRON_TZ` is no error to Debian's cron: it hands it to the command and runs it at the wrong time (cron(8): "will only handle tasks in a
//! single timezone"). So a line for it is refused where the zones differ.

mod calendar;
mod crontab;
mod systemd;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use switchover::model::{PairName, SideName, StoreRef};
use switchover::schedule::Schedule as _;
use switchover_cron::CronSchedule;

pub use crontab::{Cron, crontab};
pub use systemd::{Host, Systemd, systemd};

/// One call of `sync-data`, and when.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where `sync-data` is. Absolute: neither cron nor systemd looks where a shell does.
    pub program: PathBuf,
    /// The configuration. Absolute.
    pub config: PathBuf,
    /// The pair.
    pub pair: PairName,
    /// The stores; none means all of the pair.
    pub stores: Vec<StoreRef>,
    /// The side that the machine belongs to: then the call does nothing while that side is production.
    pub side: Option<SideName>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// When.
    pub schedule: CronSchedule,
    /// By how much calls may be spread.
    pub jitter: Duration,
    /// By how much this one is delayed: [`switchover::schedule::jitter`] of that.
    pub delay: Duration,
}

/// Why there is no such line or unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A path from a folder that is another one there.
    #[error("the path `{}` must begin with `/`: cron and systemd start programs in folders of their own", .0.display())]
    Relative(PathBuf),
    /// A text that cannot be written there.
    #[error("`{text}` cannot be written in {place}: {why}")]
    Text {
        /// The text.
        text: String,
        /// Where.
        place: &'static str,
        /// What it holds.
        why: &'static str,
    },
    /// The line is longer than cron reads.
    #[error(
        "the command has {length} characters, and cron reads at most {most}: use shorter paths, or a systemd timer"
    )]
    Long {
        /// How long it is.
        length: usize,
        /// How long it may be.
        most: usize,
    },
    /// Cron cannot run it in that time zone.
    #[error(
        "the schedule is in the time zone {wanted}, and this machine's cron knows its own only ({}): use a systemd timer, or set \
         `time_zone` to that of the machine", .machine.as_deref().unwrap_or("unknown")
    )]
    Zone {
        /// The schedule's.
        wanted: String,
        /// The machine's, if it is known.
        machine: Option<String>,
    },
}

impl Job {
    /// The program and its arguments.
    fn words(&self) -> Result<Vec<String>, UnitError> {
        let mut words = vec![absolute(&self.program)?, "--config".into(), absolute(&self.config)?];
        if let Some(side) = &self.side {
            words.extend(["--side".into(), side.to_string()]);
        }
        for argument in &self.arguments {
            words.push(clean(argument)?);
        }
        words.push(self.pair.to_string());
        words.extend(self.stores.iter().map(ToString::to_string));
        Ok(words)
    }

    /// What it does, for a person who meets the line.
    fn purpose(&self) -> String {
        let stores: Vec<_> = self.stores.iter().map(ToString::to_string).collect();
        let what = if stores.is_empty() { "all data".to_owned() } else { stores.join(", ") };
        format!("Sync {what} of the pair {} to its stand-by", self.pair)
    }
}

fn absolute(path: &Path) -> Result<String, UnitError> {
    if !path.is_absolute() {
        return Err(UnitError::Relative(path.to_owned()));
    }
    match path.to_str() {
        Some(text) => clean(text),
        None => Err(refused(&path.to_string_lossy(), "a unit", "it is no UTF-8")),
    }
}

fn clean(text: &str) -> Result<String, UnitError> {
    if text.contains(char::is_control) {
        return Err(refused(text, "a crontab or a unit", "it holds a control character"));
    }
    Ok(text.to_owned())
}

fn user<'a>(name: &'a str, place: &'static str) -> Result<&'a str, UnitError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(allowed) {
        return Ok(name);
    }
    Err(refused(name, place, "it is no user's name"))
}

fn refused(text: &str, place: &'static str, why: &'static str) -> UnitError {
    UnitError::Text { text: text.escape_debug().to_string(), place, why }
}

fn zone_name(job: &Job) -> String {
    job.schedule.zone().iana_name().unwrap_or("UTC").to_owned()
}
