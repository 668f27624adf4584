//! Backups in a directory: whole or not there, nobody else's, and private.

#![expect(clippy::unwrap_used, reason = "a test may fail; clippy counts only functions marked as tests")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use switchover::model::{BackupKey, BackupState, EnvironmentName, PairName, SideName, StoreName, StoreRef};
use switchover::port::DataError;
use switchover_backups::{About, Depot, Draft, LocationOptions, Opened, Owner, Progress, Replace};
use tempfile::TempDir;

fn key(text: &str) -> BackupKey {
    BackupKey::new(text).unwrap()
}

fn owner(store: &str) -> Owner {
    Owner {
        pair: PairName::new("gigadb").unwrap(),
        store: StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new(store).unwrap(),
        },
    }
}

fn depot(root: &Path) -> Depot {
    Depot::new(&LocationOptions::Path(root.to_owned()), owner("metadata")).unwrap()
}

fn about() -> About {
    About {
        source: SideName::new("hongkong").unwrap(),
        place: "db.example.net:5432/gigadb".into(),
        as_of: Timestamp::UNIX_EPOCH,
        items: BTreeMap::from([("public.file".into(), 3)]),
        digests: BTreeMap::new(),
        versions: BTreeMap::new(),
    }
}

fn write(draft: &Draft, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = draft.dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

async fn make(depot: &Depot, text: &str, files: &[(&str, &str)]) -> Opened {
    let draft = depot.begin(&key(text), Replace::No, None).await.unwrap();
    write(&draft, files);
    draft.commit(about(), &Progress::default(), Timestamp::UNIX_EPOCH).await.unwrap()
}

async fn states(depot: &Depot) -> Vec<(String, BackupState)> {
    depot.list().await.unwrap().into_iter().map(|backup| (backup.key.to_string(), backup.state)).collect()
}

fn why(error: DataError) -> String {
    match error {
        DataError::BadBackup { why, .. } => why,
        other => panic!("it is no bad backup: {other}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_is_under_its_key_only_when_it_is_whole_and_nobody_else_may_read_it() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("backups");
    let depot = depot(&root);
    assert_eq!(states(&depot).await, [], "a location that is not there yet holds none");

    let draft = depot.begin(&key("20261121"), Replace::No, Some(1000)).await.unwrap();
    write(&draft, &[("dump/toc.dat", "toc"), ("about.json", "{}")]);
    fs::set_permissions(draft.dir().join("about.json"), fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(states(&depot).await, [("20261121".into(), BackupState::Partial)]);

    let made = draft.commit(about(), &Progress::default(), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(states(&depot).await, [("20261121".into(), BackupState::Complete)]);
    assert_eq!((made.manifest().bytes, made.manifest().files.len()), (5, 2));
    assert_eq!(made.manifest().files["dump/toc.dat"], sha("toc"));
    let home = root.join("20261121");
    let mut names: Vec<_> = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["about.json", "dump", "manifest.json"], "no lock is left");
    for directory in [&root, &home, &home.join("dump")] {
        assert_eq!(mode(directory), 0o700, "{}", directory.display());
    }
    for file in ["about.json", "dump/toc.dat", "manifest.json"] {
        assert_eq!(mode(&home.join(file)), 0o600, "{file}");
    }
    let progress = Progress::default();
    let opened = depot.open(&key("20261121"), &progress).await.unwrap();
    assert_eq!((opened.dir(), progress.bytes()), (home.as_path(), 5));
}

fn sha(text: &str) -> String {
    let output =
        Command::new("sh").arg("-c").arg(format!("printf %s '{text}' | sha256sum")).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_draft_that_is_dropped_is_gone() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let draft = depot.begin(&key("20261121"), Replace::No, None).await.unwrap();
    write(&draft, &[("dump/1.dat", "half")]);
    drop(draft);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_killed_process_left_is_partial_is_never_used_and_is_cleared_by_the_next() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let left = dir.path().join("20261120.partial");
    fs::create_dir_all(left.join("dump")).unwrap();
    fs::write(left.join("dump/1.dat"), "half").unwrap();
    assert_eq!(states(&depot).await, [("20261120".into(), BackupState::Partial)]);
    let error = depot.open(&key("20261120"), &Progress::default()).await.unwrap_err();
    assert!(why(error).contains("never finished"));

    make(&depot, "20261120", &[("dump/1.dat", "whole")]).await;
    assert_eq!(states(&depot).await, [("20261120".into(), BackupState::Complete)]);
    assert!(!left.exists());
}

#[tokio::test]
async fn a_draft_that_is_being_written_is_neither_cleared_nor_begun_again() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let draft = depot.begin(&key("20261121"), Replace::No, None).await.unwrap();
    let again = depot.begin(&key("20261121"), Replace::No, None).await;
    assert!(again.unwrap_err().to_string().contains("is being written by another process"));
    assert_eq!(depot.clear().await.unwrap(), Vec::<String>::new());
    assert!(draft.dir().is_dir());
}

/// A program that does not outlive a test that fails.
struct Killed(Child);

impl Killed {
    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.end();
    }
}

#[tokio::test]
async fn a_program_that_outlives_its_writer_keeps_the_draft() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let partial = dir.path().join("20261121.partial");
    fs::create_dir(&partial).unwrap();
    // `flock` takes the lock and hands it to `sleep`, as a killed writer leaves it to its pg_dump.
    let mut command = Command::new("flock");
    command.args(["--no-fork", "--nonblock"]).arg(partial.join(".lock")).args(["sleep", "600"]);
    let mut child = Killed(command.stdout(Stdio::null()).spawn().unwrap());
    let mut tries = 0;
    while fs::read_to_string(format!("/proc/{}/comm", child.0.id())).unwrap().trim() != "sleep" {
        tries += 1;
        assert!(tries < 1000, "flock does not start");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(depot.clear().await.unwrap(), Vec::<String>::new());
    assert!(depot.begin(&key("20261121"), Replace::No, None).await.is_err());
    child.end();
    assert_eq!(depot.clear().await.unwrap(), [partial.display().to_string()]);
}

#[tokio::test]
async fn a_backup_with_a_changed_missing_longer_or_extra_file_is_refused() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let file = dir.path().join("20261121/dump/1.dat");
    make(&depot, "20261121", &[("dump/1.dat", "abcdef"), ("dump/toc.dat", "t")]).await;
    let open = async || why(depot.open(&key("20261121"), &Progress::default()).await.unwrap_err());

    fs::write(&file, "abcdeF").unwrap();
    assert_eq!(states(&depot).await[0].1, BackupState::Complete, "a list does not read the data");
    assert!(open().await.contains("dump/1.dat is not what was written"));

    fs::write(&file, "abcdefg").unwrap();
    assert!(open().await.contains("it has 8 bytes and its manifest says 7"));
    assert!(matches!(&states(&depot).await[0].1, BackupState::Damaged { why } if why.contains("8 bytes")));

    fs::remove_file(&file).unwrap();
    assert!(open().await.contains("dump/1.dat is missing"));

    fs::write(&file, "abcdef").unwrap();
    assert!(depot.open(&key("20261121"), &Progress::default()).await.is_ok());
    fs::write(dir.path().join("20261121/dump/2.dat"), "").unwrap();
    assert!(open().await.contains("dump/2.dat, which its manifest does not name"));
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_or_leads_outside_is_damage() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    make(&depot, "20261121", &[("dump/1.dat", "abcdef")]).await;
    let manifest = dir.path().join("20261121/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    for (wrong, said) in [
        (text[..text.len() / 2].to_owned(), "cannot be understood"),
        (text.replace("dump/1.dat", "../../etc/passwd"), "not within the backup"),
        (text.replace("\"format\": 1", "\"format\": 2"), "format 2"),
        (text.replace("\"key\": \"20261121\"", "\"key\": \"20261120\""), "its key is 20261120"),
        (text.replace("\"format\"", "\"\u{7f}format\""), "unknown field"),
        (text.replace("dump/1.dat", "dump/\\u001b.dat"), "is missing"),
    ] {
        assert_ne!(wrong, text);
        fs::write(&manifest, wrong).unwrap();
        let BackupState::Damaged { why } = &states(&depot).await[0].1 else { panic!("{said}") };
        assert!(why.contains(said) && !why.contains(char::is_control), "{why:?}");
        assert!(depot.open(&key("20261121"), &Progress::default()).await.is_err());
    }
}

#[tokio::test]
async fn another_stores_backup_is_shown_and_never_used_overwritten_or_removed() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let other = Depot::new(&LocationOptions::Path(dir.path().to_owned()), owner("orders")).unwrap();
    make(&other, "20261121", &[("dump/1.dat", "theirs")]).await;

    assert!(
        matches!(&states(&depot).await[0].1, BackupState::Damaged { why } if why.contains("live/orders"))
    );
    let theirs = key("20261121");
    assert!(why(depot.open(&theirs, &Progress::default()).await.unwrap_err()).contains("live/orders"));
    assert!(why(depot.remove(&theirs).await.unwrap_err()).contains("live/orders"));
    assert!(why(depot.begin(&theirs, Replace::Yes, None).await.unwrap_err()).contains("live/orders"));
    let mine = other.open(&theirs, &Progress::default()).await.unwrap().manifest().clone();
    assert!(why(depot.record(&mine).await.unwrap_err()).contains("live/orders"));
    assert_eq!(states(&other).await, [("20261121".into(), BackupState::Complete)]);
}

