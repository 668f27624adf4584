//! Errors of files in the words of the port.

use std::fmt::Display;
use std::io::{Error, ErrorKind};
use std::path::Path;

use switchover::port::DataError;

/// What an error of the file system means for whoever works at a path.
pub(crate) fn io(doing: &str, path: &Path, error: &Error) -> DataError {
    let place = path.display().to_string();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DataError::Failed {
            place,
            why: format!("the disk is full: {doing} failed; make room and try again"),
        },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            DataError::Unauthorized { place, why: format!("{doing} failed: {error}") }
        }
        _ => failed(place, format!("{doing} failed: {error}")),
    }
}

/// Work that began and could not be finished.
pub(crate) fn failed(place: impl Display, why: impl Into<String>) -> DataError {
    DataError::Failed { place: place.to_string(), why: why.into() }
}

/// Runs what blocks where it may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels blocking work, and then nobody polls this any more.
            Err(_) => std::future::pending().await,
        },
    }
}
