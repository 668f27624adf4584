//! One store's location, whichever kind it is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use switchover::model::{Backup, BackupKey, BackupState, Manifest};
use switchover::port::DataError;

use crate::digest::{self, Keep, Progress, StopOnDrop};
use crate::disk::{Disk, DiskDraft};
use crate::fault::blocking;
use crate::options::LocationOptions;
use crate::owner::{About, Owner};

/// What to do where a backup of the same key and store lies already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Refuse ([`DataError::BadBackup`]).
    No,
    /// Take its place, when the new one is complete.
    Yes,
}

/// The place where one store's backups lie.
#[derive(Debug, Clone)]
pub struct Depot(Place);

#[derive(Debug, Clone)]
enum Place {
    Disk(Disk),
    #[cfg(feature = "s3")]
    S3(crate::s3::S3),
}

/// A backup on its way. Dropped before it is committed, it is gone; see the crate's page for what a killed process leaves.
#[derive(Debug)]
pub struct Draft(Kind);

#[derive(Debug)]
enum Kind {
    Disk(DiskDraft),
    #[cfg(feature = "s3")]
    S3(crate::s3::S3Draft),
}

/// A backup whose files lie here and were compared with its manifest.
#[derive(Debug)]
pub struct Opened {
    manifest: Manifest,
    dir: PathBuf,
    /// Where it was fetched to; removed with this value.
    #[cfg(feature = "s3")]
    #[expect(dead_code, reason = "it is held for its drop")]
    scratch: Option<crate::s3::Scratch>,
}

impl Depot {
    /// Names a location. Sends nothing and looks at nothing.
    ///
    /// [`DataError::Unfit`] for a place on S3 where this program was built without it, and for a path that is not absolute: what is
    /// found there would depend on where the program was started.
    pub fn new(options: &LocationOptions, owner: Owner) -> Result<Self, DataError> {
        match options {
            LocationOptions::Path(path) if !path.is_absolute() => Err(DataError::Unfit {
                place: path.display().to_string(),
                why: "the path of the backups is not absolute".into(),
                advice: Some("write it from the root on".into()),
            }),
            LocationOptions::Path(path) => Ok(Self(Place::Disk(Disk { root: path.clone(), owner }))),
            #[cfg(feature = "s3")]
            LocationOptions::S3(options) => Ok(Self(Place::S3(crate::s3::S3::new(options.clone(), owner)))),
            #[cfg(not(feature = "s3"))]
            LocationOptions::S3(options) => Err(DataError::Unfit {
                place: format!("s3://{}", options.bucket),
                why: "this program was built without backups on S3".into(),
                advice: Some("build it with the feature `s3`, or use `backups = { path = … }`".into()),
            }),
        }
    }

    /// Where it is, as people know it.
    pub fn place(&self) -> String {
        match &self.0 {
            Place::Disk(disk) => disk.root.display().to_string(),
            #[cfg(feature = "s3")]
            Place::S3(s3) => s3.place(),
        }
    }

    /// Every backup that is there, oldest key first. Reads manifests and sizes, not the data. A location that does not exist yet holds none.
    pub async fn list(&self) -> Result<Vec<Backup>, DataError> {
        match &self.0 {
            Place::Disk(disk) => {
                let disk = disk.clone();
                blocking(move || disk.list()).await
            }
            #[cfg(feature = "s3")]
            Place::S3(s3) => Box::pin(s3.list()).await,
        }
    }

    /// The backup under one key; `None` if nothing is there.
    pub async fn find(&self, key: &BackupKey) -> Result<Option<Backup>, DataError> {
        match &self.0 {
            Place::Disk(disk) => {
                let (disk, key) = (disk.clone(), key.clone());
                Ok(blocking(move || disk.find(&key)).await)
            }
            #[cfg(feature = "s3")]
            Place::S3(s3) => Box::pin(s3.find(key)).await,
        }
    }

    /// Starts a backup, and clears what an earlier attempt under the same key left. `expected` is about how many bytes it will have:
    /// where the disk has fewer, [`DataError::Failed`] says so at once.
    pub async fn begin(
        &self,
        key: &BackupKey,
        replace: Replace,
        expected: Option<u64>,
    ) -> Result<Draft, DataError> {
        match &self.0 {
            Place::Disk(disk) => {
                let (disk, key) = (disk.clone(), key.clone());
                let draft = blocking(move || DiskDraft::begin(&disk, &key, replace, expected)).await?;
                Ok(Draft(Kind::Disk(draft)))
            }
            #[cfg(feature = "s3")]
            Place::S3(s3) => Ok(Draft(Kind::S3(Box::pin(s3.begin(key, replace, expected)).await?))),
        }
    }

