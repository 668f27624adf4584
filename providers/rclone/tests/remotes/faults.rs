//! What goes wrong with rclone: absent, too old, killed, left behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use switchover::port::{DataError, Depth, KeepOrder, Rescue as _, Store as _, SyncOrder, SyncPurpose};
use switchover_tests::contract::store::{Watcher, freeze_by, order, run, sides};

use super::application::content;
use super::support::Remotes;

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

/// rclone, but when it really syncs it is slow, writes down its process id, and does what else is said.
fn slow(folder: &Path, then: &str) -> PathBuf {
    let pid = folder.join("pid");
    let text = format!(
        "#!/bin/sh\n\
         case \"$1 $*\" in\n\
         sync*--dry-run*) exec rclone \"$@\" ;;\n\
         sync*) rclone \"$@\" --bwlimit=100k --transfers=1 & echo $! > {0}.new; mv {0}.new {0}; {then} wait ;;\n\
         *) exec rclone \"$@\" ;;\n\
         esac\n",
        pid.display()
    );
    script(folder, "slow-rclone", &text)
}

fn lives(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !(state.is_empty() || state.contains(") Z "))
}

/// Waits for what must come to be.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is() {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("{what}: not within 15 s");
}

fn big_files(remotes: &Remotes) {
    let [from, _] = remotes.paths();
    for number in 0..20 {
        put(&from.join(format!("{number}")), &"0123456789abcdef".repeat(4096));
    }
}

#[test]
fn an_absent_rclone_is_said_with_how_to_get_it() {
    let mut remotes = Remotes::new();
    put(&remotes.paths()[0].join("file"), "x");
    remotes.options.program = "/nowhere/rclone".into();
    let error = remotes.sync(1).unwrap_err();
    assert!(matches!(error, DataError::Unfit { .. }), "{error}");
    assert!(error.to_string().contains("apt-get install rclone"), "{error}");
    let store = remotes.open();
    let seen = remotes.run(store.inspect(Depth::Preflight)).unwrap();
    assert!(seen.problems.iter().any(|problem| problem.fatal && problem.message.contains("cannot be run")));
    assert!(remotes.run(store.inspect(Depth::Glance)).unwrap().unread.is_empty());
}

#[test]
fn an_rclone_that_is_too_old_is_refused() {
    let mut remotes = Remotes::new();
    put(&remotes.paths()[0].join("file"), "x");
    remotes.options.program = script(remotes.folder.path(), "old", "#!/bin/sh\necho rclone v1.53.3-DEV\n");
    let error = remotes.sync(1).unwrap_err();
    assert!(error.to_string().contains("it is 1.53.3-DEV; 1.55 or newer is needed"), "{error}");
    remotes.options.program = script(remotes.folder.path(), "no", "#!/bin/sh\necho something else\n");
    assert!(remotes.sync(2).unwrap_err().to_string().contains("does not say its version: something else"));
}

#[test]
fn an_rclone_that_is_killed_in_the_middle_fails_the_sync_and_the_next_one_works() {
    let mut remotes = Remotes::new();
    let [from, to] = remotes.paths();
    put(&from.join("gone"), "x");
    remotes.sync(1).unwrap();
    fs::remove_file(from.join("gone")).unwrap();
    big_files(&remotes);
    remotes.options.program = slow(remotes.folder.path(), "sleep 1; kill -9 $!; kill -9 $$;");
    let error = remotes.sync(2).unwrap_err();
    assert!(error.to_string().contains("rclone was killed"), "{error}");
    assert!(to.join("gone").exists(), "deleted before everything was copied");
    let store = remotes.open();
    let seen = remotes.run(store.inspect(Depth::Preflight)).unwrap();
    assert!(
        seen.problems.iter().any(|problem| problem.message.contains("did not come to its end")),
        "{seen:?}"
    );
    remotes.options.program = "rclone".into();
    remotes.sync(3).unwrap();
    assert_eq!(content(&to), content(&from));
}

