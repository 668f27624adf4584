//! A backup on its way to S3, and one on its way back: hashed while it is sent and while it is fetched.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart};
use sha2::{Digest as _, Sha256};
use switchover::model::{BackupKey, Manifest};
use switchover::port::DataError;
use tokio::io::AsyncReadExt as _;

use super::scratch::{self, Scratch};
use super::{S3, part_of, within};
use crate::depot::Replace;
use crate::digest::{self, Progress};
use crate::disk::{self, MANIFEST};
use crate::fault;
use crate::owner::{About, Files};

/// The least size of a part of an upload but the last (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
const CHUNK: usize = 5 * 1024 * 1024;
/// An upload may have 10,000 parts (same page); some are kept in reserve for a file that is larger than its size was.
const MOST_CHUNKS: u64 = 9_000;
/// Files that are sent at once, and parts of each on their way: together they bound the memory.
const FILES: usize = 2;
const IN_FLIGHT: usize = 1;

/// A backup on its way to S3. What was sent of one that is dropped is removed by a later [`S3::clear`].
#[derive(Debug)]
pub(crate) struct S3Draft {
    s3: S3,
    key: BackupKey,
    replace: Replace,
    scratch: Scratch,
}

impl S3Draft {
    pub(super) async fn begin(
        s3: S3,
        key: BackupKey,
        replace: Replace,
        expected: Option<u64>,
    ) -> Result<Self, DataError> {
        let options = s3.options.clone();
        let scratch = fault::blocking(move || {
            scratch::clear(&options)?;
            let made = scratch::make(&options)?;
            disk::enough_room(made.path(), expected)?;
            Ok(made)
        })
        .await?;
        Ok(Self { s3, key, replace, scratch })
    }

    pub(crate) fn dir(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn lock(&self) -> std::io::Result<std::fs::File> {
        self.scratch.lock()
    }

    /// Sends all files, then the manifest. Returns the directory with the files, which are still here.
    pub(crate) async fn commit(
        self,
        about: About,
        progress: &Progress,
        now: jiff::Timestamp,
    ) -> Result<(Manifest, Scratch), DataError> {
        let root = self.scratch.path();
        let part = root.file_name().and_then(|name| name.to_str()).unwrap_or(scratch::PART).to_owned();
        let sizes = digest::walk(root)?;
        // Boxed and gathered: what holds a closure over borrowed pairs cannot be sent between threads.
        let sends: Vec<BoxFuture<'_, _>> =
            sizes.iter().map(|(name, size)| self.send(&part, name, *size, progress).boxed()).collect();
        let sent: Vec<(String, String, u64)> =
            futures_util::stream::iter(sends).buffer_unordered(FILES).try_collect().await?;
        let bytes = sent.iter().map(|(_, _, bytes)| bytes).sum();
        let digests = sent.into_iter().map(|(name, digest, _)| (format!("{part}/{name}"), digest)).collect();
        let manifest = self.s3.owner.manifest(&self.key, about, Files { bytes, digests }, now);
        put_manifest(&self.s3, &manifest, self.replace).await?;
        self.s3.clear_but(&self.key, &part).await;
        Ok((manifest, self.scratch))
    }

    /// Sends one file; its name, SHA-256 and size.
    async fn send(
        &self,
        part: &str,
        name: &str,
        size: u64,
        progress: &Progress,
    ) -> Result<(String, String, u64), DataError> {
        let local = self.scratch.path().join(name);
        let wrong = |error: std::io::Error| fault::io("reading", &local, &error);
        let failed = |error: object_store::Error| self.s3.wrong("sending a backup", &error);
        let store = self.s3.store().await?;
        let to = within(&self.s3.home(&self.key).join(part), name);

        let chunk = CHUNK.max(usize::try_from(size / MOST_CHUNKS + 1).unwrap_or(usize::MAX));
        let mut file = tokio::fs::File::open(&local).await.map_err(wrong)?;
        let mut digest = Sha256::new();
        let mut bytes = 0;
        let mut upload: Option<WriteMultipart> = None;
        loop {
            let mut buffer =
                Vec::with_capacity(chunk.min(usize::try_from(size - bytes).unwrap_or(chunk) + 1));
            let read = (&mut file).take(chunk as u64).read_to_end(&mut buffer).await.map_err(wrong)?;
            digest.update(&buffer);
            bytes += read as u64;
            progress.add(read as u64);
            if upload.is_none() && bytes >= size {
                store.put(&to, PutPayload::from(buffer)).await.map_err(failed)?;
                break;
            }
            if read == 0 {
                break;
            }
            let upload = match &mut upload {
                Some(upload) => upload,
                none => {
                    let started = store.put_multipart(&to).await.map_err(failed)?;
                    none.insert(WriteMultipart::new_with_chunk_size(started, chunk))
                }
            };
            upload.wait_for_capacity(IN_FLIGHT).await.map_err(failed)?;
            upload.put(buffer.into());
        }
        if let Some(upload) = upload {
            upload.finish().await.map_err(failed)?;
        }
        Ok((name.to_owned(), hex::encode(digest.finalize()), bytes))
    }
}

/// Puts a manifest: the moment at which a backup is there.
pub(super) async fn put_manifest(s3: &S3, manifest: &Manifest, replace: Replace) -> Result<(), DataError> {
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|error| fault::failed(s3.place(), format!("writing the manifest failed: {error}")))?;
    let mode = match replace {
        Replace::No => PutMode::Create,
        Replace::Yes => PutMode::Overwrite,
    };
    let path = s3.home(&manifest.key).join(MANIFEST);
    let put =
        s3.store().await?.put_opts(&path, text.into(), PutOptions { mode, ..PutOptions::default() }).await;
    match put {
        Ok(_) => Ok(()),
        Err(object_store::Error::AlreadyExists { .. }) => Err(disk::taken(&manifest.key)),
        Err(error) => Err(s3.wrong("writing the manifest", &error)),
    }
}

