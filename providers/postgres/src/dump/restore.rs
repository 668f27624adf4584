//! Restores a backup into a new database beside the old one, compares it, and puts it in its place.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;
use switchover::model::{BackupKey, RunId, Verification};
use switchover::port::{Advance, Copied, DataError, FreezeOrder, Overseer, Unit};
use switchover_backups::Opened;
use tempfile::NamedTempFile;
use tokio_postgres::types::Type;

use super::about::{self, About};
use super::child::Call;
use super::cluster::Cluster;
use super::create::{about_of, dump_of};
use super::measure::{self, Measured};
use super::tools::{self, Program, Tool};
use crate::connect::{Server, Session};
use crate::dump::Settings;
use crate::freeze::{Freezer, GUARD, SCHEMA};

/// What the restoring sessions are told. Nobody waits for their commits: the rename's own commit puts everything before it on disk, and a
/// database that is lost before that is dropped anyway.
const SETTINGS: &str = "-c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0 \
    -c idle_in_transaction_session_timeout=0";

/// A backup that is restored.
#[derive(Debug)]
pub(super) struct Restore<'a> {
    pub(super) server: &'a Arc<Server>,
    pub(super) settings: &'a Settings,
    pub(super) opened: &'a Opened,
    /// In whose name the new database is frozen.
    pub(super) run: &'a RunId,
    /// How it is compared with its manifest.
    pub(super) verify: Verification,
    /// For a final sync: the source, whose clients were refused from before its snapshot on, and must still be right before the rename.
    pub(super) frozen: Option<&'a Server>,
    pub(super) overseer: &'a dyn Overseer,
}

