//! A signed webhook for programs: JSON that a receiver can trust and tell from a replay.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use switchover::config::{Period, SecretRef};
use switchover::model::Announcement;
use switchover::port::{AnnounceError, Announcer, Clock};

use crate::http::{Target, TargetError};
use crate::{Key, KeyError, TIMEOUT, Texts};

/// What a signed webhook is set up from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookOptions {
    /// Where announcements are posted. It stands in the file, so it must hold no secret; the signature says who sent them.
    pub url: String,
    /// Where the key that both ends share is to be found: `whsec_` and 24 to 64 bytes in base64.
    pub secret: SecretRef,
    /// The key before this one, while receivers change over: announcements are signed with both.
    pub previous_secret: Option<SecretRef>,
    /// How long one try may take; 5s if left out, 10s at most.
    pub timeout: Option<Period>,
    /// Texts in place of those that come with the program.
    #[serde(default)]
    #[schemars(default)]
    pub template: Texts,
}

/// Why options make no webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The address or the timeout.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Posts JSON that is signed as Standard Webhooks 1.0.0 says, so that receivers can use the libraries that there are.
///
/// Three headers: `webhook-id`, the announcement's key, the same each time it is repeated; `webhook-timestamp`, when this try was made, in
/// seconds; `webhook-signature`, one `v1,BASE64` a key with spaces between them, over `ID.TIMESTAMP.BODY`. A receiver makes the signature
/// anew over the body as it came, compares in constant time, refuses a timestamp that is more than five minutes off (a replay), and drops an
/// id that it has seen.
pub struct Webhook {
    target: Target,
    keys: Vec<Key>,
    texts: Texts,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("place", &self.target.place()).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Checks the address; `keys` are the key of today and, while receivers change over, the one before. Sends nothing.
    pub fn new(options: WebhookOptions, keys: Vec<Key>, clock: Arc<dyn Clock>) -> Result<Self, WebhookError> {
        let target = Target::new(&options.url, options.timeout.unwrap_or(Period(TIMEOUT)))?;
        Ok(Self { target, keys, texts: options.template, clock })
    }

    fn body(&self, announcement: &Announcement) -> String {
        let shifts = announcement.shifts.iter();
        let environments = shifts
            .map(|shift| json!({ "environment": shift.environment, "from": shift.from, "to": shift.to }));
        let body = json!({
            "schema": "switchover/announcement/1",
            "type": format!("switchover.{}", announcement.moment.key()),
            "timestamp": announcement.at,
            "data": {
                "pair": announcement.pair,
                "run": announcement.run,
                "intent": announcement.intent,
                "environments": environments.collect::<Vec<_>>(),
                "release": announcement.release,
                "by": announcement.by,
                "reason": announcement.reason,
                "detail": announcement.detail,
                "text": self.texts.text(announcement, str::to_owned),
            },
        });
        body.to_string()
    }
}

#[async_trait]
impl Announcer for Webhook {
    async fn announce(&self, announcement: &Announcement) -> Result<(), AnnounceError> {
        let (id, seconds) = (announcement.key.as_str(), self.clock.now().as_second());
        let body = self.body(announcement);
        let signatures: Vec<String> = self.keys.iter().map(|key| key.sign(id, seconds, &body)).collect();
        let request = self.target.post(body);
        let request = request
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signatures.join(" "));
        self.target.send(request).await
    }

    /// Reaches the service, and by TLS knows that it is the one. Not proved: that the path is right and that the receiver has the key.
    async fn prove(&self) -> Result<(), AnnounceError> {
        self.target.reach().await
    }
}
