//! Incoming webhooks as Slack has them, and Mattermost, Rocket.Chat and others after it.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use switchover::config::{Period, SecretRef};
use switchover::model::Announcement;
use switchover::port::{AnnounceError, Announcer};

use crate::http::{Target, TargetError};
use crate::{TIMEOUT, Texts};

/// What a Slack-compatible webhook is set up from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackOptions {
    /// Where the webhook's URL is to be found. Whoever knows it can write to the channel, so it is a secret.
    pub url: SecretRef,
    /// How long one try may take; 5s if left out, 10s at most.
    pub timeout: Option<Period>,
    /// Texts in place of those that come with the program, in Slack's mrkdwn; values are escaped.
    #[serde(default)]
    #[schemars(default)]
    pub template: Texts,
}

/// Posts to an incoming webhook: `{"text": …}` (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
///
/// Slack answers 200 to what it took, 429 with `Retry-After` to what comes too fast (about one message a second), and 400, 403, 404 or 410
/// with a word such as `no_service` or `channel_is_archived` to what it will never take. It minds no keys, so an announcement that is
/// repeated because its answer was lost may be shown twice.
pub struct Slack {
    target: Target,
    texts: Texts,
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack").field("place", &self.target.place()).finish_non_exhaustive()
    }
}

impl Slack {
    /// Checks the URL. Sends nothing.
    pub fn new(options: SlackOptions, url: &SecretString) -> Result<Self, TargetError> {
        let target = Target::new(url.expose_secret(), options.timeout.unwrap_or(Period(TIMEOUT)))?;
        if target.is_open() {
            return Err(TargetError::Clear);
        }
        Ok(Self { target, texts: options.template })
    }
}

/// The three characters that mean something in mrkdwn (<https://docs.slack.dev/messaging/formatting-message-text>, "Escaping text"). Without
/// this a reason such as `<!channel>` would call everybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[async_trait]
impl Announcer for Slack {
    async fn announce(&self, announcement: &Announcement) -> Result<(), AnnounceError> {
        let body = json!({ "text": self.texts.text(announcement, escaped) });
        self.target.send(self.target.post(body.to_string())).await
    }

    /// Reaches the service, and by TLS knows that it is the one. Not proved: that the webhook and its channel are still there, which only
    /// a message would show.
    async fn prove(&self) -> Result<(), AnnounceError> {
        self.target.reach().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> SlackOptions {
        let url = SecretRef::Env("URL".to_owned());
        SlackOptions { url, timeout: None, template: Texts::default() }
    }

    #[test]
    fn markup_in_values_means_nothing() {
        assert_eq!(escaped("<!channel> R&D <@U1>"), "&lt;!channel&gt; R&amp;D &lt;@U1&gt;");
    }

    #[test]
    fn the_url_is_neither_sent_in_clear_nor_shown() {
        let url = SecretString::from("http://hooks.example.org/services/s3cret");
        assert_eq!(Slack::new(options(), &url).unwrap_err(), TargetError::Clear);
        let url = SecretString::from("https://hooks.example.org/services/s3cret");
        let shown = format!("{:?}", Slack::new(options(), &url).unwrap());
        assert!(shown.contains("hooks.example.org") && !shown.contains("s3cret"), "{shown}");
    }
}
