//! Finds secrets where the file says that they are.

use std::path::Path;

use secrecy::SecretString;
use switchover::config::SecretRef;

/// Why a secret could not be had. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The environment variable is not set, empty, or not text.
    #[error("the environment variable {0} is not set; set it, or let the file say where else the secret is")]
    Unset(String),
    /// The file cannot be read.
    #[error("the file {path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: std::io::Error,
    },
    /// The file is empty.
    #[error("the file {0} is empty")]
    Empty(String),
    /// Others may read the file.
    #[error("the file {0} can be read by others; `chmod 600` it")]
    Open(String),
}

/// Reads a secret. Files are found from the folder of the configuration file.
pub(crate) fn resolve(reference: &SecretRef, folder: &Path) -> Result<SecretString, SecretError> {
    match reference {
        SecretRef::Env(name) => match std::env::var(name) {
            Ok(value) if !value.trim().is_empty() => Ok(SecretString::from(value.trim().to_owned())),
            Ok(_) | Err(_) => Err(SecretError::Unset(name.clone())),
        },
        SecretRef::File(path) => read(&folder.join(path)),
    }
}

fn read(path: &Path) -> Result<SecretString, SecretError> {
    let shown = path.display().to_string();
    let unreadable = |why| SecretError::Unreadable { path: shown.clone(), why };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if open_to_others(&metadata) {
        return Err(SecretError::Open(shown));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    match text.trim() {
        "" => Err(SecretError::Empty(shown)),
        secret => Ok(SecretString::from(secret.to_owned())),
    }
}

/// A mounted secret is often readable by a group; by everybody it never should be.
#[cfg(unix)]
fn open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o007 != 0
}

#[cfg(not(unix))]
fn open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_gives_its_content_without_white_space_unless_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "  s3cret\n").unwrap();
        let reference = SecretRef::File("token".into());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(resolve(&reference, folder.path()).unwrap().expose_secret(), "s3cret");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(resolve(&reference, folder.path()), Err(SecretError::Open(_))));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let missing = resolve(&SecretRef::Env("SWITCHOVER_TEST_NO_SUCH".into()), Path::new("."));
        assert!(missing.unwrap_err().to_string().contains("SWITCHOVER_TEST_NO_SUCH"));
    }
}
