//! One pass over two trees in step: compare, copy, delete, compare again; or over one of them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use switchover::model::Verification;
use switchover::port::{DataError, SyncPurpose, Unit};

use super::pool::{Queue, run};
use super::root::{Freshness, Kind, Meta, Root, Standing, fault, meta, names, readable};
use crate::directory::Scan;
use crate::marker::Moment;
use crate::mirror::{Job, Moved, Tally, Verified};
use crate::work::{Control, running};

/// How many entries one job looks at: few enough that one big folder keeps all threads busy.
const CHUNK: usize = 16;

/// How many folders that differ are remembered. Beyond that, the passes that follow go through all of the tree again.
const REMEMBERED: usize = 50_000;

/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);

/// How passes are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) threads: u16,
    pub(crate) ownership: bool,
}

/// The folders in which something differs, and whether what is below them differs too; `None` if there are too many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan(Option<BTreeSet<(PathBuf, bool)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Scan,
    Compare,
    Apply,
    Delete,
    Verify { content: bool },
}

/// What one job, or all of them, counted.
#[derive(Debug, Default)]
struct Counts {
    tally: Tally,
    verified: Verified,
    moved: Moved,
    unsteady: u64,
    unsteady_example: Option<String>,
    digest: u128,
}

/// One folder on both sides.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) path: PathBuf,
    pub(super) from: Option<OwnedFd>,
    pub(super) to: Option<OwnedFd>,
    /// Whether the folders below are gone through, too.
    deep: bool,
    /// Whether it is missing at the stand-by.
    new: bool,
    /// Whether entries came or went at the source since the sync began.
    moved_on: bool,
    noted: AtomicBool,
}

#[derive(Debug)]
struct Item {
    name: OsString,
    from: bool,
    to: bool,
}

#[derive(Debug)]
enum Task {
    Folder { path: PathBuf, deep: bool, new: bool },
    Chunk(Arc<Folders>, Vec<Item>),
    Copy(Arc<Folders>, OsString, Meta, Option<Meta>),
    Content(Arc<Folders>, OsString, Meta),
    Extra(PathBuf),
}

pub(super) struct Walk<'a> {
    pub(super) from: &'a Root,
    pub(super) to: Option<&'a Root>,
    pub(super) settings: Settings,
    pub(super) control: &'a Control,
    pub(super) number: AtomicU64,
    pass: Pass,
    fresh: Freshness,
    settled: Option<Moment>,
    pub(super) began: Option<Moment>,
    total: u64,
    done: AtomicU64,
    told: Mutex<Duration>,
    counts: Mutex<Counts>,
    plan: Mutex<Plan>,
    /// Folders whose mode is set when nothing is written into them any more.
    modes: Mutex<Vec<(PathBuf, Meta)>>,
    /// Folders at the stand-by whose entries are deleted.
    emptied: Mutex<Vec<PathBuf>>,
    /// How many deletions are left of those that were planned.
    budget: AtomicU64,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One tree: files, bytes, and a digest of what is known of every entry.
pub(crate) fn scanned(root: &Root, settings: Settings, control: &Control) -> Result<Scan, DataError> {
    let walk = Walk::new(root, None, Pass::Scan, settings, control);
    walk.all()?;
    let counts = lock(&walk.counts);
    Ok(Scan { files: counts.tally.files, bytes: counts.tally.bytes, digest: counts.position() })
}

/// What differs, and where.
pub(crate) fn compared(
    [from, to]: [&Root; 2],
    job: &Job,
    settings: Settings,
    control: &Control,
) -> Result<(Tally, Plan), DataError> {
    let mut walk = Walk::new(from, Some(to), Pass::Compare, settings, control);
    walk.settled = job.settled;
    *lock(&walk.plan) = Plan(Some(BTreeSet::new()));
    if job.purpose == SyncPurpose::Final {
        walk.fresh = Freshness::Asked;
    }
    walk.all()?;
    let mut counts = lock(&walk.counts);
    let position = counts.position();
    let mut tally = std::mem::take(&mut counts.tally);
    tally.position = Some(position);
    Ok((tally, std::mem::take(&mut *lock(&walk.plan))))
}

