//! Finds `pg_dump` and `pg_restore` of a version that fits.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use switchover::port::DataError;

/// How long a tool may take to say its version.
const ANSWER: Duration = Duration::from_secs(10);

/// One of PostgreSQL's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Dump,
    Restore,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dump => "pg_dump",
            Self::Restore => "pg_restore",
        })
    }
}

/// A program that was found, and what it says its version is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) program: Program,
    pub(super) path: PathBuf,
    pub(super) major: i32,
    /// As it says it: `15.18`.
    pub(super) version: String,
}

/// Finds the oldest tool that is not older than `least`.
///
/// `pg_dump` refuses servers newer than itself, and `pg_restore` archives newer than itself
/// (<https://www.postgresql.org/docs/current/app-pgdump.html>, Notes). Of those that fit the oldest is taken, and not the newest: a newer one
/// writes settings into the restoring session that older servers do not know (`transaction_timeout` since 17).
///
/// With `folder` set only that one is looked at; else those of the path, and those where Debian and the PGDG packages put every version
/// side by side.
pub(super) async fn find(program: Program, least: i32, folder: Option<&Path>) -> Result<Tool, DataError> {
    let mut found: Vec<Tool> = Vec::new();
    for path in candidates(program, folder) {
        if let Some(tool) = ask(program, path).await {
            found.push(tool);
        }
    }
    // Stable: of one version the first one counts, as on the path.
    found.sort_by_key(|tool| tool.major);
    match found.iter().find(|tool| tool.major >= least) {
        Some(tool) => Ok(tool.clone()),
        None => Err(unfit(program, least, &found)),
    }
}

fn candidates(program: Program, folder: Option<&Path>) -> Vec<PathBuf> {
    let name = program.to_string();
    let folders = folder.map_or_else(usual, |folder| vec![folder.to_owned()]);
    let mut seen = BTreeSet::new();
    folders
        .iter()
        // A program may be run in another directory than ours.
        .filter_map(|folder| std::path::absolute(folder.join(&name)).ok())
        .filter(|path| path.is_file() && seen.insert(path.clone()))
        .collect()
}

/// The path's folders, then those where packages put every version side by side.
fn usual() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(side_by_side("/usr/lib/postgresql", "", "bin"));
    folders.extend(side_by_side("/usr", "pgsql-", "bin"));
    folders
}

fn side_by_side(above: &str, prefix: &str, below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(above).into_iter().flatten().filter_map(Result::ok);
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    ours.map(|entry| entry.path().join(below)).collect()
}

async fn ask(program: Program, path: PathBuf) -> Option<Tool> {
    let mut command = tokio::process::Command::new(&path);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(ANSWER, command.output()).await.ok()?.ok()?;
    let (version, major) = version(&String::from_utf8_lossy(&output.stdout))?;
    output.status.success().then_some(Tool { program, path, major, version })
}

/// `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(text: &str) -> Option<(String, i32)> {
    let version = text.split("(PostgreSQL)").nth(1)?.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
}

fn unfit(program: Program, least: i32, found: &[Tool]) -> DataError {
    let package = Some(format!("install postgresql-client-{least}, or name its folder as `tools`"));
    match found.last() {
        None => DataError::Unfit {
            place: program.to_string(),
            why: "it is neither on the path nor in /usr/lib/postgresql/*/bin".into(),
            advice: package,
        },
        Some(newest) => DataError::Unfit {
            place: newest.path.display().to_string(),
            why: format!("{program} is {}, older than {least}, which is needed", newest.version),
            advice: package,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_tools_say_them() {
        let debian = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(version(debian), Some(("15.18".into(), 15)));
        assert_eq!(version("pg_restore (PostgreSQL) 18beta1"), Some(("18beta1".into(), 18)));
        assert_eq!(version("pg_dump: command not found"), None);
    }
}
