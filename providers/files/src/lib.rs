//! Directory trees as core's [`Store`]: mirrored between two directories that are reachable from where this
//! runs (local disks, mounted EFS or NFS), embedded, with nothing to install.
//!
//! ```text
//!   store     the port: look, freeze, prove, thaw, sync
//!     session   one sync: look, guard, freeze the stand-by, compare, change, compare again, write down
//!       guard     what is refused, decided from what was seen; pure
//!       mirror    what a backend does; `trees` is the one for directories, others build on the same
//!         tree      two trees walked in step by many threads
//!         directory one tree's top: identity, lock, own files
//!     freeze    a flag that the application honours, commands, proofs
//!     rescue    one side by itself: taken over, kept
//!     marker    what a tree is and got, kept at its top
//!     work      threads led from a future: droppable, with a deadline, asking before they destroy
//! ```
//!
//! # What is kept
//!
//! Content, modification times to the nanosecond, modes, symbolic links; owner and group if this runs as root. Not kept: extended
//! attributes and access control lists, times of folders, hard links (each name becomes a file), holes. Sockets, pipes and devices are left
//! out, and counted. A file is copied beside its place and renamed, so that a reader sees the old one or the new one. One that
//! changes each time it is copied is left as it was, and named. Everything is deleted only after everything was copied.
//!
//! # What is refused
//!
//! An empty source; a tree that is not the one that was there at the last sync (not mounted, or replaced); two sides that are one tree, or
//! one within the other; a stand-by on which clients may have written; more deletions than the limit; a first sync over files that
//! are of no use to it. All of it is found before anything is changed.
//!
//! # Freezing
//!
//! A file system knows no application. So the application has its part: it looks for the *flag*, a JSON file of that name in the tree,
//! and refuses writes while the flag is there and its `until` has not passed:
//!
//! ```json
//! { "format": 1, "run": "20261121-1502-3f", "since": "2026-11-21T15:02:07Z", "until": "2026-11-21T15:02:39Z", "renew_by": "2026-11-21T15:02:37Z" }
//! ```
//!
//! `until` is `null` on the stand-by: there the flag lies for as long as it is the stand-by. The clocks of the application and of this
//! machine may differ by `clock_margin`. Or a *command* makes the side read-only; that does not end by itself when the controller dies.

pub mod command;
mod directory;
mod freeze;
mod guard;
mod marker;
mod mirror;
mod options;
mod rescue;
mod session;
pub mod shelf;
mod store;
mod tree;
mod trees;
pub mod work;

use std::sync::Arc;

use async_trait::async_trait;
use switchover::model::{PairName, RunId, SideName, StoreRef};
use switchover::port::{
    Clock, DataError, Depth, FreezeOrder, FreezeProof, Inspection, KeepOrder, Kept, LoneSide, Overseer,
    Rescue, Store, SyncOrder, Synced, TakenOver,
};

pub use directory::{Directory, Held, Scan};
pub use freeze::refuse_bad_options;
pub use marker::{Moment, Owner};
pub use mirror::{Begun, Job, Keeper, Limits, Look, Mirror, Moved, Site, Sites, Tally, Verified};
pub use options::{DeletionLimit, FilesOptions, FilesSide, FreezeOptions, OptionsError};
pub use store::MirrorStore;

use trees::{Tree, Trees};

/// Two directories as a store.
#[derive(Debug)]
pub struct FilesStore(MirrorStore<Trees>);

impl FilesStore {
    /// A store of a pair, as its options say. Nothing is looked at yet.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for options that can never work.
    pub fn new(
        options: FilesOptions,
        pair: PairName,
        store: StoreRef,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OptionsError> {
        if !(1..=1024).contains(&options.threads) {
            return Err(OptionsError::Threads(options.threads));
        }
        let mut trees = Vec::new();
        for (side, configured) in &options.sides {
            let freeze = configured.freeze.as_ref().unwrap_or(&options.freeze).clone();
            refuse_bad_options(&freeze)?;
            let directory =
                Directory::new(SideName::new(side)?, configured.path.clone(), freeze.flag.clone());
            trees.push(Tree { directory, freeze });
        }
        let trees = <[Tree; 2]>::try_from(trees).map_err(|trees| OptionsError::Sides(trees.len()))?;
        Ok(Self(MirrorStore::over(Trees { trees, options }, pair, store, clock)))
    }
}

#[async_trait]
impl Rescue for FilesStore {
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError> {
        self.0.look(side).await
    }

    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        self.0.take_over(side, run).await
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        self.0.keep(order, overseer).await
    }
}

#[async_trait]
impl Store for FilesStore {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        self.0.inspect(depth).await
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        self.0.freeze(side, order).await
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        self.0.prove_frozen(side).await
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        self.0.thaw(side).await
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        self.0.sync(order, overseer).await
    }
}
