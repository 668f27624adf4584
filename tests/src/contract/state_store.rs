//! The contract of [`StateStore`]: create-if-absent at a position, in order, durable, each pair for itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use switchover::journal::{Entry, EntryHash, Epoch, Event, FORMAT, Holder, Nonce, Seq};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, StateError, StateStore};

/// Opens the store under test.
#[async_trait]
pub trait StateStoreHarness: Send + Sync {
    /// A handle of its own on the same journals, as another process would have it.
    async fn open(&self) -> Arc<dyn StateStore>;
}

/// Makes a test of every part of the contract: `state_store_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! state_store_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, state_store:
            a_new_pair_has_no_entries
            an_entry_is_created_once
            a_repeated_append_changes_nothing
            concurrent_appends_have_one_winner_at_each_position
            no_hole_is_ever_written
            an_entry_stands_only_at_its_own_position
            what_was_done_is_read_by_everybody
            reading_starts_where_it_is_told
            pairs_are_not_mixed
            big_entries_come_back_whole
            reopening_keeps_everything
            beats_are_kept_for_each_pair
        );
    };
}

/// A pair of that name.
pub fn pair(name: &str) -> PairName {
    PairName::new(name).expect("a pair's name")
}

/// A plausible entry. Entries of different writers at one position differ.
pub fn entry(seq: u64, writer: &str) -> Entry {
    let holder = Holder {
        actor: writer.to_owned(),
        host: "ops-1".to_owned(),
        process: 1,
        program: "switchover 0.1.0 \"ü\" \u{1f310}".to_owned(),
    };
    Entry {
        format: FORMAT,
        seq: Seq(seq),
        epoch: Epoch(seq.saturating_add(1)),
        at: "2026-11-21T12:00:00.123456789Z".parse().expect("a timestamp"),
        nonce: Nonce(format!("{writer}-{seq}")),
        previous: EntryHash::none(),
        event: Event::Claimed { holder },
    }
}

async fn append(store: &Arc<dyn StateStore>, of: &PairName, entry: &Entry) -> Appended {
    store.append_at(of, entry.seq, entry).await.expect("an append that is answered")
}

async fn fill(store: &Arc<dyn StateStore>, of: &PairName, count: u64) -> Vec<Entry> {
    let entries: Vec<Entry> = (0..count).map(|seq| entry(seq, "writer")).collect();
    for entry in &entries {
        assert_eq!(append(store, of, entry).await, Appended::Done);
    }
    entries
}

async fn all(store: &Arc<dyn StateStore>, of: &PairName) -> Vec<Entry> {
    store.read(of, Seq(0)).await.expect("a journal that can be read")
}

/// A pair that was never written to reads as empty, from any position.
pub async fn a_new_pair_has_no_entries(harness: &impl StateStoreHarness) {
    let store = harness.open().await;
    assert_eq!(store.read(&pair("new"), Seq(0)).await, Ok(vec![]));
    assert_eq!(store.read(&pair("new"), Seq(7)).await, Ok(vec![]));
    assert_eq!(store.last_beat(&pair("new")).await, Ok(None));
}

/// The first at a position wins; the second is told so and changes nothing.
pub async fn an_entry_is_created_once(harness: &impl StateStoreHarness) {
    let (first, second) = (harness.open().await, harness.open().await);
    let of = pair("gigadb");
    assert_eq!(append(&first, &of, &entry(0, "first")).await, Appended::Done);
    assert_eq!(append(&second, &of, &entry(0, "second")).await, Appended::Taken);
    assert_eq!(all(&second, &of).await, [entry(0, "first")]);
}

/// The same entry again is refused as taken, or done again; it stands once.
pub async fn a_repeated_append_changes_nothing(harness: &impl StateStoreHarness) {
    let store = harness.open().await;
    let of = pair("gigadb");
    let entries = fill(&store, &of, 2).await;
    assert_ne!(append(&store, &of, &entries[0]).await, Appended::Unknown);
    assert_ne!(append(&store, &of, &entries[1]).await, Appended::Unknown);
    assert_eq!(all(&store, &of).await, entries);
}

/// Writers that race are all told the truth: one is done, and its entry is the one that stands.
pub async fn concurrent_appends_have_one_winner_at_each_position(harness: &impl StateStoreHarness) {
    const WRITERS: usize = 8;
    const POSITIONS: u64 = 10;
    let of = pair("gigadb");
    let stores = join_all((0..WRITERS).map(|_| harness.open())).await;
    for seq in 0..POSITIONS {
        let entries: Vec<Entry> =
            (0..WRITERS).map(|writer| entry(seq, &format!("writer-{writer}"))).collect();
        let answers =
            join_all(stores.iter().zip(&entries).map(|(store, entry)| append(store, &of, entry))).await;
        let winners: Vec<usize> = (0..WRITERS).filter(|writer| answers[*writer] == Appended::Done).collect();
        assert_eq!(winners.len(), 1, "position {seq}: {answers:?}");
        assert_eq!(stores[0].read(&of, Seq(seq)).await, Ok(vec![entries[winners[0]].clone()]));
    }
}

