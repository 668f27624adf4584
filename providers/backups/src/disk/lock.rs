//! The lock of a draft: held by its writer and by every program that the writer gave it to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::LOCK;

/// Locks the draft in a directory; `None` if somebody else writes it.
///
/// The lock belongs to the open file (`flock(2)`): it is free when the last process that has it open, children included, is gone.
pub(crate) fn take(draft: &Path) -> io::Result<Option<File>> {
    let path = draft.join(LOCK);
    loop {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // Between our opening and locking somebody may have cleared the draft and made it anew: then this is the lock of nothing.
        match fs::metadata(&path) {
            Ok(now) if now.ino() == file.metadata()?.ino() => return Ok(Some(file)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
            Err(error) => return Err(error),
        }
    }
}
