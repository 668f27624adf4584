//! What every provider that mirrors trees is built of: it says where its trees are and how one is made equal to another.

use std::fmt::Debug;
use std::time::Duration;

use switchover::model::{RunId, SideName, Verification};
use switchover::port::{DataError, Kept, StoreProblem, SyncPurpose};

use crate::marker::Moment;
use crate::options::{DeletionLimit, FreezeOptions};
use crate::shelf::Shelf;
use crate::work::Control;

/// A side's tree as configured.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Its path or remote, as commands know it.
    pub path: &'a str,
    /// Where its own small files are.
    pub shelf: &'a dyn Shelf,
    /// How it is frozen.
    pub freeze: &'a FreezeOptions,
}

/// One sync, as a backend is told of it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The side that is production.
    pub from: SideName,
    /// The stand-by.
    pub to: SideName,
    /// What for.
    pub purpose: SyncPurpose,
    /// How to compare afterwards.
    pub verify: Verification,
    /// The run that asks.
    pub run: RunId,
    /// The moment after which nothing should have changed at the stand-by but by us; `None` if that is not known.
    pub settled: Option<Moment>,
    /// The moment of the beginning, by the source's file system; `None` if that is not known.
    pub began: Option<Moment>,
}

/// What a comparison found, and so what a sync would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files and links at the source.
    pub files: u64,
    /// Bytes in its files.
    pub bytes: u64,
    /// Files and links at the stand-by.
    pub there: u64,
    /// Files and links to be copied.
    pub copies: u64,
    /// Bytes to be copied.
    pub copy_bytes: u64,
    /// How many of them take the place of one that is there.
    pub replaced: u64,
    /// Files and links at the stand-by to be deleted.
    pub deleted: u64,
    /// Everything else to be done: folders, modes, owners.
    pub others: u64,
    /// Files that would be replaced or deleted, and that changed at the stand-by since the latest sync.
    pub foreign: u64,
    /// One of them.
    pub foreign_example: Option<String>,
    /// Entries that are no file, link or folder, and are left out.
    pub skipped: u64,
    /// Where the source stood, if that was counted.
    pub position: Option<String>,
}

impl Tally {
    /// Whether there is nothing to do.
    pub fn is_equal(&self) -> bool {
        self.copies == 0 && self.deleted == 0 && self.others == 0
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Files and links that were copied.
    pub files: u64,
    /// Bytes that were copied.
    pub bytes: u64,
    /// Files and links that were deleted.
    pub deleted: u64,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What a comparison afterwards found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How thorough it was.
    pub how: Option<Verification>,
    /// Entries that differ although the source did not change.
    pub wrong: u64,
    /// Entries that differ because the source changed meanwhile.
    pub moved_on: u64,
    /// One of those that differ.
    pub example: Option<String>,
    /// Where the source stood, if that was counted.
    pub position: Option<String>,
}

/// A side as a look finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What is the same for two configurations of one tree.
    pub identity: String,
}

/// What was begun, and is held until the sync ends.
#[derive(Debug)]
pub struct Begun<L> {
    /// Keeps others from syncing to the same tree.
    pub lock: L,
    /// The moment of the beginning, by the source's file system.
    pub source: Option<Moment>,
}

/// Where the trees are. Everything blocks; threads are led by a [`Control`].
pub trait Sites: Debug + Send + Sync + 'static {
    /// A side; `None` if the store has none of that name.
    fn site(&self, side: &SideName) -> Option<Site<'_>>;

    /// The names of the two sides.
    fn sides(&self) -> [&SideName; 2];

    /// Looks whether a tree is there. An error if it is not. Changes nothing.
    fn look(&self, side: &SideName, control: &Control) -> Result<Look, DataError>;

    /// Everything that could stop a sync or a swap, on one side. Changes nothing.
    fn preflight(&self, side: &SideName, control: &Control) -> Result<Vec<StoreProblem>, DataError>;

    /// Something that differs if any file of the tree was written, made, moved or deleted in between.
    fn fingerprint(&self, side: &SideName, control: &Control) -> Result<String, DataError>;
}

/// How one tree is made equal to another. Everything blocks.
pub trait Mirror: Sites {
    /// What keeps others away while a sync goes on.
    type Lock: Send;
    /// What a comparison found to do.
    type Plan: Send;

    /// Locks the stand-by and sees to it that the sides are two trees. Clears what an earlier sync left unfinished, here or later.
    fn begin(&self, job: &Job, control: &Control) -> Result<Begun<Self::Lock>, DataError>;

    /// Compares the trees. Changes nothing.
    fn compare(&self, job: &Job, control: &Control) -> Result<(Tally, Self::Plan), DataError>;

    /// Copies what differs, and when all of that is done, deletes what is too much. Asks for permission right before each act.
    fn apply(
        &self,
        job: &Job,
        tally: &Tally,
        plan: &Self::Plan,
        control: &Control,
    ) -> Result<Moved, DataError>;

    /// Compares again, for a final sync all of it.
    fn verify(&self, job: &Job, plan: &Self::Plan, control: &Control) -> Result<Verified, DataError>;

    /// Sees to it that the copy stays where it is, and returns the moment after it, by the stand-by's file system.
    fn finish(&self, lock: &Self::Lock, control: &Control) -> Result<Option<Moment>, DataError>;
}

/// How what a side holds is kept before it is written over. Separate from the rest, so that each trait stays small.
pub trait Keeper {
    /// Keeps all of a side's tree under a name at its top that no sync looks at, whole or not at all. A name that stands there is left alone.
    /// Blocks.
    fn keep(&self, side: &SideName, name: &str, control: &Control) -> Result<Kept, DataError>;
}

/// What the limits are. Separate from the rest, so that each trait stays small.
pub trait Limits {
    /// How many deletions are allowed.
    fn deletions(&self) -> &DeletionLimit;

    /// How long a side may take to answer a look.
    fn timeout(&self) -> Duration;
}
