//! Two directories as sites: where they are, what stands in their way, how one is made equal to the other.

use std::time::Duration;

use rustix::fs::{Access, AtFlags, StatVfs};
use switchover::model::SideName;
use switchover::port::{DataError, Kept, StoreProblem, SyncPurpose};

use crate::directory::{Directory, Held, nested};
use crate::marker::Moment;
use crate::mirror::{Begun, Job, Keeper, Limits, Look, Mirror, Moved, Site, Sites, Tally, Verified};
use crate::options::{DeletionLimit, FilesOptions, FreezeOptions};
use crate::shelf::Shelf as _;
use crate::tree::{self, Plan, Root, Settings};
use crate::work::Control;

/// One side's directory, and how it is frozen.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) directory: Directory,
    pub(crate) freeze: FreezeOptions,
}

/// Both directories.
#[derive(Debug)]
pub(crate) struct Trees {
    pub(crate) trees: [Tree; 2],
    pub(crate) options: FilesOptions,
}

impl Trees {
    fn directory(&self, side: &SideName) -> Result<&Directory, DataError> {
        let found = self.trees.iter().map(|tree| &tree.directory).find(|directory| directory.side() == side);
        found.ok_or_else(|| DataError::Unfit {
            place: side.to_string(),
            why: "the store has no such side".to_owned(),
            advice: None,
        })
    }

    fn roots(&self, job: &Job) -> Result<[Root; 2], DataError> {
        Ok([self.directory(&job.from)?.open()?, self.directory(&job.to)?.open()?])
    }

    fn settings(&self) -> Settings {
        let root = rustix::process::geteuid().is_root();
        Settings { threads: self.options.threads, ownership: self.options.ownership.unwrap_or(root) }
    }
}

impl Limits for Trees {
    fn deletions(&self) -> &DeletionLimit {
        &self.options.deletions
    }

    fn timeout(&self) -> Duration {
        self.options.timeout.0
    }
}

impl Sites for Trees {
    fn site(&self, side: &SideName) -> Option<Site<'_>> {
        let Tree { directory, freeze } = self.trees.iter().find(|tree| tree.directory.side() == side)?;
        Some(Site { path: directory.text(), shelf: directory, freeze })
    }

    fn sides(&self) -> [&SideName; 2] {
        self.trees.each_ref().map(|tree| tree.directory.side())
    }

    fn look(&self, side: &SideName, _: &Control) -> Result<Look, DataError> {
        Ok(Look { identity: self.directory(side)?.identity(self.options.require_mount)? })
    }

    fn preflight(&self, side: &SideName, _: &Control) -> Result<Vec<StoreProblem>, DataError> {
        let directory = self.directory(side)?;
        let root = directory.open()?;
        let mut problems = Vec::new();
        let mut problem = |fatal, message: String, advice: &str| {
            let message = format!("{}: {message}", directory.place());
            problems.push(StoreProblem {
                side: Some(side.clone()),
                fatal,
                message,
                advice: Some(advice.to_owned()),
            });
        };
        if let Err(error) =
            rustix::fs::accessat(&root.fd, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        {
            let why = std::io::Error::from(error);
            problem(
                true,
                format!("files cannot be written there: {why}"),
                "give this user the right to, or mount it writable",
            );
        }
        if rustix::fs::fstatvfs(&root.fd).is_ok_and(|space| room(&space) < 1 << 20) {
            problem(true, "the disk is full".to_owned(), "make room");
        }
        let mut others = self.trees.iter().map(|tree| &tree.directory);
        if let Some(other) = others.find(|other| nested(directory.path(), other.path())) {
            problem(
                true,
                format!("it lies within the tree of {} ({})", other.side(), other.text()),
                "give each side a tree of its own",
            );
        }
        Ok(problems)
    }

    fn fingerprint(&self, side: &SideName, control: &Control) -> Result<String, DataError> {
        self.directory(side)?.scan(self.options.threads, control).map(|scan| scan.digest)
    }
}

impl Mirror for Trees {
    type Lock = Held;
    type Plan = Plan;

    fn begin(&self, job: &Job, control: &Control) -> Result<Begun<Held>, DataError> {
        let (from, to) = (self.directory(&job.from)?, self.directory(&job.to)?);
        let lock = to.lock(control)?;
        to.refuse_same(from)?;
        // A source that cannot be written to is synced all the same.
        Ok(Begun { lock, source: from.moment().ok() })
    }

    fn compare(&self, job: &Job, control: &Control) -> Result<(Tally, Plan), DataError> {
        let [from, to] = &self.roots(job)?;
        tree::compared([from, to], job, self.settings(), control)
    }

    fn apply(&self, job: &Job, tally: &Tally, plan: &Plan, control: &Control) -> Result<Moved, DataError> {
        let [from, to] = &self.roots(job)?;
        let mut moved = tree::applied([from, to], job, tally, plan, self.settings(), control)?;
        if tally.deleted + tally.others > 0 {
            moved.deleted = tree::deleted([from, to], tally, plan, self.settings(), control)?;
        }
        Ok(moved)
    }

    fn verify(&self, job: &Job, plan: &Plan, control: &Control) -> Result<Verified, DataError> {
        debug_assert!(
            job.purpose != SyncPurpose::Rehearsal,
            "a rehearsal copies nothing that could be compared"
        );
        let [from, to] = &self.roots(job)?;
        tree::verified([from, to], job, plan, self.settings(), control)
    }

    fn finish(&self, held: &Held, _: &Control) -> Result<Option<Moment>, DataError> {
        if self.options.durable {
            held.to_disk()?;
        }
        held.moment().map(Some)
    }
}

impl Keeper for Trees {
    fn keep(&self, side: &SideName, name: &str, control: &Control) -> Result<Kept, DataError> {
        self.directory(side)?.keep(name, control)
    }
}

fn room(space: &StatVfs) -> u64 {
    space.f_bavail.saturating_mul(space.f_frsize)
}
