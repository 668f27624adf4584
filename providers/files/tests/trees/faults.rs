//! What goes wrong: a clear error, the old data untouched, and the next sync works.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use switchover::config::Period;
use switchover::port::{
    Access, Advance, DataError, Depth, FreezeOrder, Overseer, Store as _, SyncOrder, SyncPurpose,
};
use switchover_files::FreezeOptions;
use switchover_tests::contract::store::{StoreHarness as _, Watcher, freeze_by, order, run, sides};

use super::application::content;
use super::support::Trees;

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn guarded(end: &Result<switchover::port::Synced, DataError>, words: &str) {
    match end {
        Err(error @ DataError::Guarded { .. }) => assert!(error.to_string().contains(words), "{error}"),
        Ok(_) | Err(_) => panic!("{end:?}"),
    }
}

#[test]
fn a_source_that_is_another_tree_than_before_is_refused() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    trees.sync(1).unwrap();
    // The disk is not mounted, and something was written into the folder below it.
    fs::rename(&from, from.with_extension("disk")).unwrap();
    put(&from.join("other"), "y");
    guarded(&trees.sync(2), "not mounted, or was replaced");
    assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "x");
    fs::remove_dir_all(&from).unwrap();
    fs::rename(from.with_extension("disk"), &from).unwrap();
    trees.sync(3).unwrap();
}

#[test]
fn a_source_whose_files_are_all_gone_is_refused_though_it_is_the_right_tree() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    trees.sync(1).unwrap();
    fs::remove_file(from.join("file")).unwrap();
    fs::create_dir(from.join("folder")).unwrap();
    guarded(&trees.sync(2), "there is no file in it");
    guarded(&trees.overwrite(3), "there is no file in it");
    assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "x");
}

#[test]
fn a_write_that_leaves_size_and_time_as_they_were_arrives_if_it_came_right_after_the_copy() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    put(&from.join("file"), "one");
    let time = fs::metadata(from.join("file")).unwrap().modified().unwrap();
    trees.sync(1).unwrap();
    // As on a file system that counts time by seconds.
    put(&from.join("file"), "two");
    fs::File::options().write(true).open(from.join("file")).unwrap().set_modified(time).unwrap();
    trees.sync(2).unwrap();
    assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "two");
}

#[test]
fn a_stand_by_that_is_not_mounted_is_not_filled() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    trees.sync(1).unwrap();
    fs::rename(&to, to.with_extension("disk")).unwrap();
    fs::create_dir(&to).unwrap();
    guarded(&trees.sync(2), "not mounted, or was replaced");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
}

#[test]
fn a_place_that_must_be_a_mount_and_is_none_is_not_read() {
    let mut trees = Trees::new();
    trees.options.require_mount = true;
    let store = trees.open();
    let seen = trees.run(store.inspect(Depth::Preflight)).unwrap();
    assert_eq!(seen.unread.len(), 2);
    assert!(seen.unread.values().all(|why| why.contains("nothing is mounted there")), "{:?}", seen.unread);
}

#[test]
fn two_sides_that_are_one_tree_are_refused() {
    let mut trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    trees.options.sides.get_mut("sydney").unwrap().path.clone_from(&from);
    guarded(&trees.sync(1), "one and the same tree");
    let store = trees.open();
    let seen = trees.run(store.inspect(Depth::Glance)).unwrap();
    assert!(seen.problems.iter().any(|problem| problem.fatal), "{seen:?}");
    // By a link, and one within the other.
    fs::remove_dir(&to).unwrap();
    std::os::unix::fs::symlink(&from, &to).unwrap();
    trees.options.sides.get_mut("sydney").unwrap().path.clone_from(&to);
    guarded(&trees.sync(2), "one and the same tree");
    fs::create_dir(from.join("within")).unwrap();
    trees.options.sides.get_mut("sydney").unwrap().path = from.join("within");
    guarded(&trees.sync(3), "lies within the other");
}

#[test]
fn one_tree_that_is_mounted_twice_is_found() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    let bound = Command::new("mount").arg("--bind").args([&from, &to]).status();
    if !bound.is_ok_and(|status| status.success()) {
        return;
    }
    let end = trees.sync(1);
    Command::new("umount").arg(&to).status().unwrap();
    guarded(&end, "one and the same tree");
}

