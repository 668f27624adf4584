//! The text of a file as it may be shown: with lines and columns, and with every secret covered.

use std::ops::Range;

/// A place in a text as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
}

/// A configuration file as it may be shown to anybody.
///
/// Where somebody wrote a secret into the file, every byte of it is a `*` here. Byte offsets are those of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    lines: Vec<usize>,
}

impl Source {
    pub(super) fn new(name: String, text: &str, secrets: &[Range<usize>]) -> Self {
        let text = covered(text, secrets);
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { name, text, lines }
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, with secrets covered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of a byte offset; the end of the text for any offset beyond it.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text[start..].char_indices().take_while(|(at, _)| start + at < offset);
        let column = before.filter(|(_, c)| *c != BOM).count();
        Position { line, column: column + 1 }
    }
}

const BOM: char = '\u{feff}';

fn covered(text: &str, secrets: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for span in secrets {
        let whole = text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
        let lines = bytes[whole].iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r'));
        lines.for_each(|byte| *byte = b'*');
    }
    // Whole characters became ASCII, so this is UTF-8; were it not, showing nothing is right.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Whether a key is one under which people keep secrets, and not, say, the name of a file that holds one.
pub(super) fn looks_secret(key: &str) -> bool {
    const WORDS: [&str; 10] = [
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "apikey",
        "api_key",
        "access_key",
        "private_key",
        "credential",
    ];
    const HARMLESS: [&str; 7] = ["_file", "_env", "_path", "_name", "_id", "_url", "_ttl"];
    let key = key.to_ascii_lowercase().replace('-', "_");
    WORDS.iter().any(|word| key.contains(word)) && !HARMLESS.iter().any(|tail| key.ends_with(tail))
}

/// Finds what looks like a secret in a text that cannot be parsed: the rest of each line after `token =` and its like, and
/// the whole of a multi-line string. References (`{ env = … }`) stay.
pub(super) fn secrets_in_broken(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let equals: Vec<usize> = text.match_indices('=').map(|(at, _)| at).collect();
    for at in equals {
        if found.last().is_some_and(|last| last.contains(&at)) {
            continue;
        }
        let (before, after) = (&text[..at], &text[at + 1..]);
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '"' | '\'');
        let head = before.trim_end_matches([' ', '\t']);
        let key = head.rsplit(|c: char| !is_key(c)).next().unwrap_or("").trim_matches(['"', '\'']);
        let value = after.trim_start_matches([' ', '\t']);
        if looks_secret(key.rsplit('.').next().unwrap_or(key)) && !value.starts_with('{') {
            let start = text.len() - value.len();
            found.push(start..start + secret_length(value));
        }
    }
    found
}

fn secret_length(value: &str) -> usize {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(inside) = value.strip_prefix(quotes) {
            return inside.find(quotes).map_or(value.len(), |end| end + 2 * quotes.len());
        }
    }
    value.find('\n').unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_as_people_count() {
        let source = Source::new("a".into(), "\u{feff}a = 1\r\nké = 2\n", &[]);
        assert_eq!(source.position(3), Position { line: 1, column: 1 });
        assert_eq!(source.position(10), Position { line: 2, column: 1 });
        assert_eq!(source.position(14), Position { line: 2, column: 4 });
        assert_eq!(source.position(usize::MAX), Position { line: 3, column: 1 });
        assert_eq!(Source::new("a".into(), "", &[]).position(9), Position { line: 1, column: 1 });
    }

    #[test]
    fn a_covered_secret_keeps_every_offset() {
        let text = "t = \"gehéim\"\nx = 1";
        let source = Source::new("a".into(), text, std::slice::from_ref(&(4..13)));
        assert_eq!(source.text(), "t = *********\nx = 1");
        assert_eq!(source.text().len(), text.len());
    }

    #[test]
    fn secrets_are_found_in_text_that_cannot_be_parsed() {
        let text = "token = \"abc\na = { api_key = xyz, b = 1 }\npassword = '''\nq\nr'''\nkeep = 1\n\
                    token = { env = \"T\" }\nsecret_file = \"f\"\ndns.c.\"token\" = 'x'";
        let hidden = Source::new("a".into(), text, &secrets_in_broken(text));
        for secret in ["abc", "xyz", "q\n", "r'''", "'x'"] {
            assert!(!hidden.text().contains(secret), "{secret}: {}", hidden.text());
        }
        for kept in ["keep = 1", "{ env = \"T\" }", "secret_file = \"f\""] {
            assert!(hidden.text().contains(kept), "{kept}: {}", hidden.text());
        }
    }
}
