//! Which files and folders can hold a journal: local, ours alone, writable.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::Access;
use switchover::port::StateError;

const OURS_ALONE: u32 = 0o600;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

static PREPARING: Mutex<()> = Mutex::new(());

/// A file that can hold a journal, and the name under which errors speak of it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
}

impl Place {
    /// Checks the folder, and makes the file there, empty, if it is missing.
    pub(crate) fn prepare(path: &Path) -> Result<Self, StateError> {
        // Made absolute also so that SQLite takes a file called `:memory:` for a file.
        let absolute = std::path::absolute(path).map_err(|error| StateError::Unusable {
            place: path.display().to_string(),
            why: format!("it is no path: {error}"),
        })?;
        let place = Self { path: absolute };
        // Alone in this process: making a file closes a descriptor, and that drops every lock this process holds on it.
        let _alone = PREPARING.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = place.folder()?;
        place.check_folder(&folder)?;
        place.check_file(&folder)?;
        Ok(place)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn unusable(&self, why: String) -> StateError {
        StateError::Unusable { place: self.shown(), why }
    }

    pub(crate) fn full(&self, why: &str) -> StateError {
        StateError::Full { place: self.shown(), why: why.to_owned() }
    }

    pub(crate) fn unavailable(&self, why: &str) -> StateError {
        StateError::Unavailable { place: self.shown(), why: why.to_owned() }
    }

    pub(crate) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// The folder of the file itself, where its rollback journal will stand: behind a symbolic link, if it is one.
    fn folder(&self) -> Result<PathBuf, StateError> {
        let real = match fs::canonicalize(&self.path) {
            Ok(real) => real,
            Err(error) if error.kind() == ErrorKind::NotFound => self.path.clone(),
            Err(error) => return Err(self.unusable(error.to_string())),
        };
        real.parent().map(Path::to_owned).ok_or_else(|| self.unusable("it is no file".to_owned()))
    }

    fn check_folder(&self, folder: &Path) -> Result<(), StateError> {
        let shown = folder.display();
        let found = fs::metadata(folder).map_err(|error| match error.kind() {
            // Never created here: the folder may be the mount point of a disk that is not there, and an empty journal in its
            // stead would let a second run begin.
            ErrorKind::NotFound => {
                self.unusable(format!("the folder {shown} does not exist; create it, or mount its disk"))
            }
            _ => self.unusable(format!("the folder {shown} cannot be looked at: {error}")),
        })?;
        if !found.is_dir() {
            return Err(self.unusable(format!("{shown} is not a folder")));
        }
        if found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0 {
            return Err(self.unusable(format!(
                "everybody may replace files in the folder {shown}; run `chmod o-w {shown}`"
            )));
        }
        rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
            self.unusable(format!("no file can be written in the folder {shown}: {error}"))
        })?;
        self.check_file_system(folder)
    }

    /// `SQLite` needs locks that hold between all who use the file, which network file systems do not promise
    /// (<https://www.sqlite.org/faq.html#q5>).
    fn check_file_system(&self, folder: &Path) -> Result<(), StateError> {
        match network::file_system(folder) {
            Some(kind) => Err(self.unusable(format!(
                "the folder {} is on a network file system ({kind}), where locks do not hold; use a local disk",
                folder.display()
            ))),
            None => Ok(()),
        }
    }

    fn check_file(&self, folder: &Path) -> Result<(), StateError> {
        match fs::metadata(&self.path) {
            Ok(found) if !found.is_file() => Err(self.unusable("it is not a plain file".to_owned())),
            Ok(found) if found.mode() & 0o077 != 0 => self.tighten(),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => self.create(folder),
            Err(error) => Err(self.unusable(error.to_string())),
        }
    }

    /// By its path and never by a descriptor: closing one would drop the locks that another connection of this process
    /// holds on the file (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
    fn tighten(&self) -> Result<(), StateError> {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(OURS_ALONE)).map_err(|error| {
            self.unusable(format!(
                "others may read or change it, and it cannot be closed to them ({error}); run `chmod 600` as its owner"
            ))
        })
    }

    fn create(&self, folder: &Path) -> Result<(), StateError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(OURS_ALONE).open(&self.path);
        match made {
            Ok(_) => {}
            // Somebody else was faster: theirs has the same mode.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                return Err(self.full("no space is left on its disk for a new file"));
            }
            Err(error) => return Err(self.unusable(format!("it cannot be created: {error}"))),
        }
        // The umask may have taken more away than the mode asks for.
        self.tighten()?;
        // A file is there after a crash only when its folder was synced too.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| {
            self.unusable(format!("the folder {} cannot be synced: {error}", folder.display()))
        })
    }
}

/// Which file systems are on the network.
pub(crate) mod network {
    use std::path::Path;

    /// The kind of network file system that holds a folder, if it is one that is known. Linux only: elsewhere nothing is refused.
    #[cfg(target_os = "linux")]
    pub(crate) fn file_system(folder: &Path) -> Option<&'static str> {
        let found = rustix::fs::statfs(folder).ok()?;
        // The field's width and sign differ between architectures; the magic numbers have 32 bits.
        kind_of(u32::try_from(i128::from(found.f_type) & 0xffff_ffff).ok()?)
    }

    /// The kind of network file system that holds a folder, if it is one that is known. Linux only: elsewhere nothing is refused.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn file_system(_: &Path) -> Option<&'static str> {
        None
    }

    /// The network file system of a magic number of `statfs(2)`
    /// (<https://man7.org/linux/man-pages/man2/statfs.2.html>, `linux/magic.h`).
    ///
    /// FUSE is refused as a whole, since `statfs` does not tell sshfs from a local one. 9P and FUSE are also how virtual machines
    /// and WSL share the host's folders.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the magic numbers are Linux's"))]
    pub(crate) fn kind_of(magic: u32) -> Option<&'static str> {
        Some(match magic {
            0x0000_6969 => "NFS or EFS",
            0x0000_517b => "SMB",
            0xfe53_4d42 => "SMB2",
            0xff53_4d42 => "CIFS",
            0x6573_5546 => "FUSE, such as sshfs",
            0x0102_1997 => "9P",
            0x00c3_6400 => "Ceph",
            0x5346_414f | 0x6b41_4653 => "AFS",
            0x7375_7245 => "Coda",
            0x0000_564c => "NCP",
            0x0bd0_0bd0 => "Lustre",
            0x4750_4653 => "GPFS",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::network::{file_system, kind_of};

    #[test]
    fn network_file_systems_are_known_by_their_magic_number() {
        for (magic, kind) in [
            (0x6969, "NFS or EFS"),
            (0x517b, "SMB"),
            (0xfe53_4d42, "SMB2"),
            (0xff53_4d42, "CIFS"),
            (0x6573_5546, "FUSE, such as sshfs"),
            (0x0102_1997, "9P"),
        ] {
            assert_eq!(kind_of(magic), Some(kind), "{magic:#x}");
        }
    }

    #[test]
    fn local_file_systems_are_let_through() {
        // ext2/3/4, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS
        for magic in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1, 0xf2f5_2010] {
            assert_eq!(kind_of(magic), None, "{magic:#x}");
        }
    }

    #[test]
    fn the_temporary_folder_of_a_test_is_local() {
        assert_eq!(file_system(Path::new("/proc")), None);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(file_system(folder.path()), None);
    }
}
