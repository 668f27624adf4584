//! Faults that can be set on the API: which calls they hit, and what goes wrong then.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What goes wrong with a call.
///
/// Once a request arrived whole, its work goes on even if the client hangs up, as on a real server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The work starts this much later.
    LatencyBefore {
        /// Milliseconds.
        ms: u64,
    },
    /// The work is done at once, and the answer comes this much later.
    LatencyAfter {
        /// Milliseconds.
        ms: u64,
    },
    /// The work is done at once, and no answer ever comes.
    ApplyThenHang,
    /// No answer ever comes, and the work is done this much later.
    ApplyLate {
        /// Milliseconds.
        ms: u64,
    },
    /// The work is never done, and the connection is reset.
    DropBefore,
    /// The work is done, and the connection is reset.
    DropAfter,
    /// The work is never done, and no answer ever comes.
    Hang,
    /// This HTTP status with an error envelope.
    Status {
        /// The status, such as 502.
        status: u16,
        /// Whether the work is done all the same.
        #[serde(default)]
        applied: bool,
    },
    /// 429 out of the blue; the work is not done.
    RateLimited {
        /// Seconds for `retry-after`; without it the header is missing.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Status 200 with `success: false` in the body.
    ErrorBody {
        /// The code in the body.
        code: u32,
        /// The text in the body.
        message: String,
        /// Whether the work is done all the same.
        #[serde(default)]
        applied: bool,
    },
    /// A page of HTML, as a proxy in between would send it.
    Html {
        /// The status, such as 503 or 200.
        status: u16,
        /// Whether the work is done all the same.
        #[serde(default)]
        applied: bool,
    },
    /// The work is done, and the answer breaks off in the middle.
    TruncatedJson,
    /// The work is done, and the answer is padded to this size.
    HugeJson {
        /// Bytes.
        bytes: usize,
    },
    /// From this call on the token counts as expired.
    ExpireToken {
        /// The token's name in the seed.
        token: String,
    },
}

/// A fault and the calls it hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct FaultRule {
    /// The method; any, if not said.
    pub method: Option<String>,
    /// The path below `/client/v4` without the query, where `*` stands for anything; any, if not said.
    pub path: Option<String>,
    /// How many matching calls pass unharmed first.
    pub after: u32,
    /// How many calls are hit; all of them, if not said.
    pub times: Option<u32>,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Why a rule cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// It is not of the documented form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// A field that there is not.
    #[error("unknown field {0}")]
    Unknown(String),
}

impl TryFrom<Map<String, Value>> for FaultRule {
    type Error = RuleError;

    /// Reads the parts by hand: `flatten` and a tagged enum let unknown fields pass, and a misspelt `times` would
    /// make a fault hit for ever.
    fn try_from(mut fields: Map<String, Value>) -> Result<FaultRule, RuleError> {
        let mut own = |field: &str| fields.remove(field).unwrap_or(Value::Null);
        let (method, path, after, times) = (own("method"), own("path"), own("after"), own("times"));
        let given: Vec<String> = fields.keys().cloned().collect();
        let fault: Fault = serde_json::from_value(Value::Object(fields))?;
        let known = serde_json::to_value(&fault)?;
        if let Some(unknown) = given.into_iter().find(|field| known.get(field).is_none()) {
            return Err(RuleError::Unknown(unknown));
        }
        Ok(FaultRule {
            method: serde_json::from_value(method)?,
            path: serde_json::from_value(path)?,
            after: serde_json::from_value::<Option<u32>>(after)?.unwrap_or(0),
            times: serde_json::from_value(times)?,
            fault,
        })
    }
}

impl FaultRule {
    /// A rule that hits every call; narrow it with the other methods.
    #[must_use]
    pub fn new(fault: Fault) -> FaultRule {
        FaultRule { method: None, path: None, after: 0, times: None, fault }
    }

