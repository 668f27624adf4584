//! Any events in any order: the journal takes one or says why not, is as it was then, and everything that is told of it can be told.
//!
//! Input: a line per event, in JSON; a plan's digest, the positions and the hashes are put in, so that what follows is not refused for them.

#![no_main]

use jiff::{Timestamp, ToSpan as _};
use libfuzzer_sys::fuzz_target;
use switchover::journal::{Entry, EntryHash, Event, FORMAT, Nonce, PairState, Seq, of_failover};
use switchover::report::Report;
use switchover_fuzz::told;

/// More events than this say nothing new.
const MOST_EVENTS: usize = 200;

fuzz_target!(|input: &str| {
    let mut state = PairState::default();
    let mut at = Timestamp::UNIX_EPOCH;
    for line in input.lines().take(MOST_EVENTS) {
        let Ok(event) = serde_json::from_str::<Event>(line) else { continue };
        at += 1.second();
        let entry = following(&state, at, event);
        assert_eq!(Entry::from_bytes(&entry.to_bytes()).as_ref(), Ok(&entry));
        let before = state.clone();
        if told(state.apply(&entry)).is_none() {
            assert_eq!(state, before, "a refused entry left something behind");
        }
    }
    tell(&state);
});

/// The event as the next entry.
fn following(state: &PairState, at: Timestamp, event: Event) -> Entry {
    let event = match event {
        Event::RunStarted { run, plan, reason, .. } => {
            Event::RunStarted { digest: plan.digest(), run, plan, reason }
        }
        other => other,
    };
    Entry {
        format: FORMAT,
        seq: state.next,
        epoch: if event.claimant().is_some() { state.epoch.next() } else { state.epoch },
        at,
        nonce: Nonce("0".repeat(32)),
        previous: state.head.clone().unwrap_or_else(EntryHash::none),
        event,
    }
}

fn tell(state: &PairState) {
    let finished = state.runs.iter().filter(|run| run.finished.is_some()).count();
    let open = usize::from(state.open_run().is_some());
    assert_eq!(finished + open, state.runs.len(), "only the last run may be open");
    for run in &state.runs {
        let report = Report::of(run);
        serde_json::to_string(&report).expect("a report can be written");
        assert_eq!(report.outcome.is_some(), run.finished.is_some());
        assert_eq!(of_failover(run), report.owed);
        let _ = (run.open_gate(), run.pivot_crossed(), report.duration());
    }
    assert!(state.next > Seq(0) || state.runs.is_empty());
    state.owed();
}
