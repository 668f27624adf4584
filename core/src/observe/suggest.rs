//! The value that was probably meant.

use crate::model::{AddressName, DnsName};

/// How alike two texts must be to be taken for one mistyped: Jaro-Winkler, 0 to 1.
const ALIKE: f64 = 0.88;

fn nearest<'a, T: AsRef<str> + ?Sized + 'a>(
    wanted: &str,
    among: impl Iterator<Item = &'a T>,
    least: f64,
) -> Option<&'a T> {
    among
        .map(|candidate| (strsim::jaro_winkler(wanted, candidate.as_ref()), candidate))
        .filter(|(alike, _)| *alike >= least)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// A suggestion for an address name that a side does not have.
pub(super) fn address<'a>(
    wanted: &AddressName,
    known: impl Iterator<Item = &'a AddressName>,
) -> Option<String> {
    nearest(wanted.as_str(), known.map(AddressName::as_str), ALIKE).map(did_you_mean)
}

/// A suggestion for a name that has no record: first among names that lead where it should lead and that nobody has claimed,
/// then among all that are spelt alike.
pub(super) fn name<'a>(
    wanted: &DnsName,
    leading_there: impl Iterator<Item = &'a DnsName>,
    known: impl Iterator<Item = &'a DnsName>,
) -> Option<String> {
    let there = nearest(wanted.as_str(), leading_there.map(DnsName::as_str), 0.0);
    there.or_else(|| nearest(wanted.as_str(), known.map(DnsName::as_str), ALIKE)).map(did_you_mean)
}