#[test]
fn a_sync_that_is_dropped_takes_rclone_and_its_children_along() {
    let mut remotes = Remotes::new();
    big_files(&remotes);
    remotes.options.program = slow(remotes.folder.path(), "");
    let pid = remotes.folder.path().join("pid");
    let store = remotes.open();
    let order = order(&sides()[0], SyncPurpose::Routine, 1);
    let begun = remotes.run(async {
        let watcher = Watcher::lenient();
        let begun = async {
            while !pid.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            end = store.sync(&order, &watcher) => panic!("it came to its end: {end:?}"),
            () = begun => fs::read_to_string(&pid).unwrap(),
        }
    });
    until("rclone ends with its future", || !lives(begun.trim()));
    remotes.options.program = "rclone".into();
    remotes.sync(2).unwrap();
}

#[test]
fn an_rclone_ends_when_permission_is_taken_back() {
    let mut remotes = Remotes::new();
    big_files(&remotes);
    remotes.options.program = slow(remotes.folder.path(), "");
    let pid = remotes.folder.path().join("pid");
    let store = remotes.open();
    let order = order(&sides()[0], SyncPurpose::Routine, 1);
    // Enough to begin with; then it is asked once a second.
    let watcher = Watcher::permitting(3);
    assert_eq!(remotes.run(store.sync(&order, &watcher)), Err(DataError::Lost));
    let begun = fs::read_to_string(&pid).unwrap();
    until("rclone ends", || !lives(begun.trim()));
}

/// Set for the process that is to be killed.
const VICTIM: &str = "SWITCHOVER_TEST_VICTIM";

#[test]
fn an_rclone_whose_leader_is_killed_ends_by_itself() {
    if let Ok(folder) = std::env::var(VICTIM) {
        let mut remotes = Remotes::unguarded();
        big_files(&remotes);
        remotes.options.program = PathBuf::from(folder).join("slow-rclone");
        drop(remotes.sync(1));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    slow(folder.path(), "");
    let mut victim: Child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::an_rclone_whose_leader_is_killed_ends_by_itself"])
        .env(VICTIM, folder.path())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = folder.path().join("pid");
    until("rclone runs", || pid.exists());
    let begun = fs::read_to_string(&pid).unwrap();
    assert!(lives(begun.trim()));
    victim.kill().unwrap();
    victim.wait().unwrap();
    until("rclone ends after its leader", || !lives(begun.trim()));
}

#[test]
fn names_with_new_lines_and_links_arrive() {
    let remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    put(&from.join("new\nline/+ odd"), "x");
    put(&from.join("*[a]?{b}"), "y");
    std::os::unix::fs::symlink("nowhere", from.join("dangling")).unwrap();
    for number in 1..3 {
        let verify = switchover::model::Verification::Content;
        let order = SyncOrder { verify, ..order(&sides()[0], SyncPurpose::Routine, number) };
        let done = remotes.sync_as(&order).unwrap();
        assert_eq!(done.items, if number == 1 { 3 } else { 0 }, "{done:?}");
    }
    assert_eq!(fs::read_to_string(to.join("new\nline/+ odd")).unwrap(), "x");
    assert_eq!(fs::read_link(to.join("dangling")).unwrap(), Path::new("nowhere"));
}

#[test]
fn a_copy_that_is_wrong_is_found_by_its_content() {
    let remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    put(&from.join("file"), "right");
    put(&from.join("other"), "x");
    remotes.sync(1).unwrap();
    // The same size and time: a disk that forgot.
    let time = fs::metadata(to.join("file")).unwrap().modified().unwrap();
    put(&to.join("file"), "wrong");
    fs::File::options().write(true).open(to.join("file")).unwrap().set_modified(time).unwrap();
    remotes.sync(2).unwrap();
    let verify = switchover::model::Verification::Content;
    let error =
        remotes.sync_as(&SyncOrder { verify, ..order(&sides()[0], SyncPurpose::Routine, 3) }).unwrap_err();
    assert!(
        error.to_string().contains("1 entries differ from the source after they were copied: file"),
        "{error}"
    );
}

#[test]
fn what_was_kept_outlives_the_syncs_after_it() {
    let remotes = Remotes::new();
    let [_, standby] = sides();
    let [from, to] = remotes.paths();
    put(&from.join("a/file"), "x");
    remotes.sync(1).unwrap();
    put(&to.join("a/late"), "diverged");
    let deadline = Duration::from_secs(60);
    let order_to_keep =
        KeepOrder { side: standby, run: run("run-2"), began: Timestamp::UNIX_EPOCH, deadline };
    let kept = remotes.run(remotes.open().keep(&order_to_keep, &Watcher::lenient())).unwrap();
    for number in [3, 4] {
        let over = order(&sides()[0], SyncPurpose::Routine, number);
        remotes.sync_as(&SyncOrder { overwrite: true, ..over }).unwrap();
        assert!(!to.join("a/late").exists());
        let late = Path::new(&kept.place).join("a/late");
        assert_eq!(fs::read_to_string(late).unwrap(), "diverged", "after sync {number}");
    }
    assert_eq!(content(&to), content(&from), "what is kept is none of the data");
}

#[test]
fn a_way_station_is_filled_on_the_way() {
    let mut remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    let station = remotes.folder.path().join("station");
    remotes.options.via = Some(station.display().to_string());
    put(&from.join("a/file"), "x");
    remotes.sync(1).unwrap();
    assert_eq!(content(&to), content(&from));
    assert_eq!(content(&station), content(&from));
}

#[test]
fn a_file_that_cannot_be_read_fails_the_sync_and_deletes_nothing() {
    if Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n") {
        // Root reads everything; so this is done by another user, in a process of its own.
        let shared = std::env::temp_dir().join(format!("switchover-rclone-test-{}", std::process::id()));
        fs::copy(std::env::current_exe().unwrap(), &shared).unwrap();
        fs::set_permissions(&shared, Permissions::from_mode(0o755)).unwrap();
        let ran = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&shared)
            .args(["--exact", "faults::a_file_that_cannot_be_read_fails_the_sync_and_deletes_nothing"])
            .env("HOME", std::env::temp_dir())
            .current_dir("/")
            .output()
            .unwrap();
        fs::remove_file(&shared).unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let remotes = Remotes::new();
    let [from, to] = remotes.paths();
    put(&from.join("gone"), "x");
    put(&from.join("kept"), "x");
    remotes.sync(1).unwrap();
    fs::remove_file(from.join("gone")).unwrap();
    put(&from.join("kept"), "secret now");
    fs::set_permissions(from.join("kept"), Permissions::from_mode(0o0)).unwrap();
    let error = remotes.sync(2).unwrap_err();
    assert!(error.to_string().contains("kept") && error.to_string().contains("permission denied"), "{error}");
    assert!(to.join("gone").exists() && fs::read_to_string(to.join("kept")).unwrap() == "x");
}