impl Restore<'_> {
    fn key(&self) -> &BackupKey {
        &self.opened.manifest().key
    }

    /// Restores, compares, freezes, and takes the old database's place. What a person should know comes back.
    pub(super) async fn replace(&self) -> Result<(Copied, Vec<String>), DataError> {
        let cluster = Cluster::lock(self.server).await?;
        let (name, about, mut notes) = self.beside(&cluster).await?;
        let done = self.take_place(&cluster, &name, &about).await;
        let copied = self.or_drop(&cluster, &name, done).await?;
        notes.extend(cluster.drop_kept(self.key(), self.overseer).await?);
        Ok((copied, notes))
    }

    /// Restores and compares, then drops it again.
    pub(super) async fn rehearse(&self) -> Result<(), DataError> {
        let cluster = Cluster::lock(self.server).await?;
        let (name, ..) = self.beside(&cluster).await?;
        cluster.drop(&name).await
    }

    /// A new database that holds what the manifest says.
    async fn beside(&self, cluster: &Cluster<'_>) -> Result<(String, About, Vec<String>), DataError> {
        self.overseer.permit().await?;
        let about = about_of(self.opened)?;
        let tool = self.fit(cluster, &about).await?;
        cluster.clear().await?;
        let notes = cluster.create_roles(&about).await?;
        let name = cluster.make(self.key(), &about).await?;
        let filled = self.fill(&tool, &name, &about).await;
        self.or_drop(cluster, &name, filled).await?;
        Ok((name, about, notes))
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
    async fn fit(&self, cluster: &Cluster<'_>, about: &About) -> Result<Tool, DataError> {
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
        let dumped = self.opened.manifest().versions.get("pg_dump");
        let dumped =
            dumped.and_then(|version| version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        tools::find(Program::Restore, dumped.unwrap_or_else(|| about.major()), self.settings.tools.as_deref())
            .await
    }

    async fn fill(&self, tool: &Tool, name: &str, about: &About) -> Result<(), DataError> {
        let list = self.list(tool).await?;
        let memory = self.memory().await?;
        let items = list.items;
        let call =
            Call::on(tool, self.server, name, &format!("{SETTINGS} -c maintenance_work_mem={memory}kB"))
                .args(["--exit-on-error", "--no-tablespaces", "--verbose", "--no-password"])
                .args([format!("--jobs={}", self.settings.jobs)])
                .args([std::path::Path::new("--use-list"), list.file.path()])
                .args([dump_of(self.opened)]);
        let mut done = 0;
        let heard = |line: &str| {
            // What comes before and after the tables' data is processed by one session, the rest finished by several.
            if line.contains("processing item") || line.contains("finished item") {
                done += 1;
                self.say("restoring", done.min(items), Some(items));
            }
        };
        call.run(heard).await.map_err(|error| self.of_backup(error))?;
        self.compare(name, about).await
    }

    /// `pg_restore` names no file system; a server's full disk is the server's.
    fn of_backup(&self, error: DataError) -> DataError {
        match error {
            DataError::Failed { place, why } => {
                DataError::Failed { place, why: format!("restoring {}: {why}", self.key()) }
            }
            other => other,
        }
    }

    fn say(&self, phase: &str, done: u64, total: Option<u64>) {
        self.overseer.advance(&Advance { phase: phase.to_owned(), done, total, unit: Unit::Parts });
    }

    /// More than the usual 64 MB makes sorting for indexes faster; four jobs at most use it at a time.
    async fn memory(&self) -> Result<i64, DataError> {
        let session = self.server.admin_in("postgres").await?;
        let sql = "SELECT GREATEST(262144, (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'))";
        let row = session.query_typed_one(sql, &[]).await.map_err(|error| self.server.told(&error))?;
        Ok(row.get(0))
    }

    /// The archive's contents without what belongs to the side and not to the data: its freeze.
    async fn list(&self, tool: &Tool) -> Result<List, DataError> {
        let wrong = |error: std::io::Error| DataError::Failed {
            place: std::env::temp_dir().display().to_string(),
            why: format!("writing a temporary file failed: {error}"),
        };
        let mut file = NamedTempFile::new().map_err(wrong)?;
        let (mut items, mut written) = (0, Ok(()));
        let archive = dump_of(self.opened);
        let place = archive.display().to_string();
        let take = |line: &str| {
            if !is_of_the_freeze(line) && written.is_ok() {
                items += u64::from(!line.starts_with(';'));
                written = writeln!(file, "{line}");
            }
        };
        let listed = Call::local(tool, place).args(["--list"]).args([archive]).lines(take).await;
        listed.map_err(|error| DataError::BadBackup { key: self.key().clone(), why: error.to_string() })?;
        written.and_then(|()| file.flush()).map_err(wrong)?;
        Ok(List { file, items })
    }

    async fn compare(&self, name: &str, about: &About) -> Result<(), DataError> {
        let server = self.server;
        let sessions = try_join_all((0..self.settings.jobs.get()).map(|_| self.into(name))).await?;
        let Some(first) = sessions.first() else { return Ok(()) };
        let manifest = self.opened.manifest();
        let tables = measure::tables(server, first).await?;
        let (done, total) = (AtomicU64::new(0), u64::try_from(tables.len()).ok());
        let each = || self.say("comparing", done.fetch_add(1, Ordering::Relaxed) + 1, total);
        let is = measure::measure(server, &sessions, &tables, self.verify, true, each).await?;
        let sequences = about::sequences(server, first).await?;
        let wrong = difference(manifest, about, &is, &sequences);
        match wrong {
            None => Ok(()),
            Some(why) => Err(DataError::Failed {
                place: server.place().to_owned(),
                why: format!("what was restored is not what was dumped: {why}"),
            }),
        }
    }

    async fn into(&self, name: &str) -> Result<Session, DataError> {
        let session = self.server.admin_in(name).await?;
        session
            // Autovacuum may be at the table that is analyzed; it gives way after a second.
            .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0; SET synchronous_commit = off")
            .await
            .map_err(|error| self.server.told(&error))?;
        Ok(session)
    }

    /// Freezes the new database, writes into it what it is, and gives it the old one's name.
    async fn take_place(
        &self,
        cluster: &Cluster<'_>,
        name: &str,
        about: &About,
    ) -> Result<Copied, DataError> {
        let copied = self.copied(about);
        self.freeze(name, &copied).await?;
        cluster.dress(name, about).await?;
        if let Some(source) = self.frozen {
            super::frozen_by(source, self.run).await?;
        }
        self.say("putting it in place", 0, None);
        cluster.swap(name, self.key(), about, self.overseer).await?;
        Ok(copied)
    }

    fn copied(&self, about: &About) -> Copied {
        let manifest = self.opened.manifest();
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

/// What of an archive is to be restored.
#[derive(Debug)]
struct List {
    file: NamedTempFile,
    items: u64,
}

/// Whether a line of an archive's list is about the source's own freeze: its triggers, and the rights on the functions that write large
/// objects, which a freeze takes away. The schema itself is not in the archive.
fn is_of_the_freeze(line: &str) -> bool {
    let about = |word: &str| line.contains(word);
    (about(&format!(" {GUARD} ")) && about("TRIGGER"))
        || about(" ACL pg_catalog FUNCTION lo")
        || (about(" PUBLICATION ") && line.split(' ').any(is_of_a_stream))
}

/// The publications of the streaming method: `switchover_` and ten hexadecimal digits.
fn is_of_a_stream(word: &str) -> bool {
    let digits = word.strip_prefix("switchover_").unwrap_or_default();
    digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_freeze_is_not_restored_and_nothing_else_is_left_out() {
        for line in [
            "3378; 2620 16402 TRIGGER public file switchover_freeze boss",
            "3379; 3466 16403 EVENT TRIGGER - switchover_freeze boss",
            "3380; 0 0 ACL pg_catalog FUNCTION lo_creat(integer) boss",
            "3381; 0 0 ACL pg_catalog FUNCTION lowrite(integer, bytea) boss",
            "3382; 6104 16404 PUBLICATION - switchover_0123456789 boss",
            "3383; 6106 16405 PUBLICATION TABLE public switchover_0123456789 file boss",
        ] {
            assert!(is_of_the_freeze(line), "{line}");
        }
        for line in [
            "; Archive created at 2026-11-21",
            "3378; 2620 16402 TRIGGER public file touch boss",
            "215; 1259 16390 TABLE public switchover_freeze app",
            "3382; 6104 16404 PUBLICATION - orders boss",
            "3383; 6106 16405 PUBLICATION TABLE public orders switchover_log boss",
            "3384; 0 0 ACL public FUNCTION lo_things() app",
        ] {
            assert!(!is_of_the_freeze(line), "{line}");
        }
    }
}
