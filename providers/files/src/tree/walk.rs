//! One pass over two trees in step: compare, copy, delete, compare again; or over one of them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use switchover::port::{DataError, Unit};

use super::counts::Counts;
use super::pool::{Queue, Scatter, run};
use super::root::{Freshness, Kind, Meta, Root, Standing, fault, meta, names, readable};
use crate::marker::Moment;
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
pub(crate) struct Plan(pub(super) Option<BTreeSet<(PathBuf, bool)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Scan,
    Compare,
    Apply,
    Delete,
    Verify { content: bool },
}

/// One folder on both sides.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) path: PathBuf,
    pub(super) from: Option<OwnedFd>,
    pub(super) to: Option<OwnedFd>,
    /// Whether the folders below are gone through, too.
    pub(super) deep: bool,
    /// Whether it is missing at the stand-by.
    pub(super) new: bool,
    /// Whether entries came or went at the source since the sync began.
    pub(super) moved_on: bool,
    noted: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Item {
    name: OsString,
    from: bool,
    to: bool,
}

#[derive(Debug)]
pub(super) enum Task {
    Folder { path: PathBuf, deep: bool, new: bool },
    Chunk(Arc<Folders>, Vec<Item>),
    Copy(Arc<Folders>, OsString, Meta, Option<Meta>),
    Content(Arc<Folders>, OsString, Meta),
    Extra(PathBuf),
}

impl Scatter for Task {
    fn scattered(&self) -> bool {
        match self {
            Self::Copy(..) => true,
            Self::Folder { .. } | Self::Chunk(..) | Self::Content(..) | Self::Extra(_) => false,
        }
    }
}

pub(super) struct Walk<'a> {
    pub(super) from: &'a Root,
    pub(super) to: Option<&'a Root>,
    pub(super) settings: Settings,
    pub(super) control: &'a Control,
    pub(super) number: AtomicU64,
    pub(super) pass: Pass,
    pub(super) fresh: Freshness,
    pub(super) settled: Option<Moment>,
    pub(super) began: Option<Moment>,
    pub(super) total: u64,
    pub(super) done: AtomicU64,
    told: Mutex<Duration>,
    pub(super) counts: Mutex<Counts>,
    pub(super) plan: Mutex<Plan>,
    /// Folders whose mode is set when nothing is written into them any more.
    pub(super) modes: Mutex<Vec<(PathBuf, Meta)>>,
    /// Folders at the stand-by whose entries are deleted.
    pub(super) emptied: Mutex<Vec<PathBuf>>,
    /// How many deletions are left of those that were planned.
    pub(super) budget: AtomicU64,
}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Walk<'a> {
    pub(super) fn new(
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

    pub(super) fn all(&self) -> Result<(), DataError> {
        self.run(vec![Task::Folder { path: PathBuf::new(), deep: true, new: false }])
    }

    /// The folders of a plan; with those below that are new, or without because copying gets there by itself.
    pub(super) fn planned(&self, plan: &Plan, below: bool) -> Result<(), DataError> {
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
    pub(super) fn ours_below(&self, path: &Path) -> bool {
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

    pub(super) fn tell(&self, phase: &str, done: u64, total: Option<u64>, unit: Unit) {
        let Ok(mut told) = self.told.try_lock() else { return };
        let now = running();
        if now.saturating_sub(*told) >= TELL {
            *told = now;
            self.control.advance(phase, done, total, unit);
        }
    }

    pub(super) fn note(&self, folders: &Folders) {
        // Below a folder that is new everything is, and is found by going there.
        if !folders.new && !folders.noted.swap(true, Ordering::SeqCst) {
            self.remember(&folders.path, false);
        }
    }

    pub(super) fn remember(&self, path: &Path, deep: bool) {
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
