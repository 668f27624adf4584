//! What the parts of a stream are called in the databases.

use sha2::{Digest as _, Sha256};
use switchover::model::{PairName, SideName, StoreRef};

/// The names of one store's parts. Slots belong to a whole cluster, so that two stores on one must not share a name.
#[derive(Debug, Clone)]
pub(super) struct Names {
    stem: String,
}

impl Names {
    pub(super) fn new(pair: &PairName, store: &StoreRef) -> Self {
        let digest = Sha256::digest(format!("{pair}\n{store}"));
        Self { stem: format!("switchover_{}", hex::encode(&digest[..5])) }
    }

    /// The publication, the same on either side.
    pub(super) fn publication(&self) -> String {
        self.stem.clone()
    }

    /// The slot on the sending side, and the subscription on the receiving one. A slot's name has lower-case letters, digits and underscores
    /// (<https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION>), 63 at most.
    pub(super) fn stream_to(&self, side: &SideName) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let word: String = side.as_str().chars().map(plain).take(20).collect();
        let digest = hex::encode(&Sha256::digest(side.as_str())[..2]);
        format!("{}_to_{word}_{digest}", self.stem)
    }

    /// The advisory lock of a sync.
    pub(super) fn lock(&self) -> i64 {
        let digest = Sha256::digest(&self.stem);
        digest.iter().take(8).fold(0, |sum, byte| sum << 8 | i64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_different() {
        let store = |name: &str| StoreRef {
            environment: switchover::model::EnvironmentName::new("live").unwrap(),
            store: switchover::model::StoreName::new(name).unwrap(),
        };
        let pair = PairName::new("gigadb").unwrap();
        let one = Names::new(&pair, &store("metadata"));
        let side = |name: &str| SideName::new(name).unwrap();
        let name = one.stream_to(&side(&"Long-Side.".repeat(6)));
        assert!(
            name.len() <= 63
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{name}"
        );
        assert_ne!(one.stream_to(&side("a-b")), one.stream_to(&side("a_b")));
        assert_ne!(one.publication(), Names::new(&pair, &store("other")).publication());
    }
}
