//! A backup on its way to a directory: room looked for, locked, committed by one rename.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with, statvfs};
use switchover::model::{BackupKey, Manifest};
use switchover::port::DataError;

use super::{Disk, LOCK, lock, read_manifest, sync_directory, write_manifest};
use crate::depot::Replace;
use crate::digest::{self, Keep, Progress};
use crate::fault;
use crate::owner::About;

/// How often, and with which pause, a draft that another process locks is looked at: two seconds in all.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// A backup on its way. Removed when it is dropped before it was committed.
#[derive(Debug)]
pub(crate) struct DiskDraft {
    disk: Disk,
    key: BackupKey,
    dir: PathBuf,
    lock: File,
    replace: Replace,
    committed: bool,
}

impl DiskDraft {
    /// Starts a draft, and clears what an earlier one left.
    pub(crate) fn begin(
        disk: &Disk,
        key: &BackupKey,
        replace: Replace,
        expected: Option<u64>,
    ) -> Result<Self, DataError> {
        disk.prepare()?;
        let home = disk.home(key);
        match read_manifest(&home) {
            Ok(manifest) if disk.owner.foreign(&manifest) => disk.owner.check(key, &manifest)?,
            Ok(_) | Err(_) if !home.exists() || replace == Replace::Yes => {}
            Ok(_) | Err(_) => return Err(taken(key)),
        }
        enough_room(&disk.root, expected)?;
        let dir = disk.partial(key);
        let lock = claim_soon(disk, &dir, key)?;
        Ok(Self { disk: disk.clone(), key: key.clone(), dir, lock, replace, committed: false })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }

    /// Makes the draft a backup; see the table at the top of the crate. Returns where it lies.
    pub(crate) fn commit(
        mut self,
        about: About,
        progress: &Progress,
        now: jiff::Timestamp,
    ) -> Result<(Manifest, PathBuf), DataError> {
        let files = digest::read_all(&self.dir, Keep::Durable, progress)?;
        let manifest = self.disk.owner.manifest(&self.key, about, files, now);
        write_manifest(&self.dir, &manifest)?;
        let home = self.disk.home(&self.key);
        self.rename(&home).map_err(|error| fault::io("giving the backup its name", &home, &error))?;
        self.committed = true;
        sync_directory(&self.disk.root)?;
        Ok((manifest, home))
    }

    fn rename(&self, home: &Path) -> io::Result<()> {
        fs::remove_file(self.dir.join(LOCK))?;
        match (renameat_with(CWD, &self.dir, CWD, home, RenameFlags::NOREPLACE), self.replace) {
            (Ok(()), _) => Ok(()),
            (Err(error), Replace::Yes) if error == rustix::io::Errno::EXIST => {
                renameat_with(CWD, &self.dir, CWD, home, RenameFlags::EXCHANGE)?;
                // What lies there now is the earlier backup; if removing it fails it is a draft that nobody writes.
                let _ = fs::remove_dir_all(&self.dir);
                Ok(())
            }
            // A file system that knows no such flags (some network ones).
            (Err(error), _) if error == rustix::io::Errno::INVAL => self.plain_rename(home),
            (Err(error), Replace::Yes | Replace::No) => Err(error.into()),
        }
    }

    fn plain_rename(&self, home: &Path) -> io::Result<()> {
        match self.replace {
            Replace::Yes if home.exists() => fs::remove_dir_all(home)?,
            Replace::Yes | Replace::No => {}
        }
        fs::rename(&self.dir, home)
    }
}

impl Drop for DiskDraft {
    fn drop(&mut self) {
        if !self.committed {
            // What cannot be removed now is a draft whose lock is free: the next one clears it.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

pub(crate) fn taken(key: &BackupKey) -> DataError {
    DataError::BadBackup {
        key: key.clone(),
        why: "something lies there already under this key; look at it, and remove it or take another key"
            .into(),
    }
}

/// A writer that was killed a moment ago may still be dying: its lock is waited for a little.
fn claim_soon(disk: &Disk, dir: &Path, key: &BackupKey) -> Result<File, DataError> {
    let mut tries = 0;
    loop {
        tries += 1;
        disk.clear_one(key)?;
        match claim(dir, key) {
            Err(_) if tries < TRIES && dir.exists() => thread::sleep(PAUSE),
            claimed => return claimed,
        }
    }
}

fn claim(dir: &Path, key: &BackupKey) -> Result<File, DataError> {
    let wrong = |error: &io::Error| fault::io("making the directory of the new backup", dir, error);
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(busy(dir, key)),
        Err(error) => return Err(wrong(&error)),
    }
    match lock::take(dir) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(busy(dir, key)),
        Err(error) => Err(wrong(&error)),
    }
}

fn busy(dir: &Path, key: &BackupKey) -> DataError {
    DataError::Failed {
        place: dir.display().to_string(),
        why: format!("backup {key} is being written by another process; wait for it, or end it"),
    }
}

/// Refuses to begin what cannot fit.
pub(crate) fn enough_room(root: &Path, expected: Option<u64>) -> Result<(), DataError> {
    let stat = statvfs(root).map_err(|error| fault::io("asking for free room", root, &error.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    match expected {
        Some(expected) if free < expected => Err(DataError::Failed {
            place: root.display().to_string(),
            why: format!(
                "the disk has {} free and a backup needs about {}; make room, or remove old backups",
                human(free),
                human(expected)
            ),
        }),
        Some(_) | None => Ok(()),
    }
}

fn human(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}
