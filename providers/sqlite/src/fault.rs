//! `SQLite`'s errors as core's. Result codes: <https://www.sqlite.org/rescode.html>.

use rusqlite::ErrorCode;
use rusqlite::ffi;
use switchover::port::StateError;

use crate::place::Place;

/// What an error of `SQLite` means for the journal.
///
/// Only what is certain is promised: a full disk is noticed before the transaction's end, so nothing was written; after an
/// I/O error nothing is certain.
pub(crate) fn store_error(place: &Place, error: &rusqlite::Error) -> StateError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => place.full("no space is left on its disk; nothing was written"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            place.unavailable("another process has been holding it for too long")
        }
        Some(ErrorCode::NotADatabase) => {
            place.unusable("it is not an SQLite database, or it is damaged at its start".to_owned())
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            place.unusable(format!("the file is damaged ({error}); restore it from a backup"))
        }
        Some(ErrorCode::ReadOnly) => place.unusable(read_only(error)),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            place.unusable(format!("it cannot be opened ({error}); check its owner and the folder's"))
        }
        Some(ErrorCode::SystemIoFailure) => place.unavailable(&io_failure(error)),
        Some(_) | None => place.unavailable(&error.to_string()),
    }
}

fn read_only(error: &rusqlite::Error) -> String {
    let moved = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_DBMOVED);
    if moved {
        "the file was moved or deleted while it was open; put it back and start again".to_owned()
    } else {
        format!("it cannot be written ({error}); check its owner, its folder and the mount")
    }
}

fn io_failure(error: &rusqlite::Error) -> String {
    let on_write = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_WRITE);
    let hint = if on_write { " (a quota or a limit on file sizes may be used up)" } else { "" };
    format!("{error}{hint}")
}

/// Whether an insert failed because something stands at its place.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(
            error.extended_code,
            ffi::SQLITE_CONSTRAINT_UNIQUE
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_TRIGGER
        )
    })
}
