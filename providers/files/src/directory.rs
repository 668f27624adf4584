//! One directory at the top of a tree: its own small files, its identity, its lock, and a digest of all of it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use switchover::model::SideName;
use switchover::port::{DataError, Kept};

use crate::marker::Moment;
use crate::shelf::{OWN, Shelf, UNFINISHED};
use crate::tree::{self, Root, Settings, fault};
use crate::work::Control;

/// The file whose lock keeps two syncs from one tree.
const LOCK: &str = ".switchover.lock";

/// How long a sync waits for one that was dropped a moment ago.
const PATIENCE: Duration = Duration::from_secs(15);

/// One side's directory.
#[derive(Debug, Clone)]
pub struct Directory {
    side: SideName,
    path: PathBuf,
    text: String,
    flag: Option<PathBuf>,
}

/// What is held while a sync to a directory goes on. The lock goes with it.
#[derive(Debug)]
pub struct Held {
    /// Also what `syncfs` is asked of, so that it was open before the first write.
    root: Root,
    _lock: OwnedFd,
}

/// All of a tree at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Files and links.
    pub files: u64,
    /// Bytes in its files.
    pub bytes: u64,
    /// Differs if any entry was written, made, moved or deleted.
    pub digest: String,
}

impl Directory {
    /// A side's directory, and the flag within it that is none of the users' files.
    pub fn new(side: SideName, path: PathBuf, flag: Option<PathBuf>) -> Self {
        let text = path.display().to_string();
        Self { side, path, text, flag }
    }

