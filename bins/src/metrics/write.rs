//! Puts the text into its file, so that a reader finds the old one or the new one, never a part.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::Builder;

/// Why the file was not written. The old one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Not a name that is read.
    #[error("the metrics file {} must end in `.prom`: node_exporter reads no other", .0.display())]
    Name(PathBuf),
    /// The file or its folder cannot be written.
    #[error("the metrics file {} cannot be written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// Writes the text beside the file, under a name that `node_exporter` does not read, and renames it. Everybody may read it:
/// `node_exporter` is another user, and it holds no secret.
pub fn write(path: &Path, text: &str) -> Result<(), WriteError> {
    let read = path.extension().is_some_and(|extension| extension == "prom");
    let name = path.file_name().and_then(|name| name.to_str()).filter(|_| read);
    let name = name.ok_or_else(|| WriteError::Name(path.to_owned()))?;
    put(path, name, text).map_err(|error| WriteError::Io { path: path.to_owned(), error })
}

fn put(path: &Path, name: &str, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = Builder::new().prefix(&format!(".{name}.")).suffix(".tmp").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    // Whatever the umask is.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    // Else a machine that dies may find an empty file under the name.
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|failed| failed.error)
}