#[test]
fn a_tree_of_another_store_is_refused() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    trees.sync(1).unwrap();
    let marker = fs::read_to_string(to.join(".switchover.json")).unwrap();
    fs::write(to.join(".switchover.json"), marker.replace("gigadb", "another")).unwrap();
    put(&from.join("file"), "changed");
    guarded(&trees.sync(2), "in pair another");
    assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "x");
}

#[test]
fn files_of_a_stand_by_that_was_never_synced_are_not_lost() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    put(&to.join("somebody's"), "y");
    guarded(&trees.sync(1), "never synced");
    assert_eq!(content(&to), [("somebody's".to_owned(), "y".to_owned())].into());
    trees.overwrite(2).unwrap();
    assert_eq!(content(&to), content(&from));
}

#[test]
fn what_somebody_wrote_on_a_frozen_stand_by_is_noticed_by_the_file_systems_clock() {
    for trees in [Trees::new(), Trees::unguarded()] {
        let [from, to] = trees.paths();
        put(&from.join("file"), "x");
        put(&from.join("other"), "x");
        trees.sync(1).unwrap();
        trees.sync(2).unwrap();
        // Past the flag, with a time that hides it.
        put(&to.join("file"), "theirs");
        let old = fs::File::options().write(true).open(to.join("file")).unwrap();
        let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        old.set_times(fs::FileTimes::new().set_modified(past)).unwrap();
        guarded(&trees.sync(3), "changed here since the latest sync, among them file");
        assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "theirs");
        trees.overwrite(4).unwrap();
        assert_eq!(content(&to), content(&from));
    }
}

#[test]
fn deletions_are_limited_by_share_and_number_with_a_floor() {
    let mut trees = Trees::new();
    let [from, to] = trees.paths();
    for number in 0..40 {
        put(&from.join(format!("{number}")), "x");
    }
    trees.sync(1).unwrap();
    for number in 0..10 {
        fs::remove_file(from.join(format!("{number}"))).unwrap();
    }
    trees.options.deletions.files = Some(9);
    trees.options.deletions.allowed = 5;
    guarded(&trees.sync(2), "10 of 40 files would be deleted; the limit is 9 files");
    trees.options.deletions.files = None;
    trees.options.deletions.percent = 24;
    guarded(&trees.sync(3), "the limit is 24 %");
    assert_eq!(content(&to).len(), 40);
    trees.options.deletions.allowed = 10;
    assert_eq!(trees.sync(4).unwrap().deleted, 10);
}

#[test]
fn a_file_that_cannot_be_read_fails_the_sync_and_deletes_nothing() {
    // Root reads everything; so this is done by another user, in a process of its own.
    if rustix::process::geteuid().is_root() {
        let me = std::env::current_exe().unwrap();
        let shared = std::env::temp_dir().join(format!("switchover-files-test-{}", std::process::id()));
        fs::copy(me, &shared).unwrap();
        fs::set_permissions(&shared, Permissions::from_mode(0o755)).unwrap();
        let ran = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&shared)
            .args(["--exact", "faults::a_file_that_cannot_be_read_fails_the_sync_and_deletes_nothing"])
            .current_dir("/")
            .output()
            .unwrap();
        fs::remove_file(&shared).unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let trees = Trees::new();
    let [from, to] = trees.paths();
    for name in ["gone", "kept", "later/file"] {
        put(&from.join(name), "x");
    }
    trees.sync(1).unwrap();
    fs::remove_file(from.join("gone")).unwrap();
    for name in ["kept", "later"] {
        put(&from.join("kept"), "secret now");
        fs::set_permissions(from.join(name), Permissions::from_mode(0o0)).unwrap();
        let end = trees.sync(2);
        match &end {
            Err(error @ DataError::Unauthorized { .. }) => {
                assert!(error.to_string().contains(name), "{error}");
            }
            Ok(_) | Err(_) => panic!("{end:?}"),
        }
        assert!(to.join("gone").exists(), "deleted before everything was copied");
        assert!(to.join("later/file").exists());
        fs::set_permissions(from.join(name), Permissions::from_mode(0o755)).unwrap();
    }
    trees.sync(3).unwrap();
    assert_eq!(content(&to), content(&from));
}

