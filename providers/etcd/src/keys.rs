//! Where things stand in etcd.
//!
//! ```text
//! switchover/PAIR/entries/00000000000000000007          an entry, or the head of a large one
//! switchover/PAIR/parts/00000000000000000007/SHA256/3   a piece of a large one
//! switchover/PAIR/beat                                   EPOCH, a blank, the sign of life
//! switchover/proof                                       never written: proves that it could be
//! ```
//!
//! A pair's name has no `/`, so no pair's keys are among another's. Numbers have twenty digits: as text they sort as numbers do.

use switchover::journal::{Epoch, Seq};
use switchover::model::PairName;

/// The keys of one pair.
pub(crate) struct Keys {
    base: String,
}

impl Keys {
    pub(crate) fn of(prefix: &str, pair: &PairName) -> Self {
        Self { base: format!("{prefix}{pair}/") }
    }

    pub(crate) fn entry(&self, seq: Seq) -> String {
        format!("{}entries/{:020}", self.base, seq.0)
    }

    /// What comes after every entry: `0` follows `/`.
    pub(crate) fn end_of_entries(&self) -> String {
        format!("{}entries0", self.base)
    }

    /// The position that a key of an entry is of.
    pub(crate) fn position(&self, key: &[u8]) -> Option<Seq> {
        let digits = std::str::from_utf8(key).ok()?.strip_prefix(&self.base)?.strip_prefix("entries/")?;
        let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten().map(Seq)
    }

    pub(crate) fn part(&self, seq: Seq, digest: &str, number: usize) -> String {
        format!("{}parts/{:020}/{digest}/{number}", self.base, seq.0)
    }

    pub(crate) fn beat(&self) -> String {
        format!("{}beat", self.base)
    }
}

/// What a beat of an epoch begins with.
pub(crate) fn epoch_text(epoch: Epoch) -> String {
    format!("{:020}", epoch.0)
}

/// The key that proves write access.
pub(crate) fn proof(prefix: &str) -> String {
    format!("{prefix}proof")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_as_numbers_and_come_back() {
        let keys = Keys::of("a/", &PairName::new("gigadb").unwrap());
        assert!(
            keys.entry(Seq(9)) < keys.entry(Seq(10)) && keys.entry(Seq(u64::MAX)) < keys.end_of_entries()
        );
        for seq in [0, 7, u64::MAX] {
            assert_eq!(keys.position(keys.entry(Seq(seq)).as_bytes()), Some(Seq(seq)));
        }
        for other in ["a/gigadb/entries/7", "a/gigadb/entries/+0000000000000000007", "a/gigadb/beat", "b"] {
            assert_eq!(keys.position(other.as_bytes()), None, "{other}");
        }
    }
}
