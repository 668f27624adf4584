//! What an archive of `pg_dump` says it contains, and which of it is restored when.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use switchover::port::DataError;
use tempfile::NamedTempFile;

use super::child::Call;
use super::tools::Tool;
use crate::freeze::GUARD;

/// The entries of an archive, without what belongs to the side and not to the data: its freeze.
#[derive(Debug)]
pub(super) struct Contents {
    /// In the archive's order.
    entries: Vec<Entry>,
    /// The entries that are restored before any data.
    before: BTreeSet<u32>,
}

#[derive(Debug)]
struct Entry {
    id: u32,
    line: String,
}

/// A part of the entries, as `pg_restore --use-list` reads it.
#[derive(Debug)]
pub(super) struct List {
    pub(super) file: NamedTempFile,
    pub(super) items: u64,
}

impl Contents {
    /// Reads an archive. One that is still being written has all of it from the moment on in which its first table is dumped: `toc.dat` is
    /// written before any data (`_CloseArchive` in
    /// <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/bin/pg_dump/pg_backup_directory.c>, and so before and since).
    pub(super) async fn read(tool: &Tool, archive: &Path) -> Result<Self, DataError> {
        let mut entries = Vec::new();
        let take = |line: &str| {
            let entry = Entry::parse(line).filter(|_| !is_of_the_freeze(line));
            entries.extend(entry);
        };
        list(tool, archive, &[]).lines(take).await?;
        let mut before = BTreeSet::new();
        let take = |line: &str| {
            before.extend(Entry::parse(line).filter(|entry| !entry.is_right()).map(|entry| entry.id));
        };
        list(tool, archive, &["--section=pre-data"]).lines(take).await?;
        Ok(Self { entries, before })
    }

    /// Everything.
    pub(super) fn all(&self) -> Result<List, DataError> {
        write(self.entries.iter())
    }

    /// What comes before the data. Rights come with the rest, as `pg_restore` itself does it: an owner may have taken its own away.
    pub(super) fn definitions(&self) -> Result<List, DataError> {
        write(self.entries.iter().filter(|entry| self.before.contains(&entry.id)))
    }

    /// What is neither a definition nor the data of a table that is loaded already.
    pub(super) fn rest(&self, loaded: &BTreeSet<u32>) -> Result<List, DataError> {
        write(
            self.entries
                .iter()
                .filter(|entry| !self.before.contains(&entry.id) && !loaded.contains(&entry.id)),
        )
    }

    /// The data of tables: by the table's object identifier at the source, the number that names the data's file.
    pub(super) fn data(&self) -> BTreeMap<u32, u32> {
        self.entries.iter().filter_map(|entry| Some((entry.data_of()?, entry.id))).collect()
    }
}

fn list(tool: &Tool, archive: &Path, more: &[&str]) -> Call {
    Call::local(tool, archive.display().to_string()).args(["--list"]).args(more).args([archive])
}

impl Entry {
    /// `3378; 0 16390 TABLE DATA public file boss`; comments begin with a semicolon.
    fn parse(line: &str) -> Option<Self> {
        let id = line.split_once("; ")?.0.parse().ok()?;
        Some(Self { id, line: line.to_owned() })
    }

    /// What it is, after the numbers of its catalog and of itself there.
    fn what(&self) -> &str {
        self.line.splitn(4, ' ').nth(3).unwrap_or_default()
    }

    fn is_right(&self) -> bool {
        self.what().starts_with("ACL ") || self.what().starts_with("DEFAULT ACL ")
    }

    /// The table whose data it is.
    fn data_of(&self) -> Option<u32> {
        self.what().starts_with("TABLE DATA ").then(|| self.line.split(' ').nth(2)?.parse().ok()).flatten()
    }
}

