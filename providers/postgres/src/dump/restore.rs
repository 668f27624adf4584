//! Restores a backup into a new database beside the old one, compares it, and puts it in its place.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;
use switchover::model::{BackupKey, RunId, Verification};
use switchover::port::{Advance, Copied, DataError, FreezeOrder, Overseer, Unit};
use switchover_backups::Opened;
use tokio_postgres::types::Type;

use super::about::{self, About};
use super::child::{Call, Running};
use super::cluster::Cluster;
use super::contents::{Contents, List};
use super::create::{about_of, dump_of};
use super::measure::{self, Measured};
use super::tools::{self, Program, Tool};
use crate::connect::{Server, Session};
use crate::dump::Settings;
use crate::freeze::{Freezer, SCHEMA};

/// What the restoring sessions are told. Nobody waits for their commits: the rename's own commit puts everything before it on disk, and a
/// database that is lost before that is dropped anyway.
const SETTINGS: &str = "-c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0 \
    -c idle_in_transaction_session_timeout=0";

/// A restore: of what, for whom, and how what arrived is looked at.
#[derive(Debug)]
pub(super) struct Restore<'a> {
    pub(super) server: &'a Arc<Server>,
    pub(super) settings: &'a Settings,
    pub(super) key: &'a BackupKey,
    /// In whose name the new database is frozen.
    pub(super) run: &'a RunId,
    /// How it is compared with its manifest.
    pub(super) verify: Verification,
    /// For a final sync: the source, whose clients were refused from before its snapshot on, and must still be right before the rename.
    pub(super) frozen: Option<&'a Server>,
    pub(super) overseer: &'a dyn Overseer,
}

/// A new database, not yet anybody's, and what restores into it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    tool: Tool,
    /// What a session may use to sort for an index, in kB.
    memory: i64,
    notes: Vec<String>,
}

