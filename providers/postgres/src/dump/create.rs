//! Takes a backup: `pg_dump` from a snapshot that we hold, while the same snapshot is counted and described.

use std::collections::BTreeMap;

use switchover::model::{BackupKey, RunId, Verification};
use switchover::port::{Advance, Clock, DataError, Overseer, Unit};
use switchover_backups::{About as Contents, Depot, Opened, Progress, Replace};

use super::about;
use super::child::Call;
use super::measure;
use super::snapshot::Snapshot;
use super::tools::{self, Program};
use super::watch;
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
    let mut snapshot = Snapshot::open(server).await?;
    let tool = tools::find(Program::Dump, snapshot.about.major(), settings.tools.as_deref()).await?;
    let draft = depot.begin(wanted.key, wanted.replace, Some(expected(depot, snapshot.bytes).await?)).await?;

    snapshot.about.run = wanted.run.map(ToString::to_string);
    snapshot.about.frozen = wanted.frozen;
    let failed = |error: std::io::Error| DataError::Failed {
        place: draft.dir().display().to_string(),
        why: format!("writing the backup failed: {error}"),
    };
    snapshot.about.save(draft.dir()).map_err(failed)?;
    let lock = draft.lock().map_err(failed)?;

    let jobs = settings.jobs.to_string();
    let dump = Call::on(
        &tool,
        server,
        &server.side().database,
        "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
    )
    .args([
        "--format=directory",
        "--no-sync",
        "--blobs",
        "--verbose",
        "--no-password",
        "--lock-wait-timeout=60s",
    ])
    .args(["--no-subscriptions", "--no-tablespaces"])
    .args([format!("--jobs={jobs}"), format!("--compress={}", settings.compression)])
    .args([format!("--snapshot={}", snapshot.id), format!("--exclude-schema={SCHEMA}")])
    .args([std::path::Path::new("--file"), &draft.dir().join(DUMP)])
    .holding(lock);
    let total = u64::try_from(snapshot.tables.len()).ok();
    let mut done = 0;
    let heard = |line: &str| {
        if line.contains("dumping contents of table") {
            done += 1;
            overseer.advance(&Advance { phase: "dumping".into(), done, total, unit: Unit::Parts });
        }
    };
    let count = async {
        let sessions = [snapshot.share(server).await?];
        measure::measure(server, &sessions, &snapshot.tables, wanted.verify, false, || {}).await
    };
    // The snapshot's own session stays idle meanwhile: it must outlive both.
    let ((), measured) =
        futures_util::try_join!(dump.run(heard), count).map_err(|error| of_disk(error, depot))?;

    let contents = Contents {
        source: server.name().clone(),
        place: server.place().to_owned(),
        as_of: snapshot.as_of,
        items: measured.rows,
        digests: measured.digests,
        versions: BTreeMap::from([
            ("server".to_owned(), version(snapshot.about.server)),
            ("pg_dump".to_owned(), tool.version.clone()),
        ]),
    };
    drop(snapshot);
    let progress = Progress::default();
    let commit = draft.commit(contents, &progress, clock.now());
    watch::bytes(commit, "writing the backup", None, &progress, overseer).await
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
