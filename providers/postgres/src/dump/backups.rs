//! The port `Backups`.

use async_trait::async_trait;
use switchover::model::{Backup, BackupKey, BackupState, RunId, SideName, Verification};
use switchover::port::{Backups, DataError, Overseer};
use switchover_backups::{Opened, Replace};

use super::PostgresDump;
use super::create::{self, Wanted};
use super::restore::Restore;

#[async_trait]
impl Backups for PostgresDump {
    async fn list(&self) -> Result<Vec<Backup>, DataError> {
        self.depot.list().await
    }

    async fn find(&self, key: &BackupKey) -> Result<Option<Backup>, DataError> {
        self.depot.find(key).await
    }

    async fn create(
        &self,
        from: &SideName,
        key: &BackupKey,
        overseer: &dyn Overseer,
    ) -> Result<Backup, DataError> {
        self.depot.clear().await?;
        if let Some(backup) = self.depot.find(key).await?
            && backup.state == BackupState::Complete
        {
            return Ok(backup);
        }
        let one = self.one(from)?;
        // Of a backup by hand nobody knows how it will be compared one day.
        let wanted =
            Wanted { key, run: None, frozen: false, verify: Verification::Content, replace: Replace::No };
        create::create(&one.server, &self.depot, &self.settings, &wanted, &*self.clock, overseer).await?;
        self.found(key).await
    }

    async fn restore(
        &self,
        key: &BackupKey,
        to: &SideName,
        overseer: &dyn Overseer,
    ) -> Result<(), DataError> {
        let opened = self.open(key, overseer).await?;
        let run = by_hand(key)?;
        self.restoring(&opened, to, &run, overseer)?.replace(&opened).await.map(drop)
    }

    async fn verify(
        &self,
        key: &BackupKey,
        on: &SideName,
        how: Verification,
        overseer: &dyn Overseer,
    ) -> Result<Backup, DataError> {
        let opened = self.open(key, overseer).await?;
        match how {
            Verification::None | Verification::Counts => {}
            Verification::Content => {
                let run = by_hand(key)?;
                let restore = self.restoring(&opened, on, &run, overseer)?;
                restore.rehearse(&opened).await?;
                let mut manifest = opened.manifest().clone();
                manifest.verified = Some((restore.verify, self.clock.now()));
                self.depot.record(&manifest).await?;
            }
        }
        self.found(key).await
    }

    async fn remove(&self, key: &BackupKey) -> Result<(), DataError> {
        self.depot.remove(key).await
    }
}

impl PostgresDump {
    async fn found(&self, key: &BackupKey) -> Result<Backup, DataError> {
        let found = self.depot.find(key).await?;
        found.ok_or_else(|| DataError::BadBackup { key: key.clone(), why: "it has just been removed".into() })
    }

    /// A restore outside of a sync, compared as closely as the manifest allows.
    fn restoring<'a>(
        &'a self,
        opened: &'a Opened,
        to: &SideName,
        run: &'a RunId,
        overseer: &'a dyn Overseer,
    ) -> Result<Restore<'a>, DataError> {
        let verify =
            if opened.manifest().digests.is_empty() { Verification::Counts } else { Verification::Content };
        let server = &self.one(to)?.server;
        let key = &opened.manifest().key;
        Ok(Restore { server, settings: &self.settings, key, run, verify, frozen: None, overseer })
    }
}

/// In whose name a side is frozen that was restored by hand.
fn by_hand(key: &BackupKey) -> Result<RunId, DataError> {
    RunId::new(format!("restore-{key}"))
        .map_err(|error| DataError::BadBackup { key: key.clone(), why: error.to_string() })
}
