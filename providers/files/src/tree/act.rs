//! What each pass does about an entry that differs, or that the source does not have.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;
use switchover::port::{DataError, Unit};

use super::counts::Counts;
use super::pool::Queue;
use super::root::{Freshness, Kind, Meta, meta, names, readable};
use super::walk::{Folders, Pass, Task, Walk, lock};

impl Walk<'_> {
    #[expect(clippy::too_many_arguments, reason = "what is known of one entry, and where what is found goes")]
    pub(super) fn different(
        &self,
        folders: &Arc<Folders>,
        name: &OsStr,
        path: PathBuf,
        from: Meta,
        to: Option<Meta>,
        counts: &mut Counts,
        more: &mut Vec<Task>,
    ) -> Result<(), DataError> {
        match self.pass {
            Pass::Scan => {}
            // Where there is no folder, or only a file, nothing can be too much.
            Pass::Delete => {
                if from.kind == Kind::Folder && folders.deep && to.is_some_and(|to| to.kind == Kind::Folder) {
                    more.push(Task::Folder { path, deep: true, new: false });
                }
            }
            Pass::Verify { .. } => {
                let moved_on =
                    self.began.is_none_or(|began| from.ctime >= began) || folders.moved_on && to.is_none();
                self.differs(&path, moved_on, counts);
            }
            Pass::Compare => {
                self.note(folders);
                self.planned_change(&path, from, to, counts, more);
            }
            Pass::Apply => match from.kind {
                Kind::Folder => {
                    self.make_folder(folders, name, &from, to.as_ref())?;
                    let there = to.is_some_and(|to| to.kind == Kind::Folder);
                    if folders.deep || !there {
                        more.push(Task::Folder { path, deep: true, new: false });
                    }
                }
                Kind::File | Kind::Link => {
                    more.push(Task::Copy(Arc::clone(folders), name.to_owned(), from, to));
                }
                Kind::Other => {}
            },
        }
        Ok(())
    }

    /// Counts what copying would do.
    fn planned_change(
        &self,
        path: &Path,
        from: Meta,
        to: Option<Meta>,
        counts: &mut Counts,
        more: &mut Vec<Task>,
    ) {
        let tally = &mut counts.tally;
        let there = to.filter(|to| to.kind == Kind::Folder);
        match from.kind {
            Kind::Folder => {
                tally.others += 1;
                if there.is_none() {
                    self.remember(path, true);
                }
                more.push(Task::Folder { path: path.to_owned(), deep: true, new: there.is_none() });
            }
            // What differs in mode or owner alone is put right without its bytes.
            Kind::File
                if to.is_some_and(|to| {
                    to.kind == Kind::File && (to.size, to.mtime) == (from.size, from.mtime)
                }) =>
            {
                tally.others += 1;
                return;
            }
            Kind::File | Kind::Link => {
                tally.copies += 1;
                tally.copy_bytes += if from.kind == Kind::File { from.size } else { 0 };
                if there.is_some() {
                    more.push(Task::Extra(path.to_owned()));
                }
            }
            Kind::Other => {}
        }
        if let Some(to) = to.filter(|to| matches!(to.kind, Kind::File | Kind::Link)) {
            tally.replaced += 1;
            self.foreign(path, &to, counts);
        }
    }

    fn foreign(&self, path: &Path, to: &Meta, counts: &mut Counts) {
        if self.settled.is_some_and(|settled| to.ctime > settled) {
            counts.tally.foreign += 1;
            counts.tally.foreign_example.get_or_insert_with(|| readable(path));
        }
    }

    /// An entry that the source does not have.
    pub(super) fn extra(
        &self,
        folders: &Arc<Folders>,
        name: &OsStr,
        path: &Path,
        to: &Meta,
        counts: &mut Counts,
        more: &mut Vec<Task>,
    ) -> Result<(), DataError> {
        let folder = to.kind == Kind::Folder;
        if folder && self.ours_below(path) {
            return Ok(());
        }
        match self.pass {
            Pass::Scan | Pass::Apply => {}
            Pass::Verify { .. } => self.differs(path, folders.moved_on, counts),
            Pass::Compare => {
                self.note(folders);
                if folder {
                    counts.tally.others += 1;
                    more.push(Task::Extra(path.to_owned()));
                } else {
                    counts.tally.deleted += 1;
                    self.foreign(path, to, counts);
                }
            }
            Pass::Delete if folder => more.push(Task::Extra(path.to_owned())),
            Pass::Delete => {
                if let Some(there) = &folders.to {
                    self.delete(there, &folders.path, name, counts)?;
                }
            }
        }
        Ok(())
    }

    /// A folder at the stand-by of which nothing is to stay.
    pub(super) fn extra_folder(
        &self,
        path: &Path,
        queue: &Queue<Task>,
        counts: &mut Counts,
    ) -> Result<(), DataError> {
        let Some(root) = self.to else { return Ok(()) };
        let folder = match root.folder(path) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(self.fault_there(path, "opened", error)),
        };
        for name in names(&folder).map_err(|error| self.fault_there(path, "listed", error))? {
            self.control.go_on()?;
            let below = path.join(&name);
            let found = meta(&folder, &name, self.fresh)
                .map_err(|error| self.fault_there(&below, "looked at", error))?;
            match (found, self.pass) {
                (Some(Meta { kind: Kind::Folder, .. }), _) => queue.extend([Task::Extra(below)]),
                (Some(found), Pass::Compare) => {
                    counts.tally.deleted += 1;
                    counts.tally.there += 1;
                    self.foreign(&below, &found, counts);
                }
                (Some(_), Pass::Delete) => self.delete(&folder, path, &name, counts)?,
                (Some(_), Pass::Scan | Pass::Apply | Pass::Verify { .. }) | (None, _) => {}
            }
        }
        if self.pass == Pass::Delete {
            lock(&self.emptied).push(path.to_owned());
        }
        Ok(())
    }

    /// Deletes one file, if that many were planned: whatever became too much since then waits for the next sync and its guard.
    fn delete(
        &self,
        there: &OwnedFd,
        folder: &Path,
        name: &OsStr,
        counts: &mut Counts,
    ) -> Result<(), DataError> {
        let left = self.budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            return Ok(());
        }
        self.control.permit()?;
        self.unlink(there, folder, name)?;
        counts.moved.deleted += 1;
        let done = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        self.tell("deleting", done, None, Unit::Files);
        Ok(())
    }

    /// The deepest first.
    pub(super) fn remove_emptied(&self) -> Result<(), DataError> {
        let Some(root) = self.to else { return Ok(()) };
        let mut emptied = std::mem::take(&mut *lock(&self.emptied));
        emptied.sort_unstable_by_key(|path| std::cmp::Reverse(path.components().count()));
        for path in emptied {
            self.control.permit()?;
            match rustix::fs::unlinkat(&root.fd, &path, rustix::fs::AtFlags::REMOVEDIR) {
                // Something came meanwhile; it waits for the next sync.
                Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
                Err(error) => return Err(self.fault_there(&path, "removed", error)),
            }
        }
        Ok(())
    }

    pub(super) fn settle_modes(&self) -> Result<(), DataError> {
        for (path, meta) in std::mem::take(&mut *lock(&self.modes)) {
            self.control.permit()?;
            self.set_folder_mode(&path, &meta)?;
        }
        Ok(())
    }

    pub(super) fn later(&self, path: PathBuf, meta: Meta) {
        lock(&self.modes).push((path, meta));
    }

    /// Counts something that differs after all was done.
    pub(super) fn differs(&self, path: &Path, moved_on: bool, counts: &mut Counts) {
        match self.pass {
            Pass::Verify { .. } if moved_on => counts.verified.moved_on += 1,
            Pass::Verify { .. } => counts.verified.wrong += 1,
            Pass::Scan | Pass::Compare | Pass::Apply | Pass::Delete => return,
        }
        counts.verified.example.get_or_insert_with(|| readable(path));
    }

    pub(super) fn content(
        &self,
        folders: &Folders,
        name: &OsStr,
        from: &Meta,
        counts: &mut Counts,
    ) -> Result<(), DataError> {
        if self.equal_content(folders, name)? {
            return Ok(());
        }
        let path = folders.path.join(name);
        // A file that was written while it was read is another case than one that was copied wrongly.
        let now =
            folders.from.as_ref().and_then(|folder| meta(folder, name, Freshness::Asked).ok().flatten());
        let moved_on =
            now.is_none_or(|now| now != *from) || self.began.is_none_or(|began| from.ctime >= began);
        self.differs(&path, moved_on, counts);
        Ok(())
    }
}
