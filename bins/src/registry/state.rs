//! The places that this program knows for the journal: one arm each.

use std::path::Path;
use std::sync::Arc;

use switchover::config::{Kind, PortKind, ProviderSpec};
use switchover::port::{Clock, StateStore};
use switchover_sqlite::{SqliteOptions, SqliteStore};

use super::{Fault, Unready, text};

/// The journal's file where the configuration names none, beside the configuration.
const JOURNAL: &str = "switchover.db";

/// The kinds of state store that the file may name.
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind::of::<SqliteOptions>(PortKind::State, "sqlite"),
        #[cfg(feature = "etcd")]
        Kind::of::<switchover_etcd::EtcdOptions>(PortKind::State, "etcd"),
        #[cfg(feature = "s3-journal")]
        Kind::of::<switchover_s3::S3Options>(PortKind::State, "s3"),
    ]
}

/// Opens the place that the file names, and proves that entries can be written there.
#[cfg_attr(
    not(any(feature = "etcd", feature = "s3-journal")),
    expect(
        clippy::unused_async,
        unused_variables,
        reason = "only what is asked over the network waits, by a clock"
    )
)]
pub(super) async fn open(
    spec: Option<&ProviderSpec>,
    folder: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn StateStore>, Unready> {
    let Some(spec) = spec else { return sqlite(SqliteOptions { path: JOURNAL.into() }, folder) };
    let fault = |why: String| -> Fault { (spec.path.clone(), why) };
    match spec.kind.as_str() {
        "sqlite" => sqlite(spec.options().map_err(|error| fault(text(error)))?, folder),
        #[cfg(feature = "etcd")]
        "etcd" => {
            let store = etcd(spec, folder, clock).map_err(fault)?;
            store.prove().await.map_err(Unready::Journal)?;
            Ok(Arc::new(store))
        }
        #[cfg(feature = "s3-journal")]
        "s3" => {
            let options: switchover_s3::S3Options = spec.options().map_err(|error| fault(text(error)))?;
            let store = switchover_s3::S3Store::connect(&options, clock).await;
            let store = store.map_err(|error| fault(text(error)))?;
            store.prove().await.map_err(Unready::Journal)?;
            Ok(Arc::new(store))
        }
        other => Err(fault(format!("this program was built without the store `{other}`")).into()),
    }
}

fn sqlite(options: SqliteOptions, folder: &Path) -> Result<Arc<dyn StateStore>, Unready> {
    let options = SqliteOptions { path: folder.join(options.path) };
    Ok(Arc::new(SqliteStore::open(&options).map_err(Unready::Journal)?))
}

#[cfg(feature = "etcd")]
fn etcd(
    spec: &ProviderSpec,
    folder: &Path,
    clock: Arc<dyn Clock>,
) -> Result<switchover_etcd::EtcdStore, String> {
    use switchover::config::SecretRef;
    use switchover_etcd::{EtcdFiles, EtcdOptions, EtcdStore};

    let options: EtcdOptions = spec.options().map_err(text)?;
    let read =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| file(&folder.join(path))).transpose();
    let secret = |reference: &Option<SecretRef>| {
        reference
            .as_ref()
            .map(|reference| crate::secret::resolve(reference, folder).map_err(text))
            .transpose()
    };
    let files = EtcdFiles {
        ca: read(&options.ca_file)?,
        certificate: read(&options.certificate_file)?,
        key: secret(&options.key)?,
        password: secret(&options.password)?,
    };
    EtcdStore::new(&options, files, clock).map_err(text)
}

#[cfg(feature = "etcd")]
fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("the file {} cannot be read: {error}", path.display()))
}
