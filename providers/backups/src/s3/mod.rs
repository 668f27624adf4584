//! Backups in a bucket: listed, read back, removed.

mod client;
mod draft;
mod scratch;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use switchover::model::{Backup, BackupKey, BackupState, Manifest};
use switchover::port::DataError;
use tokio::sync::OnceCell;

pub(crate) use draft::S3Draft;
pub(crate) use scratch::Scratch;

use crate::depot::Replace;
use crate::digest::Progress;
use crate::disk::{MANIFEST, parse_manifest};
use crate::options::S3Options;
use crate::owner::Owner;

/// Nothing can be locked in a bucket: parts that nothing was added to for this long are taken for left over.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// A place in a bucket that holds the backups of one store.
#[derive(Debug, Clone)]
pub(crate) struct S3 {
    options: S3Options,
    owner: Owner,
    /// Made at the first request: making it reads the AWS files.
    store: std::sync::Arc<OnceCell<std::sync::Arc<dyn ObjectStore>>>,
}

/// What lies under one key.
#[derive(Debug, Default)]
struct Found {
    manifest: bool,
    objects: Vec<ObjectMeta>,
}

impl S3 {
    pub(crate) fn new(options: S3Options, owner: Owner) -> Self {
        Self { options, owner, store: std::sync::Arc::default() }
    }

    pub(crate) fn place(&self) -> String {
        match &self.options.prefix {
            Some(prefix) => format!("s3://{}/{prefix}", self.options.bucket),
            None => format!("s3://{}", self.options.bucket),
        }
    }

    fn prefix(&self) -> ObjectPath {
        ObjectPath::from(self.options.prefix.as_deref().unwrap_or_default())
    }

    fn home(&self, key: &BackupKey) -> ObjectPath {
        self.prefix().join(key.as_str())
    }

    async fn store(&self) -> Result<&dyn ObjectStore, DataError> {
        let made = self.store.get_or_try_init(|| client::connect(&self.options)).await;
        made.map(AsRef::as_ref).map_err(|why| DataError::Unfit {
            place: self.place(),
            why,
            advice: Some("look at `profile` and `region` of the backups and at the AWS files".into()),
        })
    }

    fn wrong(&self, doing: &str, error: &object_store::Error) -> DataError {
        client::failure(&self.place(), doing, error)
    }

