//! The journal: one of two writers goes on, unclear answers are cleared up, and every kind of tampering is found.

use futures_util::future::join;
use switchover::journal::{
    Entry, EntryHash, Epoch, Event, FORMAT, Holder, IllegalTransition, Journal, JournalError, Nonce,
    PauseReason, Seq,
};
use switchover::model::RunId;
use switchover::port::{Appended, Ports, StateError, StateStore as _};
use switchover_tests::fake::{StoreCall, StoreFault, World};

struct Bench {
    world: World,
    ports: Ports,
}

impl Bench {
    fn new() -> Self {
        let world = World::gigadb();
        let ports = world.ports();
        Self { world, ports }
    }

    /// A journal that was claimed this many times.
    fn claimed(times: u64) -> Self {
        let bench = Self::new();
        let mut journal = bench.open().unwrap();
        for _ in 0..times {
            bench.world.run(journal.claim(holder("ada"))).unwrap();
        }
        bench
    }

    fn open(&self) -> Result<Journal, JournalError> {
        self.world.run(Journal::open(&self.world.pair.name, &self.ports))
    }

    fn entries(&self) -> Vec<Entry> {
        self.world.store.entries(&self.world.pair.name)
    }

    /// Rewrites the text of an entry, which stays a valid entry.
    fn rewrite(&self, at: u64, from: &str, to: &str) {
        self.world.store.tamper(&self.world.pair.name, Seq(at), |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let changed = text.replace(from, to);
            assert_ne!(text, changed);
            *bytes = changed.into_bytes();
        });
    }

    /// Puts an entry at the end that names its predecessor rightly, with this epoch and event.
    fn forge(&self, epoch: u64, event: Event) {
        let last = self.entries().pop().unwrap();
        let forged = Entry {
            format: FORMAT,
            seq: last.seq.next(),
            epoch: Epoch(epoch),
            at: last.at,
            nonce: Nonce("forged".to_owned()),
            previous: last.hash(),
            event,
        };
        let append = self.world.store.append_at(&self.world.pair.name, forged.seq, &forged);
        assert_eq!(self.world.run(append), Ok(Appended::Done));
    }

    fn broken_at(&self) -> (Seq, String) {
        match self.open() {
            Err(JournalError::Broken { pair, fault: IllegalTransition { seq, why } }) => {
                assert_eq!(pair, self.world.pair.name);
                (seq, why)
            }
            other => panic!("{other:?}"),
        }
    }
}

fn holder(actor: &str) -> Holder {
    Holder { actor: actor.to_owned(), host: "ops-1".to_owned(), process: 1, program: "switchover".to_owned() }
}

#[test]
fn of_two_writers_exactly_one_goes_on() {
    let bench = Bench::new();
    let (mut ada, mut bob) = (bench.open().unwrap(), bench.open().unwrap());
    let both = join(ada.claim(holder("ada")), bob.claim(holder("bob")));
    let (ada_claimed, bob_claimed) = bench.world.run(both);
    let (winner, loser, name) = match (ada_claimed, bob_claimed) {
        (Ok(()), Err(error)) => (&mut ada, error, "ada"),
        (Err(error), Ok(())) => (&mut bob, error, "bob"),
        other => panic!("{other:?}"),
    };
    match loser {
        JournalError::Taken { at, holder: Some(by), .. } => {
            assert_eq!((at, by.actor.as_str()), (Seq(0), name));
        }
        other => panic!("{other:?}"),
    }
    bench.world.run(winner.claim(holder(name))).unwrap();
    assert_eq!(bench.entries().len(), 2);
    assert_eq!(bench.entries(), winner.entries());
}

