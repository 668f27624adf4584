//! File trees and object stores as core's [`Store`], mirrored by the real rclone (<https://rclone.org>).
//!
//! ```text
//!   switchover_files::MirrorStore     the port, one sync from beginning to end, freezing, markers, guards: as for directories
//!     remotes   what rclone is asked for: dry run, sync, check
//!       place     one side: a directory of this machine, or a remote with its own small files by `rclone cat` and `rcat`
//!       process   one call of rclone: led, heard, killed with everything it started
//!         log       what its JSON log says; pure
//! ```
//!
//! # What a sync is
//!
//! Source and stand-by are listed, and `rclone sync --dry-run` says what would be copied and deleted; the guards of
//! `switchover-files` decide. Then `rclone sync` runs with `--max-delete` at what was counted, and `rclone check` compares: sizes, or with
//! [`Content`](switchover::model::Verification::Content) hashes, or every byte (`--download`) where the sides have no hash in common.
//!
//! # What is to be known
//!
//! * rclone cannot be asked for permission before each of its acts. It is ended, with its children, within a second after permission is gone
//!   or its future is dropped. If this process is killed itself, rclone ends at its next line of progress, a second later, for nobody
//!   reads it any more.
//! * Up to version 1.62 rclone writes a file of a local directory in its place: one that is ended in the middle leaves it short, with a wrong
//!   time. The next sync puts it right. Newer ones write beside the place and rename.
//! * Symbolic links are copied as such between directories (`--links`), and as small objects to object stores. Modes and owners are kept with
//!   `metadata = true` only. Where both sides are directories, the provider `files` keeps more, and is faster.

mod log;
mod options;
mod place;
mod process;
mod remotes;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use switchover::model::{PairName, RunId, SideName, StoreRef};
use switchover::port::{
    Clock, DataError, Depth, FreezeOrder, FreezeProof, Inspection, KeepOrder, Kept, LoneSide, Overseer,
    Rescue, Store, SyncOrder, Synced, TakenOver,
};
use switchover_files::{Directory, MirrorStore, OptionsError, refuse_bad_options};

pub use options::{RcloneError, RcloneOptions, RcloneSide};

use place::{Place, Remote, Tree};
use process::Rclone;
use remotes::Remotes;

/// Two remotes as a store.
#[derive(Debug)]
pub struct RcloneStore(MirrorStore<Remotes>);

impl RcloneStore {
    /// A store of a pair, as its options say. Nothing is run yet.
    ///
    /// # Errors
    ///
    /// [`RcloneError`] for options that can never work.
    pub fn new(
        options: RcloneOptions,
        pair: PairName,
        store: StoreRef,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RcloneError> {
        let rclone = Rclone { program: options.program.clone(), config: options.config.clone() };
        let mut places = Vec::new();
        for (side, configured) in &options.sides {
            options::refuse_bad_remote(side, &configured.remote)?;
            let freeze = configured.freeze.as_ref().unwrap_or(&options.freeze).clone();
            refuse_bad_options(&freeze)?;
            let side = SideName::new(side).map_err(OptionsError::Name)?;
            let remote = configured.remote.clone();
            let tree = if options::is_local(&remote) {
                Tree::Local(Directory::new(side, PathBuf::from(&remote), freeze.flag.clone()))
            } else {
                Tree::Remote(Remote { rclone: rclone.clone(), side, name: remote.clone() })
            };
            places.push(Place { remote, freeze, tree });
        }
        if let Some(via) = &options.via {
            options::refuse_bad_remote("via", via)?;
        }
        let places = <[Place; 2]>::try_from(places).map_err(|places| OptionsError::Sides(places.len()))?;
        Ok(Self(MirrorStore::over(Remotes { rclone, places, options }, pair, store, clock)))
    }
}

#[async_trait]
impl Rescue for RcloneStore {
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
impl Store for RcloneStore {
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
