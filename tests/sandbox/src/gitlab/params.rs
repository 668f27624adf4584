//! Parameters of a call: of the query and of the body, as Grape merges them.

use reqwest::Url;
use serde_json::Value;

use super::error::ApiError;

/// What a call says.
#[derive(Debug)]
pub(super) struct Params {
    query: Vec<(String, String)>,
    body: Value,
}

impl Params {
    /// Reads both. A body that is no JSON object is refused.
    pub(super) fn read(query: &str, body: &[u8]) -> Result<Params, ApiError> {
        // Only for its parser of queries.
        let url = Url::parse(&format!("http://localhost/?{query}"));
        let query = url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default();
        let body = match body {
            [] => Value::Null,
            text => serde_json::from_slice(text)
                .map_err(|_| ApiError::parameter("The JSON provided is invalid"))?,
        };
        if !body.is_null() && !body.is_object() {
            return Err(ApiError::parameter("The JSON provided is invalid"));
        }
        Ok(Params { query, body })
    }

    fn value(&self, name: &str) -> Option<Value> {
        let of_body = self.body.get(name).filter(|value| !value.is_null()).cloned();
        let of_query = || self.query.iter().rev().find(|(key, _)| key == name);
        of_body.or_else(|| of_query().map(|(_, value)| Value::from(value.clone())))
    }

    /// A text; numbers are taken for one.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_)) => {
                Err(ApiError::parameter(&format!("{name} is invalid")))
            }
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| ApiError::parameter(&format!("{name} is missing")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "1") => Ok(Some(true)),
            Some(Value::String(text)) if matches!(text.as_str(), "false" | "0") => Ok(Some(false)),
            Some(_) => Err(ApiError::parameter(&format!("{name} is invalid"))),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let text = self.text(name)?;
        let read =
            |text: String| text.parse().map_err(|_| ApiError::parameter(&format!("{name} is invalid")));
        text.map(read).transpose()
    }

    /// One of these words.
    pub(super) fn word(&self, name: &str, words: &[&str]) -> Result<Option<String>, ApiError> {
        let text = self.text(name)?;
        match &text {
            Some(given) if !words.contains(&given.as_str()) => {
                Err(ApiError::parameter(&format!("{name} does not have a valid value")))
            }
            Some(_) | None => Ok(text),
        }
    }

    /// `name[]=a&name[]=b`, or `name=a`.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let many = format!("{name}[]");
        self.query
            .iter()
            .filter(|(key, _)| *key == many || key == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// `filter[environment_scope]`, of the query or of the body.
    pub(super) fn scope_filter(&self) -> Option<String> {
        let of_query = self.query.iter().find(|(key, _)| key == "filter[environment_scope]");
        let of_body = || self.body.get("filter")?.get("environment_scope")?.as_str().map(str::to_owned);
        of_query.map(|(_, value)| value.clone()).or_else(of_body)
    }

    /// The query without its page, for the links of a list.
    pub(super) fn rest_of_query(&self) -> String {
        let kept = self.query.iter().filter(|(key, _)| key != "page" && key != "per_page");
        let mut url = String::new();
        for (key, value) in kept {
            url.push('&');
            encode(&mut url, key);
            url.push('=');
            encode(&mut url, value);
        }
        url
    }
}

fn encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~[]".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// A segment of a path, decoded.
pub(super) fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = (byte == b'%').then(|| segment.get(at + 1..at + 3)).flatten();
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
