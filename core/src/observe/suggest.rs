//! The value that was probably meant.

use crate::model::{AddressName, DnsName};
use crate::near::nearest;

fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// A suggestion for an address name that a side does not have.
pub(super) fn address<'a>(
    wanted: &AddressName,
    known: impl Iterator<Item = &'a AddressName>,
) -> Option<String> {
    nearest(wanted.as_str(), known.map(AddressName::as_str)).map(did_you_mean)
}

/// A suggestion for a name that has no record: first among names that lead where it should lead and that nobody has claimed,
/// then among all that are spelt alike.
pub(super) fn name<'a>(
    wanted: &DnsName,
    leading_there: impl Iterator<Item = &'a DnsName>,
    known: impl Iterator<Item = &'a DnsName>,
) -> Option<String> {
    let alike = |name: &&&str| strsim::damerau_levenshtein(wanted.as_str(), name);
    let there: Vec<&str> = leading_there.map(DnsName::as_str).collect();
    let there = there.iter().min_by_key(alike).copied();
    let spelt_alike = || known.map(DnsName::as_str).find(|name| is_slip(wanted.as_str(), name));
    there.or_else(spelt_alike).map(did_you_mean)
}

/// Whether one name may be the other one mistyped, by the labels in which they differ: a parent that they share makes no two
/// names alike.
fn is_slip(wanted: &str, candidate: &str) -> bool {
    let shared = wanted.rsplit('.').zip(candidate.rsplit('.')).take_while(|(left, right)| left == right);
    let shared = shared.map(|(label, _)| label.len() + 1).sum::<usize>();
    let differing = |name: &str| name.get(..name.len().saturating_sub(shared)).map(str::to_owned);
    match (differing(wanted), differing(candidate)) {
        (Some(left), Some(right)) => nearest(&left, [right.as_str()]).is_some(),
        (Some(_) | None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_parent_makes_no_two_names_alike() {
        assert!(is_slip("portaner.gigadb.org", "portainer.gigadb.org"));
        assert!(is_slip("files.gigadb.og", "files.gigadb.org"));
        assert!(!is_slip("files.gigadb.org", "ftp.gigadb.org"));
        assert!(!is_slip("gigadb.org", "www.gigadb.org"));
    }
}
