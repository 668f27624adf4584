//! The bytes of journal entries: what can be read is written as it was read, cut bytes are no entry, and a chain has no hole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use switchover::journal::{Entry, PairState, Seq, entries_from};
use switchover_fuzz::told;

fuzz_target!(|input: &[u8]| {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    for line in &lines {
        round(line);
    }
    let kept = lines.iter().enumerate().map(|(place, line)| (Seq(place as u64), line.to_vec()));
    let Some(entries) = told(entries_from("a store", Seq(0), kept)) else { return };
    let mut state = PairState::default();
    for entry in &entries {
        if told(state.apply(entry)).is_none() {
            return;
        }
    }
    assert_eq!(state.next, Seq(entries.len() as u64));
});

fn round(line: &[u8]) {
    let Some(entry) = told(Entry::from_bytes(line)) else { return };
    let bytes = entry.to_bytes();
    assert_eq!(Entry::from_bytes(&bytes).as_ref(), Ok(&entry));
    assert!(!bytes.contains(&b'\n'), "an entry is one line");
    assert!(Entry::from_bytes(&bytes[..bytes.len() - 1]).is_err(), "an entry that is cut off is none");
}
