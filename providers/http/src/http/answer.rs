//! Whether an answer is the expected one.

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};

use super::HttpCheck;
use crate::tcp::{contains, excerpt};

/// As much of a body as is read.
const MOST_BODY: usize = 1024 * 1024;

/// What is wrong with an answer.
pub(super) struct Fault {
    pub(super) found: String,
    pub(super) expected: String,
}

impl HttpCheck {
    /// Reads an answer and says what is wrong with it; an error if it breaks off.
    pub(super) async fn fault(&self, response: Response) -> reqwest::Result<Option<Fault>> {
        let head = self.head_fault(response.status(), response.headers());
        if head.is_some() {
            return Ok(head);
        }
        let body = body(response).await?;
        Ok(self.options.contains.as_deref().filter(|text| !contains(&body, text)).map(|text| Fault {
            found: if body.is_empty() {
                "an empty body".into()
            } else {
                format!("a body that starts {}", excerpt(&body))
            },
            expected: format!("`{}` in it", text.escape_debug()),
        }))
    }

    fn head_fault(&self, status: StatusCode, headers: &HeaderMap) -> Option<Fault> {
        if !self.options.status.holds(status.as_u16()) {
            return Some(Fault { found: status.to_string(), expected: self.options.status.to_string() });
        }
        let wrong = |(name, value)| headers.get(name) != Some(value);
        let (name, value) = self.headers.iter().map(|(n, v)| (n, v)).find(|pair| wrong(*pair))?;
        let found = match headers.get(name) {
            Some(found) => format!("{name}: {}", excerpt(found.as_bytes())),
            None => format!("no header {name}"),
        };
        Some(Fault { found, expected: format!("{name}: {}", excerpt(value.as_bytes())) })
    }
}

async fn body(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= MOST_BODY {
            body.truncate(MOST_BODY);
            break;
        }
    }
    Ok(body)
}
