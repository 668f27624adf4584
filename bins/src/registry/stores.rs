//! The stores that this program knows: one arm each.

use std::sync::Arc;

use switchover::config::{Kind, PortKind, StoreSpec};
use switchover::model::{PairName, StoreRef};
use switchover::port::{Backups, Store};
use switchover_files::{FilesOptions, FilesStore};
use switchover_rclone::{RcloneOptions, RcloneStore};

use super::{Setting, text};

/// The kinds of store that the file may name.
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind::of::<FilesOptions>(PortKind::Store, "files"),
        Kind::of::<RcloneOptions>(PortKind::Store, "rclone"),
        #[cfg(feature = "postgres")]
        Kind::of::<switchover_postgres::PostgresOptions>(PortKind::Store, "postgres"),
        #[cfg(feature = "rds")]
        Kind::of::<switchover_rds::RdsOptions>(PortKind::Store, "rds"),
        #[cfg(feature = "efs")]
        Kind::of::<switchover_efs::EfsOptions>(PortKind::Store, "efs"),
    ]
}

/// A store, and its backups where it keeps some.
pub(super) struct Connected {
    pub(super) store: Arc<dyn Store>,
    pub(super) backups: Option<Arc<dyn Backups>>,
}

impl Connected {
    fn without_backups(store: impl Store + 'static) -> Self {
        Self { store: Arc::new(store), backups: None }
    }

    #[cfg(any(feature = "postgres", feature = "rds"))]
    fn with_backups(store: impl Store + Backups + 'static) -> Self {
        let store = Arc::new(store);
        Self { backups: Some(Arc::clone(&store) as Arc<dyn Backups>), store }
    }
}

impl Setting<'_> {
    #[cfg_attr(
        not(any(feature = "rds", feature = "efs")),
        expect(clippy::unused_async, reason = "AWS's stores read the AWS files")
    )]
    pub(super) async fn store(
        &self,
        pair: &PairName,
        store: &StoreRef,
        spec: &StoreSpec,
    ) -> Result<Connected, String> {
        let (pair, clock) = (pair.clone(), Arc::clone(&self.clock));
        let provider = &spec.provider;
        match provider.kind.as_str() {
            "files" => {
                let mut options: FilesOptions = provider.options().map_err(text)?;
                for side in options.sides.values_mut() {
                    side.path = self.folder.join(&side.path);
                }
                let made = FilesStore::new(options, pair, store.clone(), clock);
                made.map(Connected::without_backups).map_err(text)
            }
            "rclone" => {
                let options: RcloneOptions = provider.options().map_err(text)?;
                let made = RcloneStore::new(options, pair, store.clone(), clock);
                made.map(Connected::without_backups).map_err(text)
            }
            #[cfg(feature = "postgres")]
            "postgres" => self.postgres(&pair, store, &provider.options().map_err(text)?),
            #[cfg(feature = "rds")]
            "rds" => {
                use switchover_rds::{Guard, PostgresGuard, RdsMethod, RdsOptions, RdsStore};
                let options: RdsOptions = provider.options().map_err(text)?;
                let method = options.method;
                let meter = self.meter.clone();
                let resolve = |reference: &switchover::config::SecretRef| self.secret(reference);
                let guard = PostgresGuard::new(&options, Arc::clone(&clock), &resolve).map_err(text)?;
                let guard = guard.map(|guard| Arc::new(guard) as Arc<dyn Guard>);
                let made = RdsStore::connect(pair, store.clone(), options, guard, clock, meter)
                    .await
                    .map_err(text)?;
                Ok(match method {
                    RdsMethod::Snapshot => Connected::with_backups(made),
                    RdsMethod::Replica => Connected::without_backups(made),
                })
            }
            #[cfg(feature = "efs")]
            "efs" => {
                use switchover_efs::{EfsOptions, EfsStore, MountProbe};
                let options: EfsOptions = provider.options().map_err(text)?;
                let mounts = options.sides.iter().filter_map(|(name, side)| {
                    let name = switchover::model::SideName::new(name.as_str()).ok()?;
                    Some((name, self.folder.join(side.mount.as_ref()?)))
                });
                let probe = Arc::new(MountProbe::new(mounts));
                let meter = self.meter.clone();
                let made = EfsStore::connect(pair, store.clone(), options, probe, clock, meter).await;
                made.map(Connected::without_backups).map_err(text)
            }
            other => Err(format!("{store}: this program was built without the provider `{other}`")),
        }
    }

    #[cfg(feature = "postgres")]
    fn postgres(
        &self,
        pair: &PairName,
        store: &StoreRef,
        options: &switchover_postgres::PostgresOptions,
    ) -> Result<Connected, String> {
        use switchover_postgres::{PostgresDump, PostgresMethod, Streaming};
        let resolve = |reference: &switchover::config::SecretRef| self.secret(reference);
        match options.method {
            PostgresMethod::Streaming => {
                Streaming::new(pair, store, options, &resolve).map(Connected::without_backups).map_err(text)
            }
            PostgresMethod::Dump => {
                let clock = Arc::clone(&self.clock);
                let made = PostgresDump::new(pair, store, options, clock, &resolve);
                made.map(Connected::with_backups).map_err(text)
            }
        }
    }
}
