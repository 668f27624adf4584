//! Takes a backup: `pg_dump` from a snapshot that we hold, while the same snapshot is counted and described.

use std::collections::BTreeMap;
use std::path::PathBuf;

use switchover::model::{BackupKey, RunId, Verification};
use switchover::port::{Advance, Clock, DataError, Overseer, Unit};
use switchover_backups::{About as Contents, Depot, Draft, Opened, Progress, Replace};
use tokio::sync::watch;

use super::about;
use super::child::Call;
use super::load::Dumping;
use super::measure::{self, Measured, Table};
use super::snapshot::Snapshot;
use super::tools::{self, Program, Tool};
use crate::connect::Server;
use crate::dump::Settings;
use crate::freeze::SCHEMA;

/// The folder of the dump in a backup.
pub(super) const DUMP: &str = "dump";

/// What a backup is asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) key: &'a BackupKey,
    pub(super) run: Option<&'a RunId>,
    /// Clients are refused on behalf of the run, from before now on.
    pub(super) frozen: bool,
    pub(super) verify: Verification,
    pub(super) replace: Replace,
}

/// Takes a backup of a side. Where anything fails nothing is left of it.
pub(super) async fn create(
    server: &Server,
    depot: &Depot,
    settings: &Settings,
    wanted: &Wanted<'_>,
    clock: &dyn Clock,
    overseer: &dyn Overseer,
) -> Result<Opened, DataError> {
    let making =
        Making::begin(server, Snapshot::open(server).await?, depot, settings, wanted, overseer).await?;
    let hashed = making.dump(&watch::Sender::new(Dumping::Begun)).await?;
    let measured = making.measured(hashed, BTreeMap::new()).await?;
    making.commit(measured, clock).await
}

/// A backup on its way. Dropped before it is committed, nothing is left of it.
pub(super) struct Making<'a> {
    server: &'a Server,
    depot: &'a Depot,
    settings: &'a Settings,
    overseer: &'a dyn Overseer,
    verify: Verification,
    tool: Tool,
    draft: Draft,
    pub(super) snapshot: Snapshot,
}

impl<'a> Making<'a> {
    /// Opens the draft of a backup of a snapshot.
    pub(super) async fn begin(
        server: &'a Server,
        mut snapshot: Snapshot,
        depot: &'a Depot,
        settings: &'a Settings,
        wanted: &Wanted<'_>,
        overseer: &'a dyn Overseer,
    ) -> Result<Self, DataError> {
        let tool = tools::find(Program::Dump, snapshot.about.major(), settings.tools.as_deref()).await?;
        let draft =
            depot.begin(wanted.key, wanted.replace, Some(expected(depot, snapshot.bytes).await?)).await?;
        snapshot.about.run = wanted.run.map(ToString::to_string);
        snapshot.about.frozen = wanted.frozen;
        let verify = wanted.verify;
        let making = Self { server, depot, settings, overseer, verify, tool, draft, snapshot };
        making.snapshot.about.save(making.draft.dir()).map_err(|error| making.unwritten(&error))?;
        Ok(making)
    }

    /// Where `pg_dump` writes.
    pub(super) fn files(&self) -> PathBuf {
        self.draft.dir().join(DUMP)
    }

    /// The version of the `pg_dump` that makes it.
    pub(super) fn major(&self) -> i32 {
        self.tool.major
    }

    fn unwritten(&self, error: &std::io::Error) -> DataError {
        DataError::Failed {
            place: self.draft.dir().display().to_string(),
            why: format!("writing the backup failed: {error}"),
        }
    }

    /// Dumps. Where content is to be compared it is hashed side by side with that. `said` is told how far the dump is.
    pub(super) async fn dump(&self, said: &watch::Sender<Dumping>) -> Result<Option<Measured>, DataError> {
        let dump = async {
            self.call()?.run(self.heard(said)).await?;
            said.send_replace(Dumping::Ended);
            Ok(())
        };
        let hash = async {
            match self.verify {
                Verification::None | Verification::Counts => Ok(None),
                Verification::Content => self.measure(&self.snapshot.tables).await.map(Some),
            }
        };
        // The snapshot's own session stays idle meanwhile: it must outlive both.
        let ((), hashed) = futures_util::try_join!(dump, hash).map_err(|error| of_disk(error, self.depot))?;
        Ok(hashed)
    }

