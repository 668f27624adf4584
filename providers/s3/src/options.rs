//! What the file says about a bucket, and the checked form that comes of it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;

/// The journal in a bucket of S3, or of what speaks its protocol and keeps its conditions on writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Options {
    /// The bucket. It must exist; put it into a region that is neither side's.
    pub bucket: String,
    /// What every object's name begins with, followed by a `/`. Those that share a journal need the same.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// The region, such as `eu-central-1`. Without it: the profile's region, then `AWS_REGION`.
    #[serde(default)]
    pub region: Option<String>,
    /// The profile in the AWS files whose credentials are used, and no others. Without it the SDK's default chain decides.
    #[serde(default)]
    pub profile: Option<String>,
    /// Where S3 is, for what speaks its protocol elsewhere, such as `https://s3.example.net`. The bucket is then named in the path.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// How long one request may take, connecting included, before it is sent again.
    #[serde(default = "five_seconds")]
    pub timeout: Period,
    /// How long to go on sending it in all.
    #[serde(default = "twenty_seconds")]
    pub patience: Period,
}

fn prefix() -> String {
    "switchover".to_owned()
}

fn five_seconds() -> Period {
    Period(Duration::from_secs(5))
}

fn twenty_seconds() -> Period {
    Period(Duration::from_secs(20))
}

/// Why the options cannot be used. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The bucket cannot be one.
    #[error("bucket `{0}` is no name of a bucket")]
    Bucket(String),
    /// The prefix cannot be one.
    #[error("prefix `{0}`: write letters, digits, `-`, `_`, `.`, and `/` between parts")]
    Prefix(String),
    /// The address would show the journal to everybody on the way.
    #[error("endpoint: plain http is for this machine only; use https")]
    Plain,
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
    /// The AWS files or the environment do not say enough, or the client does not take what they say.
    #[error("{0}; look at `profile` and `region`, and at the AWS files")]
    Aws(String),
}

/// Checks what can be checked without the AWS files; the prefix, with a `/` at its end.
pub(crate) fn checked(options: &S3Options) -> Result<String, SetupError> {
    let shown = |text: &str| text.escape_debug().to_string();
    // As far as S3's own rules go (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if options.bucket.len() < 3 || options.bucket.len() > 63 || !options.bucket.bytes().all(good) {
        return Err(SetupError::Bucket(shown(&options.bucket)));
    }
    let bare = options.prefix.strip_suffix('/').unwrap_or(&options.prefix);
    let part = |part: &str| !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(good);
    if !bare.split('/').all(part) {
        return Err(SetupError::Prefix(shown(&options.prefix)));
    }
    if options.endpoint.as_deref().is_some_and(|endpoint| !is_safe(endpoint)) {
        return Err(SetupError::Plain);
    }
    periods(options)?;
    Ok(format!("{bare}/"))
}

fn is_safe(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return true };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = if let Some(v6) = host.strip_prefix('[') {
        v6.split(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn periods(options: &S3Options) -> Result<(), SetupError> {
    let wrong = |option, given, why| Err(SetupError::Period { option, given, why });
    if options.timeout.0 < Duration::from_millis(10) {
        return wrong("timeout", options.timeout, "no service answers so soon");
    }
    if options.patience.0 > Duration::from_secs(3_600) {
        return wrong("patience", options.patience, "it must not be longer than an hour");
    }
    if options.patience < options.timeout {
        return wrong("patience", options.patience, "it must not be shorter than timeout");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let options: S3Options = toml::from_str(text).map_err(|error| error.to_string())?;
        checked(&options).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_is_all_that_must_be_said() {
        assert_eq!(check("bucket = 'gigadb-journal'"), Ok("switchover/".to_owned()));
        assert_eq!(check("bucket = 'abc'\nprefix = 'a/b/'"), Ok("a/b/".to_owned()));
        assert!(check("bucket = 'abc'\nendpoint = 'http://127.0.0.1:5000'").is_ok());
        assert!(check("bucket = 'abc'\nendpoint = 'http://[::1]:5000/'").is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        assert!(check("bucket = 'a/b'").unwrap_err().contains("no name of a bucket"));
        for prefix in ["", "/a", "a//b", "..", "a b"] {
            assert!(check(&format!("bucket = 'abc'\nprefix = '{prefix}'")).unwrap_err().contains("prefix"));
        }
        for endpoint in ["http://s3.example.net", "http://127.0.0.1.example.net", "http://10.0.0.1:1"] {
            let told = check(&format!("bucket = 'abc'\nendpoint = '{endpoint}'")).unwrap_err();
            assert!(told.contains("use https"), "{endpoint}: {told}");
        }
        assert!(check("bucket = 'abc'\npatience = '1s'").unwrap_err().contains("shorter than timeout"));
        assert!(check("bucket = 'abc'\nbuckt = 1").is_err());
    }
}