/// Copies what differs.
pub(crate) fn applied(
    [from, to]: [&Root; 2],
    job: &Job,
    tally: &Tally,
    plan: &Plan,
    settings: Settings,
    control: &Control,
) -> Result<Moved, DataError> {
    let mut walk = Walk::new(from, Some(to), Pass::Apply, settings, control);
    walk.total = tally.copy_bytes;
    walk.began = job.began.filter(|_| job.purpose != SyncPurpose::Final);
    walk.planned(plan, false)?;
    walk.settle_modes()?;
    let mut counts = lock(&walk.counts);
    let mut moved = std::mem::take(&mut counts.moved);
    if counts.unsteady > 0 {
        let example = counts.unsteady_example.as_deref().unwrap_or("?");
        let note = format!(
            "{} files changed each time they were copied, and are left as they were at the stand-by, among them {example}",
            counts.unsteady
        );
        moved.notes.push(note);
    }
    Ok(moved)
}

/// Deletes what is too much; returns how many files.
pub(crate) fn deleted(
    [from, to]: [&Root; 2],
    tally: &Tally,
    plan: &Plan,
    settings: Settings,
    control: &Control,
) -> Result<u64, DataError> {
    let walk = Walk::new(from, Some(to), Pass::Delete, settings, control);
    walk.budget.store(tally.deleted, Ordering::SeqCst);
    walk.planned(plan, false)?;
    walk.remove_emptied()?;
    let counts = lock(&walk.counts);
    Ok(counts.moved.deleted)
}

/// What still differs.
pub(crate) fn verified(
    [from, to]: [&Root; 2],
    job: &Job,
    plan: &Plan,
    settings: Settings,
    control: &Control,
) -> Result<Verified, DataError> {
    let content = job.verify == Verification::Content;
    let mut walk = Walk::new(from, Some(to), Pass::Verify { content }, settings, control);
    walk.began = job.began;
    let whole = content || job.purpose == SyncPurpose::Final;
    if whole {
        walk.fresh = Freshness::Asked;
        walk.all()?;
    } else {
        walk.planned(plan, true)?;
    }
    let mut counts = lock(&walk.counts);
    let position = counts.position();
    let mut verified = std::mem::take(&mut counts.verified);
    verified.how = Some(if content { Verification::Content } else { Verification::Counts });
    verified.position = whole.then_some(position);
    Ok(verified)
}

impl Counts {
    fn position(&self) -> String {
        format!("{} files, {} bytes, {:032x}", self.tally.files, self.tally.bytes, self.digest)
    }

    fn add(&mut self, other: Self) {
        let (mine, others) = (&mut self.tally, other.tally);
        mine.files += others.files;
        mine.bytes += others.bytes;
        mine.there += others.there;
        mine.copies += others.copies;
        mine.copy_bytes += others.copy_bytes;
        mine.replaced += others.replaced;
        mine.deleted += others.deleted;
        mine.others += others.others;
        mine.foreign += others.foreign;
        mine.skipped += others.skipped;
        mine.foreign_example = mine.foreign_example.take().or(others.foreign_example);
        self.verified.wrong += other.verified.wrong;
        self.verified.moved_on += other.verified.moved_on;
        self.verified.example = self.verified.example.take().or(other.verified.example);
        self.moved.files += other.moved.files;
        self.moved.bytes += other.moved.bytes;
        self.moved.deleted += other.moved.deleted;
        self.unsteady += other.unsteady;
        self.unsteady_example = self.unsteady_example.take().or(other.unsteady_example);
        self.digest = self.digest.wrapping_add(other.digest);
    }

    /// Counts an entry of the source. Times of folders count only where nothing of our own comes and goes.
    fn source(&mut self, path: &Path, found: &Meta, ours: bool) {
        match found.kind {
            Kind::File => {
                (self.tally.files, self.tally.bytes) = (self.tally.files + 1, self.tally.bytes + found.size);
            }
            Kind::Link => self.tally.files += 1,
            Kind::Folder => {}
            Kind::Other => self.tally.skipped += 1,
        }
        let mut hash = Sha256::new();
        hash.update(path.as_os_str().as_bytes());
        hash.update([0, found.kind as u8]);
        hash.update(found.mode.to_le_bytes());
        if !(ours && found.kind == Kind::Folder) {
            for Moment(seconds, nanos) in [found.mtime, found.ctime] {
                hash.update(seconds.to_le_bytes());
                hash.update(nanos.to_le_bytes());
            }
            hash.update(found.size.to_le_bytes());
        }
        let digest = hash.finalize();
        let low = digest.iter().take(16).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        self.digest = self.digest.wrapping_add(low);
    }
}