/// rclone, but it is killed as soon as it is called like this.
fn killed_at(folder: &Path, call: &str) -> PathBuf {
    let text = format!("#!/bin/sh\ncase \"$1 $*\" in\n{call}) kill -9 $$ ;;\nesac\nexec rclone \"$@\"\n");
    script(folder, "killed-rclone", &text)
}

#[test]
fn an_rclone_that_is_killed_while_it_compares_is_not_believed() {
    let mut remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    put(&from.join("file"), "old");
    put(&from.join("other"), "x");
    remotes.sync(1).unwrap();
    put(&from.join("file"), "changed");
    for (number, call, told) in
        [(2, "sync*--dry-run*", "cannot compare"), (3, "check*", "could not be compared")]
    {
        remotes.options.program = killed_at(remotes.folder.path(), call);
        let error = remotes.sync(number).unwrap_err();
        assert!(error.to_string().contains(told), "{call}: {error}");
        let store = remotes.open();
        let copied = remotes.run(store.inspect(Depth::Glance)).unwrap().sides[&sides()[1]].copied.clone();
        assert_eq!(copied.unwrap().run.as_str(), "run-1", "{call}");
    }
    remotes.options.program = "rclone".into();
    remotes.sync(4).unwrap();
    assert_eq!(content(&to), content(&from));
}

