//! What rclone says in its JSON log, as far as it matters here. Pure.
//!
//! Field names as in rclone's source (`fs/accounting/stats.go`, `fs/operations/operations.go`): `skipped` since 1.53 in dry runs, `stats` with
//! `--stats` under `--use-json-log`.

use serde::Deserialize;

/// How far rclone is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Stats {
    pub(crate) bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) transfers: u64,
    pub(crate) checks: u64,
    pub(crate) deletes: u64,
}

#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    level: String,
    #[serde(default)]
    msg: String,
    object: Option<String>,
    skipped: Option<String>,
    size: Option<u64>,
    stats: Option<Stats>,
}

/// What was heard so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) stats: Stats,
    /// What a dry run would do.
    pub(crate) copies: u64,
    pub(crate) copy_bytes: u64,
    pub(crate) deletes: u64,
    pub(crate) others: u64,
    /// The first errors, each with what it is about.
    pub(crate) errors: Vec<String>,
    /// Whether every error about a file says that the source changes.
    pub(crate) only_busy: bool,
    /// A file that changes at the source.
    pub(crate) busy: Option<String>,
    /// How many files kept changing.
    pub(crate) busy_count: u64,
    /// Whether the deletion limit ended it.
    pub(crate) over_limit: bool,
}

/// As many errors as a person reads.
const ERRORS: usize = 3;

impl Heard {
    pub(crate) fn new() -> Self {
        Self { only_busy: true, ..Self::default() }
    }

    /// Hears one line. What is no JSON (a panic, a message before the log was set up) counts as an error.
    pub(crate) fn line(&mut self, text: &str) {
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            self.error(text);
            return;
        };
        if let Some(stats) = line.stats {
            self.stats = stats;
        }
        match line.skipped.as_deref() {
            Some("copy") => {
                self.copies += 1;
                self.copy_bytes += line.size.unwrap_or(0);
            }
            Some("delete") => self.deletes += 1,
            Some(_) => self.others += 1,
            None => {}
        }
        if line.level == "error" || line.level == "critical" {
            self.failed(line);
        }
    }

    fn failed(&mut self, line: Line) {
        self.over_limit |= line.msg.contains("--max-delete threshold reached");
        let told = |msg: &str| {
            ["Attempt ", "not deleting ", "Fatal error received"].iter().any(|start| msg.starts_with(start))
        };
        if told(&line.msg) {
            return;
        }
        match line.object {
            Some(object) if line.msg.contains("source file is being updated") => {
                self.busy.get_or_insert(object);
                self.busy_count += 1;
            }
            Some(object) => self.error(&format!("{}: {}", object.escape_debug(), line.msg)),
            None => self.error(&line.msg),
        }
    }

    fn error(&mut self, error: &str) {
        let text = error.trim();
        // The last line of every failed run sums up what was said before.
        if text.is_empty() || text.contains("errors: last error was") {
            return;
        }
        self.only_busy = false;
        if self.errors.len() < ERRORS && !self.errors.iter().any(|known| known == text) {
            self.errors.push(text.to_owned());
        }
    }

    /// The errors on one line.
    pub(crate) fn told(&self) -> String {
        switchover_files::command::words(self.errors.join("; ").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_is_counted() {
        let mut heard = Heard::new();
        heard.line(r#"{"level":"warning","msg":"Skipped copy as --dry-run is set (size 12)","object":"a\nb","skipped":"copy","size":12}"#);
        heard.line(r#"{"level":"warning","msg":"Skipped delete as --dry-run is set","object":"c","skipped":"delete","size":4}"#);
        heard.line(r#"{"level":"warning","msg":"Skipped update modification time","object":"d","skipped":"update modification time"}"#);
        assert_eq!((heard.copies, heard.copy_bytes, heard.deletes, heard.others), (1, 12, 1, 1));
        assert!(heard.errors.is_empty() && heard.only_busy);
    }

    #[test]
    fn progress_is_the_latest() {
        let mut heard = Heard::new();
        for bytes in [1, 8] {
            heard.line(&format!(r#"{{"level":"warning","msg":"x","stats":{{"bytes":{bytes},"totalBytes":9,"transfers":2,"deletes":1,"eta":null}}}}"#));
        }
        assert_eq!((heard.stats.bytes, heard.stats.total_bytes, heard.stats.deletes), (8, 9, 1));
    }

    #[test]
    fn errors_are_kept_and_busy_files_told_apart() {
        let mut heard = Heard::new();
        heard.line(r#"{"level":"error","msg":"Failed to copy: can't copy - source file is being updated (size changed)","object":"log"}"#);
        heard.line(r#"{"level":"error","msg":"Attempt 1/3 failed with 1 errors"}"#);
        assert!(heard.only_busy && heard.busy.as_deref() == Some("log"));
        heard.line(r#"{"level":"error","msg":"Failed to copy: permission denied","object":"secret"}"#);
        heard.line("panic: runtime error");
        assert!(!heard.only_busy);
        assert_eq!(heard.told(), "secret: Failed to copy: permission denied; panic: runtime error");
    }
}