#[tokio::test]
async fn a_key_that_is_taken_is_replaced_only_on_request_and_in_one_step() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    make(&depot, "20261121", &[("dump/1.dat", "old")]).await;
    let error = depot.begin(&key("20261121"), Replace::No, None).await.unwrap_err();
    assert!(why(error).contains("lies there already"));

    let draft = depot.begin(&key("20261121"), Replace::Yes, None).await.unwrap();
    write(&draft, &[("dump/2.dat", "newer")]);
    assert_eq!(
        states(&depot).await,
        [("20261121".into(), BackupState::Complete)],
        "the old one still counts"
    );
    draft.commit(about(), &Progress::default(), Timestamp::UNIX_EPOCH).await.unwrap();
    let opened = depot.open(&key("20261121"), &Progress::default()).await.unwrap();
    assert_eq!(opened.manifest().files.keys().collect::<Vec<_>>(), ["dump/2.dat"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn keys_are_listed_oldest_first_and_removed_one_by_one() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    for text in ["202611211502", "20261121", "20261120"] {
        make(&depot, text, &[("dump/1.dat", text)]).await;
    }
    fs::write(dir.path().join("README"), "not a backup").unwrap();
    let keys: Vec<_> = states(&depot).await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["20261120", "20261121", "202611211502"]);
    depot.remove(&key("20261121")).await.unwrap();
    depot.remove(&key("20261121")).await.unwrap();
    assert_eq!(states(&depot).await.len(), 2);
}