#[test]
fn a_remote_whose_listing_is_killed_is_not_taken_for_empty() {
    let mut remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    put(&from.join("file"), "x");
    for side in sides() {
        let remote = format!(":local:{}", remotes.path(&side).display());
        remotes.options.sides.get_mut(side.as_str()).unwrap().remote = remote;
    }
    remotes.sync(1).unwrap();
    put(&from.join("more"), "y");
    for (number, call) in [(2, "lsjson*"), (3, "cat*"), (4, "lsf*")] {
        remotes.options.program = killed_at(remotes.folder.path(), call);
        let error = remotes.sync(number).unwrap_err();
        assert!(matches!(error, DataError::Unreachable { .. }), "{call}: {error:?}");
        assert_eq!(content(&to).len(), 1, "{call}");
    }
    remotes.options.program = "rclone".into();
    remotes.sync(5).unwrap();
    assert_eq!(content(&to), content(&from));
}

#[test]
fn no_more_is_deleted_than_was_counted_before() {
    let mut remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    for number in 0..20 {
        put(&from.join(format!("{number}")), "x");
    }
    remotes.sync(1).unwrap();
    fs::remove_file(from.join("0")).unwrap();
    put(&from.join("new"), "x");
    // The rest goes once it was compared.
    let text = format!(
        "#!/bin/sh\ncase \"$1 $*\" in\nsync*--dry-run*) ;;\nsync*) rm {}/1* ;;\nesac\nexec rclone \"$@\"\n",
        from.display()
    );
    remotes.options.program = script(remotes.folder.path(), "late-rclone", &text);
    let error = remotes.sync(2).unwrap_err();
    assert!(matches!(error, DataError::Guarded { .. }), "{error:?}");
    assert!(content(&to).len() >= 20, "{:?}", content(&to).keys());
}

#[test]
fn a_source_whose_files_are_all_gone_is_not_mirrored_even_if_it_may_overwrite() {
    let remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    put(&from.join("file"), "x");
    remotes.sync(1).unwrap();
    fs::remove_file(from.join("file")).unwrap();
    for overwrite in [false, true] {
        let order = SyncOrder { overwrite, ..order(&sides()[0], SyncPurpose::Routine, 2) };
        let error = remotes.sync_as(&order).unwrap_err();
        assert!(error.to_string().contains("an empty tree is never mirrored"), "{error}");
        assert!(to.join("file").exists());
    }
}

#[test]
fn what_stands_in_the_place_of_a_tree_that_is_not_mounted_is_not_mirrored() {
    let remotes = Remotes::unguarded();
    let [from, to] = remotes.paths();
    put(&from.join("file"), "x");
    remotes.sync(1).unwrap();
    fs::rename(&from, from.with_extension("unmounted")).unwrap();
    put(&from.join("lost+found/beneath"), "y");
    let error = remotes.sync(2).unwrap_err();
    assert!(error.to_string().contains("not mounted"), "{error}");
    assert!(to.join("file").exists() && !to.join("lost+found").exists());
}

#[test]
fn a_final_sync_whose_source_changes_or_whose_freeze_ends_until_the_last_moment_fails() {
    let mut remotes = Remotes::new();
    let [from, to] = remotes.paths();
    put(&from.join("file"), "x");
    remotes.sync(1).unwrap();
    let late = from.join("late");
    let cases = [(format!("echo late >'{}'", late.display()), 60), ("sleep 2".to_owned(), 2)];
    for (number, (then, lease)) in (2..).zip(cases) {
        let text = format!(
            "#!/bin/sh\nrclone \"$@\"\ncode=$?\ncase \"$1\" in\ncheck) {then} ;;\nesac\nexit $code\n"
        );
        remotes.options.program = script(remotes.folder.path(), "then-rclone", &text);
        let by = freeze_by(&format!("run-{number}"), Some(Duration::from_secs(lease)));
        let store = remotes.open();
        remotes.run(store.freeze(&sides()[0], &by)).unwrap();
        let error = remotes.sync_as(&order(&sides()[0], SyncPurpose::Final, number)).unwrap_err();
        let changed = error.to_string().contains("changed during the final sync");
        assert!(changed || matches!(error, DataError::Lapsed { .. }), "{then}: {error:?}");
        assert_eq!(changed, late.exists(), "{then}: {error:?}");
        let copied = remotes.run(store.inspect(Depth::Glance)).unwrap().sides[&sides()[1]].copied.clone();
        assert!(copied.is_none_or(|copied| !copied.complete), "{then}");
        assert!(!to.join("late").exists());
        drop(fs::remove_file(&late));
        remotes.run(store.thaw(&sides()[0])).unwrap();
    }
}