#[test]
fn a_full_disk_is_said_and_the_old_files_stay() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(&to).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return;
    }
    put(&from.join("file"), "x");
    let first = trees.sync(1);
    put(&from.join("file"), "changed");
    put(&from.join("huge"), &"0123456789abcdef".repeat(500_000));
    let full = trees.sync(2);
    let (left, huge) = (fs::read_to_string(to.join("file")), to.join("huge").exists());
    fs::remove_file(from.join("huge")).unwrap();
    let again = trees.sync(3);
    let arrived = content(&to) == content(&from);
    let unfinished = fs::read_dir(&to)
        .unwrap()
        .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(".switchover-part"));
    Command::new("umount").arg(&to).status().unwrap();
    first.unwrap();
    assert!(full.unwrap_err().to_string().contains("make room"));
    assert!(["x", "changed"].contains(&left.unwrap().as_str()) && !huge);
    again.unwrap();
    assert!(arrived && !unfinished);
}

#[test]
fn a_file_that_changes_while_it_is_copied_never_arrives_torn() {
    const END: u64 = 32 << 20;
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    // Its writer counts at the start first and then at the end: at the source the end is never ahead.
    let busy = fs::File::create(from.join("busy")).unwrap();
    busy.set_len(END + 8).unwrap();
    put(&from.join("calm"), "x");
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let writer = thread::spawn(move || {
        for count in 1_u64.. {
            busy.write_all_at(&count.to_be_bytes(), 0).unwrap();
            busy.write_all_at(&count.to_be_bytes(), END).unwrap();
            thread::sleep(Duration::from_millis(1));
            if seen.load(Ordering::SeqCst) {
                return;
            }
        }
    });
    for number in 1..10 {
        let done = trees.sync(number).unwrap();
        assert_eq!(fs::read_to_string(to.join("calm")).unwrap(), "x");
        if let Ok(copy) = fs::File::open(to.join("busy")) {
            let count = |at| {
                let mut bytes = [0; 8];
                copy.read_exact_at(&mut bytes, at).unwrap();
                u64::from_be_bytes(bytes)
            };
            let (start, end) = (count(0), count(END));
            assert!(end <= start, "{start} at its start and {end} at its end: {:?}", done.notes);
        }
    }
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    thread::sleep(Duration::from_millis(2100));
    trees.sync(50).unwrap();
    trees.sync_content(51).unwrap();
    assert!(to.join("busy").exists());
}

#[test]
fn a_sync_that_is_dropped_stops() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    for number in 0..8000 {
        put(&from.join(format!("{}/{number}", number % 80)), "x");
    }
    let (store, watcher) = (trees.open(), Watcher::lenient());
    let order = order(&sides()[0], SyncPurpose::Routine, 1);
    trees.run(async {
        let begun = async {
            while !(0..80).any(|folder| to.join(folder.to_string()).exists()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        match select(store.sync(&order, &watcher), pin!(begun)).await {
            Either::Left((end, _)) => panic!("it came to its end: {end:?}"),
            Either::Right(((), sync)) => drop(sync),
        }
    });
    // Nobody works there any more when the lock is free.
    fs::File::open(to.join(".switchover.lock")).unwrap().lock().unwrap();
    assert!(content(&to).len() < 8000, "it went on to its end");
    trees.sync(2).unwrap();
    assert_eq!(content(&to).len(), 8000);
}

#[test]
fn a_source_that_changes_during_the_final_sync_fails_it_and_names_the_file() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    for number in 0..200 {
        put(&from.join(format!("{}/{number}", number % 7)), "x");
    }
    trees.sync(0).unwrap();
    thread::sleep(Duration::from_millis(2100));
    trees.sync(0).unwrap();
    let store = trees.open();
    trees.run(store.freeze(&sides()[0], &freeze_by("run-1", None))).unwrap();
    // Past the flag, when the first comparison has found nothing to do.
    let writes = Writes { path: from.join("3/sneaked in"), asked: AtomicU32::new(0) };
    let end = trees.run(store.sync(&order(&sides()[0], SyncPurpose::Final, 1), &writes));
    match &end {
        Err(error @ DataError::Failed { .. }) => {
            assert!(error.to_string().contains("changed during the final sync: 3/sneaked in"), "{error}");
        }
        Ok(_) | Err(_) => panic!("{end:?}"),
    }
    let seen = trees.run(store.inspect(Depth::Glance)).unwrap();
    assert!(seen.sides[&sides()[1]].copied.as_ref().is_none_or(|copied| !copied.complete));
    trees.sync_as(&order(&sides()[0], SyncPurpose::Final, 1)).unwrap();
    assert_eq!(content(&to), content(&from));
}

/// Takes more time to answer than an answer is good for, so that it is asked before the comparison and again after it; writes then.
#[derive(Debug)]
struct Writes {
    path: std::path::PathBuf,
    asked: AtomicU32,
}

#[async_trait]
impl Overseer for Writes {
    fn advance(&self, _: &Advance) {}