    /// Only calls with this method and a path that fits, where `*` stands for anything.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> FaultRule {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// Lets so many matching calls pass first.
    #[must_use]
    pub fn after(mut self, calls: u32) -> FaultRule {
        self.after = calls;
        self
    }

    /// Hits no more than so many calls.
    #[must_use]
    pub fn times(mut self, calls: u32) -> FaultRule {
        self.times = Some(calls);
        self
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method))
            && self.path.as_deref().is_none_or(|own| glob(own, path))
    }
}

/// Whether a pattern with `*` fits a whole text.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| glob(after, &rest[at..]))
}

/// The rules that are set, with what they did so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<(FaultRule, u32)>,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.armed.push((rule, 0));
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        self.armed.iter().map(|(rule, _)| rule.clone()).collect()
    }

    /// The faults that hit this call, in the order in which they were set. Counts the call.
    pub(crate) fn hit(&mut self, method: &str, path: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (rule, seen) in self.armed.iter_mut().filter(|(rule, _)| rule.fits(method, path)) {
            *seen = seen.saturating_add(1);
            let over = rule.times.is_some_and(|times| *seen > rule.after.saturating_add(times));
            if *seen > rule.after && !over {
                faults.push(rule.fault.clone());
            }
        }
        faults
    }
}

/// What is to happen to one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) before: Duration,
    pub(crate) after: Duration,
    pub(crate) expire: Vec<String>,
    /// The first fault that is more than a delay.
    pub(crate) fault: Option<Fault>,
}

impl Course {
    /// Adds delays up and takes the first of the other faults.
    pub(crate) fn of(faults: Vec<Fault>, latency: Duration) -> Course {
        let mut course = Course { before: latency, ..Course::default() };
        for fault in faults {
            match fault {
                Fault::LatencyBefore { ms } => course.before += Duration::from_millis(ms),
                Fault::LatencyAfter { ms } => course.after += Duration::from_millis(ms),
                Fault::ExpireToken { token } => course.expire.push(token),
                Fault::ApplyThenHang
                | Fault::ApplyLate { .. }
                | Fault::DropBefore
                | Fault::DropAfter
                | Fault::Hang
                | Fault::Status { .. }
                | Fault::RateLimited { .. }
                | Fault::ErrorBody { .. }
                | Fault::Html { .. }
                | Fault::TruncatedJson
                | Fault::HugeJson { .. } => course.fault = course.fault.or(Some(fault)),
            }
        }
        course
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_hits_the_calls_it_names_and_no_others() {
        let mut faults = Faults::default();
        faults.add(
            FaultRule::new(Fault::DropBefore).on("POST", "/zones/*/dns_records/batch").after(1).times(2),
        );
        let path = "/zones/abc/dns_records/batch";
        assert!(faults.hit("GET", path).is_empty());
        assert!(faults.hit("POST", "/zones/abc/dns_records").is_empty());
        let hits: Vec<usize> = (0..4).map(|_| faults.hit("POST", path).len()).collect();
        assert_eq!(hits, [0, 1, 1, 0]);
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let read = |text: &str| serde_json::from_str::<FaultRule>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"kind":"hang","times":1}"#), Ok(FaultRule::new(Fault::Hang).times(1)));
        assert_eq!(read(r#"{"kind":"hang","time":1}"#), Err("unknown field time".to_owned()));
        let status = FaultRule::new(Fault::Status { status: 502, applied: false });
        assert_eq!(read(r#"{"kind":"status","status":502}"#), Ok(status));
        assert!(read(r#"{"kind":"status","status":502,"aplied":true}"#).is_err());
    }

    #[test]
    fn delays_add_up_and_the_first_other_fault_counts() {
        let faults = vec![
            Fault::LatencyBefore { ms: 5 },
            Fault::Hang,
            Fault::LatencyBefore { ms: 6 },
            Fault::DropAfter,
        ];
        let course = Course::of(faults, Duration::from_millis(100));
        assert_eq!(course.before, Duration::from_millis(111));
        assert_eq!(course.fault, Some(Fault::Hang));
    }
}
