//! Opening the file: its settings, its schema, and whose it is.

use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use switchover::port::StateError;

use crate::fault::store_error;
use crate::place::Place;

/// How often a call tries again when another process holds the file, and what it waits in between: five seconds in all.
///
/// `SQLite`'s own handler waits up to 100 ms between tries, and so starves beside a process that writes all the time.
const TRIES: i32 = 2500;
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// The newest schema this program knows (`PRAGMA user_version`).
pub(crate) const SCHEMA: u32 = 1;

/// Marks the file as ours (`PRAGMA application_id`): `SWov` in ASCII.
const APPLICATION: i64 = 0x5357_6f76;

/// The triggers hold for every program that opens the file, `sqlite3` included: `REPLACE` deletes without asking a delete
/// trigger, so an insert that would replace is refused on its own; and a row number would be a second key to replace by.
const TABLES: &str = "
    CREATE TABLE entries (
        pair TEXT NOT NULL,
        seq INTEGER NOT NULL CHECK (seq >= 0),
        entry TEXT NOT NULL,
        PRIMARY KEY (pair, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER entries_are_never_replaced BEFORE INSERT ON entries
        WHEN EXISTS (SELECT 1 FROM entries WHERE pair = NEW.pair AND seq = NEW.seq)
        BEGIN SELECT RAISE(ABORT, 'an entry stands there'); END;
    CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TABLE beats (
        pair TEXT PRIMARY KEY NOT NULL,
        epoch INTEGER NOT NULL,
        beat TEXT NOT NULL
    ) STRICT;
";

/// Opens the file of a place that was prepared, and makes the tables in an empty one.
pub(crate) fn connect(place: &Place) -> Result<Connection, StateError> {
    let mut connection = open(place).map_err(|error| store_error(place, &error))?;
    match look(&connection).map_err(|error| store_error(place, &error))? {
        Found::Ours => Ok(()),
        Found::Empty => create(place, &mut connection),
        Found::Newer(found) => Err(StateError::Newer { place: place.shown(), found, known: SCHEMA }),
        Found::Foreign => Err(place.unusable("it is an SQLite database of another program".to_owned())),
    }?;
    Ok(connection)
}

fn open(place: &Place) -> rusqlite::Result<Connection> {
    // Not `CREATE`: the file is there, and one that SQLite made would have the mode of the umask.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(place.path(), flags)?;
    connection.busy_handler(Some(wait))?;
    connection.pragma_update_and_check(None, "journal_mode", "TRUNCATE", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn wait(tries: i32) -> bool {
    let patient = tries < TRIES;
    if patient {
        thread::sleep(BETWEEN_TRIES);
    }
    patient
}

/// Whose a file is.
enum Found {
    Ours,
    Empty,
    Newer(u32),
    Foreign,
}

fn look(connection: &Connection) -> rusqlite::Result<Found> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Found::Empty);
    }
    if application != APPLICATION {
        return Ok(Found::Foreign);
    }
    Ok(match u32::try_from(version) {
        Ok(SCHEMA) => Found::Ours,
        Ok(newer) if newer > SCHEMA => Found::Newer(newer),
        Ok(_) | Err(_) => Found::Foreign,
    })
}

fn create(place: &Place, connection: &mut Connection) -> Result<(), StateError> {
    let fault = |error| store_error(place, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    // Looked at again under the lock: another process may have been faster.
    if matches!(look(&transaction).map_err(fault)?, Found::Empty) {
        transaction.execute_batch(TABLES).map_err(fault)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(fault)?;
        transaction.pragma_update(None, "user_version", SCHEMA).map_err(fault)?;
    }
    transaction.commit().map_err(fault)
}
