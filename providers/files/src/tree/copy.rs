//! One file, link or folder put in its place: whole, under its name only when it is complete.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;
use switchover::port::DataError;

use super::root::{Kind, Meta, fault, meta_of, names};
use super::walk::{Folders, Walk};
use crate::marker::Moment;
use crate::shelf::UNFINISHED;

/// How much is carried at once.
const PORTION: usize = 128 * 1024;

/// Files from this size on are carried within the kernel, where the file systems can do that.
const BIG: u64 = 512 * 1024;

/// How often a file is copied anew that changes meanwhile.
const TRIES: u32 = 3;

thread_local! {
    static BUFFERS: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

enum Attempt {
    Done,
    Changed,
    Gone,
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

impl Walk<'_> {
    /// Copies a file or link, or only puts its mode and owner right.
    pub(super) fn copy(
        &self,
        folders: &Folders,
        name: &OsStr,
        from: &Meta,
        to: Option<&Meta>,
    ) -> Result<(), DataError> {
        let (Some(source), Some(target)) = (&folders.from, &folders.to) else { return Ok(()) };
        let there = to.filter(|to| to.kind == Kind::File && from.kind == Kind::File);
        if there.is_some_and(|to| (to.size, to.mtime) == (from.size, from.mtime)) {
            return self.set_attributes(target, &folders.path, name, from);
        }
        if from.kind == Kind::Link {
            return self.copy_link(folders, [source, target], name, to);
        }
        for _ in 0..TRIES {
            self.control.go_on()?;
            match self.attempt(folders, [source, target], name, to)? {
                Attempt::Done | Attempt::Gone => return Ok(()),
                Attempt::Changed => {}
            }
        }
        self.unsteady(&folders.path.join(name));
        Ok(())
    }

    fn attempt(
        &self,
        folders: &Folders,
        [source, target]: [&OwnedFd; 2],
        name: &OsStr,
        to: Option<&Meta>,
    ) -> Result<Attempt, DataError> {
        let path = folders.path.join(name);
        let here = |did, error| fault(&self.from.place, &path, did, error);
        let there = |did, error| self.fault_there(&path, did, error);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let input = match rustix::fs::openat(source, name, flags, Mode::empty()) {
            Ok(input) => File::from(input),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(Attempt::Gone),
            Err(error) => return Err(here("read", error)),
        };
        let before = meta_of(&input).map_err(|error| here("looked at", error))?;
        if before.kind != Kind::File {
            return Ok(Attempt::Gone);
        }
        let (part, output) = self.part(target, &before).map_err(|error| there("created", error))?;
        let unfinished = Unfinished { folder: target, name: &part, kept: false };
        let carried = self.carry(&input, &output, before.size).map_err(|(reading, error)| {
            if reading { here("read", errno(&error)) } else { there("written", errno(&error)) }
        });
        let Some(carried) = carried? else { return Err(crate::work::stopped()) };
        let after = meta_of(&input).map_err(|error| here("looked at", error))?;
        if carried != before.size || after != before {
            return Ok(Attempt::Changed);
        }
        self.finish(&output, &before, self.hot(&before))
            .map_err(|error| there("given its mode, owner and time", error))?;
        // Closed before it is renamed, so that a network file system has its bytes. What it could not take shows in `syncfs`.
        drop(output);
        self.place(folders, target, unfinished, name, to)?;
        self.copied(before.size, true);
        Ok(Attempt::Done)
    }

    /// A new file under a name of its own.
    fn part(&self, folder: &OwnedFd, like: &Meta) -> Result<(OsString, File), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode((like.mode & 0o777 | 0o200).into());
        loop {
            let name = self.part_name();
            match rustix::fs::openat(folder, &name, flags, mode) {
                Ok(file) => return Ok((name, File::from(file))),
                // One that an earlier sync left; it is cleared away where it is found.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn part_name(&self) -> OsString {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        OsString::from(format!("{UNFINISHED}{:x}-{number:x}", std::process::id()))
    }

    /// Carries a file's bytes; `None` if it is told to stop. An error says whether it came from reading.
    fn carry(&self, input: &File, output: &File, size: u64) -> Result<Option<u64>, (bool, io::Error)> {
        let (mut input, mut output) = (input, output);
        let mut carried = 0;
        if size >= BIG {
            // The file systems may share the blocks, or carry them without this process.
            loop {
                if self.control.go_on().is_err() {
                    return Ok(None);
                }
                let step =
                    io::copy(&mut input.take(BIG * 16), &mut output).map_err(|error| (false, error))?;
                carried += step;
                self.carried(step);
                if step == 0 {
                    return Ok(Some(carried));
                }
            }
        }
        BUFFERS.with_borrow_mut(|[buffer, _]| {
            buffer.resize(PORTION, 0);
            loop {
                if self.control.go_on().is_err() {
                    return Ok(None);
                }
                let count = input.read(buffer).map_err(|error| (true, error))?;
                let Some(portion) = buffer.get(..count).filter(|portion| !portion.is_empty()) else {
                    return Ok(Some(carried));
                };
                output.write_all(portion).map_err(|error| (false, error))?;
                carried += count as u64;
                self.carried(count as u64);
                // All of it, as far as was known; whether it grew shows afterwards.
                if carried == size && count < PORTION {
                    return Ok(Some(carried));
                }
            }
        })
    }

    /// Whether a file was written so shortly ago that another write could leave it with the same time: file systems tell times of
    /// milliseconds, some of seconds. Such a copy gets a time of its own, and is made anew by the next sync. Nothing writes any more when a
    /// sync is final.
    fn hot(&self, found: &Meta) -> bool {
        self.began.is_some_and(|began| found.mtime.0 >= began.0.saturating_sub(1))
    }

    fn finish(&self, output: &File, like: &Meta, hot: bool) -> Result<(), Errno> {
        let made = meta_of(output)?;
        if self.settings.ownership && (made.uid, made.gid) != (like.uid, like.gid) {
            rustix::fs::fchown(output, Some(Uid::from_raw(like.uid)), Some(Gid::from_raw(like.gid)))?;
        }
        // After the owner: a change of owner takes the set-user-id bit away.
        if made.mode != like.mode || like.mode & 0o7000 != 0 {
            rustix::fs::fchmod(output, Mode::from_raw_mode(like.mode.into()))?;
        }
        rustix::fs::futimens(output, &times(if hot { like.mtime.nearly() } else { like.mtime }))
    }

    /// Puts what is complete in its place.
    fn place(
        &self,
        folders: &Folders,
        target: &OwnedFd,
        mut unfinished: Unfinished<'_>,
        name: &OsStr,
        to: Option<&Meta>,
    ) -> Result<(), DataError> {
        let path = folders.path.join(name);
        self.control.permit()?;
        if to.is_some_and(|to| to.kind == Kind::Folder) {
            self.remove_tree(&path)?;
        }
        rustix::fs::renameat(target, unfinished.name, target, name)
            .map_err(|error| self.fault_there(&path, "put in its place", error))?;
        unfinished.kept = true;
        Ok(())
    }

    fn copy_link(
        &self,
        folders: &Folders,
        [source, target]: [&OwnedFd; 2],
        name: &OsStr,
        to: Option<&Meta>,
    ) -> Result<(), DataError> {
        let path = folders.path.join(name);
        let leads = match rustix::fs::readlinkat(source, name, Vec::new()) {
            Ok(leads) => leads,
            Err(Errno::NOENT | Errno::INVAL) => return Ok(()),
            Err(error) => return Err(fault(&self.from.place, &path, "read", error)),
        };
        let there = |error| self.fault_there(&path, "created", error);
        let like = super::root::meta(source, name, super::root::Freshness::Usual).ok().flatten();
        let part = self.part_name();
        rustix::fs::symlinkat(leads, target, &part).map_err(there)?;
        let unfinished = Unfinished { folder: target, name: &part, kept: false };
        if let Some(like) = like.filter(|_| self.settings.ownership) {
            self.own(target, &part, &like).map_err(there)?;
        }
        self.place(folders, target, unfinished, name, to)?;
        self.copied(0, true);
        Ok(())
    }

    fn own(&self, folder: &OwnedFd, name: &OsStr, like: &Meta) -> Result<(), Errno> {
        if !self.settings.ownership {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(like.uid), Gid::from_raw(like.gid));
        rustix::fs::chownat(folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn set_attributes(
        &self,
        target: &OwnedFd,
        folder: &Path,
        name: &OsStr,
        like: &Meta,
    ) -> Result<(), DataError> {
        self.control.permit()?;
        self.own(target, name, like)
            .and_then(|()| {
                let mode = Mode::from_raw_mode(like.mode.into());
                rustix::fs::chmodat(target, name, mode, AtFlags::empty())
            })
            .map_err(|error| self.fault_there(&folder.join(name), "given its mode and owner", error))
    }

    /// Makes a folder, or puts its mode and owner right. While files are put into it, its owner can write.
    pub(super) fn make_folder(
        &self,
        folders: &Folders,
        name: &OsStr,
        like: &Meta,
        to: Option<&Meta>,
    ) -> Result<(), DataError> {
        let Some(target) = &folders.to else { return Ok(()) };
        let path = folders.path.join(name);
        let there = |error| self.fault_there(&path, "created", error);
        self.control.permit()?;
        let exists = to.is_some_and(|to| to.kind == Kind::Folder);
        if !exists {
            if to.is_some() {
                self.unlink(target, &folders.path, name)?;
            }
            match rustix::fs::mkdirat(target, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(there(error)),
            }
        }
        self.own(target, name, like).map_err(there)?;
        self.later(path, *like);
        Ok(())
    }

    pub(super) fn set_folder_mode(&self, path: &Path, like: &Meta) -> Result<(), DataError> {
        let Some(root) = self.to else { return Ok(()) };
        rustix::fs::chmodat(&root.fd, path, Mode::from_raw_mode(like.mode.into()), AtFlags::empty())
            .map_err(|error| self.fault_there(path, "given its mode", error))
    }

    pub(super) fn unlink(&self, folder: &OwnedFd, path: &Path, name: &OsStr) -> Result<(), DataError> {
        match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.fault_there(&path.join(name), "deleted", error)),
        }
    }

    /// Removes a folder of the stand-by in whose place a file comes.
    fn remove_tree(&self, path: &Path) -> Result<(), DataError> {
        let Some(root) = self.to else { return Ok(()) };
        let mut emptied = vec![path.to_owned()];
        let mut next = 0;
        while let Some(path) = emptied.get(next).cloned() {
            next += 1;
            let folder = root.folder(&path).map_err(|error| self.fault_there(&path, "opened", error))?;
            for name in names(&folder).map_err(|error| self.fault_there(&path, "listed", error))? {
                self.control.permit()?;
                match rustix::fs::unlinkat(&folder, &name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(Errno::ISDIR | Errno::PERM) => emptied.push(path.join(name)),
                    Err(error) => return Err(self.fault_there(&path.join(name), "deleted", error)),
                }
            }
        }
        for path in emptied.iter().rev() {
            rustix::fs::unlinkat(&root.fd, path, AtFlags::REMOVEDIR)
                .map_err(|error| self.fault_there(path, "removed", error))?;
        }
        Ok(())
    }

    /// Reads a file on both sides, byte for byte.
    pub(super) fn equal_content(&self, folders: &Folders, name: &OsStr) -> Result<bool, DataError> {
        let (Some(source), Some(target)) = (&folders.from, &folders.to) else { return Ok(false) };
        let path = folders.path.join(name);
        let here = |error| fault(&self.from.place, &path, "read", error);
        let there = |error| self.fault_there(&path, "read", error);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut one = match rustix::fs::openat(source, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(here(error)),
        };
        let mut other = File::from(rustix::fs::openat(target, name, flags, Mode::empty()).map_err(there)?);
        BUFFERS.with_borrow_mut(|[first, second]| {
            first.resize(PORTION, 0);
            second.resize(PORTION, 0);
            loop {
                self.control.go_on()?;
                let left = filled(&mut one, first).map_err(|error| here(errno(&error)))?;
                let right = filled(&mut other, second).map_err(|error| there(errno(&error)))?;
                if first.get(..left) != second.get(..right) {
                    return Ok(false);
                }
                if left < PORTION {
                    return Ok(true);
                }
            }
        })
    }
}

/// Fills a buffer, or as much of it as there is.
fn filled(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

fn times(mtime: Moment) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.0, tv_nsec: mtime.1.into() },
    }
}

/// A file that is not yet in its place. Removed if it does not get there.
struct Unfinished<'a> {
    folder: &'a OwnedFd,
    name: &'a OsStr,
    kept: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is cleared away by the next sync.
            let _ = rustix::fs::unlinkat(self.folder, self.name, AtFlags::empty());
        }
    }
}
