//! A tree, its folders by descriptor, and what is known of an entry.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::Errno;
use switchover::port::DataError;

use crate::marker::Moment;
use crate::shelf::{OWN, UNFINISHED};

/// A directory tree that is open. While it is, its file system stays reachable even if it is unmounted.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) fd: OwnedFd,
    pub(crate) place: String,
    /// Paths within it that are Switchover's own although their names do not say so: the flag.
    pub(crate) own: Option<PathBuf>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Link,
    Folder,
    /// A socket, pipe or device.
    Other,
}

/// What is known of an entry without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) kind: Kind,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) mtime: Moment,
    pub(crate) ctime: Moment,
}

impl From<Statx> for Meta {
    fn from(found: Statx) -> Self {
        let kind = match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::RegularFile => Kind::File,
            FileType::Symlink => Kind::Link,
            FileType::Directory => Kind::Folder,
            _ => Kind::Other,
        };
        Self {
            kind,
            mode: found.stx_mode & 0o7777,
            uid: found.stx_uid,
            gid: found.stx_gid,
            size: found.stx_size,
            mtime: Moment(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
            ctime: Moment(found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        }
    }
}

/// How fresh what is known must be. Network file systems remember attributes for seconds, unless they are told to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// As `stat` finds it.
    Usual,
    /// Asked of the server.
    Asked,
}

impl Freshness {
    fn flags(self) -> AtFlags {
        match self {
            Self::Usual => AtFlags::SYMLINK_NOFOLLOW,
            Self::Asked => AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_FORCE_SYNC,
        }
    }
}

impl Root {
    pub(crate) fn open(path: &Path, place: String, own: Option<PathBuf>) -> Result<Self, DataError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, place, own }),
            Err(Errno::NOENT) => {
                Err(DataError::Unreachable { place, why: "there is no such directory".to_owned() })
            }
            Err(Errno::NOTDIR) => {
                Err(DataError::Unfit { place, why: "it is no directory".to_owned(), advice: None })
            }
            Err(error) => Err(fault(&place, Path::new(""), "opened", error)),
        }
    }

    /// A folder within the tree. Never leads out of it, nor over a link.
    pub(crate) fn folder(&self, relative: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        if relative.as_os_str().is_empty() {
            return rustix::fs::openat(&self.fd, ".", flags, Mode::empty());
        }
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        loop {
            match rustix::fs::openat2(&self.fd, relative, flags, Mode::empty(), within) {
                // Something was renamed while the path was followed
                // (<https://man7.org/linux/man-pages/man2/openat2.2.html>).
                Err(Errno::AGAIN) => {}
                // Kernels before 5.6, and sandboxes that do not know it.
                Err(Errno::NOSYS) => return rustix::fs::openat(&self.fd, relative, flags, Mode::empty()),
                end => return end,
            }
        }
    }

    /// What an entry of a folder is to Switchover.
    pub(crate) fn standing(&self, folder: &Path, name: &OsStr) -> Standing {
        let begins = |with: &str| name.as_bytes().starts_with(with.as_bytes());
        if begins(UNFINISHED) {
            return Standing::Unfinished;
        }
        let top = folder.as_os_str().is_empty();
        let flag = self.own.as_ref().is_some_and(|own| *own == folder.join(name));
        if flag || (top && begins(OWN)) { Standing::Own } else { Standing::Data }
    }
}

/// Whose an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The users'.
    Data,
    /// Switchover's.
    Own,
    /// A file that was not yet in its place when a sync ended.
    Unfinished,
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &OwnedFd) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What is known of an entry; `None` if it is not there.
pub(crate) fn meta(folder: impl AsFd, name: &OsStr, fresh: Freshness) -> Result<Option<Meta>, Errno> {
    match rustix::fs::statx(folder, name, fresh.flags(), StatxFlags::BASIC_STATS) {
        Ok(found) => Ok(Some(found.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an entry is at the top of a tree, asked of the server.
pub(crate) fn there(root: &Root, name: &OsStr) -> Result<bool, Errno> {
    meta(&root.fd, name, Freshness::Asked).map(|found| found.is_some())
}

/// What is known of a file that is open.
pub(crate) fn meta_of(file: impl AsFd) -> Result<Meta, Errno> {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).map(Meta::from)
}

/// A path as people can read it, whatever bytes it has.
pub(crate) fn readable(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

/// What the system's refusal means.
pub(crate) fn fault(place: &str, path: &Path, did: &str, error: Errno) -> DataError {
    let place = place.to_owned();
    let what = if path.as_os_str().is_empty() { "it".to_owned() } else { format!("`{}`", readable(path)) };
    let why = format!("{what} could not be {did}: {}", std::io::Error::from(error));
    match error {
        Errno::ACCESS | Errno::PERM | Errno::ROFS => DataError::Unauthorized { place, why },
        Errno::STALE | Errno::NOTCONN | Errno::HOSTDOWN | Errno::TIMEDOUT | Errno::IO => {
            DataError::Unreachable { place, why }
        }
        Errno::NOSPC | Errno::DQUOT => {
            DataError::Failed { place, why: format!("{why}; make room there, and sync again") }
        }
        _ => DataError::Failed { place, why },
    }
}
