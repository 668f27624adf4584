//! A disk without room and a disk that cannot be written, on real mounts. They need root; elsewhere they say that they were skipped.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use switchover::journal::Seq;
use switchover::port::{Appended, StateError, StateStore};
use switchover_sqlite::{SqliteOptions, SqliteStore};
use switchover_tests::contract::state_store::{entry, pair};
use switchover_tests::fake::VirtualClock;
use tempfile::TempDir;

/// A file system in memory of a few pages.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts it, if this process may.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !rustix::process::geteuid().is_root() || !mount(folder.path(), "size=128k,mode=0700") {
            eprintln!("SKIPPED: this test mounts a small file system, and this process may not");
            return None;
        }
        Some(Self { folder })
    }

    fn open(&self) -> Result<SqliteStore, StateError> {
        SqliteStore::open(&SqliteOptions { path: self.folder.path().join("journal.db") })
    }

    /// Writes a file until nothing more fits.
    fn fill(&self) {
        let mut filler = File::create(self.folder.path().join("filler")).unwrap();
        while filler.write_all(&[0; 512]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.folder.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["--lazy"]).arg(self.folder.path()).status());
    }
}

fn mount(at: &Path, options: &str) -> bool {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(at).output();
    mounted.is_ok_and(|done| done.status.success())
}

fn append(clock: &VirtualClock, store: &SqliteStore, seq: u64, size: usize) -> Result<Appended, StateError> {
    clock.run(store.append_at(&pair("gigadb"), Seq(seq), &entry(seq, &"a".repeat(size))))
}

fn count(clock: &VirtualClock, store: &SqliteStore) -> usize {
    clock.run(store.read(&pair("gigadb"), Seq(0))).unwrap().len()
}

#[test]
fn a_disk_that_fills_up_loses_nothing_and_takes_more_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let clock = VirtualClock::default();
    let store = disk.open().unwrap();
    let mut seq = 0;
    // Sizes of which the file, and its rollback journal, both meet the end of the disk somewhere.
    let full = loop {
        match append(&clock, &store, seq, 3000) {
            Ok(Appended::Done) => seq += 1,
            other => break other,
        }
    };
    assert!(matches!(full, Err(StateError::Full { .. })), "{full:?}");
    assert!(seq > 2);
    assert_eq!(count(&clock, &store) as u64, seq);
    drop(store);
    let store = disk.open().unwrap();
    assert_eq!(count(&clock, &store) as u64, seq);
}

#[test]
fn a_disk_without_room_for_the_rollback_journal_writes_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let clock = VirtualClock::default();
    let store = disk.open().unwrap();
    assert_eq!(append(&clock, &store, 0, 10), Ok(Appended::Done));
    disk.fill();
    let full = append(&clock, &store, 1, 10);
    assert!(matches!(full, Err(StateError::Full { .. })), "{full:?}");
    assert_eq!(count(&clock, &store), 1);
    disk.free();
    assert_eq!(append(&clock, &store, 1, 10), Ok(Appended::Done));
    assert_eq!(count(&clock, &store), 2);
}

#[test]
fn a_new_journal_on_a_full_disk_is_full_and_not_broken() {
    let Some(disk) = SmallDisk::mount() else { return };
    disk.fill();
    let opened = disk.open();
    assert!(matches!(opened, Err(StateError::Full { .. })), "{opened:?}");
    disk.free();
    assert_eq!(append(&VirtualClock::default(), &disk.open().unwrap(), 0, 10), Ok(Appended::Done));
}

#[test]
fn a_disk_that_cannot_be_written_is_refused_before_anything_happens() {
    let Some(disk) = SmallDisk::mount() else { return };
    drop(disk.open().unwrap());
    assert!(mount(disk.folder.path(), "remount,ro"));
    match disk.open() {
        Err(StateError::Unusable { why, .. }) => assert!(why.contains("Read-only"), "{why}"),
        other => panic!("{other:?}"),
    }
}
