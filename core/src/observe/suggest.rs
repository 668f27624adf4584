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
    there.or_else(|| nearest(wanted.as_str(), known.map(DnsName::as_str))).map(did_you_mean)
}
