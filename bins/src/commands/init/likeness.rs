//! Which of the names, or addresses, of two sides belong together: those that are most alike.

use std::collections::BTreeSet;

use switchover::model::DnsName;

use super::class::{Class, class_of_name};

/// How alike a name of one side and a name of the other are.
///
/// Of two names for one thing, the environment is the same, and as a rule the first label: `files.gigadb.org` and
/// `files.alt-live.gigadb.host`. What they have in common otherwise decides between several.
pub(super) fn of_names(one: &DnsName, other: &DnsName) -> f64 {
    let class = |name: &DnsName| class_of_name(name.as_str()).map_or(Class::Live, |(class, _)| class);
    let label = |name: &DnsName| name.as_str().split('.').next().unwrap_or_default().to_owned();
    let same = |equal: bool| if equal { 1.0 } else { 0.0 };
    same(class(one) == class(other))
        + same(label(one) == label(other))
        + in_common(&words(one), &words(other))
}

/// How alike the names of two addresses are: the mean over the pairs that they make, where a name without a partner
/// counts as a pair that has nothing in common.
pub(super) fn of_sets(ones: &BTreeSet<DnsName>, others: &BTreeSet<DnsName>) -> f64 {
    paired(ones, others).iter().sum::<f64>() / size(ones.len().max(others.len()).max(1))
}

/// How alike the most alike names of two addresses are.
pub(super) fn of_best(ones: &BTreeSet<DnsName>, others: &BTreeSet<DnsName>) -> f64 {
    paired(ones, others).into_iter().fold(0.0, f64::max)
}

fn paired(ones: &BTreeSet<DnsName>, others: &BTreeSet<DnsName>) -> Vec<f64> {
    let ones: Vec<&DnsName> = ones.iter().collect();
    let others: Vec<&DnsName> = others.iter().collect();
    let pairs = pairs(&ones, &others, |one, other| of_names(one, other));
    pairs.iter().map(|(one, other)| of_names(ones[*one], others[*other])).collect()
}

fn words(name: &DnsName) -> BTreeSet<&str> {
    name.as_str().split(['.', '-', '_']).collect()
}

fn in_common(one: &BTreeSet<&str>, other: &BTreeSet<&str>) -> f64 {
    let all = one.union(other).count();
    size(one.intersection(other).count()) / size(all.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a name has at most 253 characters, an address few names")]
fn size(count: usize) -> f64 {
    count as f64
}

/// Pairs the members of two lists, most alike first, each once; in the order of the first list.
pub(super) fn pairs<T>(ones: &[T], others: &[T], alike: impl Fn(&T, &T) -> f64) -> Vec<(usize, usize)> {
    let mut all: Vec<(f64, usize, usize)> = Vec::new();
    for (left, one) in ones.iter().enumerate() {
        all.extend(others.iter().enumerate().map(|(right, other)| (alike(one, other), left, right)));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut lefts, mut rights) = (BTreeSet::new(), BTreeSet::new());
    let mut chosen = Vec::new();
    for (_, left, right) in all {
        if !lefts.contains(&left) && !rights.contains(&right) {
            lefts.insert(left);
            rights.insert(right);
            chosen.push((left, right));
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> BTreeSet<DnsName> {
        texts.iter().map(|text| DnsName::new(text).unwrap()).collect()
    }

    #[test]
    fn names_for_one_thing_are_more_alike_than_names_for_two() {
        let name = |text| DnsName::new(text).unwrap();
        let alike = |one, other| of_names(&name(one), &name(other));
        assert!(
            alike("portainer.gigadb.org", "portainer.alt-live.gigadb.host")
                > alike("portainer.gigadb.org", "portainer.alt-staging.gigadb.host")
        );
        assert!(
            alike("gigadb.org", "alt-live.gigadb.host") > alike("gigadb.org", "files.alt-live.gigadb.host")
        );
    }

    #[test]
    fn an_address_with_two_names_belongs_to_the_one_with_both_partners() {
        let site = names(&["gigadb.org", "portainer.gigadb.org"]);
        let whole = names(&["alt-live.gigadb.host", "portainer.alt-live.gigadb.host"]);
        let half = names(&["portainer.alt-live.gigadb.host"]);
        assert!(of_sets(&site, &whole) > of_sets(&site, &half));
    }

    #[test]
    fn each_is_paired_once_and_what_is_over_is_left_out() {
        let alike = |one: &i32, other: &i32| -f64::from((one - other).abs());
        assert_eq!(pairs(&[1, 10, 5], &[9, 2], alike), [(0, 1), (1, 0)]);
    }
}
