//! What people are told, in plain words: the texts that come with the program.

use crate::model::{Announcement, Moment};
use crate::plan::{Intent, Shift};

/// The subject of an announcement, for where there is one.
pub fn subject(announcement: &Announcement) -> String {
    let Announcement { pair, moment, intent, .. } = announcement;
    match moment {
        Moment::Begins => format!("{pair}: {intent} begins"),
        Moment::Swapped => format!("{pair}: the new production serves"),
        Moment::Finished => format!("{pair}: {intent} is done"),
        Moment::Undone => format!("{pair}: {intent} was undone"),
        Moment::Paused => format!("{pair}: {intent} stopped part-way"),
        Moment::ApprovalNeeded => format!("{pair}: {intent} waits for an approval"),
        Moment::Test => format!("{pair}: a test, nothing happens"),
    }
}

/// The text of an announcement.
pub fn wording(announcement: &Announcement) -> String {
    let detail = announcement.detail.as_deref();
    let mut text = format!("{}. {}", subject(announcement), roles(announcement));
    match announcement.moment {
        Moment::Begins | Moment::Swapped => {}
        Moment::Finished => text += &sentence("What failed on the way", detail),
        Moment::Undone => text += &sentence("Why", detail),
        Moment::Paused => {
            text += &sentence("What failed", detail);
            text += " Somebody has to go on with it (`swap-roles --resume`) or to go back (`swap-roles --abort`).";
        }
        Moment::ApprovalNeeded => text += &sentence("Whose", detail),
        Moment::Test => {
            return format!(
                "{}: this is a test of the announcements of Switchover. Nothing happens, and nothing is to be done.",
                announcement.pair
            );
        }
    }
    text += &sentence("Release", announcement.release.as_ref().map(crate::model::ReleaseName::as_str));
    text += &sentence("Reason", announcement.reason.as_deref());
    text += &sentence("Begun by", announcement.by.as_deref());
    format!("{text} (Run {}.)", announcement.run)
}

fn roles(announcement: &Announcement) -> String {
    let each =
        |words: fn(&Shift) -> String| announcement.shifts.iter().map(words).collect::<Vec<_>>().join(" ");
    match (announcement.moment, announcement.intent) {
        (_, Intent::Finalize) => each(|s| format!("{}: {} stays production.", s.environment, s.to)),
        (Moment::Begins | Moment::ApprovalNeeded, _) => {
            each(|s| format!("{}: production is to move from {} to {}.", s.environment, s.from, s.to))
        }
        (Moment::Swapped | Moment::Finished, _) => {
            each(|s| format!("{}: {} is production now, {} is the stand-by.", s.environment, s.to, s.from))
        }
        (Moment::Undone, Intent::Switchover | Intent::Revert | Intent::Failover) => {
            each(|s| format!("{}: {} is production, as before.", s.environment, s.from))
        }
        (
            Moment::Undone,
            Intent::Prepare | Intent::RestoreTtl | Intent::Sync | Intent::Drill | Intent::Reprotect,
        )
        | (Moment::Test, _) => "Nobody was moved.".to_owned(),
        (Moment::Paused, _) => {
            each(|s| format!("{}: on the way from {} to {}.", s.environment, s.from, s.to))
        }
    }
}

/// A heading and what it is about, as a sentence; nothing where there is nothing.
fn sentence(heading: &str, what: Option<&str>) -> String {
    match what.map(|what| what.trim_end_matches('.')) {
        Some(what) if !what.is_empty() => format!(" {heading}: {what}."),
        Some(_) | None => String::new(),
    }
}

/// The environments of an announcement, in words.
pub fn environments(announcement: &Announcement) -> String {
    announcement.shifts.iter().map(|shift| shift.environment.as_str()).collect::<Vec<_>>().join(", ")
}

/// What moves where, in words.
pub fn moves(announcement: &Announcement) -> String {
    let moves = announcement.shifts.iter().map(|s| format!("{}: {} to {}", s.environment, s.from, s.to));
    moves.collect::<Vec<_>>().join("; ")
}
