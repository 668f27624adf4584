//! What people and machines read.

pub(crate) mod findings;
pub(crate) mod plan;
pub(crate) mod problems;
pub(crate) mod progress;
mod recovery;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod stores;
pub(crate) mod table;

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::exit::{Exit, Stop};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Whether somebody reads standard output on a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes data to standard output. A reader that has gone away is no error.
pub(crate) fn out(text: &str) -> Result<(), Stop> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::said(Exit::Done)),
        Err(error) => Err(Stop::new(Exit::Failed, format!("standard output: {error}"))),
    }
}

/// Writes to standard error. Nobody to read it is no error.
pub(crate) fn say(text: impl std::fmt::Display) {
    let mut stderr = anstream::stderr().lock();
    writeln!(stderr, "{text}").ok();
}

/// A number of bytes as people say it: `512 B`, `1.4 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.into_iter().find(|(_, size)| count >= *size) {
        // Tenths are whole numbers here, so that nothing is lost on large ones.
        Some((unit, size)) => {
            let tenths = count / (size / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{count} B"),
    }
}

/// A JSON document, indented or on one line.
pub(crate) fn json(value: &impl Serialize, on_one_line: bool) -> Result<String, Stop> {
    let text = if on_one_line { serde_json::to_string(value) } else { serde_json::to_string_pretty(value) };
    match text {
        Ok(text) => Ok(text + "\n"),
        Err(error) => Err(Stop::new(Exit::Failed, format!("the answer cannot be written as JSON: {error}"))),
    }
}
