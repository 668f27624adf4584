//! Members that are killed, stopped, cut off and slowed down, and holders that are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use switchover::journal::{Entry, Event, Seq};
use switchover::port::{Appended, StateError, StateStore};
use switchover_tests::contract::state_store::{entry, pair};

use crate::{Cluster, ctl, run};

/// Appends one entry after the other until it is told to stop; those that were done.
async fn write(store: Arc<dyn StateStore>, writer: &'static str, stop: Arc<AtomicBool>) -> Vec<Entry> {
    let of = pair("gigadb");
    let mut done = Vec::new();
    let mut seq = 0;
    while !stop.load(Ordering::Relaxed) {
        let next = entry(seq, writer);
        match store.append_at(&of, Seq(seq), &next).await {
            Ok(Appended::Done) => {
                done.push(next);
                seq += 1;
            }
            Ok(Appended::Taken) => seq += 1,
            Ok(Appended::Unknown) => {}
            Err(StateError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(other) => panic!("{other:?}"),
        }
    }
    done
}

fn actor(entry: &Entry) -> &str {
    match &entry.event {
        Event::Claimed { holder } => &holder.actor,
        other => panic!("{other:?}"),
    }
}

/// Two writers race while something is done to the members. Every entry that was done stands, each of its own winner, without a hole.
fn hold_while(trouble: impl FnOnce()) -> (usize, Duration) {
    let cluster = Cluster::new();
    let of = pair("gigadb");
    run(async {
        let stop = Arc::new(AtomicBool::new(false));
        let writers =
            ["ada", "bob"].map(|name| tokio::spawn(write(cluster.store(), name, Arc::clone(&stop))));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        tokio::task::block_in_place(trouble);
        let took = began.elapsed();
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.store(true, Ordering::Relaxed);
        let standing = cluster.store().read(&of, Seq(0)).await.unwrap();
        let mut all = 0;
        for (writer, name) in writers.into_iter().zip(["ada", "bob"]) {
            for done in writer.await.unwrap() {
                let found = cluster_entry(&cluster, &standing, &done).await;
                assert_eq!(found, done, "entry {} of {name} was done and is not there", done.seq);
                assert_eq!(actor(&found), name);
                all += 1;
            }
        }
        (all, took)
    })
}

/// The entry that stands where another was done; asked for anew if it came after the first look.
async fn cluster_entry(cluster: &Cluster, standing: &[Entry], done: &Entry) -> Entry {
    if let Some(found) = standing.get(usize::try_from(done.seq.0).unwrap()) {
        return found.clone();
    }
    cluster.store().read(&pair("gigadb"), done.seq).await.unwrap().into_iter().next().expect("an entry")
}

#[test]
fn leaders_that_are_killed_lose_nothing_that_was_done() {
    let (done, _) = hold_while(|| {
        for _ in 0..4 {
            let leader = ctl(&["leader"]);
            ctl(&["kill", &leader]);
            std::thread::sleep(Duration::from_millis(1500));
            ctl(&["start", &leader]);
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    assert!(done > 50, "only {done} appends were done");
}

#[test]
fn a_member_that_hangs_is_passed_over() {
    let (done, _) = hold_while(|| {
        let leader = ctl(&["leader"]);
        ctl(&["stop", &leader]);
        std::thread::sleep(Duration::from_secs(4));
        ctl(&["cont", &leader]);
    });
    assert!(done > 20, "only {done} appends were done");
}

#[test]
fn a_member_that_is_cut_off_answers_nothing_rather_than_what_it_knew() {
    let cluster = Cluster::new();
    let of = pair("gigadb");
    run(async {
        let store = cluster.store();
        assert_eq!(store.append_at(&of, Seq(0), &entry(0, "ada")).await, Ok(Appended::Done));
        let behind = Cluster { patience: "3s", ..cluster.only(3) };
        let reader = behind.store();
        assert_eq!(reader.read(&of, Seq(0)).await.unwrap().len(), 1, "member 3 has it");
        ctl(&["cut", "3"]);
        // What is written now goes by the other two.
        assert_eq!(store.append_at(&of, Seq(1), &entry(1, "ada")).await, Ok(Appended::Done));
        let read = reader.read(&of, Seq(0)).await;
        assert!(matches!(read, Err(StateError::Unavailable { .. })), "stale: {read:?}");
        let append = reader.append_at(&of, Seq(1), &entry(1, "bob")).await;
        assert!(matches!(append, Err(StateError::Unavailable { .. })), "{append:?}");
        // Whoever knows all members does not mind, wherever they begin.
        let mut others = cluster.clone();
        others.endpoints.rotate_left(2);
        assert_eq!(others.store().read(&of, Seq(0)).await.unwrap().len(), 2);
        ctl(&["heal", "3"]);
        let began = Instant::now();
        while cluster.only(3).store().read(&of, Seq(0)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not come back");
        }
        // The append that was given up never lands: its position is taken.
        let standing = store.read(&of, Seq(0)).await.unwrap();
        assert_eq!(standing.iter().map(actor).collect::<Vec<&str>>(), ["ada", "ada"]);
    });
}

#[test]
fn an_append_that_was_given_up_lands_whole_or_not_at_all_and_a_repeat_settles_it() {
    let cluster = Cluster::new();
    let of = pair("gigadb");
    run(async {
        let store = cluster.store();
        assert_eq!(store.append_at(&of, Seq(0), &entry(0, "ada")).await, Ok(Appended::Done));
        // Without a majority nothing is decided; the member keeps the proposal and may make it later.
        let others: Vec<&str> = vec!["2", "3"];
        for member in &others {
            ctl(&["stop", member]);
        }
        let hasty = Cluster { patience: "2s", ..cluster.clone() };
        let given_up = hasty.store().append_at(&of, Seq(1), &entry(1, "ada")).await;
        assert!(matches!(given_up, Err(StateError::Unavailable { .. })), "{given_up:?}");
        for member in &others {
            ctl(&["cont", member]);
        }
        ctl(&["leader"]);
        assert_eq!(store.append_at(&of, Seq(1), &entry(1, "ada")).await, Ok(Appended::Done));
        assert_eq!(store.append_at(&of, Seq(1), &entry(1, "bob")).await, Ok(Appended::Taken));
        assert_eq!(store.read(&of, Seq(0)).await.unwrap(), [entry(0, "ada"), entry(1, "ada")]);
    });
}

#[test]
fn with_every_member_gone_it_is_said_of_each_within_the_patience() {
    let cluster = Cluster { patience: "3s", ..Cluster::new() };
    for member in ["1", "2", "3"] {
        ctl(&["kill", member]);
    }
    let began = Instant::now();
    let told = run(async { cluster.etcd().prove().await.unwrap_err().to_string() });
    for member in ["1", "2", "3"] {
        ctl(&["start", member]);
    }
    ctl(&["leader"]);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(told.contains("did not answer"), "{told}");
    for endpoint in &cluster.endpoints {
        assert!(told.contains(endpoint.as_str()), "{told}");
    }
}

#[test]
fn slow_disks_make_appends_slow_and_nothing_worse() {
    let (done, _) = hold_while(|| {
        for member in ["1", "2", "3"] {
            ctl(&["slow", member, "200"]);
        }
        std::thread::sleep(Duration::from_secs(5));
        for member in ["1", "2", "3"] {
            ctl(&["fast", member]);
        }
    });
    assert!(done > 10, "only {done} appends were done");
}

#[test]
fn compaction_takes_no_entry_away() {
    let cluster = Cluster::new();
    let of = pair("gigadb");
    run(async {
        let store = cluster.store();
        for seq in 0..70 {
            assert_eq!(store.append_at(&of, Seq(seq), &entry(seq, "ada")).await, Ok(Appended::Done));
        }
        let status = ctl(&["etcdctl", "endpoint", "status", "--write-out=fields"]);
        let revision =
            status.lines().find_map(|line| line.strip_prefix("\"Revision\" : ")).expect("a revision");
        ctl(&["etcdctl", "compact", revision]);
        // More than one page.
        assert_eq!(store.read(&of, Seq(0)).await.unwrap().len(), 70);
        assert_eq!(store.append_at(&of, Seq(70), &entry(70, "ada")).await, Ok(Appended::Done));
    });
}

#[test]
fn an_entry_that_somebody_wrote_over_or_removed_is_found() {
    let cluster = Cluster::new();
    let of = pair("gigadb");
    run(async {
        let store = cluster.store();
        for seq in 0..3 {
            assert_eq!(store.append_at(&of, Seq(seq), &entry(seq, "ada")).await, Ok(Appended::Done));
        }
        let key = |seq: u64| format!("{}/gigadb/entries/{seq:020}", cluster.prefix);
        let forged = String::from_utf8(entry(1, "eve").to_bytes()).unwrap();
        ctl(&["etcdctl", "put", &key(1), &forged]);
        let read = store.read(&of, Seq(0)).await;
        assert!(
            matches!(&read, Err(StateError::Damaged { seq: Seq(1), why, .. }) if why.contains("more than once")),
            "{read:?}"
        );
        ctl(&["etcdctl", "del", &key(1)]);
        let read = store.read(&of, Seq(0)).await;
        assert!(
            matches!(&read, Err(StateError::Damaged { seq: Seq(1), why, .. }) if why.contains("missing")),
            "{read:?}"
        );
    });
}
