//! Two directories as sites: where they are, what stands in their way, how one is made equal to the other.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, FlockOperation, Mode, OFlags, StatVfs, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use switchover::model::SideName;
use switchover::port::{DataError, StoreProblem, SyncPurpose};

use crate::marker::Moment;
use crate::mirror::{Begun, Job, Limits, Look, Mirror, Moved, Site, Sites, Tally, Verified};
use crate::options::{DeletionLimit, FilesOptions, FreezeOptions};
use crate::shelf::{OWN, Shelf, UNFINISHED};
use crate::tree::{self, Plan, Root, Settings, fault};
use crate::work::Control;

/// The file whose lock keeps two syncs from one tree.
const LOCK: &str = ".switchover.lock";

/// How long a sync waits for one that was dropped a moment ago.
const PATIENCE: Duration = Duration::from_secs(15);

/// One side's directory.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) side: SideName,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) freeze: FreezeOptions,
}

/// Both directories.
#[derive(Debug)]
pub(crate) struct Trees {
    pub(crate) trees: [Tree; 2],
    pub(crate) options: FilesOptions,
}

/// What is held while a sync goes on.
#[derive(Debug)]
pub(crate) struct Held {
    /// Locked until it is closed. Also what `syncfs` is asked of, so that it was open before the first write.
    root: Root,
    _lock: OwnedFd,
}

impl Tree {
    fn open(&self) -> Result<Root, DataError> {
        Root::open(&self.path, self.place(), self.freeze.flag.clone())
    }

    fn fault(&self, name: &str, did: &str, error: Errno) -> DataError {
        fault(&self.place(), Path::new(name), did, error)
    }
}

