//! Reading and appending entries, in blocking code on one connection.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use switchover::journal::{Entry, Seq, entries_from};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, StateError};

use crate::fault::{is_taken, store_error};
use crate::place::Place;

/// One statement, so that looking for the entry before and writing this one happen under one lock. It writes no row if it would
/// leave a hole.
const APPEND: &str = "
    INSERT INTO entries (pair, seq, entry) SELECT ?1, ?2, ?3
    WHERE ?2 = 0 OR EXISTS (SELECT 1 FROM entries WHERE pair = ?1 AND seq = ?2 - 1)";

const READ: &str = "SELECT seq, entry FROM entries WHERE pair = ?1 AND seq >= ?2 ORDER BY seq";

/// A beat of an epoch that is over does not hide the one of its successor.
const BEAT: &str = "
    INSERT INTO beats (pair, epoch, beat) VALUES (?1, ?2, ?3)
    ON CONFLICT (pair) DO UPDATE SET epoch = excluded.epoch, beat = excluded.beat
    WHERE excluded.epoch >= epoch";

pub(crate) fn append_at(
    place: &Place,
    connection: &Connection,
    pair: &PairName,
    at: Seq,
    entry: &Entry,
) -> Result<Appended, StateError> {
    if entry.seq != at {
        return Err(place.unusable(format!("entry {} does not belong at position {at}", entry.seq)));
    }
    let row = number(place, at.0)?;
    let text = String::from_utf8(entry.to_bytes())
        .map_err(|error| place.unusable(format!("entry {at} is no text: {error}")))?;
    match connection.execute(APPEND, params![pair.as_str(), row, text]) {
        Ok(0) => Err(place.unusable(format!("entry {at} would leave a hole before it"))),
        Ok(_) => Ok(Appended::Done),
        Err(error) if is_taken(&error) => Ok(Appended::Taken),
        Err(error) => Err(store_error(place, &error)),
    }
}

pub(crate) fn read(
    place: &Place,
    connection: &Connection,
    pair: &PairName,
    from: Seq,
) -> Result<Vec<Entry>, StateError> {
    entries_from(&place.shown(), from, rows(place, connection, pair, from)?)
}

/// The raw rows from a position on. A page that cannot be read is damage at the entry that should have come next.
fn rows(
    place: &Place,
    connection: &Connection,
    pair: &PairName,
    from: Seq,
) -> Result<Vec<(Seq, Vec<u8>)>, StateError> {
    let fault = |error| store_error(place, &error);
    let mut statement = connection.prepare(READ).map_err(fault)?;
    let found = statement.query_map(params![pair.as_str(), number(place, from.0)?], row).map_err(fault)?;
    let mut next = from;
    let mut rows = Vec::new();
    for row in found {
        let row = row.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => damaged(place, next, error.to_string()),
            Some(_) | None => store_error(place, &error),
        })?;
        next = row.0.next();
        rows.push(row);
    }
    Ok(rows)
}

fn row(row: &Row<'_>) -> rusqlite::Result<(Seq, Vec<u8>)> {
    let seq: i64 = row.get(0)?;
    // Not `get::<String>`: bytes that are no text are the damage that is looked for.
    let bytes = row.get_ref(1)?.as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
    Ok((Seq(seq.unsigned_abs()), bytes))
}

pub(crate) fn beat(
    place: &Place,
    connection: &Connection,
    pair: &PairName,
    beat: &Beat,
) -> Result<(), StateError> {
    let text = serde_json::to_string(beat).map_err(|error| place.unusable(format!("a beat: {error}")))?;
    let epoch = number(place, beat.epoch.0)?;
    connection
        .execute(BEAT, params![pair.as_str(), epoch, text])
        .map(drop)
        .map_err(|error| store_error(place, &error))
}

pub(crate) fn last_beat(
    place: &Place,
    connection: &Connection,
    pair: &PairName,
) -> Result<Option<Beat>, StateError> {
    let found: Option<String> = connection
        .query_row("SELECT beat FROM beats WHERE pair = ?1", params![pair.as_str()], |row| row.get(0))
        .optional()
        .map_err(|error| store_error(place, &error))?;
    // A hint that cannot be read is as good as none.
    Ok(found.and_then(|text| serde_json::from_str(&text).ok()))
}

/// `SQLite`'s integers have a sign.
fn number(place: &Place, unsigned: u64) -> Result<i64, StateError> {
    i64::try_from(unsigned)
        .map_err(|_| place.unusable(format!("{unsigned} is more than a journal can count")))
}

fn damaged(place: &Place, seq: Seq, why: String) -> StateError {
    StateError::Damaged { place: place.shown(), seq, why }
}