    /// What the snapshot holds. Only tables whose rows are not `known` from the dump itself are counted.
    pub(super) async fn measured(
        &self,
        hashed: Option<Measured>,
        known: BTreeMap<String, u64>,
    ) -> Result<Measured, DataError> {
        if let Some(hashed) = hashed {
            return Ok(hashed);
        }
        let unknown = |table: &&Table| !known.contains_key(&table.shown());
        let tables: Vec<Table> = self.snapshot.tables.iter().filter(unknown).cloned().collect();
        let mut measured = self.measure(&tables).await?;
        measured.rows.extend(known);
        Ok(measured)
    }

    async fn measure(&self, tables: &[Table]) -> Result<Measured, DataError> {
        let sessions = [self.snapshot.share(self.server).await?];
        measure::measure(self.server, &sessions, tables, self.verify, false, || {}).await
    }

    fn call(&self) -> Result<Call, DataError> {
        let lock = self.draft.lock().map_err(|error| self.unwritten(&error))?;
        let settings = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0";
        let (jobs, compression) = (self.settings.jobs, self.settings.compression);
        Ok(Call::on(&self.tool, self.server, &self.server.side().database, settings)
            .args(["--format=directory", "--no-sync", "--blobs", "--verbose", "--no-password"])
            .args(["--lock-wait-timeout=60s", "--no-subscriptions", "--no-tablespaces"])
            .args([format!("--jobs={jobs}"), format!("--compress={compression}")])
            .args([format!("--snapshot={}", self.snapshot.id), format!("--exclude-schema={SCHEMA}")])
            .args([std::path::Path::new("--file"), &self.files()])
            .holding(lock))
    }

    fn heard<'s>(&'s self, said: &'s watch::Sender<Dumping>) -> impl FnMut(&str) + Send + 's {
        let total = u64::try_from(self.snapshot.tables.len()).ok();
        let mut done = 0;
        move |line| {
            if line.contains("dumping contents of table") {
                done += 1;
                said.send_if_modified(|was| std::mem::replace(was, Dumping::Data) != Dumping::Data);
                self.overseer.advance(&Advance { phase: "dumping".into(), done, total, unit: Unit::Parts });
            }
        }
    }

    /// Makes what was dumped a backup.
    pub(super) async fn commit(self, measured: Measured, clock: &dyn Clock) -> Result<Opened, DataError> {
        let contents = Contents {
            source: self.server.name().clone(),
            place: self.server.place().to_owned(),
            as_of: self.snapshot.as_of,
            items: measured.rows,
            digests: measured.digests,
            versions: BTreeMap::from([
                ("server".to_owned(), version(self.snapshot.about.server)),
                ("pg_dump".to_owned(), self.tool.version.clone()),
            ]),
        };
        drop(self.snapshot);
        let progress = Progress::default();
        let commit = self.draft.commit(contents, &progress, clock.now());
        super::watch::bytes(commit, "writing the backup", None, &progress, self.overseer).await
    }
}

/// `150018` is 15.18.
fn version(number: i32) -> String {
    format!("{}.{}", number / 10_000, number % 10_000)
}

/// About how large a backup will be: as the latest one, and a little more. Before there is one, a tenth of the database: with less than that
/// it cannot fit.
async fn expected(depot: &Depot, database: u64) -> Result<u64, DataError> {
    let latest = depot.list().await?.into_iter().rev().find_map(|backup| backup.manifest);
    Ok(latest.map_or(database / 10, |manifest| manifest.bytes + manifest.bytes / 10))
}

/// `pg_dump` names the server; a disk that is full is ours.
fn of_disk(error: DataError, depot: &Depot) -> DataError {
    match error {
        DataError::Failed { why, .. } if why.starts_with("the disk is full") => {
            DataError::Failed { place: depot.place(), why }
        }
        other => other,
    }
}

/// The files of an opened backup that `pg_restore` reads.
pub(super) fn dump_of(opened: &Opened) -> std::path::PathBuf {
    opened.dir().join(DUMP)
}

/// What a backup says its database is beside its tables.
pub(super) fn about_of(opened: &Opened) -> Result<about::About, DataError> {
    about::About::load(opened.dir())
        .map_err(|why| DataError::BadBackup { key: opened.manifest().key.clone(), why })
}
