//! Reads the files of a backup: their SHA-256 and sizes, several at once, made private and durable on the way where asked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};
use switchover::port::DataError;

use crate::fault;
use crate::owner::Files;

/// Counts the bytes that were read, hashed or moved. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    done: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Progress {
    /// The bytes so far.
    pub fn bytes(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Makes blocking work end soon after whoever waits for it stopped waiting.
#[derive(Debug)]
pub(crate) struct StopOnDrop(Arc<AtomicBool>);

impl StopOnDrop {
    pub(crate) fn of(progress: &Progress) -> Self {
        progress.stop.store(false, Ordering::Relaxed);
        Self(Arc::clone(&progress.stop))
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether files that are read are also made the backup's for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Mode 0600 for files, 0700 for directories, and all of it synced.
    Durable,
    /// Only read.
    AsIs,
}

/// The paths of all files below a directory, relative to it, with their sizes, but for those that a backup does not consist of.
pub(crate) fn walk(root: &Path) -> Result<BTreeMap<String, u64>, DataError> {
    let mut found = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let here = root.join(&below);
        let wrong = |error: &io::Error| fault::io("reading the directory", &here, error);
        for entry in fs::read_dir(&here).map_err(|error| wrong(&error))? {
            let entry = entry.map_err(|error| wrong(&error))?;
            let meta = entry.metadata().map_err(|error| wrong(&error))?;
            let path = below.join(entry.file_name());
            if meta.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.to_str().ok_or_else(|| {
                fault::failed(here.display(), format!("{} is no name for a file of a backup", path.display()))
            })?;
            if !meta.is_file() {
                return Err(fault::failed(
                    here.display(),
                    format!("{name} is neither a file nor a directory"),
                ));
            }
            if !crate::disk::is_ours(name) {
                found.insert(name.to_owned(), meta.len());
            }
        }
    }
    Ok(found)
}

/// Reads all files below a directory.
pub(crate) fn read_all(root: &Path, keep: Keep, progress: &Progress) -> Result<Files, DataError> {
    let sizes = walk(root)?;
    let names: Vec<&String> = sizes.keys().collect();
    let next = AtomicUsize::new(0);
    let result = Mutex::new(Ok(Files::default()));
    let lock = || result.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let read = read_one(&root.join(name), keep, progress);
            let mut all = lock();
            match (all.as_mut(), read) {
                (Ok(files), Ok((digest, bytes))) => {
                    files.bytes += bytes;
                    files.digests.insert((*name).clone(), digest);
                }
                (Ok(_), Err(error)) => *all = Err(error),
                (Err(_), _) => return,
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads() {
            scope.spawn(work);
        }
        work();
    });
    let files = result.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    if keep == Keep::Durable {
        seal_directories(root, &files)?;
    }
    Ok(files)
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(4)
}

fn read_one(path: &Path, keep: Keep, progress: &Progress) -> Result<(String, u64), DataError> {
    let wrong = |doing: &'static str| move |error: io::Error| fault::io(doing, path, &error);
    let mut file = File::open(path).map_err(wrong("opening"))?;
    let read = hash(&mut file, progress).map_err(wrong("reading"))?;
    if keep == Keep::Durable {
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(wrong("making private"))?;
        file.sync_all().map_err(wrong("writing to disk"))?;
    }
    Ok(read)
}

/// The SHA-256, in hexadecimal, and the length of what is read.
pub(crate) fn hash(from: &mut impl Read, progress: &Progress) -> io::Result<(String, u64)> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    let mut bytes = 0;
    loop {
        if progress.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("it was stopped"));
        }
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex::encode(digest.finalize()), bytes));
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
        progress.add(read as u64);
    }
}

/// A file is found again after a power failure only when its directory is on disk too.
fn seal_directories(root: &Path, files: &Files) -> Result<(), DataError> {
    let mut directories = vec![PathBuf::new()];
    for name in files.digests.keys() {
        directories.extend(Path::new(name).ancestors().skip(1).map(Path::to_path_buf));
    }
    directories.sort_unstable();
    directories.dedup();
    for below in directories.iter().rev() {
        let path = root.join(below);
        let wrong = |error: io::Error| fault::io("writing to disk", &path, &error);
        let directory = File::open(&path).map_err(wrong)?;
        directory.set_permissions(fs::Permissions::from_mode(0o700)).map_err(wrong)?;
        directory.sync_all().map_err(wrong)?;
    }
    Ok(())
}

/// Compares the files below a directory with what a manifest says of them: the first difference, in words.
pub(crate) fn difference(found: &Files, digests: &BTreeMap<String, String>, bytes: u64) -> Option<String> {
    for (name, digest) in digests {
        match found.digests.get(name) {
            None => return Some(format!("its file {} is missing", name.escape_debug())),
            Some(is) if is != digest => {
                let name = name.escape_debug();
                return Some(format!("its file {name} is not what was written: its SHA-256 differs"));
            }
            Some(_) => {}
        }
    }
    if let Some(extra) = found.digests.keys().find(|name| !digests.contains_key(*name)) {
        let extra = extra.escape_debug();
        return Some(format!("it holds the file {extra}, which its manifest does not name"));
    }
    (found.bytes != bytes).then(|| format!("it has {} bytes and its manifest says {bytes}", found.bytes))
}