impl Shelf for Tree {
    fn place(&self) -> String {
        format!("{} ({})", self.side, self.text)
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

impl Trees {
    fn tree(&self, side: &SideName) -> Result<&Tree, DataError> {
        self.trees.iter().find(|tree| tree.side == *side).ok_or_else(|| DataError::Unfit {
            place: side.to_string(),
            why: "the store has no such side".to_owned(),
            advice: None,
        })
    }

    fn roots(&self, job: &Job) -> Result<[Root; 2], DataError> {
        Ok([self.tree(&job.from)?.open()?, self.tree(&job.to)?.open()?])
    }

    fn settings(&self) -> Settings {
        let root = rustix::process::geteuid().is_root();
        Settings { threads: self.options.threads, ownership: self.options.ownership.unwrap_or(root) }
    }
}

impl Limits for Trees {
    fn deletions(&self) -> &DeletionLimit {
        &self.options.deletions
    }

    fn timeout(&self) -> Duration {
        self.options.timeout.0
    }
}

impl Sites for Trees {
    fn site(&self, side: &SideName) -> Option<Site<'_>> {
        let tree = self.trees.iter().find(|tree| tree.side == *side)?;
        Some(Site { path: &tree.text, shelf: tree, freeze: &tree.freeze })
    }

    fn sides(&self) -> [&SideName; 2] {
        self.trees.each_ref().map(|tree| &tree.side)
    }

    fn look(&self, side: &SideName, _: &Control) -> Result<Look, DataError> {
        let tree = self.tree(side)?;
        let root = tree.open()?;
        let found = rustix::fs::statx(&root.fd, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
            .map_err(|error| tree.fault("", "looked at", error))?;
        if self.options.require_mount && !mounted(&tree.path, found.stx_attributes, found.stx_attributes_mask)
        {
            let why = "nothing is mounted there, and `require_mount` is set".to_owned();
            return Err(DataError::Unreachable { place: tree.place(), why });
        }
        let identity =
            format!("device {}:{}, inode {}", found.stx_dev_major, found.stx_dev_minor, found.stx_ino);
        Ok(Look { identity })
    }

    fn preflight(&self, side: &SideName, _: &Control) -> Result<Vec<StoreProblem>, DataError> {
        let tree = self.tree(side)?;
        let root = tree.open()?;
        let mut problems = Vec::new();
        let mut problem = |fatal, message: String, advice: &str| {
            let message = format!("{}: {message}", tree.place());
            problems.push(StoreProblem {
                side: Some(side.clone()),
                fatal,
                message,
                advice: Some(advice.to_owned()),
            });
        };
        if let Err(error) =
            rustix::fs::accessat(&root.fd, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        {
            let why = std::io::Error::from(error);
            problem(
                true,
                format!("files cannot be written there: {why}"),
                "give this user the right to, or mount it writable",
            );
        }
        if rustix::fs::fstatvfs(&root.fd).is_ok_and(|space| room(&space) < 1 << 20) {
            problem(true, "the disk is full".to_owned(), "make room");
        }
        let other = self.trees.iter().find(|other| other.side != *side);
        if let Some(other) = other.filter(|other| nested(&tree.path, &other.path)) {
            problem(
                true,
                format!("it lies within the tree of {} ({})", other.side, other.text),
                "give each side a tree of its own",
            );
        }
        Ok(problems)
    }

    fn fingerprint(&self, side: &SideName, control: &Control) -> Result<String, DataError> {
        tree::scanned(&self.tree(side)?.open()?, self.settings(), control)
    }
}

impl Mirror for Trees {
    type Lock = Held;
    type Plan = Plan;

    fn begin(&self, job: &Job, control: &Control) -> Result<Begun<Held>, DataError> {
        let (from, to) = (self.tree(&job.from)?, self.tree(&job.to)?);
        let [source, root] = self.roots(job)?;
        if nested(&from.path, &to.path) || nested(&to.path, &from.path) {
            return Err(DataError::Guarded {
                place: to.place(),
                why: format!("one tree lies within the other, which is {}", from.text),
                advice: Some("give each side a tree of its own".to_owned()),
            });
        }
        let lock = locked(to, &root, control)?;
        two_trees(from, to, &source, &root)?;
        // A source that cannot be written to is synced all the same.
        let began = moment(&source).ok();
        Ok(Begun { lock: Held { root, _lock: lock }, source: began })
    }

    fn compare(&self, job: &Job, control: &Control) -> Result<(Tally, Plan), DataError> {
        let [from, to] = &self.roots(job)?;
        tree::compared([from, to], job, self.settings(), control)
    }

    fn apply(&self, job: &Job, tally: &Tally, plan: &Plan, control: &Control) -> Result<Moved, DataError> {
        let [from, to] = &self.roots(job)?;
        let mut moved = tree::applied([from, to], job, tally, plan, self.settings(), control)?;
        if tally.deleted + tally.others > 0 {
            moved.deleted = tree::deleted([from, to], tally, plan, self.settings(), control)?;
        }
        Ok(moved)
    }

    fn verify(&self, job: &Job, plan: &Plan, control: &Control) -> Result<Verified, DataError> {
        debug_assert!(
            job.purpose != SyncPurpose::Rehearsal,
            "a rehearsal copies nothing that could be compared"
        );
        let [from, to] = &self.roots(job)?;
        tree::verified([from, to], job, plan, self.settings(), control)
    }

    fn finish(&self, held: &Held, _: &Control) -> Result<Option<Moment>, DataError> {
        if self.options.durable {
            rustix::fs::syncfs(&held.root.fd)
                .map_err(|error| fault(&held.root.place, Path::new(""), "brought to the disk", error))?;
        }
        let settled = moment(&held.root);
        settled.map(Some).map_err(|error| fault(&held.root.place, Path::new(""), "written to", error))
    }
}

/// Waits a little for a sync that was dropped and whose threads are not yet back.
fn locked(tree: &Tree, root: &Root, control: &Control) -> Result<OwnedFd, DataError> {
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
fn two_trees(from: &Tree, to: &Tree, source: &Root, root: &Root) -> Result<(), DataError> {
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
fn nested(inner: &Path, outer: &Path) -> bool {
    let (Ok(inner), Ok(outer)) = (inner.canonicalize(), outer.canonicalize()) else { return false };
    inner != outer && inner.starts_with(&outer)
}

fn room(space: &StatVfs) -> u64 {
    space.f_bavail.saturating_mul(space.f_frsize)
}
