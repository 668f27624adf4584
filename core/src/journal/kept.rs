//! From what a state store keeps at each position to entries: in order, without a hole, each in its place.

use super::{Entry, EntryError, FORMAT, Seq};
use crate::port::StateError;

/// Makes entries of the bytes that a store keeps from the position `from` on, sorted by position.
///
/// For implementors of [`StateStore`](crate::port::StateStore); `place` is how their errors name the store.
///
/// # Errors
///
/// [`StateError::Damaged`] at the first position that is missing while a later one stands, whose bytes are no entry, or that holds
/// another position's entry. [`StateError::Newer`] for an entry of a newer format.
pub fn entries_from(
    place: &str,
    from: Seq,
    kept: impl IntoIterator<Item = (Seq, Vec<u8>)>,
) -> Result<Vec<Entry>, StateError> {
    let mut kept = kept.into_iter().peekable();
    let mut expected = from;
    let mut entries = Vec::new();
    while let Some((seq, bytes)) = kept.next() {
        if seq != expected {
            return Err(damaged(place, expected, format!("it is missing, and entry {seq} follows")));
        }
        entries.push(decode(place, seq, &bytes, kept.peek().is_none())?);
        expected = expected.next();
    }
    Ok(entries)
}

fn decode(place: &str, seq: Seq, bytes: &[u8], last: bool) -> Result<Entry, StateError> {
    let entry = Entry::from_bytes(bytes).map_err(|error| match error {
        EntryError::Newer { found } => StateError::Newer { place: place.to_owned(), found, known: FORMAT },
        EntryError::Malformed(why) if last => {
            damaged(place, seq, format!("the last entry is cut off: {why}"))
        }
        EntryError::Malformed(why) => damaged(place, seq, format!("{why}; more entries follow it")),
    })?;
    if entry.seq == seq {
        Ok(entry)
    } else {
        Err(damaged(place, seq, format!("entry {} stands in its place", entry.seq)))
    }
}

fn damaged(place: &str, seq: Seq, why: String) -> StateError {
    StateError::Damaged { place: place.to_owned(), seq, why }
}