#[tokio::test]
async fn a_manifest_can_say_later_that_the_backup_was_verified() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let made = make(&depot, "20261121", &[("dump/1.dat", "x")]).await;
    let mut manifest = made.manifest().clone();
    manifest.verified = Some((switchover::model::Verification::Content, Timestamp::UNIX_EPOCH));
    depot.record(&manifest).await.unwrap();
    let opened = depot.open(&key("20261121"), &Progress::default()).await.unwrap();
    assert_eq!(opened.manifest(), &manifest);
}

#[tokio::test]
async fn a_disk_that_cannot_hold_it_is_said_before_anything_is_written() {
    let dir = TempDir::new().unwrap();
    let depot = depot(dir.path());
    let error = depot.begin(&key("20261121"), Replace::No, Some(u64::MAX)).await.unwrap_err().to_string();
    assert!(error.contains("free and a backup needs about"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_parent_that_is_missing_may_be_a_disk_that_is_not_mounted() {
    let dir = TempDir::new().unwrap();
    let depot = depot(&dir.path().join("mnt/backups"));
    for error in [
        depot.begin(&key("20261121"), Replace::No, None).await.map(drop).unwrap_err(),
        depot.list().await.map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("mount the disk"), "{error}");
    }
    let relative = Depot::new(&LocationOptions::Path("backups".into()), owner("metadata"));
    assert!(relative.unwrap_err().to_string().contains("not absolute"));
}
