//! Where the backups of a store lie, and how they get there whole.
//!
//! ```text
//!              begin                  commit                       open
//!   Depot ──────────────► Draft ────────────────► KEY/ ──────────────────► Opened
//!  (one store's         KEY.partial/,        files, sha256,            files compared with
//!   location)           locked               manifest.json last        their sha256, local
//! ```
//!
//! A backup is a directory `KEY/` of files and a `manifest.json` ([`Manifest`](switchover::model::Manifest)). What the files are is
//! the store's business; this crate promises that they are all there.
//!
//! | location | a draft is | it is committed by |
//! | -- | -- | -- |
//! | [a directory](LocationOptions::Path) | `KEY.partial/` beside the backups, with a lock | every file and directory synced, then the manifest, then one rename and a sync of the parent |
//! | [S3](LocationOptions::S3) | a scratch directory here, then objects under `KEY/PART/` | the object `KEY/manifest.json`, put last |
//!
//! # What is left over
//! A draft on disk holds a lock (`flock`) that the programs which write into it inherit as their standard input: as long as one of
//! them lives, the draft is somebody's. [`Depot::clear`] removes drafts whose lock is free, however old. On S3, where nothing can be
//! locked, it removes parts that no manifest names and that nothing was added to for a day.
//!
//! # Whose backups
//! Every manifest names its pair and store. A backup of another store in the same location is listed as damaged, is never used,
//! overwritten or removed, and is refused with [`DataError::BadBackup`](switchover::port::DataError::BadBackup).
//!
//! # Who may read them
//! Directories are made with mode 0700 and files with 0600, whatever the umask is.

mod depot;
mod digest;
mod disk;
mod fault;
mod options;
mod owner;
#[cfg(feature = "s3")]
mod s3;

pub use depot::{Depot, Draft, Opened, Replace};
pub use digest::Progress;
pub use options::{LocationOptions, S3Options};
pub use owner::{About, Owner};
