//! Backups in a directory: listed, read back, removed.

mod draft;
pub(crate) mod lock;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use switchover::model::{Backup, BackupKey, BackupState, Manifest};
use switchover::port::DataError;

pub(crate) use draft::DiskDraft;
#[cfg(feature = "s3")]
pub(crate) use draft::{enough_room, taken};

use crate::digest;
use crate::fault;
use crate::owner::Owner;

/// The name of the manifest in each backup.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The lock of a draft.
const LOCK: &str = ".lock";
/// What the name of a draft ends with.
const PARTIAL: &str = ".partial";

/// Whether a file in a backup's directory is this crate's own and not part of the backup.
pub(crate) fn is_ours(name: &str) -> bool {
    name == MANIFEST || name == LOCK || name == "manifest.json.new"
}

/// A directory that holds the backups of one store.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) root: PathBuf,
    pub(crate) owner: Owner,
}

impl Disk {
    pub(crate) fn home(&self, key: &BackupKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    fn partial(&self, key: &BackupKey) -> PathBuf {
        self.root.join(format!("{key}{PARTIAL}"))
    }

    /// Makes the location if it is missing. Its parent must be there: it may be a disk that is not mounted.
    pub(crate) fn prepare(&self) -> Result<(), DataError> {
        match fs::DirBuilder::new().mode(0o700).create(&self.root) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.unmounted()),
            Err(error) => Err(fault::io("making the directory for backups", &self.root, &error)),
        }
    }

    fn unmounted(&self) -> DataError {
        DataError::Unfit {
            place: self.root.display().to_string(),
            why: "neither this directory for backups nor its parent exists".into(),
            advice: Some("mount the disk, or make the parent directory".into()),
        }
    }

    /// The keys that are there, and whether each is only a draft.
    fn keys(&self) -> Result<BTreeMap<BackupKey, bool>, DataError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let parent =
                    self.root.parent().is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir());
                return if parent { Ok(BTreeMap::new()) } else { Err(self.unmounted()) };
            }
            Err(error) => return Err(fault::io("reading the directory of backups", &self.root, &error)),
        };
        let mut keys = BTreeMap::new();
        for entry in entries {
            let entry =
                entry.map_err(|error| fault::io("reading the directory of backups", &self.root, &error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let (key, partial) = match name.strip_suffix(PARTIAL) {
                Some(key) => (key, true),
                None => (name, false),
            };
            if let Ok(key) = BackupKey::new(key) {
                keys.entry(key).and_modify(|was| *was &= partial).or_insert(partial);
            }
        }
        Ok(keys)
    }

    /// Every backup, oldest key first.
    pub(crate) fn list(&self) -> Result<Vec<Backup>, DataError> {
        let keys = self.keys()?;
        Ok(keys.into_iter().map(|(key, partial)| self.look(key, partial)).collect())
    }

    /// One backup, if anything is there under its key.
    pub(crate) fn find(&self, key: &BackupKey) -> Option<Backup> {
        if self.home(key).exists() {
            return Some(self.look(key.clone(), false));
        }
        self.partial(key).exists().then(|| self.look(key.clone(), true))
    }

    fn look(&self, key: BackupKey, partial: bool) -> Backup {
        let home = if partial { self.partial(&key) } else { self.home(&key) };
        let place = home.display().to_string();
        if partial {
            return Backup { key, state: BackupState::Partial, place, manifest: None };
        }
        match read_manifest(&home) {
            Err(Unread::Missing) => Backup { key, state: BackupState::Partial, place, manifest: None },
            Err(Unread::Broken(why)) => {
                Backup { key, state: BackupState::Damaged { why }, place, manifest: None }
            }
            Ok(manifest) => {
                let fault = self.owner.fault(&key, &manifest).or_else(|| sizes_differ(&home, &manifest));
                let state = match fault {
                    Some(why) => BackupState::Damaged { why },
                    None => BackupState::Complete,
                };
                Backup { key, state, place, manifest: Some(manifest) }
            }
        }
    }

    /// Writes a manifest anew, in one rename.
    pub(crate) fn record(&self, manifest: &Manifest) -> Result<(), DataError> {
        let home = self.home(&manifest.key);
        match read_manifest(&home) {
            Ok(is) => self.owner.check(&manifest.key, &is)?,
            Err(unread) => return Err(unread.of(&manifest.key)),
        }
        write_manifest(&home, manifest)
    }

    /// Removes a backup and its draft, the manifest first. A draft that is being written is left alone.
    pub(crate) fn remove(&self, key: &BackupKey) -> Result<(), DataError> {
        let home = self.home(key);
        if let Ok(manifest) = read_manifest(&home)
            && self.owner.foreign(&manifest)
        {
            self.owner.check(key, &manifest)?;
        }
        let wrong = |error: std::io::Error| fault::io("removing a backup", &home, &error);
        match fs::remove_file(home.join(MANIFEST)) {
            Ok(()) => sync_directory(&home)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(error)),
        }
        match fs::remove_dir_all(&home) {
            Ok(()) => sync_directory(&self.root)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(error)),
        }
        self.clear_one(key).map(|_| ())
    }

    /// Removes drafts that nobody writes; their names.
    pub(crate) fn clear(&self) -> Result<Vec<String>, DataError> {
        let mut cleared = Vec::new();
        for key in self.keys()?.into_keys() {
            if self.clear_one(&key)? {
                cleared.push(self.partial(&key).display().to_string());
            }
        }
        Ok(cleared)
    }

    fn clear_one(&self, key: &BackupKey) -> Result<bool, DataError> {
        let partial = self.partial(key);
        if !partial.is_dir() {
            return Ok(false);
        }
        match lock::take(&partial) {
            Ok(Some(_held)) => {
                let wrong = |error| fault::io("removing an unfinished backup", &partial, &error);
                fs::remove_dir_all(&partial).map_err(wrong)?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            // Somebody else cleared it in between.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(fault::io("locking an unfinished backup", &partial, &error)),
        }
    }
}

