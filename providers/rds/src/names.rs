//! The names of what is made at RDS: composed, and checked before anything is.

use sha2::{Digest, Sha256};
use switchover::model::{BackupKey, PairName, RunId, StoreRef};

/// The longest name of an instance:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.Constraints>.
const LONGEST_INSTANCE: usize = 63;
/// What stands between an instance's name and the key, in the name of the instance that it replaced.
const BEFORE: &str = "-before-";
/// The longest that a key is.
const KEY: usize = 12;

/// The name of the instance that waits to take the place of another.
pub(crate) fn staged(instance: &str, key: &BackupKey) -> String {
    format!("{instance}-{key}")
}

/// The names that an instance whose place was taken can get, in order: a key may be restored more than once.
pub(crate) fn before(instance: &str, key: &BackupKey) -> impl Iterator<Item = String> {
    let plain = format!("{instance}{BEFORE}{key}");
    std::iter::once(plain.clone()).chain(('b'..='z').map(move |letter| format!("{plain}{letter}")))
}

/// The key in a name that [`staged`] or [`before`] made.
pub(crate) fn key_of_staged(instance: &str, name: &str) -> Option<BackupKey> {
    BackupKey::new(name.strip_prefix(instance)?.strip_prefix('-')?).ok()
}

/// The key in a name that [`before`] made.
pub(crate) fn key_of_before(instance: &str, name: &str) -> Option<BackupKey> {
    let key = name.strip_prefix(instance)?.strip_prefix(BEFORE)?;
    BackupKey::new(key.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(key)).ok()
}

/// The name of a snapshot: from the pair, the store, the key, and for the last sync of a run from that run, so that the snapshot of one run
/// is never taken for another's.
pub(crate) fn snapshot(pair: &PairName, store: &StoreRef, key: &BackupKey, run: Option<&RunId>) -> String {
    let run = run.map(|run| format!("-{}", &hex::encode(Sha256::digest(run.as_str()))[..8]));
    let whole =
        format!("switchover-{pair}-{}-{}-{key}{}", store.environment, store.store, run.unwrap_or_default());
    let plain = whole.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// What is wrong with an instance's name, if something is: RDS's rules, and the room that the names made from it need.
pub(crate) fn fault(instance: &str) -> Option<String> {
    let room = LONGEST_INSTANCE - BEFORE.len() - KEY - 1;
    if instance.is_empty() || instance.len() > room {
        return Some(format!(
            "an instance's name must have 1 to {room} characters here: RDS allows {LONGEST_INSTANCE}, and the instance that \
             was replaced is called NAME{BEFORE}KEY"
        ));
    }
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !instance.starts_with(|c: char| c.is_ascii_lowercase()) || !instance.chars().all(letters) {
        return Some(
            "an instance's name starts with a letter and holds lower-case letters, digits and hyphens"
                .to_owned(),
        );
    }
    (instance.ends_with('-') || instance.contains("--"))
        .then(|| "an instance's name must not end with a hyphen or hold two in a row".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchover::model::{EnvironmentName, StoreName};

    fn key(text: &str) -> BackupKey {
        BackupKey::new(text).unwrap()
    }

    #[test]
    fn names_are_checked_before_rds_sees_them() {
        for name in ["gigadb-live", "a", &"a".repeat(42)] {
            assert_eq!(fault(name), None, "{name}");
            assert!(before(name, &key("202611211502")).all(|name| name.len() <= LONGEST_INSTANCE));
        }
        for name in ["", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "é", &"a".repeat(43)] {
            assert!(fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_key_is_read_back_from_the_names_that_hold_it() {
        let key = key("202611211502");
        assert_eq!(key_of_staged("db", &staged("db", &key)), Some(key.clone()));
        for before in before("db", &key) {
            assert_eq!(key_of_before("db", &before), Some(key.clone()));
            assert_eq!(key_of_staged("db", &before), None);
        }
        assert_eq!(key_of_staged("db", "db-replica"), None);
        assert_eq!(key_of_staged("db", "db2-202611211502"), None);
    }

    #[test]
    fn a_snapshot_of_one_run_has_another_name_than_that_of_the_next() {
        let pair = PairName::new("Giga_DB").unwrap();
        let store = StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new("meta.data").unwrap(),
        };
        let run = |run: &str| snapshot(&pair, &store, &key("20261121"), Some(&RunId::new(run).unwrap()));
        assert_eq!(
            snapshot(&pair, &store, &key("20261121"), None),
            "switchover-giga-db-live-meta-data-20261121"
        );
        assert_ne!(run("r-1"), run("r-2"));
    }
}
