//! The backups of a snapshot store, by key.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{DataError, Overseer};
use crate::model::{Backup, BackupKey, SideName, Verification};

/// The backups of one store, at the location that its configuration names.
#[async_trait]
pub trait Backups: Debug + Send + Sync {
    /// Every backup that is there, partial and damaged ones too, oldest key first. Reads manifests, not the data. May be repeated.
    async fn list(&self) -> Result<Vec<Backup>, DataError>;

    /// One backup, partial and damaged ones too; `None` if there is nothing under its key. Reads its manifest, not the data. May be repeated.
    async fn find(&self, key: &BackupKey) -> Result<Option<Backup>, DataError>;

    /// Takes a backup of a side under a key. A complete one of that key is left alone and returned.
    ///
    /// It appears under its key only when all of it is on disk: before that it is `Partial`. May be dropped and repeated.
    async fn create(
        &self,
        from: &SideName,
        key: &BackupKey,
        overseer: &dyn Overseer,
    ) -> Result<Backup, DataError>;

    /// Puts a backup in the place of a side's data, verified against its manifest first; the side is left frozen, its data from before
    /// is kept until the next success. May be dropped and repeated.
    async fn restore(&self, key: &BackupKey, to: &SideName, overseer: &dyn Overseer)
    -> Result<(), DataError>;

    /// Reads all of a backup and compares it with its manifest; with [`Verification::Content`] restores it beside the data of the given
    /// side, compares that with the manifest, and removes it again. The manifest then says so. May be repeated.
    async fn verify(
        &self,
        key: &BackupKey,
        on: &SideName,
        how: Verification,
        overseer: &dyn Overseer,
    ) -> Result<Backup, DataError>;

    /// Removes a backup, manifest first, so that what is left of it is partial. A key that is not there is no error. May be repeated.
    async fn remove(&self, key: &BackupKey) -> Result<(), DataError>;
}
