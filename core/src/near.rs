//! What was probably meant: the nearest of the words that would have been right.

/// The candidate nearest to a word, if it is near enough to be a slip: a third of the letters at most, and case, hyphens
/// and underscores count for nothing.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    let scored = candidates.into_iter().filter_map(|candidate| {
        let distance = within(&word, &folded(candidate))?;
        Some((distance, candidate))
    });
    scored.min().map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace(['-', '_'], "")
}

/// The number of letters to insert, drop, replace or exchange, if it is at most a third of the longer word.
fn within(a: &str, b: &str) -> Option<usize> {
    let (short, long) = (a.chars().count().min(b.chars().count()), a.chars().count().max(b.chars().count()));
    let most = (long / 3).max(1);
    // The difference in length is a lower bound, and keeps a giant word from being compared with anything.
    if long - short > most || short == 0 || long > 253 {
        return None;
    }
    Some(strsim::damerau_levenshtein(a, b)).filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let words = ["provider", "zones", "authorities", "base_url"];
        assert_eq!(nearest("zonez", words), Some("zones"));
        assert_eq!(nearest("Base-URL", words), Some("base_url"));
        assert_eq!(nearest("povider", words), Some("provider"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"z".repeat(1 << 20), words), None);
    }
}
