//! What a variable may hold: GitLab's rules for masked ones. Pure.
//!
//! "The value must be a single line with no spaces, 8 characters or longer" and, while variables in it are expanded, only of "characters
//! from the Base64 alphabet (RFC 4648)" and `@`, `:`, `.`, `~` (<https://docs.gitlab.com/ci/variables/#mask-a-cicd-variable>;
//! `app/models/concerns/ci/maskable.rb` has `_` and `-` too).

use switchover::model::{SettingAttributes, SettingValue};

/// The fewest characters of a masked value.
const SHORTEST: usize = 8;
/// The most characters of any value (<https://docs.gitlab.com/ci/variables/>).
const LONGEST: usize = 10_000;

/// Which rule a value breaks. Says nothing of the value but the first character that is not allowed.
pub(crate) fn objection(attributes: SettingAttributes, value: &SettingValue) -> Option<String> {
    let text = value.expose();
    let length = text.chars().count();
    if length > LONGEST {
        return Some(format!("it has {length} characters, and a variable holds at most {LONGEST}"));
    }
    if !attributes.is_secret() {
        return None;
    }
    let masked = |why: &str| Some(format!("the variable is masked, and a masked value {why}"));
    if text.contains(['\n', '\r']) {
        return masked("must be a single line");
    }
    if length < SHORTEST {
        return masked(&format!("must have at least {SHORTEST} characters, not {length}"));
    }
    if text.contains(char::is_whitespace) {
        return masked("must have no spaces");
    }
    let expanded = |c: char| c.is_ascii_alphanumeric() || "_+=/@:.~-".contains(c);
    match text.chars().find(|c| !attributes.raw && !expanded(*c)) {
        Some(found) => masked(&format!(
            "must not contain {found:?} while variables in it are expanded; make it raw, or do not mask it"
        )),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchover::model::SettingKind;

    fn told(masked: bool, raw: bool, value: &str) -> String {
        let attributes =
            SettingAttributes { kind: SettingKind::Variable, masked, hidden: false, protected: false, raw };
        objection(attributes, &SettingValue::new(value)).unwrap_or_default()
    }

    #[test]
    fn every_rule_of_masking_is_told() {
        assert_eq!(told(true, false, "https://gigadb.org"), "");
        assert_eq!(told(false, false, "a b"), "");
        for (value, rule) in [
            ("", "8 characters, not 0"),
            ("1234567", "8 characters, not 7"),
            ("one two three", "no spaces"),
            ("one-line\nanother", "single line"),
            ("pa$$word-12", "'$'"),
            ("ünïcödé-1", "'ü'"),
        ] {
            assert!(told(true, false, value).contains(rule), "{value}: {}", told(true, false, value));
        }
        assert_eq!(told(true, true, "pa$$wörd-12"), "");
        assert!(told(false, false, &"x".repeat(10_001)).contains("10000"));
    }
}
