//! Loads tables from the files of a dump while `pg_dump` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::future::try_join_all;
use switchover::port::DataError;
use tokio::sync::watch;
use tokio_postgres::CopyInSink;

use super::follow::{Follower, Next};
use super::measure::Table;
use crate::connect::{Server, Session};
use crate::text::literal;

/// How long a file that does not grow is left alone.
const PAUSE: Duration = Duration::from_millis(5);

/// How far `pg_dump` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dumping {
    /// It reads what there is.
    Begun,
    /// It writes data: what the archive contains is known.
    Data,
    /// All files are whole.
    Ended,
}

/// Tables on their way into a database in which they exist and are empty.
#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) server: &'a Server,
    /// Where `pg_dump` writes.
    pub(super) dump: PathBuf,
    /// The source's encoding, in which the files are.
    pub(super) encoding: &'a str,
    pub(super) dumping: watch::Receiver<Dumping>,
}

/// Tables that were loaded.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The entries whose data it was.
    pub(super) entries: BTreeSet<u32>,
    /// By table, as a manifest names it: the rows that stand in the dump, and that the server took.
    pub(super) rows: BTreeMap<String, u64>,
}

/// A table, and the number of the entry whose data is its.
type Part<'a> = (&'a Table, u32);

impl Load<'_> {
    /// Loads every table of `tables` for which there is an entry in `data`, side by side over the sessions that are given. Data of other
    /// tables is left to `pg_restore`.
    pub(super) async fn tables(
        &self,
        sessions: &[Session],
        tables: &[Table],
        data: &BTreeMap<u32, u32>,
    ) -> Result<Tables, DataError> {
        let parts = tables.iter().filter_map(|table| Some((table, *data.get(&table.oid)?)));
        let parts: Vec<Part<'_>> = parts.collect();
        let entries = parts.iter().map(|(_, entry)| *entry).collect();
        let left = Mutex::new(parts);
        let done = try_join_all(sessions.iter().map(|session| self.work(session, &left))).await?;
        Ok(Tables { entries, rows: done.into_iter().flatten().collect() })
    }

    async fn work(
        &self,
        session: &Session,
        left: &Mutex<Vec<Part<'_>>>,
    ) -> Result<Vec<(String, u64)>, DataError> {
        let mut done = Vec::new();
        loop {
            // Read before the look: a file that is missing after the end is missing for good.
            let ended = *self.dumping.borrow() == Dumping::Ended;
            match self.take(left)? {
                Taken::One(table, follower) => {
                    done.push((table.shown(), self.one(session, table, follower).await?));
                }
                Taken::All => return Ok(done),
                Taken::None if ended => return Err(self.torn("a table's file is missing")),
                Taken::None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// The first table whose file is there.
    fn take<'a>(&self, left: &Mutex<Vec<Part<'a>>>) -> Result<Taken<'a>, DataError> {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, (table, entry)) in left.iter().enumerate() {
            if let Some(follower) = Follower::open(&self.dump, *entry).map_err(|error| self.unread(&error))? {
                let table = *table;
                left.remove(at);
                return Ok(Taken::One(table, follower));
            }
        }
        Ok(if left.is_empty() { Taken::All } else { Taken::None })
    }

    /// Loads one table. Emptied and filled in one transaction, its rows need no log where the server keeps a minimal one, and are frozen:
    /// nobody has to visit them again. Returns how many there are.
    async fn one(&self, session: &Session, table: &Table, mut follower: Follower) -> Result<u64, DataError> {
        let told = |error: tokio_postgres::Error| self.of_table(table, &error);
        let Some(first) = self.next(&mut follower).await? else { return Ok(0) };
        let name = table.quoted();
        session.batch_execute(&format!("BEGIN; TRUNCATE ONLY {name}")).await.map_err(told)?;
        let copy = format!(
            "COPY {name} {} FROM STDIN WITH (FORMAT text, ENCODING {}, FREEZE)",
            table.columns(),
            literal(self.encoding)
        );
        let mut sink: std::pin::Pin<&mut CopyInSink<Cursor<Vec<u8>>>> =
            pin!(session.copy_in(&copy).await.map_err(told)?);
        let (mut rows, mut sent) = (Some(first), 0);
        while let Some(some) = rows {
            sent += lines(&some);
            sink.send(Cursor::new(some)).await.map_err(told)?;
            rows = self.next(&mut follower).await?;
        }
        let taken = sink.finish().await.map_err(told)?;
        if taken != sent {
            let why = format!("loading {}: {taken} rows arrived, and {sent} were dumped", table.shown());
            return Err(self.server.failed(why));
        }
        session.batch_execute("COMMIT").await.map_err(told)?;
        Ok(sent)
    }

    /// More rows, as soon as there are some; `None` after the last ones.
    async fn next(&self, follower: &mut Follower) -> Result<Option<Vec<u8>>, DataError> {
        loop {
            let ended = *self.dumping.borrow() == Dumping::Ended;
            match follower.step().map_err(|error| self.unread(&error))? {
                Next::Rows(rows) => return Ok(Some(rows)),
                Next::End => return Ok(None),
                Next::Wait if ended => return Err(self.torn("a table's file ends in the middle")),
                Next::Wait => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn of_table(&self, table: &Table, error: &tokio_postgres::Error) -> DataError {
        match self.server.told(error) {
            DataError::Failed { place, why } => {
                DataError::Failed { place, why: format!("loading {}: {why}", table.shown()) }
            }
            other => other,
        }
    }

    fn unread(&self, error: &std::io::Error) -> DataError {
        self.torn(&format!("reading a table's file failed: {error}"))
    }

    fn torn(&self, why: &str) -> DataError {
        DataError::Failed { place: self.dump.display().to_string(), why: why.to_owned() }
    }
}

/// Each row is one line: a line's end inside of a value is written as `\n`
/// (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2>).
fn lines(rows: &[u8]) -> u64 {
    // Added up in bytes, which is many times as fast: a byte cannot overflow in 255 of them.
    rows.chunks(255).map(|part| u64::from(part.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>())).sum()
}

enum Taken<'a> {
    One(&'a Table, Follower),
    /// Files of none of those that are left are there yet.
    None,
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_however_many_there_are() {
        assert_eq!(lines(b""), 0);
        assert_eq!(lines(b"1\ta\\nb\n2"), 1);
        assert_eq!(lines(&[b'\n'; 1000]), 1000);
    }
}
