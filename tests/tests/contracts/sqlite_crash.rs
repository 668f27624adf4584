//! Several processes on one file, and processes that are killed in mid-append.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use switchover::journal::{Entry, Event, Seq};
use switchover_tests::contract::state_store::pair;

use crate::child::Writer;
use crate::sqlite::Sqlite;

fn entries(sqlite: &Sqlite) -> Vec<Entry> {
    sqlite.run(sqlite.store().read(&pair("gigadb"), Seq(0))).unwrap()
}

fn actor(entry: &Entry) -> &str {
    match &entry.event {
        Event::Claimed { holder } => &holder.actor[..1],
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_done_survives_a_kill_and_the_next_process_goes_on() {
    let sqlite = Sqlite::new();
    let mut done = Vec::new();
    for round in 1..=10 {
        // Entries of several pages, so that most of the time is spent in the midst of one.
        let mut writer = Writer::start(&sqlite.options().path, &"a".repeat(10), "077", Duration::ZERO);
        // A different moment each time: the kill falls wherever the process happens to be.
        done.extend((0..round).map(|_| writer.next_done()));
        std::thread::sleep(Duration::from_micros(round * 317));
        done.extend(writer.kill());
        let found = entries(&sqlite).len() as u64;
        // The last one may have landed without the process having learnt of it.
        assert!(
            done.len() as u64 <= found && found <= done.len() as u64 + round,
            "{} of {found}",
            done.len()
        );
        assert!(done.iter().all(|seq| *seq < found), "an entry that was done is gone");
    }
}

#[test]
fn two_processes_never_win_one_position() {
    let sqlite = Sqlite::new();
    let path = sqlite.options().path;
    let mut writers = BTreeMap::from(
        ["a", "b"].map(|name| (name, Writer::start(&path, name, "077", Duration::from_millis(3)))),
    );
    let mut done: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (name, writer) in &mut writers {
        done.entry(name).or_default().extend((0..20).map(|_| writer.next_done()));
    }
    for (name, writer) in &mut writers {
        done.entry(name).or_default().extend(writer.kill());
    }
    assert!(done["a"].is_disjoint(&done["b"]), "both were told that they won");
    let entries = entries(&sqlite);
    for (name, positions) in done {
        for position in positions {
            let standing = &entries[usize::try_from(position).unwrap()];
            assert_eq!(actor(standing), name, "position {position} is not its winner's");
        }
    }
}

#[test]
fn the_file_is_ours_alone_whatever_the_umask() {
    for umask in ["000", "022", "777"] {
        let sqlite = Sqlite::new();
        let path = sqlite.options().path;
        let mut writer = Writer::start(&path, "a", umask, Duration::ZERO);
        writer.next_done();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600, "umask {umask}");
    }
}