/// Why a manifest could not be had.
#[derive(Debug)]
pub(crate) enum Unread {
    Missing,
    Broken(String),
}

impl Unread {
    pub(crate) fn of(self, key: &BackupKey) -> DataError {
        let why = match self {
            Self::Missing => "there is no such backup, or it was never finished: it has no manifest".into(),
            Self::Broken(why) => why,
        };
        DataError::BadBackup { key: key.clone(), why }
    }
}

/// The manifest of the backup in a directory.
pub(crate) fn read_manifest(home: &Path) -> Result<Manifest, Unread> {
    let path = home.join(MANIFEST);
    let text = fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unread::Missing,
        _ => Unread::Broken(format!("its manifest {} cannot be read: {error}", path.display())),
    })?;
    parse_manifest(&text).map_err(Unread::Broken)
}

/// A manifest from its text; its files must lie within the backup.
pub(crate) fn parse_manifest(text: &[u8]) -> Result<Manifest, String> {
    // The words may quote what stands there, and are shown on terminals.
    let plain = |error: serde_json::Error| error.to_string().replace(char::is_control, " ");
    let manifest: Manifest = serde_json::from_slice(text)
        .map_err(|error| format!("its manifest cannot be understood: {}", plain(error)))?;
    let outside = |name: &&String| {
        Path::new(name.as_str()).components().any(|part| !matches!(part, std::path::Component::Normal(_)))
    };
    match manifest.files.keys().find(outside) {
        Some(name) => Err(format!("its manifest names the file {name:?}, which is not within the backup")),
        None => Ok(manifest),
    }
}

/// Writes a manifest durably beside the files, so that it is there whole or not at all.
pub(crate) fn write_manifest(home: &Path, manifest: &Manifest) -> Result<(), DataError> {
    let new = home.join("manifest.json.new");
    let write = || -> std::io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&new, home.join(MANIFEST))
    };
    write().map_err(|error| fault::io("writing the manifest", home, &error))?;
    sync_directory(home)
}

fn sync_directory(path: &Path) -> Result<(), DataError> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(|error| fault::io("writing the directory to disk", path, &error))
}

/// A cheap look: are all files there, and are they as large as the manifest says?
fn sizes_differ(home: &Path, manifest: &Manifest) -> Option<String> {
    let sizes = match digest::walk(home) {
        Ok(sizes) => sizes,
        Err(error) => return Some(error.to_string()),
    };
    if let Some(missing) = manifest.files.keys().find(|name| !sizes.contains_key(*name)) {
        return Some(format!("its file {} is missing", missing.escape_debug()));
    }
    let bytes: u64 = sizes.values().sum();
    (bytes != manifest.bytes)
        .then(|| format!("it has {bytes} bytes and its manifest says {}", manifest.bytes))
}
