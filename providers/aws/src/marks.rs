//! What Switchover writes on a resource, as tags, so that it is as true as the resource itself.
//!
//! Tag keys have at most 128 and values at most 256 characters, of letters, digits, white space and `_ . : / = + - @`:
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html>,
//! <https://docs.aws.amazon.com/efs/latest/ug/manage-fs-tags.html>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use switchover::model::{BackupKey, PairName, RunId, SideName, StoreRef, Verification};
use switchover::port::{Access, Copied};

const PREFIX: &str = "switchover:";
const LONGEST: usize = 256;
/// The value of a mark that says that there is nothing. A value is never empty: RDS wants at least one character
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Tag.html>).
const NOTHING: &str = "-";

/// Tags of ours, by the part of their key after `switchover:`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<String, String>);

impl Marks {
    /// Picks ours from a resource's tags.
    pub fn read<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let ours = tags.into_iter().filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?, value)));
        Self(ours.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// The marks of everything that belongs to a store.
    pub fn of(pair: &PairName, store: &StoreRef) -> Self {
        Self::default().with("pair", pair.as_str()).with("store", store)
    }

    /// The same with one mark more. What no tag can hold is replaced by `_`, and what is too long is cut.
    #[must_use]
    pub fn with<V: ToString + ?Sized>(mut self, key: &str, value: &V) -> Self {
        let fits = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        let value = value.to_string().chars().take(LONGEST).map(|c| if fits(c) { c } else { '_' }).collect();
        self.0.insert(key.to_owned(), value);
        self
    }

    /// The same with a mark that says that there is nothing: a tag that stands on the resource is written over, not removed.
    #[must_use]
    pub fn without(self, key: &str) -> Self {
        self.with(key, NOTHING)
    }

    /// The same with the marks of what a side got.
    #[must_use]
    pub fn with_copied(self, copied: &Copied) -> Self {
        let marks = self
            .with("from", &copied.from)
            .with("run", &copied.run)
            .with("key", &copied.key)
            .with("as-of", &copied.as_of)
            .with("verified", verification(copied.verified))
            .with("complete", &copied.complete);
        match &copied.position {
            Some(position) => marks.with("position", position),
            None => marks.with("position", NOTHING),
        }
    }

    /// A mark's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A mark that is a moment.
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        self.get(key)?.parse().ok()
    }

    /// The key of a backup, where there is one.
    pub fn key(&self) -> Option<BackupKey> {
        BackupKey::new(self.get("key")?).ok()
    }

    /// The run that left the mark, where there is one.
    pub fn run(&self) -> Option<RunId> {
        RunId::new(self.get("run")?).ok()
    }

    /// Whether the resource belongs to this store and to no other.
    pub fn belongs_to(&self, pair: &PairName, store: &StoreRef) -> bool {
        self.get("pair") == Some(pair.as_str()) && self.get("store") == Some(store.to_string().as_str())
    }

    /// What the side got, if all of it can be read.
    pub fn copied(&self) -> Option<Copied> {
        Some(Copied {
            from: SideName::new(self.get("from")?).ok()?,
            run: self.run()?,
            key: self.key()?,
            as_of: self.time("as-of")?,
            verified: verified(self.get("verified")?)?,
            complete: self.get("complete")? == "true",
            position: self.get("position").filter(|text| *text != NOTHING).map(str::to_owned),
        })
    }

    /// Whether clients may have written on the side that carries these marks what the other side does not have.
    ///
    /// What was written on a side that was open is known to be elsewhere only where the other side got a complete copy from it afterwards.
    pub fn diverged(&self, access: &Access, side: &SideName, other: Option<&Copied>) -> bool {
        let opened = self.time("open");
        let from_here = other.filter(|copied| copied.from == *side);
        // Whoever another side was copied from was production, whatever its own marks say.
        let was_open = opened.is_some() || from_here.is_some();
        let handed_over = from_here
            .is_some_and(|copied| copied.complete && opened.is_none_or(|opened| opened <= copied.as_of));
        match access {
            Access::Lapsed { .. } => true,
            Access::Frozen { .. } | Access::Unguarded => was_open && !handed_over,
            Access::Writable => was_open || self.copied().is_some(),
        }
    }

    /// As tags.
    pub fn tags(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.iter().map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
    }
}

fn verification(how: Verification) -> &'static str {
    match how {
        Verification::None => "none",
        Verification::Counts => "counts",
        Verification::Content => "content",
    }
}

fn verified(text: &str) -> Option<Verification> {
    [Verification::None, Verification::Counts, Verification::Content]
        .into_iter()
        .find(|how| verification(*how) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied() -> Copied {
        Copied {
            from: SideName::new("hongkong").unwrap(),
            run: RunId::new("r-1").unwrap(),
            key: BackupKey::new("202611211502").unwrap(),
            as_of: "2026-11-21T15:02:03.5Z".parse().unwrap(),
            verified: Verification::None,
            complete: true,
            position: Some("0/16B3748".into()),
        }
    }

    #[test]
    fn what_a_side_got_comes_back_from_its_tags() {
        for copied in [copied(), Copied { position: None, complete: false, ..copied() }] {
            let tags: Vec<(String, String)> = Marks::default().with_copied(&copied).tags().collect();
            let others = [("Name".to_owned(), "db".to_owned())];
            let all = tags.iter().chain(&others).map(|(key, value)| (key.as_str(), value.as_str()));
            assert_eq!(Marks::read(all).copied(), Some(copied));
        }
    }

    #[test]
    fn a_mark_that_is_missing_or_damaged_means_that_nothing_is_known() {
        for (key, value) in [("from", ""), ("key", "tomorrow"), ("as-of", "soon"), ("verified", "yes")] {
            let marks = Marks::default().with_copied(&copied()).with(key, value);
            assert_eq!(marks.copied(), None, "{key}");
        }
        assert_eq!(Marks::default().copied(), None);
    }

    #[test]
    fn what_was_open_has_diverged_until_a_complete_copy_of_it_is_elsewhere() {
        let hongkong = SideName::new("hongkong").unwrap();
        let frozen = Access::Frozen { by: RunId::new("r-1").unwrap(), until: None };
        let opened = |at: &str| Marks::default().with("open", at);
        let (before, after) = (opened("2026-11-21T15:00:00Z"), opened("2026-11-21T16:00:00Z"));
        let (whole, part) = (copied(), Copied { complete: false, ..copied() });
        for (marks, access, other, diverged) in [
            (&Marks::default(), &frozen, None, false),
            (&Marks::default(), &Access::Writable, None, false),
            (&Marks::default(), &frozen, Some(&part), true),
            (&Marks::default(), &frozen, Some(&whole), false),
            (&Marks::default(), &Access::Writable, Some(&whole), true),
            (&before, &frozen, None, true),
            (&before, &frozen, Some(&whole), false),
            (&before, &frozen, Some(&part), true),
            (&after, &frozen, Some(&whole), true),
        ] {
            assert_eq!(marks.diverged(access, &hongkong, other), diverged, "{marks:?} {access:?} {other:?}");
        }
    }

    #[test]
    fn what_no_tag_can_hold_is_replaced() {
        let marks = Marks::default().with("note", "a<b>\"c\"").with("long", &"x".repeat(1000));
        assert_eq!(marks.get("note"), Some("a_b__c_"));
        assert_eq!(marks.get("long").map(str::len), Some(LONGEST));
    }
}