    /// Everything below a key, or below all of them; by key.
    async fn objects(&self, below: &ObjectPath) -> Result<BTreeMap<BackupKey, Found>, DataError> {
        let store = self.store().await?;
        let top = self.prefix();
        let mut found: BTreeMap<BackupKey, Found> = BTreeMap::new();
        let mut objects = store.list(Some(below));
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| self.wrong("listing backups", &error))?;
            let Some(mut parts) = object.location.prefix_match(&top) else { continue };
            let Some(Ok(key)) = parts.next().map(|part| BackupKey::new(part.as_ref())) else { continue };
            let rest: Vec<_> = parts.collect();
            let manifest = rest.len() == 1 && rest[0].as_ref() == MANIFEST;
            drop(rest);
            let entry = found.entry(key).or_default();
            if manifest {
                entry.manifest = true;
            } else {
                entry.objects.push(object);
            }
        }
        Ok(found)
    }

    pub(crate) async fn list(&self) -> Result<Vec<Backup>, DataError> {
        let found = self.objects(&self.prefix()).await?;
        // Boxed and gathered: what holds a closure over borrowed pairs cannot be sent between threads.
        let looks: Vec<BoxFuture<'_, _>> =
            found.iter().map(|(key, found)| self.look(key, found).boxed()).collect();
        futures_util::stream::iter(looks).buffered(8).try_collect().await
    }

    pub(crate) async fn find(&self, key: &BackupKey) -> Result<Option<Backup>, DataError> {
        match self.objects(&self.home(key)).await?.get(key) {
            Some(found) => self.look(key, found).await.map(Some),
            None => Ok(None),
        }
    }

    async fn look(&self, key: &BackupKey, found: &Found) -> Result<Backup, DataError> {
        let place = format!("{}/{key}", self.place());
        let backup = |state, manifest| Backup { key: key.clone(), state, place, manifest };
        if !found.manifest {
            return Ok(backup(BackupState::Partial, None));
        }
        Ok(match self.manifest(key).await? {
            None => backup(BackupState::Partial, None),
            Some(Err(why)) => backup(BackupState::Damaged { why }, None),
            Some(Ok(manifest)) => {
                let fault =
                    self.owner.fault(key, &manifest).or_else(|| self.sizes_differ(key, found, &manifest));
                let state = match fault {
                    Some(why) => BackupState::Damaged { why },
                    None => BackupState::Complete,
                };
                backup(state, Some(manifest))
            }
        })
    }

    fn sizes_differ(&self, key: &BackupKey, found: &Found, manifest: &Manifest) -> Option<String> {
        let home = self.home(key);
        let sizes: BTreeMap<&ObjectPath, u64> =
            found.objects.iter().map(|object| (&object.location, object.size)).collect();
        let mut bytes = 0;
        for name in manifest.files.keys() {
            let Some(size) = sizes.get(&within(&home, name)) else {
                return Some(format!("its file {} is missing", name.escape_debug()));
            };
            bytes += size;
        }
        (bytes != manifest.bytes)
            .then(|| format!("it has {bytes} bytes and its manifest says {}", manifest.bytes))
    }

    /// The manifest under a key, if there is one; the error inside says that it cannot be understood.
    async fn manifest(&self, key: &BackupKey) -> Result<Option<Result<Manifest, String>>, DataError> {
        let path = self.home(key).join(MANIFEST);
        let store = self.store().await?;
        let text = match store.get(&path).await {
            Ok(answer) => answer.bytes().await,
            Err(error) => Err(error),
        };
        match text {
            Ok(text) => Ok(Some(parse_manifest(&text))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.wrong("reading a manifest", &error)),
        }
    }

    pub(crate) async fn begin(
        &self,
        key: &BackupKey,
        replace: Replace,
        expected: Option<u64>,
    ) -> Result<S3Draft, DataError> {
        let _ = self.store().await?;
        match self.manifest(key).await? {
            None => {}
            Some(Ok(manifest)) if self.owner.foreign(&manifest) => self.owner.check(key, &manifest)?,
            Some(_) if replace == Replace::Yes => {}
            Some(_) => return Err(crate::disk::taken(key)),
        }
        S3Draft::begin(self.clone(), key.clone(), replace, expected).await
    }

    pub(crate) async fn fetch(&self, manifest: &Manifest, progress: &Progress) -> Result<Scratch, DataError> {
        draft::fetch(self, manifest, progress).await
    }

    pub(crate) async fn record(&self, manifest: &Manifest) -> Result<(), DataError> {
        let bad = |why: String| DataError::BadBackup { key: manifest.key.clone(), why };
        match self.manifest(&manifest.key).await? {
            None => return Err(bad("there is no such backup any more".into())),
            Some(Err(why)) => return Err(bad(why)),
            Some(Ok(is)) => self.owner.check(&manifest.key, &is)?,
        }
        draft::put_manifest(self, manifest, Replace::Yes).await
    }

    pub(crate) async fn remove(&self, key: &BackupKey) -> Result<(), DataError> {
        if let Some(Ok(manifest)) = self.manifest(key).await?
            && self.owner.foreign(&manifest)
        {
            self.owner.check(key, &manifest)?;
        }
        self.delete(self.home(key).join(MANIFEST)).await?;
        let found = self.objects(&self.home(key)).await?;
        let objects = found.into_values().flat_map(|found| found.objects);
        self.delete_all(objects.map(|object| object.location)).await
    }

    async fn delete(&self, path: ObjectPath) -> Result<(), DataError> {
        match self.store().await?.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.wrong("removing a backup", &error)),
        }
    }

    async fn delete_all(&self, paths: impl Iterator<Item = ObjectPath>) -> Result<(), DataError> {
        let deletions: Vec<BoxFuture<'_, _>> = paths.map(|path| self.delete(path).boxed()).collect();
        futures_util::stream::iter(deletions).buffer_unordered(8).try_collect().await
    }

    /// Removes the objects of parts that no manifest names, once nothing was added to them for a day.
    pub(crate) async fn clear(&self) -> Result<Vec<String>, DataError> {
        let mut cleared = scratch::clear(&self.options)?;
        for (key, found) in self.objects(&self.prefix()).await? {
            let named = match self.manifest(&key).await? {
                Some(Ok(manifest)) if self.owner.foreign(&manifest) => continue,
                Some(Ok(manifest)) => part_of(&manifest).map(str::to_owned),
                // Not ours to judge: a person has to look at it.
                Some(Err(_)) => continue,
                None => None,
            };
            for (part, objects) in parts(&self.home(&key), found.objects) {
                if Some(&part) != named.as_ref() && objects.iter().all(stale) {
                    self.delete_all(objects.into_iter().map(|object| object.location)).await?;
                    cleared.push(format!("{}/{key}/{part}", self.place()));
                }
            }
        }
        Ok(cleared)
    }

    /// Removes the objects of all parts of a key but one; what cannot be removed now is stale one day.
    async fn clear_but(&self, key: &BackupKey, keep: &str) {
        let home = self.home(key);
        let Ok(mut found) = self.objects(&home).await else { return };
        let objects = found.remove(key).unwrap_or_default().objects;
        for (_, objects) in parts(&home, objects).into_iter().filter(|(part, _)| part != keep) {
            let _ = self.delete_all(objects.into_iter().map(|object| object.location)).await;
        }
    }
}

fn within(home: &ObjectPath, name: &str) -> ObjectPath {
    name.split('/').fold(home.clone(), ObjectPath::join)
}

fn parts(home: &ObjectPath, objects: Vec<ObjectMeta>) -> BTreeMap<String, Vec<ObjectMeta>> {
    let mut parts: BTreeMap<String, Vec<ObjectMeta>> = BTreeMap::new();
    for object in objects {
        let part = object
            .location
            .prefix_match(home)
            .and_then(|mut rest| rest.next().map(|part| part.as_ref().to_owned()));
        parts.entry(part.unwrap_or_default()).or_default().push(object);
    }
    parts
}

fn stale(object: &ObjectMeta) -> bool {
    let age = SystemTime::now().duration_since(SystemTime::from(object.last_modified));
    age.is_ok_and(|age| age > STALE)
}

/// The part in which a manifest's files lie, if they lie in one.
pub(crate) fn part_of(manifest: &Manifest) -> Option<&str> {
    let parts: BTreeSet<&str> =
        manifest.files.keys().filter_map(|name| name.split_once('/').map(|(part, _)| part)).collect();
    let one = parts.first().copied().filter(|part| parts.len() == 1 && part.starts_with(scratch::PART));
    one.filter(|_| manifest.files.keys().all(|name| name.contains('/')))
}
