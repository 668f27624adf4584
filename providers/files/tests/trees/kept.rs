//! What a copy keeps, and what it leaves out.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::application::content;
use super::support::Trees;

fn old(path: &Path, nanos: u32) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, nanos);
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    old(path, 123_456_789);
}

#[test]
fn content_times_modes_and_links_are_kept() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    put(&from.join("plain"), "one");
    put(&from.join("deep/er/secret"), "two");
    fs::set_permissions(from.join("deep/er/secret"), Permissions::from_mode(0o4750)).unwrap();
    fs::set_permissions(from.join("deep/er"), Permissions::from_mode(0o2711)).unwrap();
    symlink("../plain", from.join("deep/link")).unwrap();
    symlink("nowhere at all", from.join("dangling")).unwrap();
    let big = "0123456789abcdef".repeat(200_000);
    put(&from.join("big"), &big);
    put(&from.join("empty"), "");
    trees.sync_content(1).unwrap();
    for name in ["plain", "deep/er/secret", "deep/er", "big", "empty"] {
        let [one, other] = [&from, &to].map(|tree| fs::metadata(tree.join(name)).unwrap());
        assert_eq!(one.mode(), other.mode(), "{name}");
        if one.is_file() {
            assert_eq!((one.mtime(), one.mtime_nsec()), (other.mtime(), other.mtime_nsec()), "{name}");
        }
    }
    assert_eq!(fs::read_link(to.join("deep/link")).unwrap(), Path::new("../plain"));
    assert_eq!(fs::read_link(to.join("dangling")).unwrap(), Path::new("nowhere at all"));
    assert!(fs::read(to.join("big")).unwrap() == big.as_bytes());
    // Modes and links alone.
    fs::set_permissions(from.join("plain"), Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(from.join("dangling")).unwrap();
    symlink("elsewhere", from.join("dangling")).unwrap();
    let done = trees.sync(2).unwrap();
    assert_eq!((done.items, done.bytes), (1, 0), "the link alone was copied");
    assert_eq!(fs::metadata(to.join("plain")).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_link(to.join("dangling")).unwrap(), Path::new("elsewhere"));
    let done = trees.sync(3).unwrap();
    assert_eq!((done.items, done.deleted), (0, 0));
}

#[test]
fn the_owner_is_kept_by_root_and_left_alone_by_others() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    put(&from.join("theirs"), "x");
    std::os::unix::fs::chown(from.join("theirs"), Some(1234), Some(4321)).unwrap();
    trees.sync(1).unwrap();
    let found = fs::metadata(to.join("theirs")).unwrap();
    assert_eq!((found.uid(), found.gid()), (1234, 4321));
    std::os::unix::fs::chown(from.join("theirs"), Some(1), Some(2)).unwrap();
    assert_eq!(trees.sync(2).unwrap().bytes, 0);
    let found = fs::metadata(to.join("theirs")).unwrap();
    assert_eq!((found.uid(), found.gid()), (1, 2));
}

#[test]
fn names_of_any_bytes_are_kept() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    let names: [&[u8]; 7] = [
        b"new\nline",
        b"not \xff\xfe utf-8",
        b"-rf",
        b" ",
        b"*?[a]",
        "\u{202e}right to left".as_bytes(),
        b"\\x0a",
    ];
    for name in names {
        fs::create_dir(from.join(OsStr::from_bytes(name))).unwrap();
        put(&from.join(OsStr::from_bytes(name)).join(OsStr::from_bytes(name)), "x");
    }
    trees.sync_content(1).unwrap();
    for name in names {
        assert!(to.join(OsStr::from_bytes(name)).join(OsStr::from_bytes(name)).is_file(), "{name:?}");
    }
    for name in &names[..2] {
        fs::remove_dir_all(from.join(OsStr::from_bytes(name))).unwrap();
    }
    assert_eq!(trees.sync(2).unwrap().deleted, 2);
    assert!(!to.join(OsStr::from_bytes(names[1])).exists());
}

#[test]
fn links_are_copied_and_never_followed() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    symlink(".", from.join("loop")).unwrap();
    symlink("loop2", from.join("loop2")).unwrap();
    symlink("/", from.join("root")).unwrap();
    // What lies behind a link at the stand-by is nobody's to touch.
    let outside = trees.folder.path().join("outside");
    put(&outside.join("kept"), "kept");
    symlink(&outside, to.join("was a link")).unwrap();
    put(&from.join("was a link/new"), "new");
    trees.overwrite(1).unwrap();
    assert_eq!(fs::read_link(to.join("loop")).unwrap(), Path::new("."));
    assert_eq!(fs::read_link(to.join("root")).unwrap(), Path::new("/"));
    assert!(to.join("was a link").is_dir() && !to.join("was a link").is_symlink());
    assert_eq!(content(&outside), [("kept".to_owned(), "kept".to_owned())].into());
}

#[test]
fn a_folder_becomes_a_file_and_a_file_a_folder() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    put(&from.join("one/a/b"), "x");
    put(&from.join("two"), "x");
    trees.sync(1).unwrap();
    fs::remove_dir_all(from.join("one")).unwrap();
    put(&from.join("one"), "now a file");
    fs::remove_file(from.join("two")).unwrap();
    put(&from.join("two/c"), "now below a folder");
    trees.sync(2).unwrap();
    assert_eq!(fs::read_to_string(to.join("one")).unwrap(), "now a file");
    assert_eq!(fs::read_to_string(to.join("two/c")).unwrap(), "now below a folder");
    assert_eq!(trees.sync(3).unwrap().items, 0);
}

#[test]
fn sockets_and_pipes_are_left_out_and_counted() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
    let done = trees.sync(1).unwrap();
    assert!(done.notes.iter().any(|note| note.starts_with("1 sockets")), "{:?}", done.notes);
    assert!(!to.join("socket").exists());
}

#[test]
fn our_own_files_are_never_mirrored_or_deleted() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    // A name of ours that is not at the top is the users'.
    put(&from.join("below/.switchover.json"), "the users' own");
    trees.sync(1).unwrap();
    trees.sync(2).unwrap();
    assert!(to.join("below/.switchover.json").is_file());
    let markers = [&from, &to].map(|tree| fs::read_to_string(tree.join(".switchover.json")).unwrap());
    assert_ne!(markers[0], markers[1]);
    assert_eq!(fs::metadata(to.join(".switchover.json")).unwrap().mode() & 0o777, 0o600);
    assert!(!from.join("maintenance.json").exists() && to.join("maintenance.json").exists());
}

#[test]
fn tens_of_thousands_of_files_arrive_and_the_next_sync_has_nothing_to_do() {
    let trees = Trees::unguarded();
    let [from, _] = trees.paths();
    for folder in 0..50 {
        fs::create_dir(from.join(format!("{folder}"))).unwrap();
        for file in 0..400 {
            put(&from.join(format!("{folder}/{file}")), "x");
        }
    }
    for file in 0..5_000 {
        put(&from.join(format!("0/wide/{file}")), "x");
    }
    let done = trees.sync(1).unwrap();
    assert_eq!((done.items, done.bytes), (25_000, 25_000));
    let done = trees.sync(2).unwrap();
    assert_eq!((done.items, done.bytes, done.deleted), (0, 0, 0));
}
