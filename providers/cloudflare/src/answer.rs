//! Status and body in; a result, a refusal or "no usable answer" out. Pure.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) media: String,
    pub(crate) body: Vec<u8>,
}

/// A result, and what the service says of its size.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) result: T,
    pub(crate) info: Option<PageInfo>,
}

/// The part of `result_info` that says whether anything is missing.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct PageInfo {
    pub(crate) total_count: Option<u64>,
    pub(crate) total_pages: Option<u64>,
    pub(crate) per_page: Option<u64>,
}

/// Why there is no result. What that means for a change is in the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection was made: the request was never sent.
    NotSent(String),
    /// The request was sent, or may have been, and no whole answer came.
    Silent(String),
    /// The service is out of order (5xx, 408).
    OutOfOrder(u16),
    /// An answer came, and is no answer of this API.
    Garbled(String),
    /// The service takes no more requests for now; this one was not applied.
    Throttled(Option<Duration>),
    /// The service understood the request and refused it; it was not applied.
    Refused(Refusal),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "no connection: {why}"),
            Self::Silent(why) => write!(f, "no whole answer came: {why}"),
            Self::OutOfOrder(status) => write!(f, "the service is out of order (HTTP {status})"),
            Self::Garbled(why) => f.write_str(why),
            Self::Throttled(_) => f.write_str("too many requests (HTTP 429)"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}

/// A refusal in the service's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) faults: Vec<Fault>,
}

impl Refusal {
    /// The first code, which is the one that people search for.
    pub(crate) fn code(&self) -> Option<u32> {
        self.faults.iter().find_map(|fault| fault.code)
    }

    /// Whether any of `codes` was given.
    pub(crate) fn has(&self, codes: &[u32]) -> bool {
        self.faults.iter().filter_map(|fault| fault.code).any(|code| codes.contains(&code))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        for (place, fault) in self.faults.iter().take(5).enumerate() {
            let before = if place == 0 { ": " } else { "; " };
            write!(f, "{before}{}", legible(&fault.message))?;
            if let Some(code) = fault.code.filter(|_| place > 0) {
                write!(f, " (code {code})")?;
            }
        }
        Ok(())
    }
}

/// One entry of `errors`, chained ones behind it. DNS codes have five digits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Fault {
    pub(crate) code: Option<u32>,
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Deserialize)]
struct WireFault {
    #[serde(flatten)]
    fault: Fault,
    error_chain: Option<Vec<Fault>>,
}

#[derive(Deserialize)]
struct Verdict {
    success: bool,
    errors: Option<Vec<WireFault>>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    result: T,
    result_info: Option<PageInfo>,
}

/// What an answer means: both the HTTP status and `success` must say yes.
pub(crate) fn judge<T: DeserializeOwned>(answer: &Answer) -> Result<Page<T>, Failure> {
    match answer.status {
        429 => return Err(Failure::Throttled(answer.retry_after)),
        408 | 500.. => return Err(Failure::OutOfOrder(answer.status)),
        _ => {}
    }
    let verdict: Verdict = serde_json::from_slice(&answer.body).map_err(|_| garbled(answer))?;
    match (verdict.success, (200..300).contains(&answer.status)) {
        (true, true) => result(answer),
        (true, false) => Err(garbled(answer)),
        (false, _) => Err(Failure::Refused(refusal(answer.status, verdict.errors.unwrap_or_default()))),
    }
}

fn result<T: DeserializeOwned>(answer: &Answer) -> Result<Page<T>, Failure> {
    let envelope: Envelope<T> = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Garbled(format!("an answer of another shape than documented: {error}")))?;
    Ok(Page { result: envelope.result, info: envelope.result_info })
}

fn refusal(status: u16, errors: Vec<WireFault>) -> Refusal {
    let faults = errors
        .into_iter()
        .flat_map(|wire| std::iter::once(wire.fault).chain(wire.error_chain.unwrap_or_default()))
        .collect();
    Refusal { status, faults }
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
        let answer =
            Answer { status, retry_after: None, media: String::new(), body: body.as_bytes().to_vec() };
        judge::<Vec<u32>>(&answer).map(|page| page.result)
    }

    #[test]
    fn status_and_success_must_both_say_yes() {
        assert_eq!(judged(200, r#"{"success":true,"errors":[],"result":[1]}"#), Ok(vec![1]));
        assert!(matches!(judged(400, r#"{"success":true,"result":[1]}"#), Err(Failure::Garbled(_))));
        assert!(matches!(judged(302, ""), Err(Failure::Garbled(_))));
        assert!(matches!(judged(200, r#"{"result":[1]}"#), Err(Failure::Garbled(_))));
        assert!(matches!(judged(200, r#"{"success":true,"result":[1"#), Err(Failure::Garbled(_))));
        assert!(matches!(judged(200, r#"{"success":true,"result":null}"#), Err(Failure::Garbled(_))));
    }

    #[test]
    fn codes_of_five_digits_and_chains_are_kept() {
        let body = r#"{"success":false,"result":null,"errors":[{"code":81044,"message":"gone"},
            {"code":6003,"message":"headers","error_chain":[{"code":6111,"message":"format"}]}]}"#;
        let Err(Failure::Refused(refusal)) = judged(200, body) else { panic!("not refused") };
        assert_eq!(refusal.code(), Some(81_044));
        assert!(refusal.has(&[6111]));
        assert_eq!(refusal.to_string(), "HTTP 200: gone; headers (code 6003); format (code 6111)");
    }

    #[test]
    fn words_of_others_stay_on_one_line() {
        assert_eq!(legible("a\u{1b}[31m\nb"), "a [31m b");
        assert_eq!(legible(&"x".repeat(400)).chars().count(), 301);
    }
}
