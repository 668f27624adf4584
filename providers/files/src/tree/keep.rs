//! All of a tree kept under its own top, where no sync looks: files by another name for the same content, so that it takes no room.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use switchover::port::{DataError, Unit};

use super::root::{Freshness, Kind, Meta, Root, Standing, fault, meta, names};
use crate::work::Control;

/// One walk.
struct Keep<'a> {
    root: &'a Root,
    control: &'a Control,
    files: u64,
    bytes: u64,
}

/// Keeps the tree as `name` at its top, and says how many bytes are in it. It stands there whole or not at all; what stands there already is
/// left alone. A sync puts a file in its place under a new name and deletes names, so that what is kept stays as it was.
pub(crate) fn kept(root: &Root, name: &str, control: &Control) -> Result<u64, DataError> {
    let failed = |error| fault(&root.place, Path::new(name), "kept", error);
    let part = format!("{name}.part");
    let mut keep = Keep { root, control, files: 0, bytes: 0 };
    if meta(&root.fd, OsStr::new(name), Freshness::Asked).map_err(failed)?.is_some() {
        return Ok(0);
    }
    keep.folder(Path::new(""), Path::new(&part), None).map_err(|error| match error {
        Broken::At(error) => failed(error),
        Broken::Stopped(error) => error,
    })?;
    control.permit()?;
    rustix::fs::renameat(&root.fd, &part, &root.fd, name).map_err(failed)?;
    rustix::fs::fsync(&root.fd).or(Ok::<(), Errno>(())).map_err(failed)?;
    Ok(keep.bytes)
}

enum Broken {
    At(Errno),
    Stopped(DataError),
}

impl From<Errno> for Broken {
    fn from(error: Errno) -> Self {
        Self::At(error)
    }
}

impl Keep<'_> {
    fn folder(&mut self, from: &Path, to: &Path, as_was: Option<Meta>) -> Result<(), Broken> {
        match rustix::fs::mkdirat(&self.root.fd, to, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let (source, target) = (self.root.folder(from)?, self.root.folder(to)?);
        for name in names(&source)? {
            self.control.go_on().map_err(Broken::Stopped)?;
            if self.root.standing(from, &name) != Standing::Data {
                continue;
            }
            let Some(found) = meta(&source, &name, Freshness::Usual)? else { continue };
            match found.kind {
                Kind::Folder => self.folder(&from.join(&name), &to.join(&name), Some(found))?,
                Kind::File | Kind::Link => {
                    entry(&source, &target, &name, &found)?;
                    self.files += 1;
                    self.bytes += found.size;
                    self.control.advance("keeping", self.files, None, Unit::Files);
                }
                Kind::Other => {}
            }
        }
        if let Some(was) = as_was {
            rustix::fs::fchmod(&target, Mode::from_raw_mode(was.mode.into()))?;
        }
        Ok(())
    }
}

/// Another name for one file or link; a copy where the file system has no such thing, or takes no more names.
fn entry(from: &OwnedFd, to: &OwnedFd, name: &OsStr, found: &Meta) -> Result<(), Errno> {
    match rustix::fs::linkat(from, name, to, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(Errno::MLINK | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::XDEV) => {
            copied(from, to, name, found)
        }
        Err(error) => Err(error),
    }
}

fn copied(from: &OwnedFd, to: &OwnedFd, name: &OsStr, found: &Meta) -> Result<(), Errno> {
    if found.kind == Kind::Link {
        let target = rustix::fs::readlinkat(from, name, Vec::new())?;
        return match rustix::fs::symlinkat(&target, to, name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        };
    }
    let read = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut source = File::from(rustix::fs::openat(from, name, read, Mode::empty())?);
    let mut target = File::from(rustix::fs::openat(to, name, write, Mode::RUSR | Mode::WUSR)?);
    std::io::copy(&mut source, &mut target)
        .and_then(|_| target.sync_all())
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    rustix::fs::fchmod(&target, Mode::from_raw_mode(found.mode.into()))?;
    let time = Timespec { tv_sec: found.mtime.0, tv_nsec: found.mtime.1.into() };
    rustix::fs::futimens(&target, &Timestamps { last_access: time, last_modification: time })
}