    /// The side.
    pub fn side(&self) -> &SideName {
        &self.side
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path as text.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn open(&self) -> Result<Root, DataError> {
        Root::open(&self.path, self.place(), self.flag.clone())
    }

    /// What is the same for two paths to it. An error if it is not there, or should be a mount point and is none.
    pub fn identity(&self, require_mount: bool) -> Result<String, DataError> {
        let root = self.open()?;
        let found = rustix::fs::statx(&root.fd, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
            .map_err(|error| self.fault("", "looked at", error))?;
        if require_mount && !mounted(&self.path, found.stx_attributes, found.stx_attributes_mask) {
            let why = "nothing is mounted there, and `require_mount` is set".to_owned();
            return Err(DataError::Unreachable { place: self.place(), why });
        }
        Ok(format!("device {}:{}, inode {}", found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
    }

    /// Goes through all of it, by so many threads.
    pub fn scan(&self, threads: u16, control: &Control) -> Result<Scan, DataError> {
        tree::scanned(&self.open()?, Settings { threads, ownership: false }, control)
    }

    /// Keeps all of the tree under a name at its top that no sync looks at: each file by another name for the same content, so that it takes
    /// no room. Whole or not at all; a name that stands there is left alone.
    pub fn keep(&self, name: &str, control: &Control) -> Result<Kept, DataError> {
        let bytes = tree::kept(&self.open()?, name, control)?;
        let place = self.path.join(name).display().to_string();
        Ok(Kept { place, bytes: (bytes > 0).then_some(bytes) })
    }

    /// Keeps other syncs away until what is returned is dropped.
    pub fn lock(&self, control: &Control) -> Result<Held, DataError> {
        let root = self.open()?;
        let lock = locked(self, &root, control)?;
        Ok(Held { root, _lock: lock })
    }

    /// The moment now, as its file system counts; an error where nothing can be written.
    pub fn moment(&self) -> Result<Moment, DataError> {
        moment(&self.open()?).map_err(|error| self.fault("", "written to", error))
    }

    /// Refuses a directory that is this one by another way: what is written to this one shows there.
    pub fn refuse_same(&self, other: &Self) -> Result<(), DataError> {
        if nested(&other.path, &self.path) || nested(&self.path, &other.path) {
            return Err(DataError::Guarded {
                place: self.place(),
                why: format!("one tree lies within the other, which is {}", other.text),
                advice: Some("give each side a tree of its own".to_owned()),
            });
        }
        two_trees(other, self, &other.open()?, &self.open()?)
    }

    pub(crate) fn fault(&self, name: &str, did: &str, error: Errno) -> DataError {
        fault(&self.place(), Path::new(name), did, error)
    }
}

impl Shelf for Directory {
    fn side(&self) -> &SideName {
        &self.side
    }

    fn path(&self) -> &str {
        &self.text
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DataError> {
        let root = self.open()?;
        match rustix::fs::openat(&root.fd, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => {
                let mut content = Vec::new();
                // Our own files are short; a longer one is none of ours.
                File::from(file).take(1 << 20).read_to_end(&mut content).map_err(|error| {
                    self.fault(name, "read", Errno::from_io_error(&error).unwrap_or(Errno::IO))
                })?;
                Ok(Some(content))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.fault(name, "read", error)),
        }
    }

    fn write(&self, name: &str, content: &[u8], private: bool) -> Result<(), DataError> {
        let root = self.open()?;
        let failed = |error| self.fault(name, "written", error);
        let mut nonce = [0_u8; 8];
        getrandom::fill(&mut nonce).map_err(|_| failed(Errno::IO))?;
        let part = Path::new(name).with_file_name(format!("{UNFINISHED}{}", hex::encode(nonce)));
        let mode = Mode::from_raw_mode(if private { 0o600 } else { 0o644 });
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&root.fd, &part, flags, mode).map_err(failed)?;
        // Whatever the umask says, the application must be able to read its flag.
        let written = rustix::fs::fchmod(&file, mode).and_then(|()| {
            let mut file = File::from(file);
            let all = file.write_all(content).and_then(|()| file.sync_all());
            all.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        });
        let placed = written.and_then(|()| rustix::fs::renameat(&root.fd, &part, &root.fd, name));
        placed.map_err(|error| {
            let _ = rustix::fs::unlinkat(&root.fd, &part, AtFlags::empty());
            failed(error)
        })?;
        // The name is on the disk, too, where the file system can promise that.
        let _ = root.folder(Path::new(name).parent().unwrap_or(Path::new(""))).map(rustix::fs::fsync);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DataError> {
        let root = self.open()?;
        match rustix::fs::unlinkat(&root.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.fault(name, "deleted", error)),
        }
    }
}

impl Held {
    /// Brings everything that was written to the disk. What could not be written after it was taken shows here, too
    /// (<https://man7.org/linux/man-pages/man2/syncfs.2.html>, since Linux 5.8).
    pub fn to_disk(&self) -> Result<(), DataError> {
        rustix::fs::syncfs(&self.root.fd)
            .map_err(|error| fault(&self.root.place, Path::new(""), "brought to the disk", error))
    }

    /// The moment now, as its file system counts.
    pub fn moment(&self) -> Result<Moment, DataError> {
        moment(&self.root).map_err(|error| fault(&self.root.place, Path::new(""), "written to", error))
    }
}

/// Waits a little for a sync that was dropped and whose threads are not yet back.
fn locked(tree: &Directory, root: &Root, control: &Control) -> Result<OwnedFd, DataError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let lock = rustix::fs::openat(&root.fd, LOCK, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| tree.fault(LOCK, "opened", error))?;
    let until = crate::work::running() + PATIENCE;
    loop {
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks: the pair's journal alone keeps two syncs apart.
            Ok(()) | Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => return Ok(lock),
            Err(Errno::AGAIN | Errno::INTR) if crate::work::running() < until => {
                control.pause(Duration::from_millis(20))?;
            }
            Err(Errno::AGAIN) => {
                return Err(DataError::Failed {
                    place: tree.place(),
                    why: format!("another sync to it is at work: {LOCK} is locked"),
                });
            }
            Err(error) => return Err(tree.fault(LOCK, "locked", error)),
        }
    }
}

/// Two mounts of one tree have different devices. What is written to one shows in the other, then.
fn two_trees(from: &Directory, to: &Directory, source: &Root, root: &Root) -> Result<(), DataError> {
    let name = format!("{OWN}-same-{:x}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::openat(&root.fd, &name, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| to.fault(&name, "written", error))?;
    let seen = tree::there(source, OsStr::new(&name));
    let _ = rustix::fs::unlinkat(&root.fd, &name, AtFlags::empty());
    match seen {
        Ok(false) => Ok(()),
        Ok(true) => Err(DataError::Guarded {
            place: to.place(),
            why: format!("{} and {} are one and the same tree, mounted twice", from.side, to.side),
            advice: Some("give each side the path of its own tree".to_owned()),
        }),
        Err(error) => Err(from.fault("", "looked at", error)),
    }
}

/// The moment now, as the tree's file system counts.
fn moment(root: &Root) -> Result<Moment, Errno> {
    let name = format!("{OWN}-moment-{:x}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(&root.fd, &name, flags, Mode::RUSR | Mode::WUSR)?;
    let found = rustix::fs::statx(&file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
    let _ = rustix::fs::unlinkat(&root.fd, &name, AtFlags::empty());
    let found = found?;
    Ok(Moment(found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec))
}

fn mounted(path: &Path, attributes: StatxAttributes, known: StatxAttributes) -> bool {
    if known.contains(StatxAttributes::MOUNT_ROOT) {
        return attributes.contains(StatxAttributes::MOUNT_ROOT);
    }
    // Kernels before 5.8 do not say; there another device than that of the folder above tells.
    let device = |path: &Path| rustix::fs::stat(path).map(|found| found.st_dev);
    device(path).ok() != device(&path.join("..")).ok()
}

/// Whether a path lies within another, links resolved.
pub(crate) fn nested(inner: &Path, outer: &Path) -> bool {
    let (Ok(inner), Ok(outer)) = (inner.canonicalize(), outer.canonicalize()) else { return false };
    inner != outer && inner.starts_with(&outer)
}
