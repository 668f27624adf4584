//! What a pass counts: files, bytes, differences, and a digest of what is known of every entry.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::root::{Kind, Meta};
use crate::marker::Moment;
use crate::mirror::{Moved, Tally, Verified};

/// What one job, or all of them, counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) tally: Tally,
    pub(super) verified: Verified,
    pub(super) moved: Moved,
    pub(super) unsteady: u64,
    pub(super) unsteady_example: Option<String>,
    pub(super) digest: u128,
}

impl Counts {
    pub(super) fn position(&self) -> String {
        format!("{} files, {} bytes, {:032x}", self.tally.files, self.tally.bytes, self.digest)
    }

    pub(super) fn add(&mut self, other: Self) {
        let (mine, others) = (&mut self.tally, other.tally);
        mine.files += others.files;
        mine.bytes += others.bytes;
        mine.there += others.there;
        mine.copies += others.copies;
        mine.copy_bytes += others.copy_bytes;
        mine.replaced += others.replaced;
        mine.deleted += others.deleted;
        mine.others += others.others;
        mine.foreign += others.foreign;
        mine.skipped += others.skipped;
        mine.foreign_example = mine.foreign_example.take().or(others.foreign_example);
        self.verified.wrong += other.verified.wrong;
        self.verified.moved_on += other.verified.moved_on;
        self.verified.example = self.verified.example.take().or(other.verified.example);
        self.moved.files += other.moved.files;
        self.moved.bytes += other.moved.bytes;
        self.moved.deleted += other.moved.deleted;
        self.unsteady += other.unsteady;
        self.unsteady_example = self.unsteady_example.take().or(other.unsteady_example);
        self.digest = self.digest.wrapping_add(other.digest);
    }

    /// Counts an entry of the source. Times of folders count only where nothing of our own comes and goes.
    pub(super) fn source(&mut self, path: &Path, found: &Meta, ours: bool) {
        match found.kind {
            Kind::File => {
                (self.tally.files, self.tally.bytes) = (self.tally.files + 1, self.tally.bytes + found.size);
            }
            Kind::Link => self.tally.files += 1,
            Kind::Folder => {}
            Kind::Other => self.tally.skipped += 1,
        }
        let mut hash = Sha256::new();
        hash.update(path.as_os_str().as_bytes());
        hash.update([0, found.kind as u8]);
        hash.update(found.mode.to_le_bytes());
        if !(ours && found.kind == Kind::Folder) {
            for Moment(seconds, nanos) in [found.mtime, found.ctime] {
                hash.update(seconds.to_le_bytes());
                hash.update(nanos.to_le_bytes());
            }
            hash.update(found.size.to_le_bytes());
        }
        let digest = hash.finalize();
        let low = digest.iter().take(16).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        self.digest = self.digest.wrapping_add(low);
    }
}
