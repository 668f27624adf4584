//! Time zones by their names in the IANA time zone database.

use jiff::tz::{self, TimeZone, TimeZoneDatabase};

use crate::ZoneError;

/// How many zones are proposed for one that is not known.
const PROPOSED: usize = 3;

/// Finds a time zone: in the system's database, or in the one that comes with the program, for machines without.
pub fn zone(name: &str) -> Result<TimeZone, ZoneError> {
    let found = tz::db().get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok();
    found.filter(|zone| !zone.is_unknown()).ok_or_else(|| {
        let known: Vec<String> =
            TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
        ZoneError { name: name.escape_debug().to_string(), nearest: nearest(name, &known) }
    })
}

/// The names that are near: by their last part (`Hong_Kong`), or by a slip of a third of the letters at most. Nothing is proposed for
/// abbreviations and offsets: `HST` is no slip for `HKT`, nor `UTC` for `UTC+8`.
fn nearest(name: &str, known: &[String]) -> Vec<String> {
    let word = folded(name);
    if word.is_empty() || word.len() > 64 || name.contains('+') {
        return Vec::new();
    }
    let mut scored: Vec<(usize, &String)> =
        known.iter().filter_map(|known| Some((distance(&word, known)?, known))).collect();
    scored.sort_unstable();
    // Names that are far worse than the best are noise.
    let most = scored.first().map(|(best, _)| best + 1).unwrap_or_default();
    let near = scored.into_iter().take_while(|(distance, _)| *distance <= most);
    near.take(PROPOSED).map(|(_, name)| name.clone()).collect()
}

fn distance(word: &str, known: &str) -> Option<usize> {
    let whole = folded(known);
    let last = known.rsplit('/').next().map(folded).unwrap_or_default();
    let slips = |known: &str| {
        let most = if word.len() < 5 { 0 } else { word.len().max(known.len()) / 3 };
        Some(strsim::damerau_levenshtein(word, known)).filter(|slips| *slips <= most)
    };
    slips(&whole).into_iter().chain(slips(&last)).min()
}

fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
