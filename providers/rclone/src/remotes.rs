//! Two remotes as sites, and rclone as what makes one equal to the other.

use std::time::Duration;

use switchover::model::{SideName, Verification};
use switchover::port::{DataError, Kept, StoreProblem, SyncPurpose, Unit};
use switchover_files::work::Control;
use switchover_files::{
    Begun, DeletionLimit, Held, Job, Keeper, Limits, Look, Mirror, Moment, Moved, Scan, Site, Sites, Tally,
    Verified,
};

use crate::log::Heard;
use crate::options::RcloneOptions;
use crate::place::{Place, Tree};
use crate::process::{Ended, Rclone};

/// Both sides.
#[derive(Debug)]
pub(crate) struct Remotes {
    pub(crate) rclone: Rclone,
    pub(crate) places: [Place; 2],
    pub(crate) options: RcloneOptions,
}

/// What the source was when it was compared.
#[derive(Debug)]
pub(crate) struct Before(Scan);

impl Remotes {
    fn place(&self, side: &SideName) -> Result<&Place, DataError> {
        self.places.iter().find(|place| place.side() == side).ok_or_else(|| DataError::Unfit {
            place: side.to_string(),
            why: "the store has no such side".to_owned(),
            advice: None,
        })
    }

    fn scan(&self, side: &SideName, control: &Control) -> Result<Scan, DataError> {
        self.place(side)?.scan(self.options.checkers, control)
    }

    /// The arguments of every comparison and sync between two remotes.
    fn arguments(&self, job: &Job, verb: &str, from: &str, to: &str) -> Result<Vec<String>, DataError> {
        let mut filters = self.place(&job.from)?.filters();
        filters.extend(self.place(&job.to)?.filters());
        filters.sort_unstable();
        filters.dedup();
        let mut arguments = vec![verb.to_owned(), "--links".to_owned()];
        arguments.push(format!("--transfers={}", self.options.transfers));
        arguments.push(format!("--checkers={}", self.options.checkers));
        arguments.extend(filters);
        arguments.extend([from.to_owned(), to.to_owned()]);
        Ok(arguments)
    }