fn write<'a>(entries: impl Iterator<Item = &'a Entry>) -> Result<List, DataError> {
    let wrong = |error: std::io::Error| DataError::Failed {
        place: std::env::temp_dir().display().to_string(),
        why: format!("writing a temporary file failed: {error}"),
    };
    let file = NamedTempFile::new().map_err(wrong)?;
    let mut to = std::io::BufWriter::new(&file);
    let mut items = 0;
    for entry in entries {
        items += 1;
        writeln!(to, "{}", entry.line).map_err(wrong)?;
    }
    to.flush().map_err(wrong)?;
    drop(to);
    Ok(List { file, items })
}

/// Whether a line of an archive's list is about the source's own freeze: its triggers, and the rights on the functions that write large
/// objects, which a freeze takes away. The schema itself is not in the archive.
fn is_of_the_freeze(line: &str) -> bool {
    let about = |word: &str| line.contains(word);
    (about(&format!(" {GUARD} ")) && about("TRIGGER"))
        || about(" ACL pg_catalog FUNCTION lo")
        || (about(" PUBLICATION ") && line.split(' ').any(is_of_a_stream))
}

/// The publications of the streaming method: `switchover_` and ten hexadecimal digits.
fn is_of_a_stream(word: &str) -> bool {
    let digits = word.strip_prefix("switchover_").unwrap_or_default();
    digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        let lines = [
            ";",
            "; Archive created at 2026-11-21",
            "214; 1259 16390 TABLE public file app",
            "3380; 0 0 ACL public TABLE file app",
            "3381; 0 0 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES app",
            "3378; 0 16390 TABLE DATA public file app",
            "3379; 0 16399 TABLE DATA Odd Name a table; DROP app",
            "3390; 0 0 SEQUENCE SET public file_id_seq app",
            "3391; 2606 16401 CONSTRAINT public file file_pkey app",
        ];
        let entries: Vec<Entry> = lines.into_iter().filter_map(Entry::parse).collect();
        let before = entries[..3].iter().filter(|entry| !entry.is_right()).map(|entry| entry.id).collect();
        Contents { entries, before }
    }

    fn lines(list: &List) -> Vec<u32> {
        let text = std::fs::read_to_string(list.file.path()).unwrap();
        assert_eq!(text.lines().count() as u64, list.items);
        text.lines().map(|line| Entry::parse(line).unwrap().id).collect()
    }

    #[test]
    fn each_entry_is_restored_once_and_rights_with_the_rest() {
        let contents = contents();
        assert_eq!(lines(&contents.definitions().unwrap()), [214]);
        let loaded = BTreeSet::from([3378]);
        assert_eq!(lines(&contents.rest(&loaded).unwrap()), [3380, 3381, 3379, 3390, 3391]);
        assert_eq!(lines(&contents.all().unwrap()).len(), 7);
    }

    #[test]
    fn data_is_known_by_the_number_of_its_table_whatever_that_is_called() {
        assert_eq!(contents().data(), BTreeMap::from([(16390, 3378), (16399, 3379)]));
    }

    #[test]
    fn the_sources_freeze_is_not_restored_and_nothing_else_is_left_out() {
        for line in [
            "3378; 2620 16402 TRIGGER public file switchover_freeze boss",
            "3379; 3466 16403 EVENT TRIGGER - switchover_freeze boss",
            "3380; 0 0 ACL pg_catalog FUNCTION lo_creat(integer) boss",
            "3381; 0 0 ACL pg_catalog FUNCTION lowrite(integer, bytea) boss",
            "3382; 6104 16404 PUBLICATION - switchover_0123456789 boss",
            "3383; 6106 16405 PUBLICATION TABLE public switchover_0123456789 file boss",
        ] {
            assert!(is_of_the_freeze(line), "{line}");
        }
        for line in [
            "; Archive created at 2026-11-21",
            "3378; 2620 16402 TRIGGER public file touch boss",
            "215; 1259 16390 TABLE public switchover_freeze app",
            "3382; 6104 16404 PUBLICATION - orders boss",
            "3383; 6106 16405 PUBLICATION TABLE public orders switchover_log boss",
            "3384; 0 0 ACL public FUNCTION lo_things() app",
        ] {
            assert!(!is_of_the_freeze(line), "{line}");
        }
    }
}
