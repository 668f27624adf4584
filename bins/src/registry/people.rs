//! What tells people, and the pages that vendors put up: one arm each.

use std::sync::Arc;

use async_trait::async_trait;
use switchover::config::{Kind, PortKind, ProviderSpec, SecretRef};
use switchover::model::{Announcement, AnnouncerName, PairName};
use switchover::port::{AnnounceError, Announcer, RoleTable, StatusPage};
use switchover_announce::{Key, Slack, SlackOptions, Smtp, SmtpOptions, Webhook, WebhookOptions};
use switchover_http::{StatusPageOptions, Statuspage};
use switchover_markdown::{MarkdownOptions, MarkdownTable};

use super::{Setting, text};

/// The kinds of announcer, role table and status page that the file may name.
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind::of::<SlackOptions>(PortKind::Announcer, "slack"),
        Kind::of::<WebhookOptions>(PortKind::Announcer, "webhook"),
        Kind::of::<SmtpOptions>(PortKind::Announcer, "smtp"),
        Kind::of::<MarkdownOptions>(PortKind::RoleTable, "markdown"),
        Kind::of::<StatusPageOptions>(PortKind::StatusPage, "statuspage"),
    ]
}

/// An announcer that could not be set up. A swap goes on without it: it must not wait for somebody who finds the URL of a channel.
#[derive(Debug)]
struct Unready {
    name: AnnouncerName,
    why: String,
}

impl Unready {
    fn error(&self) -> AnnounceError {
        AnnounceError::Unready { place: self.name.to_string(), why: self.why.clone() }
    }
}

#[async_trait]
impl Announcer for Unready {
    async fn announce(&self, _: &Announcement) -> Result<(), AnnounceError> {
        Err(self.error())
    }

    async fn prove(&self) -> Result<(), AnnounceError> {
        Err(self.error())
    }
}

impl Setting<'_> {
    /// Sets an announcer up; one for which that fails says so whenever it is to tell something.
    pub(super) fn announcer(&self, name: &AnnouncerName, spec: &ProviderSpec) -> Arc<dyn Announcer> {
        self.made(spec).unwrap_or_else(|why| Arc::new(Unready { name: name.clone(), why }))
    }

    fn made(&self, spec: &ProviderSpec) -> Result<Arc<dyn Announcer>, String> {
        match spec.kind.as_str() {
            "slack" => {
                let options: SlackOptions = spec.options().map_err(text)?;
                let url = self.secret(&options.url)?;
                Ok(Arc::new(Slack::new(options, &url).map_err(text)?))
            }
            "webhook" => {
                let options: WebhookOptions = spec.options().map_err(text)?;
                let secrets = [Some(&options.secret), options.previous_secret.as_ref()];
                let keys = secrets.into_iter().flatten().map(|reference| self.key(reference));
                let keys = keys.collect::<Result<Vec<Key>, String>>()?;
                Ok(Arc::new(Webhook::new(options, keys, Arc::clone(&self.clock)).map_err(text)?))
            }
            "smtp" => {
                let mut options: SmtpOptions = spec.options().map_err(text)?;
                options.ca_file = options.ca_file.map(|file| self.folder.join(file));
                let secret = |reference: Option<&SecretRef>| reference.map(|r| self.secret(r)).transpose();
                let (user, password) = (secret(options.user.as_ref())?, secret(options.password.as_ref())?);
                Ok(Arc::new(Smtp::new(options, user.as_ref(), password.as_ref()).map_err(text)?))
            }
            other => Err(format!("this program was built without the announcer `{other}`")),
        }
    }

    fn key(&self, reference: &SecretRef) -> Result<Key, String> {
        Key::new(&self.secret(reference)?).map_err(|error| format!("{reference}: {error}"))
    }

    pub(super) fn role_table(
        &self,
        pair: &PairName,
        spec: &ProviderSpec,
    ) -> Result<Arc<dyn RoleTable>, String> {
        match spec.kind.as_str() {
            "markdown" => {
                let options: MarkdownOptions = spec.options().map_err(text)?;
                Ok(Arc::new(MarkdownTable::new(self.folder.join(options.file), pair.clone())))
            }
            other => Err(format!("this program was built without the role table `{other}`")),
        }
    }
}

pub(super) fn status_page(spec: &ProviderSpec) -> Result<Arc<dyn StatusPage>, String> {
    match spec.kind.as_str() {
        "statuspage" => {
            let options: StatusPageOptions = spec.options().map_err(text)?;
            Ok(Arc::new(Statuspage::new(options).map_err(text)?))
        }
        other => Err(format!("this program was built without the status page `{other}`")),
    }
}
