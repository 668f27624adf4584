//! Whose backups a location holds, and what a backup's maker says about it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use switchover::model::{BackupKey, Manifest, PairName, SideName, StoreRef};
use switchover::port::DataError;

/// The format of the manifests that this crate writes.
const FORMAT: u32 = 1;

/// The one store whose backups a location may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The pair.
    pub pair: PairName,
    /// The store.
    pub store: StoreRef,
}

/// What the maker of a backup knows of it; sizes and digests of its files are added when it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The side that it was taken from.
    pub source: SideName,
    /// Where that was, as people know it. Contains no secret.
    pub place: String,
    /// The moment that its data is of, by the source's clock.
    pub as_of: Timestamp,
    /// The rows (or files) of each part of it.
    pub items: BTreeMap<String, u64>,
    /// A digest of the content of each part, where one was taken.
    pub digests: BTreeMap<String, String>,
    /// The versions of what it was made with and from.
    pub versions: BTreeMap<String, String>,
}

impl Owner {
    /// The manifest of a finished backup.
    pub(crate) fn manifest(&self, key: &BackupKey, about: About, files: Files, now: Timestamp) -> Manifest {
        Manifest {
            format: FORMAT,
            key: key.clone(),
            pair: self.pair.clone(),
            store: self.store.clone(),
            source: about.source,
            place: about.place,
            as_of: about.as_of,
            finished: now,
            bytes: files.bytes,
            items: about.items,
            digests: about.digests,
            files: files.digests,
            versions: about.versions,
            verified: None,
        }
    }

    /// What is wrong with a manifest that was found under a key; `None` if it is this store's.
    pub(crate) fn fault(&self, key: &BackupKey, manifest: &Manifest) -> Option<String> {
        if manifest.pair != self.pair || manifest.store != self.store {
            return Some(format!(
                "it is a backup of {} of pair {}, not of {} of pair {}; give each store a location of its own",
                manifest.store, manifest.pair, self.store, self.pair
            ));
        }
        if manifest.format != FORMAT {
            return Some(format!(
                "its manifest has format {}, and this version reads format {FORMAT}",
                manifest.format
            ));
        }
        (manifest.key != *key).then(|| format!("its manifest says that its key is {}", manifest.key))
    }

    /// Whether a manifest is another store's, so that its backup must be left alone.
    pub(crate) fn foreign(&self, manifest: &Manifest) -> bool {
        manifest.pair != self.pair || manifest.store != self.store
    }

    /// Refuses a manifest that is not this store's under this key.
    pub(crate) fn check(&self, key: &BackupKey, manifest: &Manifest) -> Result<(), DataError> {
        match self.fault(key, manifest) {
            Some(why) => Err(DataError::BadBackup { key: key.clone(), why }),
            None => Ok(()),
        }
    }
}

/// The files of a backup, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// Their size, all together.
    pub(crate) bytes: u64,
    /// The SHA-256 of each, in hexadecimal, by its path within the backup.
    pub(crate) digests: BTreeMap<String, String>,
}
