//! What one name server came to know, and from when on it shows it.

use std::collections::BTreeMap;
use std::time::Instant;

use super::publish::{Key, Path, RecordSet, RecordSets};

/// A record set, or its absence, from a time on.
#[derive(Clone, Debug)]
struct Version {
    shows_at: Instant,
    set: Option<RecordSet>,
}

/// Enough to answer stale from, and little enough for a sandbox that runs for days.
const VERSIONS_KEPT: usize = 64;

/// The record sets of all zones over time.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    sets: BTreeMap<Key, Vec<Version>>,
    /// What each zone published last, shown or not.
    latest: BTreeMap<Path, RecordSets>,
}

impl View {
    /// Learns what a zone publishes now. Each record set that differs shows at its own time.
    pub(crate) fn learn(&mut self, zone: &str, published: &RecordSets, shows_at: impl Fn(&Key) -> Instant) {
        let before = self.latest.insert(Path::of(zone), published.clone()).unwrap_or_default();
        let gone = before.keys().filter(|key| !published.contains_key(key)).map(|key| (key, None));
        let there = published.iter().map(|(key, set)| (key, Some(set)));
        for (key, set) in gone.chain(there).filter(|(key, set)| before.get(key) != *set) {
            let versions = self.sets.entry(key.clone()).or_default();
            versions.push(Version { shows_at: shows_at(key), set: set.cloned() });
            let surplus = versions.len().saturating_sub(VERSIONS_KEPT);
            versions.drain(..surplus);
        }
    }

    /// The record set that shows at a time: the last one learnt among those whose time has come.
    pub(crate) fn set(&self, path: &Path, kind: u16, at: Instant) -> Option<&RecordSet> {
        showing(self.sets.get(&(path.clone(), kind))?, at)
    }

    /// All record sets of a name that show at a time.
    pub(crate) fn sets_of<'a>(
        &'a self,
        path: &Path,
        at: Instant,
    ) -> impl Iterator<Item = &'a RecordSet> + use<'a> {
        let range = (path.clone(), u16::MIN)..=(path.clone(), u16::MAX);
        self.sets.range(range).filter_map(move |(_, versions)| showing(versions, at))
    }

    /// Whether anything shows at a name or below it.
    pub(crate) fn exists(&self, path: &Path, at: Instant) -> bool {
        self.sets
            .range((path.clone(), u16::MIN)..)
            .take_while(|((own, _), _)| own.is_within(path))
            .any(|(_, versions)| showing(versions, at).is_some())
    }

    /// The zone that a name is in.
    pub(crate) fn zone_of(&self, path: &Path) -> Option<&Path> {
        self.latest.keys().filter(|zone| path.is_within(zone)).max_by_key(|zone| zone.0.len())
    }
}

fn showing(versions: &[Version], at: Instant) -> Option<&RecordSet> {
    versions.iter().rev().find(|version| version.shows_at <= at)?.set.as_ref()
}