#[test]
fn a_holder_whose_pair_was_taken_stops_at_its_next_entry() {
    let bench = Bench::claimed(1);
    let mut journal = bench.open().unwrap();
    bench.world.store.rival_claims(&bench.world.pair.name);
    for _ in 0..2 {
        match bench.world.run(journal.claim(holder("ada"))) {
            Err(JournalError::Taken { holder: Some(rival), .. }) => assert_eq!(rival.actor, "rival"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bench.entries().len(), 2);
}

#[test]
fn a_rival_between_reading_and_writing_wins() {
    let bench = Bench::claimed(1);
    let mut journal = bench.open().unwrap();
    bench.world.store.fail_next(StoreCall::Append, StoreFault::RivalFirst);
    let claimed = bench.world.run(journal.claim(holder("ada")));
    assert!(matches!(claimed, Err(JournalError::Taken { .. })), "{claimed:?}");
    assert_eq!(bench.open().unwrap().state().holder.as_ref().unwrap().actor, "rival");
}

#[test]
fn an_unclear_answer_is_cleared_up_whether_the_entry_landed_or_not() {
    for fault in [
        StoreFault::UnknownLanded,
        StoreFault::UnknownLost,
        StoreFault::UnavailableLanded,
        StoreFault::Unavailable,
    ] {
        let bench = Bench::new();
        let mut journal = bench.open().unwrap();
        bench.world.store.fail_next(StoreCall::Append, fault);
        bench.world.run(journal.claim(holder("ada"))).unwrap();
        bench.world.run(journal.claim(holder("ada"))).unwrap();
        assert_eq!(bench.entries(), journal.entries(), "{fault:?}");
        assert_eq!(bench.open().unwrap().state(), journal.state(), "{fault:?}");
    }
}

#[test]
fn an_unclear_answer_that_a_rival_caused_is_told_from_ones_own_entry() {
    let bench = Bench::claimed(1);
    let mut journal = bench.open().unwrap();
    bench.world.store.fail_next(StoreCall::Append, StoreFault::UnknownLost);
    bench.world.store.fail_next(StoreCall::Append, StoreFault::RivalFirst);
    let claimed = bench.world.run(journal.claim(holder("ada")));
    assert!(matches!(claimed, Err(JournalError::Taken { .. })), "{claimed:?}");
    assert_eq!(bench.entries().len(), 2);
}

#[test]
fn a_store_that_stays_away_stops_the_run() {
    let bench = Bench::new();
    let mut journal = bench.open().unwrap();
    bench.world.store.fail_always(StoreCall::Append, StoreFault::UnknownLost);
    let claimed = bench.world.run(journal.claim(holder("ada")));
    assert!(matches!(claimed, Err(JournalError::Store(StateError::Unavailable { .. }))), "{claimed:?}");
    assert_eq!(journal.entries(), []);
}

#[test]
fn a_full_store_stops_the_run_with_nothing_written() {
    let bench = Bench::claimed(1);
    let mut journal = bench.open().unwrap();
    bench.world.store.fail_next(StoreCall::Append, StoreFault::Full);
    let claimed = bench.world.run(journal.claim(holder("ada")));
    assert!(matches!(claimed, Err(JournalError::Store(StateError::Full { .. }))), "{claimed:?}");
    assert_eq!(bench.entries().len(), 1);
    assert_eq!(bench.world.run(journal.claim(holder("ada"))), claimed);
    let mut again = bench.open().unwrap();
    bench.world.run(again.claim(holder("ada"))).unwrap();
}

#[test]
fn a_changed_entry_is_found_by_the_entry_after_it() {
    for at in 0..4 {
        let bench = Bench::claimed(5);
        bench.rewrite(at, "ada", "eve");
        let (seq, why) = bench.broken_at();
        assert_eq!(seq, Seq(at + 1));
        assert!(why.contains("hash"), "{why}");
    }
}

#[test]
fn a_changed_time_is_found_too() {
    let bench = Bench::claimed(3);
    bench.rewrite(1, "2026-11-21", "2026-11-20");
    assert_eq!(bench.broken_at().0, Seq(2));
}

#[test]
fn an_entry_that_was_taken_out_is_found() {
    let bench = Bench::claimed(4);
    bench.world.store.take_out(&bench.world.pair.name, Seq(1));
    let opened = bench.open();
    assert!(
        matches!(opened, Err(JournalError::Store(StateError::Damaged { seq: Seq(1), .. }))),
        "{opened:?}"
    );
}

#[test]
fn an_entry_of_another_epoch_is_found() {
    let claim = || Event::Claimed { holder: holder("eve") };
    let pause = || Event::Paused { run: RunId::new("r-1").unwrap(), reason: PauseReason::Operator };
    for (epoch, event) in [(2, claim()), (4, claim()), (1, pause()), (3, pause())] {
        let bench = Bench::claimed(2);
        bench.forge(epoch, event);
        let (seq, why) = bench.broken_at();
        assert_eq!(seq, Seq(2));
        assert!(why.contains("epoch"), "{why}");
    }
}

#[test]
fn an_event_that_cannot_follow_is_found_and_never_written() {
    let pause = || Event::Paused { run: RunId::new("r-1").unwrap(), reason: PauseReason::Operator };
    let bench = Bench::claimed(1);
    let mut journal = bench.open().unwrap();
    let appended = bench.world.run(journal.append(pause()));
    assert!(matches!(appended, Err(JournalError::Illegal(_))), "{appended:?}");
    assert_eq!(bench.entries().len(), 1);
    bench.forge(1, pause());
    assert!(bench.broken_at().1.contains("not open"));
}

#[test]
fn a_first_entry_that_names_a_predecessor_is_found() {
    let bench = Bench::claimed(1);
    bench.rewrite(0, &EntryHash::none().0, &"1".repeat(64));
    assert_eq!(bench.broken_at().0, Seq(0));
}

#[test]
fn a_torn_tail_and_a_broken_middle_are_damage_at_their_entry() {
    for at in [1, 3] {
        let bench = Bench::claimed(4);
        bench.world.store.tamper(&bench.world.pair.name, Seq(at), |bytes| bytes.truncate(30));
        match bench.open() {
            Err(JournalError::Store(StateError::Damaged { seq, .. })) => assert_eq!(seq, Seq(at)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_entry_of_a_newer_format_is_not_called_damaged() {
    let bench = Bench::claimed(2);
    bench.rewrite(1, "\"format\":1,", "\"format\":2,\"colour\":\"blue\",");
    let opened = bench.open();
    assert!(
        matches!(opened, Err(JournalError::Store(StateError::Newer { found: 2, known: FORMAT, .. }))),
        "{opened:?}"
    );
}