impl<'a> Walk<'a> {
    fn new(
        from: &'a Root,
        to: Option<&'a Root>,
        pass: Pass,
        settings: Settings,
        control: &'a Control,
    ) -> Self {
        let fresh = if pass == Pass::Scan { Freshness::Asked } else { Freshness::Usual };
        Self {
            from,
            to,
            settings,
            control,
            number: AtomicU64::new(0),
            pass,
            fresh,
            settled: None,
            began: None,
            total: 0,
            done: AtomicU64::new(0),
            told: Mutex::new(running()),
            counts: Mutex::default(),
            plan: Mutex::default(),
            modes: Mutex::default(),
            emptied: Mutex::default(),
            budget: AtomicU64::new(0),
        }
    }

    fn all(&self) -> Result<(), DataError> {
        self.run(vec![Task::Folder { path: PathBuf::new(), deep: true, new: false }])
    }

    /// The folders of a plan; with those below that are new, or without because copying gets there by itself.
    fn planned(&self, plan: &Plan, below: bool) -> Result<(), DataError> {
        let Some(folders) = &plan.0 else { return self.all() };
        let wanted = folders.iter().filter(|(_, deep)| below || !deep);
        self.run(
            wanted.map(|(path, deep)| Task::Folder { path: path.clone(), deep: *deep, new: false }).collect(),
        )
    }

    fn run(&self, first: Vec<Task>) -> Result<(), DataError> {
        run(self.settings.threads, self.control, first, |task, queue| {
            let mut counts = Counts::default();
            let end = self.task(task, queue, &mut counts);
            lock(&self.counts).add(counts);
            end
        })
    }

    fn task(&self, task: Task, queue: &Queue<Task>, counts: &mut Counts) -> Result<(), DataError> {
        match task {
            Task::Folder { path, deep, new } => self.folder(path, deep, new, queue, counts),
            Task::Chunk(folders, items) => {
                let mut more = Vec::new();
                for item in items {
                    self.control.go_on()?;
                    self.item(&folders, item, counts, &mut more)?;
                }
                self.tell("comparing", counts.tally.files, None, Unit::Files);
                queue.extend(more);
                Ok(())
            }
            Task::Copy(folders, name, from, to) => self.copy(&folders, &name, &from, to.as_ref()),
            Task::Content(folders, name, from) => self.content(&folders, &name, &from, counts),
            Task::Extra(path) => self.extra_folder(&path, queue, counts),
        }
    }

    fn standing(&self, folder: &Path, name: &OsStr) -> Standing {
        match (self.from.standing(folder, name), self.to.map(|to| to.standing(folder, name))) {
            (Standing::Unfinished, _) => Standing::Unfinished,
            (Standing::Own, _) | (_, Some(Standing::Own)) => Standing::Own,
            (Standing::Data, _) => Standing::Data,
        }
    }

    /// Whether something of our own lies below a folder.
    fn ours_below(&self, path: &Path) -> bool {
        [Some(self.from), self.to]
            .into_iter()
            .flatten()
            .any(|root| root.own.as_ref().is_some_and(|own| own.starts_with(path)))
    }

