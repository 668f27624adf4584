//! The journal takes an entry in or is as it was: whatever order the entries come in, however often.

use proptest::prelude::*;
use proptest::sample::Index;
use switchover::journal::{Entry, EntryHash, Event, Outcome, PairState};
use switchover::plan::Intent;

use crate::support::{Desk, small};

/// The entries of a switchover and of the revert after it.
fn entries() -> Vec<Entry> {
    let desk = Desk::new(small());
    desk.expect(Intent::Switchover, Outcome::Completed);
    desk.expect(Intent::Revert, Outcome::Completed);
    desk.entries()
}

/// An entry of another moment, put in place as the next one, so that nothing but its event can be wrong.
fn following(state: &PairState, entry: &Entry) -> Entry {
    Entry {
        seq: state.next,
        epoch: if entry.event.claimant().is_some() { state.epoch.next() } else { state.epoch },
        previous: state.head.clone().unwrap_or_else(EntryHash::none),
        ..entry.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_entry_that_is_refused_leaves_nothing_behind(order in prop::collection::vec(any::<Index>(), 1..200)) {
        let entries = entries();
        let mut state = PairState::default();
        let mut next = 0;
        for pick in order {
            // Mostly the one that comes next; one in three is any other.
            let pick = pick.index(entries.len() * 3 / 2);
            let entry = entries.get(pick).unwrap_or(&entries[next % entries.len()]);
            let before = state.clone();
            next += usize::from(pick >= entries.len());
            if let Err(refusal) = state.apply(&following(&before, entry)) {
                prop_assert_eq!(&state, &before, "{}", refusal);
            }
        }
    }
}

#[test]
fn requests_beyond_all_counting_are_counted_as_many() {
    let mut state = PairState::default();
    for entry in entries() {
        let mut entry = following(&state, &entry);
        if let Event::StepSucceeded { requests, .. } = &mut entry.event {
            *requests = u64::MAX;
        }
        state.apply(&entry).unwrap();
        if let Some(holder) = &state.holder {
            let claim = Event::Claimed { holder: holder.clone() };
            state.apply(&following(&state, &Entry { event: claim, ..entry })).unwrap();
        }
    }
    assert!(state.runs.iter().all(|run| run.requests == u64::MAX));
}
