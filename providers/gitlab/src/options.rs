//! What the file says about a side's GitLab project, and the checked form that comes of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use switchover::config::{Period, SecretRef};
use switchover::model::EnvironmentName;

use crate::period::Mark;

/// The environment variable that holds the token where the file names none; the one that GitLab's own tools read.
pub const TOKEN_VARIABLE: &str = "GITLAB_TOKEN";

/// GitLab's web server ends a request after 60 s (<https://docs.gitlab.com/administration/operations/puma/#worker-timeout>). One that
/// we gave up may still be worked on for that long.
const WORKER_TIMEOUT: Duration = Duration::from_secs(60);

/// A GitLab project as one side.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitLabOptions {
    /// The project: its path with its group (`gigadb/gigadb-website`), or its number.
    pub project: String,
    /// The address of the server. Plain `http` only for this machine itself (a test server).
    #[serde(default = "gitlab_com")]
    pub url: String,
    /// Where the token is: `{ env = "NAME" }` or `{ file = "PATH" }`. It needs the scope `api` and the role Maintainer in the project. If
    /// absent, the environment variable `GITLAB_TOKEN`.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// What Switchover's environments are called in the project, by their names here. One that is not listed has the same name there, and
    /// no deploy job.
    #[serde(default)]
    pub environments: BTreeMap<String, GitLabEnvironment>,
    /// Whether to become the owner of a pipeline schedule that must be paused and is somebody else's. Its pipelines then run with the
    /// rights of this token's user.
    #[serde(default)]
    pub take_ownership: bool,
    /// How long to wait for a connection, TLS included.
    #[serde(default = "five_seconds")]
    pub connect_timeout: Period,
    /// How long one request may take in all, from connecting to the last byte read. Longer than `connect_timeout`.
    #[serde(default = "twenty_seconds")]
    pub timeout: Period,
    /// The longest time after which a change without an answer may still be made. If absent, `timeout` and 1 minute: that is how long
    /// GitLab's web server works on a request.
    #[serde(default)]
    pub in_flight: Option<Period>,
    /// How long to wait in all for one answer where the server asks to slow down or is out of order.
    #[serde(default = "one_minute")]
    pub max_wait: Period,
}

fn gitlab_com() -> String {
    "https://gitlab.com".to_owned()
}

fn five_seconds() -> Period {
    Period(Duration::from_secs(5))
}

fn twenty_seconds() -> Period {
    Period(Duration::from_secs(20))
}

fn one_minute() -> Period {
    Period(Duration::from_secs(60))
}

/// What an environment is called in a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GitLabEnvironment {
    /// The scope of its variables, if not the environment's name.
    pub scope: Option<String>,
    /// Its name among the project's environments, if not the same.
    pub environment: Option<String>,
    /// The job of a tag's pipeline that deploys to it. Without one, releases are only looked at.
    pub deploy_job: Option<String>,
}

/// Why a side cannot be set up. Nothing was sent. Never holds the token.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address of the server is none.
    #[error("url `{url}` is no address of a GitLab server: {why}")]
    Url {
        /// The address as given, without a user name or password.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The project is none.
    #[error(
        "project `{0}` is no project; write its path with its group (gigadb/gigadb-website), or its number"
    )]
    Project(String),
    /// An environment's entry cannot be used.
    #[error("environments.{name}: {why}")]
    Environment {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A period that makes no sense.
    #[error("{option} = \"{given}\": {why}")]
    Period {
        /// The option.
        option: &'static str,
        /// Its value.
        given: Period,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token is empty, or no token at all.
    #[error("the token {0}")]
    Token(&'static str),
    /// The HTTP client could not be built (no usable root certificates, as a rule).
    #[error("the HTTP client could not be built; are root certificates installed (package ca-certificates)?")]
    Client(#[source] reqwest::Error),
}

/// An environment as the project has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) scope: String,
    pub(crate) environment: String,
    pub(crate) deploy_job: Option<String>,
}

/// Options that make sense.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// `…/api/v4/projects/<project>/`.
    pub(crate) base: Url,
    pub(crate) loopback: bool,
    /// For messages: server and project.
    pub(crate) place: String,
    pub(crate) stages: BTreeMap<EnvironmentName, Stage>,
    pub(crate) take_ownership: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) in_flight: Duration,
    pub(crate) max_wait: Duration,
}

impl Resolved {
    /// What an environment is called here.
    pub(crate) fn stage(&self, name: &EnvironmentName) -> Stage {
        self.stages.get(name).cloned().unwrap_or_else(|| Stage {
            scope: name.to_string(),
            environment: name.to_string(),
            deploy_job: None,
        })
    }
}

impl TryFrom<&GitLabOptions> for Resolved {
    type Error = SetupError;

    fn try_from(options: &GitLabOptions) -> Result<Self, SetupError> {
        let server = server(&options.url)?;
        let project = project(&options.project)?;
        periods(options)?;
        let timeout = options.timeout.0;
        let place = format!("GitLab {}, project {project}", server.host_str().unwrap_or_default());
        Ok(Self {
            loopback: is_loopback(&server),
            base: api(server, &project),
            place,
            stages: stages(options)?,
            take_ownership: options.take_ownership,
            connect_timeout: options.connect_timeout.0,
            timeout,
            in_flight: options.in_flight.map_or(timeout + WORKER_TIMEOUT, |period| period.0),
            max_wait: options.max_wait.0,
        })
    }
}

fn project(text: &str) -> Result<String, SetupError> {
    let part = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(allowed)
    };
    let (numeric, parts) = (text.bytes().all(|byte| byte.is_ascii_digit()), text.split('/').count());
    let good = text.split('/').all(part) && (numeric || parts > 1);
    if good { Ok(text.to_owned()) } else { Err(SetupError::Project(text.escape_debug().to_string())) }
}

