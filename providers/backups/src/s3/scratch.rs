//! The directory here in which a backup on S3 is put together, or fetched to.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use switchover::port::DataError;
use tempfile::TempDir;

use crate::disk::lock;
use crate::fault;
use crate::options::S3Options;

/// What the name of a part begins with, here and in the bucket.
pub(super) const PART: &str = "switchover-part-";

fn root(options: &S3Options) -> PathBuf {
    options.scratch.clone().unwrap_or_else(std::env::temp_dir)
}

/// A directory for temporary files, removed when dropped, and locked until then: without the lock another process would clear it away.
#[derive(Debug)]
pub(crate) struct Scratch {
    dir: TempDir,
    lock: File,
}

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }
}

/// A new directory with a name that nothing else has.
pub(super) fn make(options: &S3Options) -> Result<Scratch, DataError> {
    let root = root(options);
    let wrong = |error: io::Error| fault::io("making a directory for temporary files", &root, &error);
    let made = tempfile::Builder::new()
        .prefix(PART)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&root)
        .map_err(wrong)?;
    match lock::take(made.path()).map_err(wrong)? {
        Some(lock) => Ok(Scratch { dir: made, lock }),
        None => Err(wrong(io::Error::other("somebody else locked it"))),
    }
}

/// Removes the directories that a killed process left.
pub(super) fn clear(options: &S3Options) -> Result<Vec<String>, DataError> {
    let root = root(options);
    let wrong = |error: io::Error| fault::io("looking for temporary files", &root, &error);
    let mut cleared = Vec::new();
    for entry in fs::read_dir(&root).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        if !entry.file_name().to_string_lossy().starts_with(PART) {
            continue;
        }
        match lock::take(&entry.path()) {
            Ok(Some(_held)) if fs::remove_dir_all(entry.path()).is_ok() => {
                cleared.push(entry.path().display().to_string());
            }
            Ok(_) => {}
            // Gone meanwhile, or another user's.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(wrong(error)),
        }
    }
    Ok(cleared)
}
