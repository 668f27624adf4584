//! Failures of a connection in plain words.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// What happened, without the layers of libraries that it went through.
pub(crate) fn plain(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    loop {
        if let Some(words) = innermost.downcast_ref().and_then(known) {
            return words.into();
        }
        match innermost.source() {
            Some(source) => innermost = source,
            None => return innermost.to_string(),
        }
    }
}

fn known(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::ConnectionRefused => Some("the connection was refused"),
        ErrorKind::ConnectionReset => Some("the connection was reset"),
        ErrorKind::HostUnreachable => Some("the host cannot be reached"),
        ErrorKind::NetworkUnreachable => Some("there is no route to the network"),
        _ => None,
    }
}

/// That the time was up.
pub(crate) fn timed_out(limit: Duration) -> String {
    format!("no answer within {} ms", limit.as_millis())
}
