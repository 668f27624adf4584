//! Ids of the API's form, made from what they name, so that the same seed always gives the same ids.

use std::hash::{DefaultHasher, Hash, Hasher};

/// 32 hexadecimal digits.
pub(crate) fn hex(parts: &[&str]) -> String {
    format!("{:016x}{:016x}", number(&[&["high"], parts].concat()), number(parts))
}

/// A number that looks random and is always the same for the same parts.
pub(crate) fn number(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Whether a text has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
