//! The file that holds the document.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use switchover::model::{PairName, RoleRow};
use switchover::port::{RoleTable, RoleTableError, TableVersion, TableView};

use crate::{markers, table};

/// The largest document that is read.
const LARGEST: u64 = 16 << 20;

/// Where the document is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkdownOptions {
    /// The document, from the folder of the configuration file; it must have the pair's two markers.
    #[schemars(with = "String")]
    pub file: PathBuf,
}

/// The role table of a pair in a Markdown file.
///
/// A write makes a new file beside the old one, with its mode and as far as possible its owner, brings it to disk and renames it over the
/// old one. A symbolic link stays and what it leads to is replaced. Processes of Switchover that write one document at once exclude each
/// other by a lock on it; an editor that saves in the instant between the last look and the rename is not noticed.
#[derive(Debug, Clone)]
pub struct MarkdownTable {
    file: PathBuf,
    pair: PairName,
}

impl MarkdownTable {
    /// The table of a pair in a file. Reads nothing.
    pub fn new(file: impl Into<PathBuf>, pair: PairName) -> Self {
        Self { file: file.into(), pair }
    }

    fn place(&self) -> String {
        self.file.display().to_string()
    }

    fn unreadable(&self, why: &(impl fmt::Display + ?Sized)) -> RoleTableError {
        RoleTableError::Unreadable { place: self.place(), why: why.to_string() }
    }

    fn unwritable(&self, why: &(impl fmt::Display + ?Sized)) -> RoleTableError {
        RoleTableError::Unwritable { place: self.place(), why: why.to_string() }
    }

    /// The document, and where in it the table stands.
    fn document(&self) -> Result<(String, markers::Place), RoleTableError> {
        let metadata = std::fs::metadata(&self.file).map_err(|error| self.unreadable(&error))?;
        if !metadata.is_file() {
            return Err(self.unreadable("it is no file"));
        }
        if metadata.len() > LARGEST {
            return Err(self.unreadable(&format!("it has more than {LARGEST} bytes")));
        }
        let bytes = std::fs::read(&self.file).map_err(|error| self.unreadable(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| self.unreadable("it is no text in UTF-8"))?;
        let found = markers::find(&text, &self.pair);
        let place =
            found.map_err(|error| RoleTableError::NoPlace { place: self.place(), why: error.to_string() })?;
        Ok((text, place))
    }

    fn view(&self) -> Result<TableView, RoleTableError> {
        let (text, place) = self.document()?;
        let between = text.get(place.between).unwrap_or_default().replace("\r\n", "\n");
        Ok(TableView { text: between, version: version(&text) })
    }

    /// The file itself, behind symbolic links, locked against other processes of Switchover.
    fn locked(&self) -> Result<(PathBuf, File), RoleTableError> {
        let real = std::fs::canonicalize(&self.file).map_err(|error| self.unreadable(&error))?;
        let file = open_for_writing(&real).map_err(|error| self.unwritable(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RoleTableError::Changed { place: self.place() }),
            Err(TryLockError::Error(error)) => return Err(self.unwritable(&error)),
        }
        // The lock is on the file that was there when it was opened: another process may have replaced it since.
        let (held, there) = (file.metadata(), std::fs::metadata(&real));
        match (held, there) {
            (Ok(held), Ok(there)) if held.ino() == there.ino() && held.dev() == there.dev() => {
                Ok((real, file))
            }
            (Ok(_), Ok(_)) => Err(RoleTableError::Changed { place: self.place() }),
            (Err(error), _) | (_, Err(error)) => Err(self.unreadable(&error)),
        }
    }

    fn put(&self, rows: &[RoleRow], seen: &TableVersion) -> Result<(), RoleTableError> {
        let (real, lock) = self.locked()?;
        let (text, place) = self.document()?;
        if version(&text) != *seen {
            return Err(RoleTableError::Changed { place: self.place() });
        }
        let rendered = table::render(rows).replace('\n', place.newline);
        let (head, tail) = (text.get(..place.between.start), text.get(place.between.end..));
        let written = [head.unwrap_or_default(), &rendered, tail.unwrap_or_default()].concat();
        let metadata = lock.metadata().map_err(|error| self.unreadable(&error))?;
        let unchanged = || Ok(version(&std::fs::read_to_string(&real)?) == *seen);
        match replace(&real, &metadata, &written, unchanged) {
            Ok(true) => Ok(()),
            Ok(false) => Err(RoleTableError::Changed { place: self.place() }),
            Err(error) => Err(self.unwritable(&error)),
        }
    }

    fn try_out(&self) -> Result<(), RoleTableError> {
        self.document()?;
        let (real, _lock) = match self.locked() {
            // Somebody else writes it right now, so it can be written.
            Err(RoleTableError::Changed { .. }) => return Ok(()),
            other => other?,
        };
        let folder = real.parent().unwrap_or(Path::new("/"));
        rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)
            .map_err(|error| self.unwritable(&format!("its folder: {}", io::Error::from(error))))
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, RoleTableError> + Send + 'static,
    ) -> Result<T, RoleTableError> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        done.unwrap_or_else(|error| Err(self.unreadable(&error)))
    }
}

fn version(text: &str) -> TableVersion {
    TableVersion(hex::encode(Sha256::digest(text)))
}

/// Opens a file that people may write. A file whose mode lets nobody write is left alone, even by root.
fn open_for_writing(file: &Path) -> io::Result<File> {
    if is_read_only(&std::fs::metadata(file)?.permissions()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    OpenOptions::new().read(true).write(true).open(file)
}

fn is_read_only(permissions: &Permissions) -> bool {
    permissions.readonly()
}

/// Replaces a file at once, if it is still unchanged then; false if it is not.
fn replace(
    file: &Path,
    metadata: &Metadata,
    text: &str,
    unchanged: impl Fn() -> io::Result<bool>,
) -> io::Result<bool> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::Builder::new().prefix(".switchover-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(metadata.permissions())?;
    // Who may not give files away owns the new one; its mode is that of the old one.
    drop(fchown(new.as_file(), Some(metadata.uid()), Some(metadata.gid())));
    new.as_file().sync_all()?;
    if !unchanged()? {
        return Ok(false);
    }
    new.persist(file).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()?;
    Ok(true)
}

#[async_trait]
impl RoleTable for MarkdownTable {
    async fn read(&self) -> Result<TableView, RoleTableError> {
        self.apart(Self::view).await
    }

    fn rendered(&self, rows: &[RoleRow]) -> String {
        table::render(rows)
    }

    async fn write(&self, rows: &[RoleRow], seen: &TableVersion) -> Result<(), RoleTableError> {
        let (rows, seen) = (rows.to_vec(), seen.clone());
        self.apart(move |this| this.put(&rows, &seen)).await
    }

    async fn prove(&self) -> Result<(), RoleTableError> {
        self.apart(Self::try_out).await
    }
}

#[cfg(test)]
mod tests;
