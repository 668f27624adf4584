//! Which HTTP status codes pass: one code, a range, a class, or a list of these.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The smallest and the largest code there can be (RFC 9110 section 15).
const CODES: Codes = Codes { first: 100, last: 599 };

/// A run of codes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Codes {
    first: u16,
    last: u16,
}

impl Codes {
    fn holds(self, code: u16) -> bool {
        (self.first..=self.last).contains(&code)
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// The codes that pass. In the file: `200`, `"2xx"`, `"200-399"`, or a list of these. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "String")]
pub struct StatusSet(Vec<Codes>);

/// A text that names no status codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no HTTP status codes; write for example 200, \"2xx\" or \"200-399\"")]
pub struct StatusError(String);

impl StatusSet {
    /// Whether a code passes.
    pub fn holds(&self, code: u16) -> bool {
        self.0.iter().any(|codes| codes.holds(code))
    }
}

impl Default for StatusSet {
    /// 200 to 399: the site answers and does not complain. A redirection counts, since none is followed.
    fn default() -> Self {
        Self(vec![Codes { first: 200, last: 399 }])
    }
}

impl FromStr for StatusSet {
    type Err = StatusError;

    /// Reads what `Display` writes: codes, classes and ranges with commas between them.
    fn from_str(text: &str) -> Result<Self, StatusError> {
        text.split(',').map(|part| codes(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn codes(text: &str) -> Result<Codes, StatusError> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|code| CODES.holds(*code));
    let found = match (text.strip_suffix("xx"), text.split_once('-')) {
        (Some(class), _) => number(&format!("{class}00")).map(|first| Codes { first, last: first + 99 }),
        (None, Some((first, last))) => {
            number(first).zip(number(last)).map(|(first, last)| Codes { first, last })
        }
        (None, None) => number(text).map(|code| Codes { first: code, last: code }),
    };
    found
        .filter(|codes| codes.first <= codes.last)
        .ok_or_else(|| StatusError(text.escape_debug().to_string()))
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.pad(&parts.join(", "))
    }
}

impl From<StatusSet> for String {
    fn from(set: StatusSet) -> String {
        set.to_string()
    }
}

/// What the file may hold.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a status code, a text such as \"2xx\" or \"200-399\", or a list of these"
)]
enum Raw {
    One(RawCodes),
    Many(Vec<RawCodes>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawCodes {
    Code(u16),
    Text(String),
}

impl fmt::Display for RawCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl TryFrom<Raw> for StatusSet {
    type Error = StatusError;
    fn try_from(raw: Raw) -> Result<Self, StatusError> {
        let parts = match raw {
            Raw::One(one) => vec![one],
            Raw::Many(many) => many,
        };
        parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",").parse()
    }
}

impl JsonSchema for StatusSet {
    fn schema_name() -> Cow<'static, str> {
        "StatusSet".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "the HTTP status codes that pass: one, a class, a range, or a list of these",
            "anyOf": [
                {"type": "integer", "minimum": CODES.first, "maximum": CODES.last},
                {"type": "string"},
                {"type": "array", "minItems": 1, "items": {"type": ["integer", "string"]}}
            ],
            "examples": [200, "2xx", "200-399", [200, "3xx"]]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(json: &str) -> Result<StatusSet, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn codes_classes_ranges_and_lists_are_read() {
        for (json, inside, outside) in [
            ("200", vec![200], vec![201, 199]),
            (r#""204""#, vec![204], vec![200]),
            (r#""2xx""#, vec![200, 299], vec![300, 199]),
            (r#""200-399""#, vec![200, 399], vec![400]),
            (r#"[200, "3xx"]"#, vec![200, 301], vec![201, 404]),
        ] {
            let set = set(json).unwrap();
            assert!(inside.iter().all(|code| set.holds(*code)), "{json}");
            assert!(!outside.iter().any(|code| set.holds(*code)), "{json}");
            assert_eq!(set.to_string().parse(), Ok(set));
        }
    }

    #[test]
    fn what_names_no_codes_is_refused() {
        for json in
            ["99", "600", "[]", r#""""#, r#""6xx""#, r#""399-200""#, r#""2x""#, r#""ok""#, "true", "65736"]
        {
            assert!(set(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_default_takes_redirections_and_no_complaints() {
        let set = StatusSet::default();
        assert!(set.holds(200) && set.holds(302) && !set.holds(404) && !set.holds(503));
    }
}