    fn folder(
        &self,
        path: PathBuf,
        deep: bool,
        new: bool,
        queue: &Queue<Task>,
        counts: &mut Counts,
    ) -> Result<(), DataError> {
        let from = match self.from.folder(&path) {
            Ok(from) => from,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if !path.as_os_str().is_empty() => {
                // It went while this went on; what stands above it shows that, now or with the next sync.
                self.differs(&path, true, counts);
                return Ok(());
            }
            Err(error) => return Err(fault(&self.from.place, &path, "opened", error)),
        };
        let to = match self.to.filter(|_| !new).map(|root| root.folder(&path)) {
            None => None,
            Some(Ok(to)) => Some(to),
            Some(Err(Errno::NOENT)) if !path.as_os_str().is_empty() => None,
            Some(Err(error)) => return Err(self.fault_there(&path, "opened", error)),
        };
        if to.is_none() && matches!(self.pass, Pass::Apply | Pass::Delete) {
            return Ok(());
        }
        let items = self.items(&path, &from, to.as_ref(), counts)?;
        let moved_on = match (self.pass, self.began) {
            (Pass::Verify { .. }, Some(began)) => {
                super::root::meta_of(&from).is_ok_and(|found| found.ctime >= began)
            }
            (Pass::Verify { .. }, None) => true,
            (Pass::Scan | Pass::Compare | Pass::Apply | Pass::Delete, _) => false,
        };
        let noted = AtomicBool::new(false);
        let folders = Arc::new(Folders { path, from: Some(from), to, deep, new, moved_on, noted });
        if counts.tally.others > 0 {
            self.note(&folders);
        }
        let mut items = items.into_iter().peekable();
        let mut chunks = Vec::new();
        while items.peek().is_some() {
            chunks.push(Task::Chunk(Arc::clone(&folders), items.by_ref().take(CHUNK).collect()));
        }
        queue.extend(chunks);
        Ok(())
    }

    /// The names on both sides, in order. What a sync left unfinished at the stand-by is cleared away here.
    fn items(
        &self,
        path: &Path,
        from: &OwnedFd,
        to: Option<&OwnedFd>,
        counts: &mut Counts,
    ) -> Result<Vec<Item>, DataError> {
        let listed = |error| fault(&self.from.place, path, "listed", error);
        let mut items: Vec<Item> = Vec::new();
        for name in names(from).map_err(listed)? {
            if self.standing(path, &name) == Standing::Data {
                items.push(Item { name, from: true, to: false });
            }
        }
        let Some(to) = to else { return Ok(items) };
        let known = items.len();
        for name in names(to).map_err(|error| self.fault_there(path, "listed", error))? {
            match self.standing(path, &name) {
                Standing::Own => {}
                Standing::Unfinished => self.unfinished(path, to, &name, counts)?,
                Standing::Data => {
                    let place = items
                        .get(..known)
                        .and_then(|items| items.binary_search_by(|item| item.name.cmp(&name)).ok());
                    match place.and_then(|place| items.get_mut(place)) {
                        Some(item) => item.to = true,
                        None => items.push(Item { name, from: false, to: true }),
                    }
                }
            }
        }
        Ok(items)
    }

    fn unfinished(
        &self,
        path: &Path,
        to: &OwnedFd,
        name: &OsStr,
        counts: &mut Counts,
    ) -> Result<(), DataError> {
        match self.pass {
            Pass::Compare => counts.tally.others += 1,
            Pass::Apply => self.unlink(to, path, name)?,
            Pass::Scan | Pass::Delete | Pass::Verify { .. } => {}
        }
        Ok(())
    }

    fn item(
        &self,
        folders: &Arc<Folders>,
        item: Item,
        counts: &mut Counts,
        more: &mut Vec<Task>,
    ) -> Result<(), DataError> {
        let Item { name, from, to } = item;
        let path = folders.path.join(&name);
        let from = match folders.from.as_ref().filter(|_| from) {
            Some(folder) => meta(folder, &name, self.fresh)
                .map_err(|error| fault(&self.from.place, &path, "looked at", error))?,
            None => None,
        };
        let to = match folders.to.as_ref().filter(|_| to) {
            Some(folder) => meta(folder, &name, self.fresh)
                .map_err(|error| self.fault_there(&path, "looked at", error))?,
            None => None,
        };
        if let Some(from) = &from {
            counts.source(&path, from, self.ours_below(&path));
        }
        if to.is_some_and(|to| matches!(to.kind, Kind::File | Kind::Link)) {
            counts.tally.there += 1;
        }
        match (from.filter(|from| from.kind != Kind::Other), to) {
            (None, None) => {}
            (None, Some(to)) => self.extra(folders, &name, &path, &to, counts, more)?,
            (Some(from), to) if self.same(folders, &name, &from, to.as_ref())? => {
                if from.kind == Kind::Folder && folders.deep {
                    more.push(Task::Folder { path, deep: true, new: false });
                } else if self.pass == (Pass::Verify { content: true }) && from.kind == Kind::File {
                    more.push(Task::Content(Arc::clone(folders), name, from));
                }
            }
            (Some(from), to) => self.different(folders, &name, path, from, to, counts, more)?,
        }
        Ok(())
    }

