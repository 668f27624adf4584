//! Entries that are larger than a request may be: a head at the entry's position, and pieces beside it.
//!
//! etcd takes requests of up to 1.5 MiB (<https://etcd.io/docs/v3.4/dev-guide/limit/>); a plan of thousands of records is more. The pieces
//! are written first, under the digest of the whole, so that nobody else's are touched and writing them again changes nothing; then the
//! head, in the one transaction that decides who has the position. Pieces of whoever lost are removed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The most bytes of one value: with what comes beside it in a request, and etcd's own overhead, it stays below the limit.
pub(crate) const LARGEST_VALUE: usize = 1 << 20;

/// What stands at the position of a large entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) parts: usize,
    bytes: usize,
    pub(crate) sha256: String,
}

impl Head {
    /// The head of an entry that needs pieces; none for one that does not.
    pub(crate) fn for_entry(entry: &[u8]) -> Option<Self> {
        let large = entry.len() > LARGEST_VALUE;
        large.then(|| Self {
            parts: entry.len().div_ceil(LARGEST_VALUE),
            bytes: entry.len(),
            sha256: hex::encode(Sha256::digest(entry)),
        })
    }

    /// The head that a value is, if it is one and no entry.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        format!(r#"{{"parts":{},"bytes":{},"sha256":"{}"}}"#, self.parts, self.bytes, self.sha256)
            .into_bytes()
    }

    /// What is wrong with an entry that was put together from its pieces.
    pub(crate) fn fault(&self, entry: &[u8]) -> Option<&'static str> {
        let whole = entry.len() == self.bytes && hex::encode(Sha256::digest(entry)) == self.sha256;
        (!whole).then_some("its pieces are not those that were written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_and_is_no_entry() {
        let entry = vec![b'x'; LARGEST_VALUE + 1];
        let head = Head::for_entry(&entry).unwrap();
        assert_eq!(head.parts, 2);
        assert_eq!(Head::read(&head.to_bytes()), Some(head.clone()));
        assert_eq!(head.fault(&entry), None);
        assert!(head.fault(&entry[1..]).is_some());
        assert_eq!(Head::for_entry(&entry[1..]), None);
        assert_eq!(Head::read(br#"{"format":1,"seq":0}"#), None);
    }
}