impl Restore<'_> {
    /// Restores a backup, compares, freezes, and takes the old database's place. What a person should know comes back.
    pub(super) async fn replace(&self, opened: &Opened) -> Result<(Copied, Vec<String>), DataError> {
        let cluster = Cluster::lock(self.server).await?;
        let place = self.beside(&cluster, opened).await?;
        self.take_place(&cluster, place, opened).await
    }

    /// Restores and compares, then drops it again.
    pub(super) async fn rehearse(&self, opened: &Opened) -> Result<(), DataError> {
        let cluster = Cluster::lock(self.server).await?;
        let place = self.beside(&cluster, opened).await?;
        cluster.drop(&place.name).await
    }

    /// A new database that holds what the manifest says.
    async fn beside(&self, cluster: &Cluster<'_>, opened: &Opened) -> Result<Place, DataError> {
        let about = about_of(opened)?;
        let dumped = opened.manifest().versions.get("pg_dump");
        let dumped =
            dumped.and_then(|version| version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let place = self.make(cluster, &about, dumped.unwrap_or_else(|| about.major())).await?;
        let filled = self.fill(&place, opened).await;
        self.or_drop(cluster, &place.name, filled).await?;
        Ok(place)
    }

    /// An empty database, after everything was looked at that can be known before.
    pub(super) async fn make(
        &self,
        cluster: &Cluster<'_>,
        about: &About,
        dumped: i32,
    ) -> Result<Place, DataError> {
        self.overseer.permit().await?;
        let tool = self.fit(cluster, about, dumped).await?;
        let memory = self.memory(cluster).await?;
        cluster.clear().await?;
        let notes = cluster.create_roles(about).await?;
        let name = cluster.make(self.key, about).await?;
        Ok(Place { name, tool, memory, notes })
    }

    /// A database that did not work out is dropped at once: on a full disk it is what fills it.
    async fn or_drop<T>(
        &self,
        cluster: &Cluster<'_>,
        name: &str,
        done: Result<T, DataError>,
    ) -> Result<T, DataError> {
        match done {
            // After an unknown outcome it may be the database that everybody uses.
            Err(error @ DataError::Unknown { .. }) => Err(error),
            Err(error) => {
                let _ = cluster.drop(name).await;
                Err(error)
            }
            Ok(value) => Ok(value),
        }
    }

    /// Everything that can be known before a database is made.
    async fn fit(&self, cluster: &Cluster<'_>, about: &About, dumped: i32) -> Result<Tool, DataError> {
        let row = cluster
            .session()
            .query_typed_one("SELECT pg_catalog.current_setting('server_version_num')::int / 10000", &[])
            .await
            .map_err(|error| self.server.told(&error))?;
        let major: i32 = row.get(0);
        if major < about.major() {
            return Err(self.server.unfit(
                format!("the backup is of PostgreSQL {}, and this server is {major}", about.major()),
                "upgrade this server first",
            ));
        }
        let missing = about::missing_extensions(self.server, cluster.session(), &about.extensions).await?;
        if let Some(first) = missing.first() {
            let all = missing.join(", ");
            return Err(self.server.unfit(
                format!("the data needs extensions that this server does not have: {all}"),
                format!("install the package that brings {first} on this server (Debian: often postgresql-{major}-{first}, or postgresql-contrib)"),
            ));
        }
        tools::find(Program::Restore, dumped, self.settings.tools.as_deref()).await
    }

    async fn fill(&self, place: &Place, opened: &Opened) -> Result<(), DataError> {
        let contents = self.contents(place, &dump_of(opened)).await?;
        self.start(place, &dump_of(opened), contents.all()?, self.settings.jobs)?.end(self).await?;
        self.compare(place, opened).await
    }

    /// What an archive contains.
    pub(super) async fn contents(&self, place: &Place, archive: &Path) -> Result<Contents, DataError> {
        let read = Contents::read(&place.tool, archive).await;
        read.map_err(|error| DataError::BadBackup { key: self.key.clone(), why: error.to_string() })
    }

    /// Starts `pg_restore` on a part of an archive, which may get another name from then on: the program is in it.
    pub(super) fn start(
        &self,
        place: &Place,
        archive: &Path,
        list: List,
        jobs: NonZeroU32,
    ) -> Result<Restoring, DataError> {
        let settings = format!("{SETTINGS} -c maintenance_work_mem={}kB", place.memory);
        let running = Call::on(&place.tool, self.server, &place.name, &settings)
            .args(["--exit-on-error", "--no-tablespaces", "--verbose", "--no-password"])
            .args([format!("--jobs={jobs}")])
            .args([Path::new("--use-list"), list.file.path()])
            .args(["."])
            .inside(archive)
            .start()?;
        Ok(Restoring { running, list })
    }

    pub(super) fn say(&self, phase: &str, done: u64, total: Option<u64>) {
        self.overseer.advance(&Advance { phase: phase.to_owned(), done, total, unit: Unit::Parts });
    }

    /// More than the usual 64 MB makes sorting for indexes faster; four jobs at most use it at a time.
    async fn memory(&self, cluster: &Cluster<'_>) -> Result<i64, DataError> {
        let sql = "SELECT GREATEST(262144, (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'))";
        let row =
            cluster.session().query_typed_one(sql, &[]).await.map_err(|error| self.server.told(&error))?;
        Ok(row.get(0))
    }

    /// Compares what arrived with what was dumped.
    pub(super) async fn compare(&self, place: &Place, opened: &Opened) -> Result<(), DataError> {
        let (server, about) = (self.server, about_of(opened)?);
        let sessions = self.sessions(place).await?;
        let Some(first) = sessions.first() else { return Ok(()) };
        let manifest = opened.manifest();
        let tables = measure::tables(server, first).await?;
        let (done, total) = (AtomicU64::new(0), u64::try_from(tables.len()).ok());
        let each = || self.say("comparing", done.fetch_add(1, Ordering::Relaxed) + 1, total);
        let is = measure::measure(server, &sessions, &tables, self.verify, true, each).await?;
        let sequences = about::sequences(server, first).await?;
        let wrong = difference(manifest, &about, &is, &sequences);
        match wrong {
            None => Ok(()),
            Some(why) => Err(DataError::Failed {
                place: server.place().to_owned(),
                why: format!("what was restored is not what was dumped: {why}"),
            }),
        }
    }

    /// Sessions in the new database, as many as work side by side.
    pub(super) async fn sessions(&self, place: &Place) -> Result<Vec<Session>, DataError> {
        try_join_all((0..self.settings.jobs.get()).map(|_| self.into(&place.name))).await
    }

    async fn into(&self, name: &str) -> Result<Session, DataError> {
        let session = self.server.admin_in(name).await?;
        session
            // Autovacuum may be at the table that is analyzed; it gives way after a second.
            .batch_execute(
                "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                 SET synchronous_commit = off; SET xmloption = content",
            )
            .await
            .map_err(|error| self.server.told(&error))?;
        Ok(session)
    }

    /// Freezes the new database, writes into it what it is, and gives it the old one's name. Where that does not work out it is dropped.
    pub(super) async fn take_place(
        &self,
        cluster: &Cluster<'_>,
        place: Place,
        opened: &Opened,
    ) -> Result<(Copied, Vec<String>), DataError> {
        let done = self.placed(cluster, &place.name, opened).await;
        let copied = self.or_drop(cluster, &place.name, done).await?;
        let mut notes = place.notes;
        notes.extend(cluster.drop_kept(self.key, self.overseer).await?);
        Ok((copied, notes))
    }

    async fn placed(&self, cluster: &Cluster<'_>, name: &str, opened: &Opened) -> Result<Copied, DataError> {
        let about = about_of(opened)?;
        let copied = self.copied(&about, opened);
        self.freeze(name, &copied).await?;
        cluster.dress(name, &about).await?;
        if let Some(source) = self.frozen {
            super::frozen_by(source, self.run).await?;
        }
        self.say("putting it in place", 0, None);
        cluster.swap(name, self.key, &about, self.overseer).await?;
        Ok(copied)
    }

    fn copied(&self, about: &About, opened: &Opened) -> Copied {
        let manifest = opened.manifest();
        Copied {
            from: manifest.source.clone(),
            run: self.run.clone(),
            key: manifest.key.clone(),
            as_of: manifest.as_of,
            verified: self.verify,
            complete: self.frozen.is_some(),
            position: about.position.clone(),
        }
    }

    async fn freeze(&self, name: &str, copied: &Copied) -> Result<(), DataError> {
        let new = Arc::new(self.server.beside(name));
        let freezer = Freezer::new(Arc::clone(&new), std::time::Duration::ZERO, std::time::Duration::ZERO);
        freezer.freeze(&FreezeOrder { by: self.run.clone(), lease: None }).await?;
        let text = serde_json::to_string(copied)
            .map_err(|error| self.server.failed(format!("the copy cannot be described: {error}")))?;
        let session = new.admin().await?;
        session
            .query_typed(
                &format!("UPDATE {SCHEMA}.state SET copied = $1, opened = false, handed = NULL"),
                &[(&text, Type::TEXT)],
            )
            .await
            .map_err(|error| self.server.told(&error))?;
        Ok(())
    }
}

/// A `pg_restore` that runs.
#[derive(Debug)]
pub(super) struct Restoring {
    running: Running,
    /// Its file must be there until the program has read it.
    list: List,
}

impl Restoring {
    /// Waits for its end.
    pub(super) async fn end(self, of: &Restore<'_>) -> Result<(), DataError> {
        let (items, mut done) = (self.list.items, 0);
        let heard = |line: &str| {
            // What comes before and after the tables' data is processed by one session, the rest finished by several.
            if line.contains("processing item") || line.contains("finished item") {
                done += 1;
                of.say("restoring", done.min(items), Some(items));
            }
        };
        // `pg_restore` names no file system; a server's full disk is the server's.
        self.running.end(heard).await.map_err(|error| match error {
            DataError::Failed { place, why } => {
                DataError::Failed { place, why: format!("restoring {}: {why}", of.key) }
            }
            other => other,
        })
    }
}

fn difference(
    manifest: &switchover::model::Manifest,
    about: &About,
    is: &Measured,
    sequences: &std::collections::BTreeMap<String, (Option<i64>, i64)>,
) -> Option<String> {
    measure::difference(&manifest.items, &manifest.digests, is)
        .or_else(|| measure::behind(&about.sequences, sequences))
}