/// Fetches a backup's files and compares each with its SHA-256 on the way.
pub(super) async fn fetch(s3: &S3, manifest: &Manifest, progress: &Progress) -> Result<Scratch, DataError> {
    let made = scratch::make(&s3.options)?;
    disk::enough_room(made.path(), Some(manifest.bytes))?;
    let home = s3.home(&manifest.key);
    let part = part_of(manifest).map(|part| format!("{part}/"));
    let fetches = manifest.files.iter().map(|(name, digest)| -> BoxFuture<'_, Result<u64, DataError>> {
        let local = part.as_ref().and_then(|part| name.strip_prefix(part.as_str())).unwrap_or(name);
        fetch_one(s3, manifest, within(&home, name), made.path().join(local), digest, progress).boxed()
    });
    let fetches: Vec<_> = fetches.collect();
    let sizes: Vec<u64> = futures_util::stream::iter(fetches).buffer_unordered(FILES).try_collect().await?;
    let bytes: u64 = sizes.iter().sum();
    if bytes != manifest.bytes {
        let why = format!("it has {bytes} bytes and its manifest says {}", manifest.bytes);
        return Err(DataError::BadBackup { key: manifest.key.clone(), why });
    }
    Ok(made)
}

async fn fetch_one(
    s3: &S3,
    manifest: &Manifest,
    from: ObjectPath,
    to: PathBuf,
    expected: &str,
    progress: &Progress,
) -> Result<u64, DataError> {
    let bad = |why: String| DataError::BadBackup { key: manifest.key.clone(), why };
    let wrong = |error: std::io::Error| fault::io("writing what was fetched", &to, &error);
    if let Some(parent) = to.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(wrong)?;
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to).map_err(wrong)?;
    let answer = match s3.store().await?.get(&from).await {
        Ok(answer) => answer,
        Err(object_store::Error::NotFound { .. }) => return Err(bad(format!("its file {from} is missing"))),
        Err(error) => return Err(s3.wrong("fetching a backup", &error)),
    };
    let mut chunks = answer.into_stream();
    let mut digest = Sha256::new();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| s3.wrong("fetching a backup", &error))?;
        digest.update(&chunk);
        bytes += chunk.len() as u64;
        progress.add(chunk.len() as u64);
        // A few kilobytes into the page cache: not worth a thread.
        file.write_all(&chunk).map_err(wrong)?;
    }
    if hex::encode(digest.finalize()) != expected {
        return Err(bad(format!("its file {from} is not what was written: its SHA-256 differs")));
    }
    Ok(bytes)
}