fn stages(options: &GitLabOptions) -> Result<BTreeMap<EnvironmentName, Stage>, SetupError> {
    let mut stages = BTreeMap::new();
    let mut marks: BTreeMap<Mark, &String> = BTreeMap::new();
    for (text, entry) in &options.environments {
        let wrong = |why: String| SetupError::Environment { name: text.escape_debug().to_string(), why };
        let name = EnvironmentName::new(text).map_err(|error| wrong(error.to_string()))?;
        for (option, given) in
            [("scope", &entry.scope), ("environment", &entry.environment), ("deploy_job", &entry.deploy_job)]
        {
            if given.as_ref().is_some_and(|given| given.is_empty() || given.chars().any(char::is_control)) {
                return Err(wrong(format!("{option} must not be empty or hold control characters")));
            }
        }
        if let Some(other) = marks.insert(Mark::of(&name), text) {
            return Err(wrong(format!(
                "its freeze periods could not be told from those of {other}; give one of them another name"
            )));
        }
        let named = |given: &Option<String>| given.clone().unwrap_or_else(|| text.clone());
        let stage = Stage {
            scope: named(&entry.scope),
            environment: named(&entry.environment),
            deploy_job: entry.deploy_job.clone(),
        };
        stages.insert(name, stage);
    }
    Ok(stages)
}

fn periods(options: &GitLabOptions) -> Result<(), SetupError> {
    const DAY: Duration = Duration::from_secs(86_400);
    let wrong = |option, given, why| Err(SetupError::Period { option, given, why });
    for (option, given) in [
        ("connect_timeout", options.connect_timeout),
        ("timeout", options.timeout),
        ("max_wait", options.max_wait),
        ("in_flight", options.in_flight.unwrap_or(Period(Duration::ZERO))),
    ] {
        if given.0 > DAY {
            return wrong(option, given, "it must not be longer than a day");
        }
    }
    if options.connect_timeout.0.is_zero() {
        return wrong("connect_timeout", options.connect_timeout, "no connection is made in no time");
    }
    // Were the whole request given up first, a connection that was never made could not be told from an answer that never came.
    if options.timeout <= options.connect_timeout {
        return wrong("timeout", options.timeout, "it must be longer than connect_timeout");
    }
    if let Some(given) = options.in_flight.filter(|period| *period < options.timeout) {
        return wrong(
            "in_flight",
            given,
            "it must not be shorter than timeout, while the request is still waited for",
        );
    }
    Ok(())
}

fn server(text: &str) -> Result<Url, SetupError> {
    let wrong = |url: &str, why| Err(SetupError::Url { url: url.escape_debug().to_string(), why });
    let Ok(url) = Url::parse(text.trim()) else {
        return wrong("", "it cannot be read as a URL");
    };
    if !url.username().is_empty() || url.password().is_some() {
        let shown = url.host_str().unwrap_or_default().to_owned();
        return wrong(&shown, "it must not hold a user name or password");
    }
    let fault = match url.scheme() {
        _ if url.host_str().is_none_or(str::is_empty) => Some("it has no host"),
        _ if url.query().is_some() || url.fragment().is_some() => Some("it must end with its path"),
        "https" => None,
        "http" if is_loopback(&url) => None,
        "http" => Some("plain http would show the token to everybody on the way; use https"),
        _ => Some("it must start with https://"),
    };
    match fault {
        Some(why) => wrong(url.as_str(), why),
        None => Ok(url),
    }
}

/// The address of the project's part of the API. A server may live below a path, and `/api/v4` may be given or not.
fn api(mut server: Url, project: &str) -> Url {
    let path = server.path().trim_end_matches('/').trim_end_matches("/api/v4").to_owned();
    server.set_path(&format!("{path}/api/v4/projects/{}/", project.replace('/', "%2F")));
    server
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> GitLabOptions {
        toml::from_str(text).unwrap()
    }

    fn refused(text: &str) -> String {
        Resolved::try_from(&options(text)).unwrap_err().to_string()
    }

    #[test]
    fn a_project_is_all_that_must_be_said() {
        let resolved = Resolved::try_from(&options("project = 'gigadb/gigadb-website'")).unwrap();
        assert_eq!(resolved.base.as_str(), "https://gitlab.com/api/v4/projects/gigadb%2Fgigadb-website/");
        assert_eq!(resolved.in_flight, Duration::from_secs(80));
        let live = resolved.stage(&EnvironmentName::new("live").unwrap());
        assert_eq!((live.scope.as_str(), live.deploy_job), ("live", None));
    }

    #[test]
    fn a_server_may_live_below_a_path() {
        for url in ["https://example.org/git", "https://example.org/git/", "https://example.org/git/api/v4"] {
            let resolved = Resolved::try_from(&options(&format!("project = '7'\nurl = '{url}'"))).unwrap();
            assert_eq!(resolved.base.as_str(), "https://example.org/git/api/v4/projects/7/");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for project in ["", "website", "a/../b", "a//b", "a b/c", "a/b?c"] {
            assert!(
                refused(&format!("project = '{project}'")).contains("its path with its group"),
                "{project}"
            );
        }
        assert!(refused("project = '1'\nurl = 'http://gitlab.example'").contains("https"));
        assert!(!refused("project = '1'\nurl = 'https://me:hunter2@gitlab.example'").contains("hunter2"));
        assert!(refused("project = '1'\ntimeout = '5s'").contains("longer than connect_timeout"));
        assert!(refused("project = '1'\nin_flight = '1s'").contains("in_flight"));
        assert!(refused("project = '1'\n[environments.live]\nscope = ''").contains("environments.live"));
        assert!(toml::from_str::<GitLabOptions>("project = '1'\ntoken = 'glpat-x'").is_err());
    }
}
