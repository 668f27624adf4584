//! An authoritative name server: a view of the zones that trails the API by a settable delay.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hickory_server::proto::op::ResponseCode;
use serde::{Deserialize, Serialize};

use super::Answering;
use super::answer::{Answer, Question, answer};
use super::publish::{Key, RecordSets};
use super::view::View;
use super::wire::Answers;
use crate::ids;
use crate::world::lock;

/// How a name server behaves. A new delay holds for commits from then on.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsSettings {
    /// How it answers.
    pub answering: Answering,
    /// Milliseconds from the API's commit until this server shows it.
    pub delay_ms: u64,
    /// Up to so many milliseconds more, another number for each record set of a commit.
    pub jitter_ms: u64,
}

/// One authoritative name server.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: DnsSettings,
    view: View,
    /// When it was told to answer stale.
    frozen_at: Option<Instant>,
}

impl Authority {
    pub(crate) fn new(name: String, address: SocketAddr, settings: DnsSettings) -> Authority {
        let authority = Authority {
            name,
            address,
            inner: Mutex::new(Inner {
                settings: DnsSettings::default(),
                view: View::default(),
                frozen_at: None,
            }),
        };
        authority.set(settings);
        authority
    }

    pub(crate) fn settings(&self) -> DnsSettings {
        lock(&self.inner).settings.clone()
    }

    pub(crate) fn set(&self, settings: DnsSettings) {
        let mut inner = lock(&self.inner);
        inner.frozen_at = match settings.answering {
            Answering::Stale => inner.frozen_at.or(Some(Instant::now())),
            Answering::Live | Answering::Servfail | Answering::Refused | Answering::Silent => None,
        };
        inner.settings = settings;
    }

    /// Forgets everything it knew.
    pub(crate) fn reset(&self, settings: DnsSettings) {
        lock(&self.inner).view = View::default();
        self.set(settings);
    }

    /// Learns of a commit, to show it after the delay.
    pub(crate) fn learn(&self, zone: &str, serial: u32, published: &RecordSets, now: Instant) {
        let mut inner = lock(&self.inner);
        let DnsSettings { delay_ms, jitter_ms, .. } = inner.settings;
        let delay = |key: &Key| {
            let share =
                ids::number(&[&self.name, &key.0.0.join("."), &key.1.to_string(), &serial.to_string()]);
            delay_ms + share % (jitter_ms + 1)
        };
        inner.view.learn(zone, published, |key| now + Duration::from_millis(delay(key)));
    }

    /// Knows a zone without any delay.
    pub(crate) fn know(&self, zone: &str, published: &RecordSets, now: Instant) {
        lock(&self.inner).view.learn(zone, published, |_| now);
    }

    /// The answer at a time; `None` is silence.
    pub(crate) fn ask(&self, question: &Question, now: Instant) -> Option<Answer> {
        let inner = lock(&self.inner);
        match inner.settings.answering {
            Answering::Live => Some(answer(&inner.view, question, now)),
            Answering::Stale => Some(answer(&inner.view, question, inner.frozen_at.unwrap_or(now))),
            Answering::Servfail => Some(Answer::bare(ResponseCode::ServFail)),
            Answering::Refused => Some(Answer::bare(ResponseCode::Refused)),
            Answering::Silent => None,
        }
    }
}

impl Answers for Authority {
    fn ask_now(&self, question: &Question) -> Option<Answer> {
        self.ask(question, Instant::now())
    }
}