    async fn permit(&self) -> Result<(), DataError> {
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => thread::sleep(Duration::from_millis(1100)),
            1 => fs::write(&self.path, "x").unwrap(),
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn two_syncs_at_once_do_not_mix() {
    let trees = Trees::unguarded();
    let [from, to] = trees.paths();
    for number in 0..500 {
        put(&from.join(format!("{number}")), "x");
    }
    let (one, two) = (trees.open(), trees.open());
    let watchers = [Watcher::lenient(), Watcher::lenient()];
    let orders = [1, 2].map(|number| order(&sides()[0], SyncPurpose::Routine, number));
    let ends = trees.run(async {
        futures_util::future::join(one.sync(&orders[0], &watchers[0]), two.sync(&orders[1], &watchers[1]))
            .await
    });
    ends.0.unwrap();
    ends.1.unwrap();
    assert_eq!(content(&to), content(&from));
    // Somebody who holds it for good is named.
    let lock = fs::File::open(to.join(".switchover.lock")).unwrap();
    lock.lock().unwrap();
    let short = SyncOrder { deadline: Duration::from_secs(1), ..orders[0].clone() };
    assert!(trees.sync_as(&short).unwrap_err().to_string().contains("not done within 1s"));
}

#[test]
fn a_deadline_ends_a_sync() {
    let trees = Trees::unguarded();
    let [from, _] = trees.paths();
    for number in 0..2000 {
        put(&from.join(format!("{number}")), "x");
    }
    let short =
        SyncOrder { deadline: Duration::from_millis(1), ..order(&sides()[0], SyncPurpose::Routine, 1) };
    assert!(trees.sync_as(&short).unwrap_err().to_string().contains("not done within 1ms"));
    trees.sync(2).unwrap();
}

#[test]
fn a_marker_that_cannot_be_understood_is_said_and_left_alone() {
    let trees = Trees::new();
    let [from, to] = trees.paths();
    put(&from.join("file"), "x");
    trees.sync(1).unwrap();
    fs::write(to.join(".switchover.json"), "{ \"format\": 2 ").unwrap();
    let end = trees.sync(2).unwrap_err();
    assert!(matches!(end, DataError::Unfit { .. }), "{end}");
    assert!(end.to_string().contains(".switchover.json cannot be understood"), "{end}");
}

#[test]
fn a_probe_that_cannot_try_proves_nothing() {
    let mut trees = Trees::new();
    let side = &sides()[0];
    put(&trees.path(side).join("file"), "x");
    for (probe, words) in [
        (vec!["/nowhere/probe".to_owned()], "cannot be run"),
        (vec!["sh".to_owned(), "-c".to_owned(), "no-such-program".to_owned()], "could not try"),
        (vec!["sh".to_owned(), "-c".to_owned(), "kill -9 $$".to_owned()], "could not try"),
        (vec!["sleep".to_owned(), "60".to_owned()], "did not end within"),
    ] {
        trees.options.freeze.probe = probe;
        trees.options.freeze.timeout = Period(Duration::from_millis(500));
        let store = trees.open();
        trees.run(store.freeze(side, &freeze_by("run-1", None))).unwrap();
        let proof = trees.run(store.prove_frozen(side)).unwrap_err();
        assert!(!matches!(proof, DataError::NotFrozen { .. }), "{proof}");
        assert!(proof.to_string().contains(words), "{proof}");
    }
}

#[test]
fn a_freeze_that_is_reported_and_does_not_hold_is_found_by_the_probe_or_by_stillness() {
    let mut trees = Trees::new();
    let side = &sides()[0];
    let path = trees.path(side);
    put(&path.join("file"), "x");
    // The application does not look for the flag.
    trees.options.freeze.probe = vec!["sh".into(), "-c".into(), "echo x > \"$SWITCHOVER_PROBE\"".into()];
    let store = trees.open();
    trees.run(store.freeze(side, &freeze_by("run-1", None))).unwrap();
    let proof = trees.run(store.prove_frozen(side));
    assert!(matches!(proof, Err(DataError::NotFrozen { .. })), "{proof:?}");
    assert_eq!(content(&path).len(), 1, "the trial write is left behind");
    // Its probe is refused, but something writes.
    trees.options.freeze.probe = vec!["false".into()];
    trees.options.freeze.still = Period(Duration::from_millis(400));
    let store = trees.open();
    let (stop, writer) = (Arc::new(AtomicBool::new(false)), path.join("log"));
    let seen = Arc::clone(&stop);
    let writing = thread::spawn(move || {
        while !seen.load(Ordering::SeqCst) {
            fs::write(&writer, "same size").unwrap();
            thread::sleep(Duration::from_millis(10));
        }
    });
    let proof = trees.run(store.prove_frozen(side));
    stop.store(true, Ordering::SeqCst);
    writing.join().unwrap();
    assert!(matches!(proof, Err(DataError::NotFrozen { .. })), "{proof:?}");
}

#[test]
fn without_a_freeze_configured_nothing_is_called_frozen() {
    let trees = Trees::unguarded();
    let side = &sides()[0];
    let store = trees.open();
    put(&trees.path(side).join("file"), "x");
    let refused = trees.run(store.freeze(side, &freeze_by("run-1", None)));
    assert!(matches!(refused, Err(DataError::NotFrozen { .. })), "{refused:?}");
    assert!(trees.run(store.prove_frozen(side)).is_err());
    let seen = trees.run(store.inspect(Depth::Preflight)).unwrap();
    assert!(seen.sides.values().all(|side| side.access == Access::Unguarded));
    assert!(seen.problems.iter().any(|problem| problem.message.contains("nothing refuses writes")));
    let done = trees.sync_as(&order(side, SyncPurpose::Final, 1)).unwrap();
    assert!(!done.copied.complete);
}

#[test]
fn commands_freeze_and_thaw_until_they_are_told_otherwise() {
    let mut trees = Trees::unguarded();
    let side = &sides()[0];
    let log = trees.folder.path().join("log");
    put(&trees.path(side).join("file"), "x");
    let say = |word: &str| {
        let script = format!("echo {word} $SWITCHOVER_SIDE $1 >> {}", log.display());
        ["sh", "-c", &script, "sh", "{path}"].map(str::to_owned).to_vec()
    };
    trees.options.freeze =
        FreezeOptions { command: say("freeze"), thaw: say("thaw"), ..trees.options.freeze.clone() };
    let store = trees.open();
    let lease = FreezeOrder { by: run("run-1"), lease: Some(Duration::from_millis(1)) };
    trees.run(store.freeze(side, &lease)).unwrap();
    thread::sleep(Duration::from_millis(20));
    // Renewed, though its lease is over: nothing but a thaw ends it.
    trees.run(store.freeze(side, &lease)).unwrap();
    let seen = trees.run(store.inspect(Depth::Glance)).unwrap();
    assert_eq!(seen.sides[side].access, Access::Frozen { by: run("run-1"), until: None });
    trees.run(store.thaw(side)).unwrap();
    let path = trees.path(side).display().to_string();
    let said = format!("freeze hongkong {path}\nthaw hongkong {path}\n");
    assert_eq!(fs::read_to_string(&log).unwrap(), said);
    // A command that fails freezes nothing, and says why.
    trees.options.freeze.command =
        ["sh", "-c", "echo the export is busy >&2; exit 3"].map(str::to_owned).to_vec();
    let store = trees.open();
    let refused = trees.run(store.freeze(side, &freeze_by("run-2", None))).unwrap_err();
    assert!(refused.to_string().contains("exit code 3: the export is busy"), "{refused}");
    assert_eq!(trees.run(store.inspect(Depth::Glance)).unwrap().sides[side].access, Access::Writable);
}

#[test]
fn a_clock_that_is_set_back_does_not_end_a_freeze() {
    let trees = Trees::new();
    let side = &sides()[0];
    let store = trees.open();
    trees.run(store.freeze(side, &freeze_by("run-1", Some(Duration::from_secs(60))))).unwrap();
    let flag = trees.path(side).join(super::application::FLAG);
    let text = fs::read_to_string(&flag).unwrap();
    // An hour ahead, as it looks to a clock that was set back by one.
    let ahead = |name: &str, text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let time: jiff::Timestamp = value[name].as_str().unwrap().parse().unwrap();
        text.replace(&time.to_string(), &(time + jiff::SignedDuration::from_hours(1)).to_string())
    };
    let text = ["since", "until", "renew_by"].iter().fold(text, |text, name| ahead(name, &text));
    fs::write(&flag, text).unwrap();
    trees.run(store.prove_frozen(side)).unwrap();
    trees.run(store.freeze(side, &freeze_by("run-1", Some(Duration::from_secs(60))))).unwrap();
    trees.run(store.prove_frozen(side)).unwrap();
    assert!(trees.run(trees.write(side, "a", "1")).is_err());
}
