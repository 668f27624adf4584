//! The names of the databases that a restore makes, and the comments that say what they are.

use serde::{Deserialize, Serialize};
use switchover::model::BackupKey;

/// The longest name a database may have, in bytes (`NAMEDATALEN` less one).
const LONGEST: usize = 63;
/// What every comment of ours begins with.
const BEGIN: &str = "switchover: ";

/// What a database of ours is, written as its comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Mark {
    /// It is being restored, or was when a process died. Of no use to anybody.
    Restoring {
        /// The database that it is to become.
        of: String,
        key: BackupKey,
    },
    /// It was the database `of` until a copy took its place. Kept until the next success.
    Kept {
        of: String,
        /// The key of the copy that took its place.
        key: BackupKey,
    },
}

impl Mark {
    /// The comment.
    pub(super) fn text(&self) -> String {
        // A struct of texts always serialises.
        format!("{BEGIN}{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads a comment; `None` if it is somebody else's.
    pub(super) fn read(comment: &str) -> Option<Self> {
        serde_json::from_str(comment.strip_prefix(BEGIN)?).ok()
    }
}

/// The name of a new database: `gigadb_20261121_5f2a9c01`.
pub(super) fn new_name(of: &str, key: &BackupKey, random: u32) -> String {
    shortened(of, &format!("_{key}_{random:08x}"))
}

/// Whether a database without a comment has such a name: the comment comes in a second statement.
pub(super) fn is_new_name(name: &str, of: &str) -> bool {
    let mut parts = name.rsplitn(3, '_');
    let (Some(random), Some(key), Some(head)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let hexadecimal = random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    BackupKey::new(key).is_ok_and(|key| {
        hexadecimal && shortened(of, &format!("_{key}_{random}")) == format!("{head}_{key}_{random}")
    })
}

/// The name under which the earlier database is kept: `gigadb_before_20261121`.
pub(super) fn kept_name(of: &str, key: &BackupKey, again: u32) -> String {
    match again {
        0 => shortened(of, &format!("_before_{key}")),
        _ => shortened(of, &format!("_before_{key}_{again}")),
    }
}

/// As much of a name as fits before its ending, cut between characters.
fn shortened(name: &str, ending: &str) -> String {
    let most = LONGEST.saturating_sub(ending.len());
    let cut = (0..=most.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{ending}", &name[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> BackupKey {
        BackupKey::new("202611211502").unwrap()
    }

    #[test]
    fn names_fit_and_are_known_again() {
        for of in ["gigadb", &"ä".repeat(31), &"x".repeat(63), "a_b"] {
            let name = new_name(of, &key(), 0x5f2a);
            assert!(name.len() <= 63, "{name}");
            assert!(is_new_name(&name, of), "{name}");
            assert!(kept_name(of, &key(), 12).len() <= 63);
        }
        assert_eq!(new_name("gigadb", &key(), 0x5f2a), "gigadb_202611211502_00005f2a");
        assert_eq!(kept_name("gigadb", &key(), 0), "gigadb_before_202611211502");
        for other in [
            "gigadb",
            "gigadb_20261121",
            "gigadb_20261121_zzzzzzzz",
            "other_20261121_00005f2a",
            "gigadb_20261399_00005f2a",
        ] {
            assert!(!is_new_name(other, "gigadb"), "{other}");
        }
    }

    #[test]
    fn a_comment_is_read_back_and_others_are_not() {
        let mark = Mark::Kept { of: "gig'adb".into(), key: key() };
        assert_eq!(Mark::read(&mark.text()), Some(mark));
        assert_eq!(Mark::read("the production database"), None);
        assert_eq!(Mark::read("switchover: by hand"), None);
    }
}
