//! Restores a backup while it is made: rows go on to the stand-by as soon as `pg_dump` has written them.

use std::num::NonZeroU32;
use std::pin::pin;

use futures_util::future::{Either, join, select};
use switchover::port::{Clock, Copied, DataError};
use switchover_backups::Opened;
use tokio::sync::watch;

use super::cluster::Cluster;
use super::contents::Contents;
use super::create::Making;
use super::load::{Dumping, Load, Tables};
use super::restore::{Place, Restore};

/// A database that has its tables with their rows, and nothing that comes after them.
struct Loaded {
    place: Place,
    contents: Contents,
    tables: Tables,
}

impl Restore<'_> {
    /// Makes a backup and restores it at once, compares, freezes, and takes the old database's place. Where only the restore fails the backup
    /// is made all the same.
    pub(super) async fn through(
        &self,
        making: Making<'_>,
        clock: &dyn Clock,
    ) -> Result<(Opened, Copied, Vec<String>), DataError> {
        let cluster = Cluster::lock(self.server).await?;
        let poured = Box::pin(self.poured(&cluster, making, clock)).await;
        if poured.is_err() {
            // What was not dumped to its end is nothing, and on a full disk it is what fills it.
            let _ = cluster.clear().await;
        }
        let (opened, place) = poured?;
        let (copied, notes) = self.take_place(&cluster, place, &opened).await?;
        Ok((opened, copied, notes))
    }

    /// A backup, and a new database that holds what its manifest says.
    async fn poured(
        &self,
        cluster: &Cluster<'_>,
        making: Making<'_>,
        clock: &dyn Clock,
    ) -> Result<(Opened, Place), DataError> {
        let said = watch::Sender::new(Dumping::Begun);
        let (dump, load) = (making.dump(&said), self.load(cluster, &making, said.subscribe()));
        let (hashed, mut loaded) = match select(pin!(dump), pin!(load)).await {
            Either::Left((hashed, load)) => (hashed?, load.await),
            Either::Right((loaded, dump)) => (dump.await?, loaded),
        };
        let rows = loaded.as_mut().map(|loaded| std::mem::take(&mut loaded.tables.rows)).unwrap_or_default();
        let measured = making.measured(hashed, rows).await?;
        let rest = loaded.and_then(|loaded| {
            let list = loaded.contents.rest(&loaded.tables.entries)?;
            let restoring = self.start(&loaded.place, &making.files(), list, self.settings.jobs)?;
            Ok((loaded.place, restoring))
        });
        let rest = async {
            let (place, restoring) = rest?;
            restoring.end(self).await?;
            Ok::<_, DataError>(place)
        };
        let (opened, place) = join(making.commit(measured, clock), rest).await;
        let (opened, place) = (opened?, place?);
        self.compare(&place, &opened).await?;
        Ok((opened, place))
    }

    /// Loads the tables of a dump that is still being made.
    async fn load(
        &self,
        cluster: &Cluster<'_>,
        making: &Making<'_>,
        mut dumping: watch::Receiver<Dumping>,
    ) -> Result<Loaded, DataError> {
        let about = &making.snapshot.about;
        let place = self.make(cluster, about, making.major()).await?;
        // It fails only when the dump was given up, and then nobody waits for this.
        let _ = dumping.wait_for(|dumping| *dumping != Dumping::Begun).await;
        let contents = self.contents(&place, &making.files()).await?;
        self.start(&place, &making.files(), contents.definitions()?, NonZeroU32::MIN)?.end(self).await?;
        let encoding = &about.locale.encoding;
        let load = Load { server: self.server, dump: making.files(), encoding, dumping: dumping.clone() };
        let sessions = self.sessions(&place).await?;
        let tables = load.tables(&sessions, &making.snapshot.tables, &contents.data()).await?;
        let _ = dumping.wait_for(|dumping| *dumping == Dumping::Ended).await;
        Ok(Loaded { place, contents, tables })
    }
}
