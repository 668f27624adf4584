//! Core's port `Check`: does a side's own DNS server answer, and rightly?

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::Message;
use hickory_proto::rr::{Record, RecordType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover::model::DnsName;
use switchover::port::{Check, CheckFailure, Subject};

use crate::exchange::exchange;
use crate::message::{Question, code_name, refuse_failure};
use crate::system;

/// The record types that a check can ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum QuestionKind {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// An alias.
    Cname,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
    /// The start of authority.
    Soa,
    /// Service locations.
    Srv,
    /// Texts.
    Txt,
}

impl QuestionKind {
    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
            Self::Soa => RecordType::SOA,
            Self::Srv => RecordType::SRV,
            Self::Txt => RecordType::TXT,
        }
    }
}

/// What a DNS check asks and expects. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DnsCheckOptions {
    /// The port of the side's DNS server, for UDP and TCP.
    pub port: u16,
    /// The name to ask for; the name of what is checked unless given.
    #[schemars(with = "Option<String>")]
    pub name: Option<DnsName>,
    /// The type to ask for.
    #[serde(rename = "type")]
    pub kind: QuestionKind,
    /// What one of the records must read, as `dig +short` prints it; upper and lower case and a dot at the end do not
    /// matter. Any record will do unless given.
    pub expect: Option<String>,
    /// Whether the server must speak for the zone (the AA bit).
    pub authoritative: bool,
    /// How long the check may take in all, retransmissions and a retry over TCP included.
    pub timeout: Period,
}

impl Default for DnsCheckOptions {
    fn default() -> Self {
        Self {
            port: system::PORT,
            name: None,
            kind: QuestionKind::A,
            expect: None,
            authoritative: false,
            timeout: Period(Duration::from_secs(3)),
        }
    }
}

/// Asks the DNS server at the subject's address one question.
///
/// Passes when the answer holds a record of the type asked for, aliases followed within the answer, and reads as expected.
/// "No such name" and "no such record" are wrong answers. Needs a tokio runtime with I/O and time enabled.
#[derive(Debug, Clone)]
pub struct DnsCheck {
    options: DnsCheckOptions,
}

impl DnsCheck {
    /// A check as the options say.
    pub fn new(options: DnsCheckOptions) -> Self {
        Self { options }
    }

    fn expected(&self) -> String {
        let what = match &self.options.expect {
            Some(text) => format!("the record `{text}`"),
            None => "a record".into(),
        };
        if self.options.authoritative { format!("{what} from the zone's own server") } else { what }
    }

    /// What is wrong with an answer; `None` if nothing is.
    fn fault(&self, question: &Question, answer: &Message) -> Option<String> {
        if let Err(code) = refuse_failure(answer) {
            return Some(code_name(code));
        }
        let records = question.resolve(answer).records;
        if records.is_empty() {
            return Some(nothing(answer));
        }
        if self.options.authoritative && !answer.metadata.authoritative {
            return Some("without speaking for the zone".into());
        }
        let texts: Vec<String> = records.into_iter().map(text).collect();
        let fits = self.options.expect.as_deref().is_none_or(|want| texts.iter().any(|t| same(t, want)));
        (!fits).then(|| texts.join(", "))
    }
}

fn text(record: &Record) -> String {
    record.data.to_string()
}

fn same(found: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    plain(found) == plain(wanted)
}

fn nothing(answer: &Message) -> String {
    let code = answer.metadata.response_code;
    if code == hickory_proto::op::ResponseCode::NXDomain { code_name(code) } else { "no such record".into() }
}

#[async_trait]
impl Check for DnsCheck {
    async fn run(&self, subject: &Subject) -> Result<(), CheckFailure> {
        let name = self.options.name.as_ref().unwrap_or(&subject.name);
        let server = SocketAddr::new(subject.address, self.options.port);
        let kind = self.options.kind.record_type();
        let at = format!("{server} (DNS, {name} {kind})");
        let silent = |why: String| CheckFailure::NoAnswer { at: at.clone(), why };
        let question = Question::new(name, kind)
            .ok_or_else(|| silent("the name does not fit into a DNS message".into()))?;
        let answer = exchange(server, &question, self.options.timeout.0)
            .await
            .map_err(|silence| silent(silence.to_string()))?;
        match self.fault(&question, &answer) {
            None => Ok(()),
            Some(found) => Err(CheckFailure::Wrong { at, found, expected: self.expected() }),
        }
    }
}

#[cfg(test)]
mod tests;
