//! Status and body in; a result, a refusal or "no usable answer" out. Pure.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) next: Option<String>,
    pub(crate) media: String,
    pub(crate) body: Vec<u8>,
}

/// Why there is no result. What that means for a change is in the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection was made: the request was never sent.
    NotSent(String),
    /// The request was sent, or may have been, and no whole answer came.
    Silent(String),
    /// The server is out of order (5xx, 408).
    OutOfOrder(u16),
    /// An answer came, and is no answer of this API.
    Garbled(String),
    /// The server takes no more requests for now; this one was not carried out.
    Throttled(Option<Duration>),
    /// The server understood the request and refused it; it was not carried out.
    Refused(Refusal),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "no connection: {why}"),
            Self::Silent(why) => write!(f, "no whole answer came: {why}"),
            Self::OutOfOrder(status) => write!(f, "the server is out of order (HTTP {status})"),
            Self::Garbled(why) => f.write_str(why),
            Self::Throttled(_) => f.write_str("too many requests (HTTP 429)"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}

/// A refusal in the server's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) words: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // GitLab's own words often begin with the status.
        if self.words.starts_with(&self.status.to_string()) {
            write!(f, "HTTP {}", self.words)
        } else {
            write!(f, "HTTP {}: {}", self.status, self.words)
        }
    }
}

/// What an answer means.
pub(crate) fn judge<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    accepted(answer)?;
    serde_json::from_slice(&answer.body).map_err(|error| {
        if is_json(answer) {
            // Serde's words may quote what was read, and that may be secret.
            let (line, column) = (error.line(), error.column());
            Failure::Garbled(format!(
                "an answer of another shape than documented (line {line}, column {column})"
            ))
        } else {
            garbled(answer)
        }
    })
}

/// Whether the server did it, whatever the body says.
pub(crate) fn accepted(answer: &Answer) -> Result<(), Failure> {
    match answer.status {
        200..300 => Ok(()),
        429 => Err(Failure::Throttled(answer.retry_after)),
        408 | 500.. => Err(Failure::OutOfOrder(answer.status)),
        status => match words(&answer.body) {
            Some(words) => Err(Failure::Refused(Refusal { status, words })),
            None => Err(garbled(answer)),
        },
    }
}

fn is_json(answer: &Answer) -> bool {
    answer.media.starts_with("application/json")
}

/// The words of an error: `message` as a text or as fields with what is wrong with them, or `error` with its description
/// (<https://docs.gitlab.com/api/rest/troubleshooting/>).
fn words(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| body.get(field).map(flat).filter(|text| !text.is_empty());
    match (text("message"), text("error"), text("error_description")) {
        (Some(message), _, _) => Some(legible(&message)),
        (None, Some(error), Some(more)) => Some(legible(&format!("{error}: {more}"))),
        (None, Some(error), None) => Some(legible(&error)),
        (None, None, _) => None,
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name} {}", flat(value)));
            fields.collect::<Vec<_>>().join("; ")
        }
    }
}

fn garbled(answer: &Answer) -> Failure {
    let media = if answer.media.is_empty() { "no content type" } else { &answer.media };
    let size = answer.body.len();
    Failure::Garbled(format!(
        "an answer that is none of this API (HTTP {}, {}, {size} bytes); is there a proxy or a login page in between?",
        answer.status,
        legible(media)
    ))
}

/// The address of the next page: `Link: <URL>; rel="next"` (<https://docs.gitlab.com/api/rest/#pagination-link-header>).
pub(crate) fn next_link(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (address, about) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = about.split(';').any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then(|| address.to_owned())
    })
}

/// Words of another system, fit for a terminal: one line, no control characters, not endless.
pub(crate) fn legible(text: &str) -> String {
    const MOST: usize = 300;
    let mut line: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<Vec<u32>, Failure> {
        let media = if body.starts_with(['{', '[']) { "application/json" } else { "text/html" }.to_owned();
        judge(&Answer { status, retry_after: None, next: None, media, body: body.as_bytes().to_vec() })
    }

    fn told(status: u16, body: &str) -> String {
        judged(status, body).unwrap_err().to_string()
    }

    #[test]
    fn every_shape_of_an_error_is_put_in_words() {
        assert_eq!(told(404, r#"{"message":"404 Project Not Found"}"#), "HTTP 404 Project Not Found");
        assert_eq!(told(400, r#"{"message":{"value":["is invalid"]}}"#), "HTTP 400: value is invalid");
        assert_eq!(told(400, r#"{"error":"ref is missing"}"#), "HTTP 400: ref is missing");
        let scope = r#"{"error":"insufficient_scope","error_description":"Needs more."}"#;
        assert_eq!(told(403, scope), "HTTP 403: insufficient_scope: Needs more.");
        assert!(told(401, "{}").contains("none of this API"));
        assert!(told(200, "<html>").contains("login page"));
        assert!(told(200, "[\"hunter2\"]").contains("another shape"));
        assert!(!told(200, "[\"hunter2\"]").contains("hunter2"));
    }

    #[test]
    fn a_status_says_whether_anything_can_have_been_done() {
        assert_eq!(judged(200, "[1]"), Ok(vec![1]));
        assert_eq!(judged(502, "<html>"), Err(Failure::OutOfOrder(502)));
        assert_eq!(judged(429, "Retry later"), Err(Failure::Throttled(None)));
    }

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let header = "<https://x/a?page=1>; rel=\"first\", <https://x/a?page=3&b=c>; rel=\"next\"";
        assert_eq!(next_link(header).as_deref(), Some("https://x/a?page=3&b=c"));
        assert_eq!(next_link("<https://x/a?page=1>; rel=\"prev\""), None);
        assert_eq!(next_link("nonsense"), None);
    }
}
