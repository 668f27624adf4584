//! Which environment an address or a name belongs to, by the words that it is made of.

use std::collections::BTreeMap;

/// The kinds of environment, in the order in which they are swapped: what matters least goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Development,
    Test,
    Staging,
    Live,
}

/// Each class with the words that people use for it; the first one names an environment that nobody named.
const WORDS: [(Class, &[&str]); 4] = [
    (Class::Development, &["dev", "development", "devel", "sandbox", "lab"]),
    (Class::Test, &["test", "testing", "qa", "uat"]),
    (Class::Staging, &["staging", "stage", "stg", "preprod", "preview"]),
    (Class::Live, &["live", "production", "prod", "prd"]),
];

/// The first word of a text that names a class. Digits at a word's end count for nothing: `test2` is a test.
pub(super) fn class_of(text: &str) -> Option<(Class, &'static str)> {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.find_map(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit()).to_lowercase();
        WORDS.iter().find_map(|(class, names)| {
            let name = names.iter().find(|name| **name == word)?;
            Some((*class, *name))
        })
    })
}

/// The part of a DNS name that may name a class: all but the last label, since `dev` is also a top-level domain.
pub(super) fn class_of_name(name: &str) -> Option<(Class, &'static str)> {
    class_of(name.rsplit_once('.').map_or(name, |(head, _)| head))
}

/// How each class is called: by the word that is used most for it.
#[derive(Debug, Default)]
pub(super) struct Words(BTreeMap<Class, BTreeMap<&'static str, usize>>);

impl Words {
    pub(super) fn count(&mut self, found: Option<(Class, &'static str)>) {
        if let Some((class, word)) = found {
            *self.0.entry(class).or_default().entry(word).or_default() += 1;
        }
    }

    pub(super) fn name(&self, class: Class) -> &'static str {
        let used = self.0.get(&class).and_then(|words| words.iter().max_by_key(|(_, count)| **count));
        let usual = || WORDS.iter().find(|(known, _)| *known == class).and_then(|(_, names)| names.first());
        used.map(|(word, _)| *word).or_else(|| usual().copied()).unwrap_or("live")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_the_environment_wherever_it_stands() {
        let class = |text| class_of(text).map(|(class, _)| class);
        assert_eq!(class("eip-gigadb-bastion-live-gigadb"), Some(Class::Live));
        assert_eq!(class("Web_STG2"), Some(Class::Staging));
        assert_eq!(class("delivery"), None);
        assert_eq!(class_of_name("gigadb.dev"), None);
        assert_eq!(class_of_name("alt-staging.gigadb.host"), Some((Class::Staging, "staging")));
    }

    #[test]
    fn an_environment_is_called_as_it_is_called_most() {
        let mut words = Words::default();
        assert_eq!(words.name(Class::Live), "live");
        for text in ["a-prod", "b-prod", "c-live"] {
            words.count(class_of(text));
        }
        assert_eq!(words.name(Class::Live), "prod");
    }
}