    /// Whether an entry is as it should be; for a folder, the folder alone.
    fn same(
        &self,
        folders: &Folders,
        name: &OsStr,
        from: &Meta,
        to: Option<&Meta>,
    ) -> Result<bool, DataError> {
        if self.pass == Pass::Scan {
            return Ok(true);
        }
        let Some(to) = to.filter(|to| to.kind == from.kind) else { return Ok(false) };
        let owner = !self.settings.ownership || (from.uid, from.gid) == (to.uid, to.gid);
        match from.kind {
            Kind::Folder => Ok(owner && from.mode == to.mode),
            Kind::File => {
                let verifying = matches!(self.pass, Pass::Verify { .. });
                let time = from.mtime == to.mtime || (verifying && from.mtime.nearly() == to.mtime);
                Ok(owner && time && from.mode == to.mode && from.size == to.size)
            }
            Kind::Link => Ok(owner && self.same_link(folders, name)?),
            Kind::Other => Ok(true),
        }
    }

    fn same_link(&self, folders: &Folders, name: &OsStr) -> Result<bool, DataError> {
        let read = |folder: Option<&OwnedFd>| match folder
            .map(|folder| rustix::fs::readlinkat(folder, name, Vec::new()))
        {
            Some(Ok(leads)) => Ok(Some(leads)),
            // It went, or is none any more.
            Some(Err(Errno::NOENT | Errno::INVAL)) | None => Ok(None),
            Some(Err(error)) => Err(fault(&self.from.place, &folders.path.join(name), "read", error)),
        };
        Ok(read(folders.from.as_ref())? == read(folders.to.as_ref())?)
    }

    #[expect(clippy::too_many_arguments, reason = "what is known of one entry, and where what is found goes")]
    fn different(
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
    fn extra(
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
    fn extra_folder(&self, path: &Path, queue: &Queue<Task>, counts: &mut Counts) -> Result<(), DataError> {
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
    fn remove_emptied(&self) -> Result<(), DataError> {
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

    fn settle_modes(&self) -> Result<(), DataError> {
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
    fn differs(&self, path: &Path, moved_on: bool, counts: &mut Counts) {
        match self.pass {
            Pass::Verify { .. } if moved_on => counts.verified.moved_on += 1,
            Pass::Verify { .. } => counts.verified.wrong += 1,
            Pass::Scan | Pass::Compare | Pass::Apply | Pass::Delete => return,
        }
        counts.verified.example.get_or_insert_with(|| readable(path));
    }

    fn content(
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

    pub(super) fn copied(&self, bytes: u64, counts_files: bool) {
        let mut counts = lock(&self.counts);
        counts.moved.files += u64::from(counts_files);
        counts.moved.bytes += bytes;
    }

    pub(super) fn carried(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::SeqCst) + bytes;
        // What grew since it was counted makes no total that is passed.
        self.tell("copying", done, Some(self.total.max(done)), Unit::Bytes);
    }

    pub(super) fn unsteady(&self, path: &Path) {
        let mut counts = lock(&self.counts);
        counts.unsteady += 1;
        counts.unsteady_example.get_or_insert_with(|| readable(path));
    }

    fn tell(&self, phase: &str, done: u64, total: Option<u64>, unit: Unit) {
        let Ok(mut told) = self.told.try_lock() else { return };
        let now = running();
        if now.saturating_sub(*told) >= TELL {
            *told = now;
            self.control.advance(phase, done, total, unit);
        }
    }

    fn note(&self, folders: &Folders) {
        // Below a folder that is new everything is, and is found by going there.
        if !folders.new && !folders.noted.swap(true, Ordering::SeqCst) {
            self.remember(&folders.path, false);
        }
    }

    fn remember(&self, path: &Path, deep: bool) {
        if self.pass != Pass::Compare {
            return;
        }
        let mut plan = lock(&self.plan);
        if let Some(folders) = &mut plan.0 {
            folders.insert((path.to_owned(), deep));
            if folders.len() > REMEMBERED {
                plan.0 = None;
            }
        }
    }

    pub(super) fn fault_there(&self, path: &Path, did: &str, error: Errno) -> DataError {
        let place = self.to.map_or(self.from.place.as_str(), |root| root.place.as_str());
        fault(place, path, did, error)
    }
}
