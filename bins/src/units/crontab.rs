//! A crontab line, quoted for the shell and for cron.

use jiff::Timestamp;
use switchover::schedule::Schedule as _;

use super::{Job, UnitError, refused, user, zone_name};

const PLACE: &str = "a crontab";

/// The longest command that every cron reads (`MAX_COMMAND` of Vixie's cron is 1000).
const LONGEST: usize = 990;

/// The cron that is to read the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cron {
    /// cronie: a schedule may have a time zone of its own.
    Cronie {
        /// The user, for a file in `/etc/cron.d`, which names one in each line; `None` for a user's own crontab.
        user: Option<String>,
    },
    /// Vixie's cron, as of Debian and Ubuntu: everything is in the machine's time zone.
    Vixie {
        /// The user, for a file in `/etc/cron.d`, which names one in each line; `None` for a user's own crontab.
        user: Option<String>,
        /// The machine's time zone, if it is known.
        zone: Option<String>,
    },
}

impl Cron {
    fn user(&self) -> Option<&str> {
        match self {
            Self::Cronie { user } | Self::Vixie { user, .. } => user.as_deref(),
        }
    }
}

/// The line for a job, after a line that says what it is and, for cronie, one with the time zone. `CRON_TZ` holds for all lines below it,
/// so these belong at the end of a crontab, or into a file of their own.
pub fn crontab(job: &Job, cron: &Cron) -> Result<String, UnitError> {
    let zone = zone(job, cron)?;
    let user = cron
        .user()
        .map(|name| user(name, PLACE))
        .transpose()?
        .map(|user| format!("{user} "))
        .unwrap_or_default();
    let command = command(job)?;
    Ok(format!("# {}\n{zone}{} {user}{command}\n", job.purpose(), job.schedule.expression()))
}

fn zone(job: &Job, cron: &Cron) -> Result<String, UnitError> {
    let wanted = zone_name(job);
    match cron {
        Cron::Cronie { .. } => Ok(format!("CRON_TZ={wanted}\n")),
        Cron::Vixie { zone: Some(machine), .. } if same(job, machine) => Ok(String::new()),
        Cron::Vixie { zone, .. } => Err(UnitError::Zone { wanted, machine: zone.clone() }),
    }
}

/// Whether the machine's zone is the schedule's, or another name of the same: both have no changes, and the same offset.
fn same(job: &Job, machine: &str) -> bool {
    let Ok(machine) = switchover_cron::zone(machine) else { return false };
    let zone = job.schedule.zone();
    let epoch = Timestamp::UNIX_EPOCH;
    let steady = [zone, &machine].into_iter().all(|zone| zone.following(epoch).next().is_none());
    zone.iana_name() == machine.iana_name() || (steady && zone.to_offset(epoch) == machine.to_offset(epoch))
}

fn command(job: &Job) -> Result<String, UnitError> {
    let words: Vec<String> = job.words()?.iter().map(|word| quoted(word)).collect::<Result<_, _>>()?;
    let seconds = job.delay.as_secs();
    let wait = if seconds == 0 { String::new() } else { format!("sleep {seconds}; ") };
    let command = format!("{wait}{}", words.join(" "));
    if command.len() > LONGEST {
        return Err(UnitError::Long { length: command.len(), most: LONGEST });
    }
    Ok(command)
}

/// For `/bin/sh`, and then for cron, to which a bare `%` is the end of the line.
fn quoted(word: &str) -> Result<String, UnitError> {
    if word.contains('\\') {
        return Err(refused(word, PLACE, "it holds a backslash, which not every cron reads the same way"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.-_=:@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Ok(word.to_owned());
    }
    Ok(format!("'{}'", word.replace('\'', r"'\''").replace('%', r"\%")))
}