    fn sync(
        &self,
        job: &Job,
        [from, to]: [&str; 2],
        more: &[String],
        control: &Control,
        watch: impl FnMut(&Heard) -> Result<(), DataError>,
    ) -> Result<Ended, DataError> {
        let mut arguments = self.arguments(job, "sync", from, to)?;
        arguments
            .extend(["--create-empty-src-dirs", "--stats=1s", "--stats-log-level=NOTICE"].map(str::to_owned));
        if self.options.metadata {
            arguments.push("--metadata".to_owned());
        }
        arguments.extend_from_slice(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.rclone.lead(&arguments, None, control, |_| {}, watch)
    }

    /// One leg of a sync that changes something.
    fn leg(
        &self,
        job: &Job,
        legs: [&str; 2],
        phase: &str,
        more: &[String],
        control: &Control,
    ) -> Result<(Heard, Option<String>), DataError> {
        control.permit()?;
        let watch = |heard: &Heard| {
            let total = Some(heard.stats.total_bytes).filter(|total| *total > 0);
            control.advance(phase, heard.stats.bytes, total, Unit::Bytes);
            // It cannot be asked before each of its acts; so it is ended as soon as permission is gone.
            control.permit()
        };
        let ended = self.sync(job, legs, more, control, watch)?;
        let place = self.place(&job.to)?.shelf().place();
        let heard = ended.heard;
        if heard.over_limit {
            return Err(DataError::Guarded {
                place,
                why: "more would be deleted than was counted before; the source lost files meanwhile"
                    .to_owned(),
                advice: Some("look at the source, and sync again".to_owned()),
            });
        }
        let busy = heard.busy_count > 0 && heard.only_busy && job.purpose == SyncPurpose::Routine;
        match ended.code {
            Some(0) => Ok((heard, None)),
            Some(_) if busy => {
                let example = heard.busy.clone().unwrap_or_default();
                let note = format!(
                    "files changed each time they were copied, among them {example}; they and all deletions wait for the next sync"
                );
                Ok((heard, Some(note)))
            }
            Some(code) => {
                let told = if heard.errors.is_empty() { format!("{:?}", heard.busy) } else { heard.told() };
                Err(DataError::Failed { place, why: format!("rclone failed with exit code {code}: {told}") })
            }
            None => Err(DataError::Failed { place, why: "rclone was killed".to_owned() }),
        }
    }

    /// What `rclone check` finds, as counts of what differs and what could not be compared.
    fn check(&self, job: &Job, control: &Control) -> Result<Checked, DataError> {
        let (from, to) = (self.place(&job.from)?, self.place(&job.to)?);
        let mut arguments = self.arguments(job, "check", &from.remote, &to.remote)?;
        arguments.extend(["--combined=-", "--retries=1"].map(str::to_owned));
        match job.verify {
            Verification::Content if hashes(from, to, control)? => {}
            Verification::Content => arguments.push("--download".to_owned()),
            Verification::Counts | Verification::None => arguments.push("--size-only".to_owned()),
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut checked = Checked::default();
        let ended = self.rclone.lead(&arguments, None, control, |line| checked.line(line), |_| Ok(()))?;
        let place = to.shelf().place();
        match ended.code {
            // One of both is its word for differences, too.
            Some(0 | 1) if checked.failed == 0 => Ok(checked),
            Some(_) | None => Err(DataError::Failed {
                place,
                why: format!("the copy could not be compared with its source: {}", ended.heard.told()),
            }),
        }
    }
}

/// Whether both sides have a hash in common.
fn hashes(from: &Place, to: &Place, control: &Control) -> Result<bool, DataError> {
    for place in [from, to] {
        if let Tree::Remote(remote) = &place.tree
            && !remote.features(control)?.md5
        {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Debug, Default)]
struct Checked {
    differ: u64,
    failed: u64,
    example: Option<String>,
}

impl Checked {
    /// One line of `--combined` (<https://rclone.org/commands/rclone_check>).
    fn line(&mut self, line: &[u8]) {
        match line.first() {
            Some(b'*' | b'+' | b'-') => {
                self.differ += 1;
                let name = line.get(2..).unwrap_or_default();
                self.example.get_or_insert_with(|| switchover_files::command::words(name));
            }
            Some(b'!') => self.failed += 1,
            Some(_) | None => {}
        }
    }
}

impl Limits for Remotes {
    fn deletions(&self) -> &DeletionLimit {
        &self.options.deletions
    }

    fn timeout(&self) -> Duration {
        self.options.timeout.0
    }
}

impl Sites for Remotes {
    fn site(&self, side: &SideName) -> Option<Site<'_>> {
        let place = self.places.iter().find(|place| place.side() == side)?;
        Some(Site { path: &place.remote, shelf: place.shelf(), freeze: &place.freeze })
    }

    fn sides(&self) -> [&SideName; 2] {
        self.places.each_ref().map(Place::side)
    }

    fn look(&self, side: &SideName, control: &Control) -> Result<Look, DataError> {
        let place = self.place(side)?;
        let identity = match &place.tree {
            Tree::Local(directory) => directory.identity(false)?,
            Tree::Remote(remote) => {
                remote.look(control)?;
                format!("remote {}", place.remote.trim_end_matches('/'))
            }
        };
        Ok(Look { identity })
    }

    fn preflight(&self, side: &SideName, control: &Control) -> Result<Vec<StoreProblem>, DataError> {
        let Err(error) = self.rclone.version(control) else { return Ok(Vec::new()) };
        Ok(vec![StoreProblem {
            side: Some(side.clone()),
            fatal: true,
            message: error.to_string(),
            advice: None,
        }])
    }

    fn fingerprint(&self, side: &SideName, control: &Control) -> Result<String, DataError> {
        self.scan(side, control).map(|scan| scan.digest)
    }
}

impl Mirror for Remotes {
    type Lock = Option<Held>;
    type Plan = Before;

    fn begin(&self, job: &Job, control: &Control) -> Result<Begun<Option<Held>>, DataError> {
        self.rclone.version(control)?;
        let (from, to) = (self.place(&job.from)?, self.place(&job.to)?);
        let source = match &from.tree {
            Tree::Local(directory) => directory.moment().ok(),
            Tree::Remote(_) => None,
        };
        let lock = match (&from.tree, &to.tree) {
            (Tree::Local(from), Tree::Local(to)) => {
                let lock = to.lock(control)?;
                to.refuse_same(from)?;
                Some(lock)
            }
            (Tree::Remote(_), Tree::Local(to)) => Some(to.lock(control)?),
            // An object store knows no locks; the pair's journal keeps two syncs apart.
            (Tree::Local(_), Tree::Remote(_)) => None,
            (Tree::Remote(_), Tree::Remote(_)) => {
                refuse_same(from, to)?;
                None
            }
        };
        Ok(Begun { lock, source })
    }

    fn compare(&self, job: &Job, control: &Control) -> Result<(Tally, Before), DataError> {
        if job.purpose == SyncPurpose::Rehearsal {
            // Nothing was begun, so nobody asked yet.
            self.rclone.version(control)?;
        }
        let (from, to) = (self.place(&job.from)?, self.place(&job.to)?);
        let before = self.scan(&job.from, control)?;
        let there = self.scan(&job.to, control)?;
        if before.files == 0 {
            // Nothing to compare; the guard says what that means.
            return Ok((Tally { there: there.files, ..Tally::default() }, Before(before)));
        }
        if there.files == 0 {
            // Everything is new, and nothing can be lost: no need to ask rclone.
            let (files, bytes, position) = (before.files, before.bytes, Some(before.digest.clone()));
            let tally =
                Tally { files, bytes, copies: files, copy_bytes: bytes, position, ..Tally::default() };
            return Ok((tally, Before(before)));
        }
        let dry = ["--dry-run".to_owned(), "--retries=1".to_owned()];
        let ended = self.sync(job, [&from.remote, &to.remote], &dry, control, |_| Ok(()))?;
        if ended.code != Some(0) {
            let place = from.shelf().place();
            let why = format!("rclone cannot compare it with {}: {}", to.remote, ended.heard.told());
            return Err(DataError::Failed { place, why });
        }
        let heard = ended.heard;
        let common = there.files.saturating_sub(heard.deletes);
        let fresh = before.files.saturating_sub(common);
        let tally = Tally {
            files: before.files,
            bytes: before.bytes,
            there: there.files,
            copies: heard.copies,
            copy_bytes: heard.copy_bytes,
            replaced: heard.copies.saturating_sub(fresh),
            deleted: heard.deletes,
            others: heard.others,
            position: Some(before.digest.clone()),
            ..Tally::default()
        };
        Ok((tally, Before(before)))
    }

    fn apply(&self, job: &Job, tally: &Tally, _: &Before, control: &Control) -> Result<Moved, DataError> {
        let (from, to) = (&self.place(&job.from)?.remote, &self.place(&job.to)?.remote);
        let mut moved = Moved::default();
        let mut source = from;
        if let Some(via) = &self.options.via {
            let (_, note) = self.leg(job, [from, via], "copying to the way station", &[], control)?;
            moved.notes.extend(note);
            source = via;
        }
        let limit = [format!("--max-delete={}", tally.deleted)];
        let (heard, note) = self.leg(job, [source, to], "copying", &limit, control)?;
        moved.notes.extend(note);
        (moved.files, moved.bytes, moved.deleted) =
            (heard.stats.transfers, heard.stats.bytes, heard.stats.deletes);
        Ok(moved)
    }

    fn verify(&self, job: &Job, before: &Before, control: &Control) -> Result<Verified, DataError> {
        let checked = self.check(job, control)?;
        let how =
            if job.verify == Verification::Content { Verification::Content } else { Verification::Counts };
        let mut verified = Verified { how: Some(how), example: checked.example, ..Verified::default() };
        if checked.differ == 0 && job.purpose != SyncPurpose::Final {
            return Ok(verified);
        }
        let now = self.scan(&job.from, control)?;
        // If the source is as it was, the copy is wrong.
        if now == before.0 {
            verified.wrong = checked.differ;
        } else {
            verified.moved_on = checked.differ.max(1);
            verified.example.get_or_insert_with(|| format!("first {}, then {}", before.0.digest, now.digest));
        }
        verified.position = Some(now.digest);
        Ok(verified)
    }

    fn finish(&self, lock: &Option<Held>, _: &Control) -> Result<Option<Moment>, DataError> {
        if let Some(held) = lock.as_ref().filter(|_| self.options.durable) {
            held.to_disk()?;
        }
        // rclone does not look at times that nobody can set, so what was written past a freeze is not known here.
        Ok(None)
    }
}

impl Keeper for Remotes {
    /// A remote is copied within itself, which object stores do without moving the bytes
    /// (<https://rclone.org/overview/#copy>). rclone refuses remotes that overlap for `sync` and `move` alone.
    fn keep(&self, side: &SideName, name: &str, control: &Control) -> Result<Kept, DataError> {
        let place = self.place(side)?;
        let remote = match &place.tree {
            // Up to version 1.62 rclone writes files in their place, so that a second name for one would not keep it.
            Tree::Local(directory) => directory.path().display().to_string(),
            Tree::Remote(remote) => remote.name.clone(),
        };
        let target = within(&remote, name);
        let mut arguments = vec!["copy".to_owned(), "--links".to_owned()];
        arguments.extend([format!("--transfers={}", self.options.transfers), "--stats=1s".to_owned()]);
        arguments.push("--stats-log-level=NOTICE".to_owned());
        arguments.extend(place.filters());
        arguments.extend([remote, target.clone()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let watch = |heard: &Heard| {
            control.advance("keeping", heard.stats.bytes, None, Unit::Bytes);
            control.permit()
        };
        control.permit()?;
        let ended = self.rclone.lead(&arguments, None, control, |_| {}, watch)?;
        match ended.code {
            Some(0) => Ok(Kept { place: target, bytes: None }),
            Some(_) | None => Err(DataError::Failed {
                place: place.shelf().place(),
                why: format!("what it holds could not be kept: {}", ended.heard.told()),
            }),
        }
    }
}

/// A path within a remote.
fn within(remote: &str, name: &str) -> String {
    let joint = if remote.ends_with([':', '/']) { "" } else { "/" };
    format!("{remote}{joint}{name}")
}

/// Two names of one remote: what is written to one shows in the other.
fn refuse_same(from: &Place, to: &Place) -> Result<(), DataError> {
    let name = format!("{}-same-{:x}", switchover_files::shelf::OWN, std::process::id());
    to.shelf().write(&name, b"x", true)?;
    let seen = from.shelf().read(&name);
    to.shelf().remove(&name)?;
    match seen? {
        None => Ok(()),
        Some(_) => Err(DataError::Guarded {
            place: to.shelf().place(),
            why: format!("{} and {} are one and the same remote", from.remote, to.remote),
            advice: Some("give each side a remote of its own".to_owned()),
        }),
    }
}
