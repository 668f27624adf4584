//! Status pages as Atlassian Statuspage serves them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover::port::{CheckFailure, StatusPage};

use crate::failure::{plain, timed_out};

/// The most bytes of a summary that are read; Cloudflare's, with some 400 components, has about 200,000.
const LARGEST: usize = 4 << 20;
/// The most things of a kind that are named.
const NAMED: usize = 3;

/// How bad it is, from good to bad, as the page's own indicator says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// All is well.
    None,
    /// Something is slow, or under maintenance.
    Minor,
    /// Part of it is out.
    Major,
    /// All of it is out.
    Critical,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "no trouble",
            Self::Minor => "minor trouble",
            Self::Major => "major trouble",
            Self::Critical => "critical trouble",
        })
    }
}

/// Which page, and what of it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusPageOptions {
    /// The page's address, such as `https://www.cloudflarestatus.com`.
    pub url: String,
    /// The components that count, by the names that the page gives them; the page as a whole if left out.
    #[serde(default)]
    #[schemars(default)]
    pub components: Vec<String>,
    /// The worst that is still good enough; `minor` if left out.
    pub worst: Option<Trouble>,
    /// How long the page may take to answer; 5s if left out.
    pub timeout: Option<Period>,
}

/// Why options make no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusPageError {
    /// It is no address of a page.
    #[error("url `{0}` is no address that begins with `https://` or `http://`")]
    Url(String),
    /// The machine's certificates or proxy settings are unusable.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// Reads `/api/v2/summary.json` of a page (<https://www.atlassianstatus.com/api>): its `status.indicator` is `none`, `minor`, `major` or
/// `critical`, and `maintenance` while something planned goes on; a component is `operational`, `degraded_performance`, `partial_outage`,
/// `major_outage` or `under_maintenance`.
///
/// Maintenance counts as minor trouble, a partial outage as major, a major outage as critical.
#[derive(Debug)]
pub struct Statuspage {
    url: Url,
    components: Vec<String>,
    worst: Trouble,
    timeout: Duration,
    client: Client,
}

#[derive(Debug, Deserialize)]
struct Summary {
    status: Overall,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    incidents: Vec<Named>,
    #[serde(default)]
    scheduled_maintenances: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Overall {
    indicator: String,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
struct Component {
    name: String,
    status: String,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    status: String,
}

/// What a page says, as far as it counts.
struct Verdict {
    trouble: Trouble,
    words: String,
}

impl Statuspage {
    /// Checks the address. Sends nothing.
    pub fn new(options: StatusPageOptions) -> Result<Self, StatusPageError> {
        let wrong = || StatusPageError::Url(options.url.escape_debug().to_string());
        let mut url = Url::parse(&options.url).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong());
        }
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(["api", "v2", "summary.json"]);
        let timeout = options.timeout.map_or(Duration::from_secs(5), |period| period.0);
        let client = Client::builder()
            .redirect(Policy::limited(3))
            .pool_max_idle_per_host(0)
            .timeout(timeout)
            .user_agent(concat!("switchover/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| StatusPageError::Client(plain(&error)))?;
        let worst = options.worst.unwrap_or(Trouble::Minor);
        Ok(Self { url, components: options.components, worst, timeout, client })
    }

    async fn summary(&self) -> Result<Summary, String> {
        let words = |error: reqwest::Error| {
            if error.is_timeout() { timed_out(self.timeout) } else { plain(&error.without_url()) }
        };
        let answer = self.client.get(self.url.clone()).send().await.map_err(words)?;
        if !answer.status().is_success() {
            return Err(format!("it answered {}", answer.status()));
        }
        let body = whole(answer).await.map_err(words)?.ok_or("its answer is too long")?;
        serde_json::from_slice(&body).map_err(|_| "its answer is no summary of a status page".to_owned())
    }

    fn verdict(&self, summary: &Summary) -> Result<Verdict, String> {
        let verdict = if self.components.is_empty() {
            let Overall { indicator, description } = &summary.status;
            let trouble = of_indicator(indicator)?;
            Verdict { trouble, words: format!("{trouble}: {}", clean(description)) }
        } else {
            self.of_components(summary)?
        };
        Ok(Verdict { words: verdict.words + &going_on(summary), ..verdict })
    }

    fn of_components(&self, summary: &Summary) -> Result<Verdict, String> {
        let mut worst = Verdict { trouble: Trouble::None, words: Trouble::None.to_string() };
        for wanted in &self.components {
            let mut found =
                summary.components.iter().filter(|component| component.name == *wanted).peekable();
            if found.peek().is_none() {
                return Err(format!("it has no component `{}`", wanted.escape_debug()));
            }
            for component in found {
                let trouble = of_component(&component.status)?;
                if trouble > worst.trouble {
                    let status = component.status.replace('_', " ");
                    worst = Verdict { trouble, words: format!("{trouble}: {}: {status}", clean(wanted)) };
                }
            }
        }
        Ok(worst)
    }
}

fn of_indicator(indicator: &str) -> Result<Trouble, String> {
    match indicator {
        "none" => Ok(Trouble::None),
        "minor" | "maintenance" => Ok(Trouble::Minor),
        "major" => Ok(Trouble::Major),
        "critical" => Ok(Trouble::Critical),
        other => Err(format!("its indicator is `{}`, which means nothing", clean(other))),
    }
}

fn of_component(status: &str) -> Result<Trouble, String> {
    match status {
        "operational" => Ok(Trouble::None),
        "degraded_performance" | "under_maintenance" => Ok(Trouble::Minor),
        "partial_outage" => Ok(Trouble::Major),
        "major_outage" => Ok(Trouble::Critical),
        other => Err(format!("a component is `{}`, which means nothing", clean(other))),
    }
}

/// The incidents that are open and the maintenance that is under way, in words.
fn going_on(summary: &Summary) -> String {
    let incidents = summary.incidents.iter().map(|incident| ("incident", incident));
    let under_way = summary.scheduled_maintenances.iter().filter(|planned| planned.status != "scheduled");
    let all = incidents.take(NAMED).chain(under_way.map(|planned| ("maintenance", planned)).take(NAMED));
    let words = all.map(|(kind, named)| {
        let status = named.status.replace('_', " ");
        format!("; {kind} \"{}\" ({})", clean(&named.name), clean(&status))
    });
    words.collect()
}

/// Words of a stranger, fit to be shown: on one line, and not endless.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// The body; `None` if it is too long.
async fn whole(mut answer: Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

#[async_trait]
impl StatusPage for Statuspage {
    async fn look(&self) -> Result<(), CheckFailure> {
        let at = self.url.host_str().unwrap_or_default().to_owned();
        let silent = |why| CheckFailure::NoAnswer { at: at.clone(), why };
        let summary = self.summary().await.map_err(silent)?;
        let Verdict { trouble, words } = self.verdict(&summary).map_err(silent)?;
        if trouble <= self.worst {
            return Ok(());
        }
        Err(CheckFailure::Wrong { found: words, expected: format!("{} at most", self.worst), at })
    }
}

#[cfg(test)]
mod tests;