/// An append beyond the end is an error, and nothing is written.
pub async fn no_hole_is_ever_written(harness: &impl StateStoreHarness) {
    let store = harness.open().await;
    let of = pair("gigadb");
    assert!(store.append_at(&of, Seq(1), &entry(1, "writer")).await.is_err());
    let entries = fill(&store, &of, 2).await;
    assert!(store.append_at(&of, Seq(3), &entry(3, "writer")).await.is_err());
    assert!(store.append_at(&of, Seq(u64::MAX), &entry(u64::MAX, "writer")).await.is_err());
    assert_eq!(all(&store, &of).await, entries);
}

/// An entry that names another position is an error, and nothing is written.
pub async fn an_entry_stands_only_at_its_own_position(harness: &impl StateStoreHarness) {
    let store = harness.open().await;
    let of = pair("gigadb");
    let entries = fill(&store, &of, 1).await;
    let misplaced = store.append_at(&of, Seq(1), &entry(2, "writer")).await;
    assert!(matches!(misplaced, Err(StateError::Unusable { .. })), "{misplaced:?}");
    assert_eq!(all(&store, &of).await, entries);
}

/// An append that was answered is seen by every handle from then on.
pub async fn what_was_done_is_read_by_everybody(harness: &impl StateStoreHarness) {
    let (writer, reader) = (harness.open().await, harness.open().await);
    let of = pair("gigadb");
    for seq in 0..5 {
        assert_eq!(append(&writer, &of, &entry(seq, "writer")).await, Appended::Done);
        let read = all(&reader, &of).await;
        assert_eq!(read.last(), Some(&entry(seq, "writer")));
        assert_eq!(read, all(&writer, &of).await);
    }
}

/// A read from a position gives that entry and all later ones, in order.
pub async fn reading_starts_where_it_is_told(harness: &impl StateStoreHarness) {
    let store = harness.open().await;
    let of = pair("gigadb");
    // More than ten, so that an order by text would show.
    let entries = fill(&store, &of, 12).await;
    for from in [0, 1, 9, 11] {
        let expected = entries.iter().filter(|entry| entry.seq.0 >= from).cloned().collect();
        assert_eq!(store.read(&of, Seq(from)).await, Ok(expected));
    }
    assert_eq!(store.read(&of, Seq(12)).await, Ok(vec![]));
    assert_eq!(store.read(&of, Seq(1000)).await, Ok(vec![]));
}

/// Pairs have journals of their own, whatever their names have in common.
pub async fn pairs_are_not_mixed(harness: &impl StateStoreHarness) {
    let store = harness.open().await;
    let names = ["gigadb", "GigaDB", "gigadb.", "gigadb-2", "gigadb_2", "giga"];
    for (place, name) in (1..).zip(names) {
        fill(&store, &pair(name), place).await;
    }
    for (place, name) in (1..).zip(names) {
        assert_eq!(all(&store, &pair(name)).await.len(), place, "{name}");
    }
}

/// An entry of a megabyte (a plan of thousands of records) comes back as it was written.
pub async fn big_entries_come_back_whole(harness: &impl StateStoreHarness) {
    let store = harness.open().await;
    let of = pair("gigadb");
    let big = entry(0, &"0123456789abcdef".repeat(64 * 1024));
    assert_eq!(append(&store, &of, &big).await, Appended::Done);
    assert_eq!(append(&store, &of, &entry(1, "writer")).await, Appended::Done);
    assert_eq!(all(&store, &of).await, [big, entry(1, "writer")]);
}

/// Closing and opening again keeps entries and beats.
pub async fn reopening_keeps_everything(harness: &impl StateStoreHarness) {
    let of = pair("gigadb");
    let store = harness.open().await;
    let entries = fill(&store, &of, 3).await;
    store.beat(&of, &beat(2)).await.expect("a beat");
    drop(store);
    let store = harness.open().await;
    assert_eq!(all(&store, &of).await, entries);
    assert_eq!(store.last_beat(&of).await, Ok(Some(beat(2))));
    assert_eq!(append(&store, &of, &entry(3, "writer")).await, Appended::Done);
}

fn beat(epoch: u64) -> Beat {
    let at = "2026-11-21T12:00:00.123456789Z".parse().expect("a timestamp");
    Beat { epoch: Epoch(epoch), at, ttl: Duration::from_millis(1500) }
}

/// The latest beat of a pair is read back by everybody, and those of other pairs are not touched. An epoch that is over does not
/// hide its successor.
pub async fn beats_are_kept_for_each_pair(harness: &impl StateStoreHarness) {
    let (writer, reader) = (harness.open().await, harness.open().await);
    for epoch in [1, 2, 1] {
        writer.beat(&pair("gigadb"), &beat(epoch)).await.expect("a beat");
    }
    writer.beat(&pair("other"), &beat(9)).await.expect("a beat");
    assert_eq!(reader.last_beat(&pair("gigadb")).await, Ok(Some(beat(2))));
    assert_eq!(reader.last_beat(&pair("other")).await, Ok(Some(beat(9))));
    assert_eq!(all(&reader, &pair("gigadb")).await, []);
}