    /// Has a backup's files here, compared with its manifest: the SHA-256 of each, their sizes, and that none is missing.
    /// [`DataError::BadBackup`] with what is wrong.
    pub async fn open(&self, key: &BackupKey, progress: &Progress) -> Result<Opened, DataError> {
        let manifest = self.usable(key).await?;
        match &self.0 {
            Place::Disk(disk) => {
                let dir = disk.home(key);
                compare(&manifest, dir.clone(), progress).await?;
                Ok(Opened::here(manifest, dir))
            }
            #[cfg(feature = "s3")]
            Place::S3(s3) => {
                let scratch = Box::pin(s3.fetch(&manifest, progress)).await?;
                Ok(Opened { manifest, dir: scratch.path().to_owned(), scratch: Some(scratch) })
            }
        }
    }

    /// Reads all of a backup and compares it with its manifest, as [`Depot::open`] does.
    pub async fn check(&self, key: &BackupKey, progress: &Progress) -> Result<Manifest, DataError> {
        self.open(key, progress).await.map(|opened| opened.manifest)
    }

    async fn usable(&self, key: &BackupKey) -> Result<Manifest, DataError> {
        let bad = |why: String| DataError::BadBackup { key: key.clone(), why };
        let found = self.find(key).await?;
        let Some(backup) = found else {
            return Err(bad(format!("there is none in {}", self.place())));
        };
        match (backup.state, backup.manifest) {
            (BackupState::Complete, Some(manifest)) => Ok(manifest),
            (BackupState::Damaged { why }, _) => Err(bad(why)),
            (BackupState::Partial | BackupState::Complete, _) => {
                Err(bad("it was never finished, or is being made right now".into()))
            }
        }
    }

    /// Writes a backup's manifest anew, to say when it was verified.
    pub async fn record(&self, manifest: &Manifest) -> Result<(), DataError> {
        match &self.0 {
            Place::Disk(disk) => {
                let (disk, manifest) = (disk.clone(), manifest.clone());
                blocking(move || disk.record(&manifest)).await
            }
            #[cfg(feature = "s3")]
            Place::S3(s3) => Box::pin(s3.record(manifest)).await,
        }
    }

    /// Removes a backup, manifest first, so that what is left of it is partial. A key that is not there is no error; another store's
    /// backup is refused. May be repeated.
    pub async fn remove(&self, key: &BackupKey) -> Result<(), DataError> {
        match &self.0 {
            Place::Disk(disk) => {
                let (disk, key) = (disk.clone(), key.clone());
                blocking(move || disk.remove(&key)).await
            }
            #[cfg(feature = "s3")]
            Place::S3(s3) => Box::pin(s3.remove(key)).await,
        }
    }

    /// Removes what earlier attempts left and nobody writes any more; says what that was.
    pub async fn clear(&self) -> Result<Vec<String>, DataError> {
        match &self.0 {
            Place::Disk(disk) => {
                let disk = disk.clone();
                blocking(move || disk.clear()).await
            }
            #[cfg(feature = "s3")]
            Place::S3(s3) => Box::pin(s3.clear()).await,
        }
    }
}

async fn compare(manifest: &Manifest, dir: PathBuf, progress: &Progress) -> Result<(), DataError> {
    let stop = StopOnDrop::of(progress);
    let progress = progress.clone();
    let found = blocking(move || digest::read_all(&dir, Keep::AsIs, &progress)).await?;
    drop(stop);
    match digest::difference(&found, &manifest.files, manifest.bytes) {
        Some(why) => Err(DataError::BadBackup { key: manifest.key.clone(), why }),
        None => Ok(()),
    }
}

impl Draft {
    /// The directory to write the backup's files into.
    pub fn dir(&self) -> &Path {
        match &self.0 {
            Kind::Disk(draft) => draft.dir(),
            #[cfg(feature = "s3")]
            Kind::S3(draft) => draft.dir(),
        }
    }

    /// The draft's lock, to be the standard input of every program that writes into it: as long as one of them lives, nobody clears the
    /// draft away under it. It reads as an empty file.
    pub fn lock(&self) -> io::Result<File> {
        match &self.0 {
            Kind::Disk(draft) => draft.lock(),
            #[cfg(feature = "s3")]
            Kind::S3(draft) => draft.lock(),
        }
    }

    /// Makes it a backup: from then on it is under its key, whole. `now` is written into its manifest.
    pub async fn commit(
        self,
        about: About,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<Opened, DataError> {
        let stop = StopOnDrop::of(progress);
        let committed = match self.0 {
            Kind::Disk(draft) => {
                let progress = progress.clone();
                let (manifest, dir) = blocking(move || draft.commit(about, &progress, now)).await?;
                Ok(Opened::here(manifest, dir))
            }
            #[cfg(feature = "s3")]
            Kind::S3(draft) => {
                let (manifest, scratch) = Box::pin(draft.commit(about, progress, now)).await?;
                Ok(Opened { manifest, dir: scratch.path().to_owned(), scratch: Some(scratch) })
            }
        };
        drop(stop);
        committed
    }
}

impl Opened {
    fn here(manifest: Manifest, dir: PathBuf) -> Self {
        Self {
            manifest,
            dir,
            #[cfg(feature = "s3")]
            scratch: None,
        }
    }

    /// What is known of it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where its files are. They are the backup itself, or a copy that is removed with this value: do not change them.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
