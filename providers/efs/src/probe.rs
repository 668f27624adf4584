//! Tries a write, as a client would: what the API says of a policy is no proof that clients feel it.

use std::fmt::Debug;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use async_trait::async_trait;
use switchover::model::SideName;
use switchover::port::DataError;

use crate::error::failed;

/// What became of a write that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It was refused, in the system's words.
    Refused(String),
    /// It went through; what it wrote is removed.
    Written,
    /// Nothing here can try one.
    Impossible,
}

/// Whoever can try a write on a side's file system.
#[async_trait]
pub trait Probe: Debug + Send + Sync {
    /// Creates a file of its own, and removes it if that went through. May be repeated.
    async fn try_write(&self, side: &SideName) -> Result<Tried, DataError>;
}

/// Tries a write where this machine has the file systems mounted.
#[derive(Debug, Clone)]
pub struct MountProbe {
    mounts: Vec<(SideName, PathBuf)>,
}

impl MountProbe {
    /// The places where the sides' file systems are mounted. Writes nothing yet.
    pub fn new(mounts: impl IntoIterator<Item = (SideName, PathBuf)>) -> Self {
        Self { mounts: mounts.into_iter().collect() }
    }
}

#[async_trait]
impl Probe for MountProbe {
    /// A new file each time: an open one would be written to a client's cache, and refused later. A refusal is what NFS says to a client
    /// that may not write (`EROFS`, `EACCES`, `EPERM`); anything else, such as a mount that is gone, is an error and proves nothing.
    async fn try_write(&self, side: &SideName) -> Result<Tried, DataError> {
        let Some((_, mount)) = self.mounts.iter().find(|(name, _)| name == side) else {
            return Ok(Tried::Impossible);
        };
        let file = mount.join(format!(".switchover-probe-{}", std::process::id()));
        let made = std::fs::File::create_new(&file).and_then(|mut made| {
            made.write_all(b"a trial write; it may be deleted\n")?;
            made.sync_all()
        });
        match made {
            Ok(()) => {
                std::fs::remove_file(&file)
                    .map_err(|error| failed(&file.display().to_string(), &error.to_string()))?;
                Ok(Tried::Written)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) =>
            {
                Ok(Tried::Refused(error.to_string()))
            }
            // It was left by a process that died, and shows nothing.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let removed = std::fs::remove_file(&file);
                removed.map_or_else(|error| Ok(Tried::Refused(error.to_string())), |()| Ok(Tried::Written))
            }
            Err(error) => Err(failed(&file.display().to_string(), &error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_that_goes_through_leaves_nothing_behind_and_no_mount_proves_nothing() {
        let (dir, side) = (tempfile::TempDir::new().unwrap(), SideName::new("hongkong").unwrap());
        let probe = MountProbe::new([(side.clone(), dir.path().to_owned())]);
        for _ in 0..2 {
            assert_eq!(probe.try_write(&side).await.unwrap(), Tried::Written);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
        assert_eq!(probe.try_write(&SideName::new("sydney").unwrap()).await.unwrap(), Tried::Impossible);
        let gone = MountProbe::new([(side.clone(), dir.path().join("unmounted"))]);
        assert!(gone.try_write(&side).await.is_err(), "a missing directory is no refusal");
    }
}
