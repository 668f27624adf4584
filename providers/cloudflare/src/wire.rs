//! What Cloudflare writes: records, zones and tokens as JSON, read without trust and turned into words of core.

use serde::{Deserialize, Serialize};
use switchover::model::{DnsName, Record, RecordData, RecordId, RecordKind, RecordValue, Ttl, ZoneName};

/// A TTL of 1 stands for *auto* (<https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>).
const AUTO: u32 = 1;

/// A record as listed. Fields that are not named here (comment, tags, settings, …) are none of our business.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) content: Option<String>,
    pub(crate) ttl: Option<serde_json::Number>,
    pub(crate) proxied: Option<bool>,
}

impl WireRecord {
    /// The name, if it is one that Switchover can speak of.
    pub(crate) fn name(&self) -> Option<DnsName> {
        DnsName::new(&self.name).ok()
    }

    /// The record in words of core, or what is wrong with it.
    pub(crate) fn read(&self) -> Result<Record, String> {
        let name = self.name().ok_or_else(|| format!("`{}` is no DNS name", self.name.escape_debug()))?;
        let value = RecordValue { data: self.data()?, ttl: self.ttl()? };
        Ok(Record { id: RecordId(self.id.clone()), name, value, proxied: self.proxied.unwrap_or(false) })
    }

    fn ttl(&self) -> Result<Ttl, String> {
        let seconds =
            self.ttl.as_ref().and_then(serde_json::Number::as_u64).and_then(|ttl| u32::try_from(ttl).ok());
        match seconds {
            Some(AUTO) => Ok(Ttl::Auto),
            Some(seconds) => Ok(Ttl::Seconds(seconds)),
            None => Err(format!("{} {} has no TTL", self.name.escape_debug(), self.kind.escape_debug())),
        }
    }

    fn data(&self) -> Result<RecordData, String> {
        let text = self.content.as_deref().unwrap_or_default();
        let wrong = || {
            format!(
                "{} {} reads `{}`",
                self.name.escape_debug(),
                self.kind.escape_debug(),
                text.escape_debug()
            )
        };
        match RecordKind::from(self.kind.clone()) {
            RecordKind::A => text.parse().map(RecordData::A).map_err(|_| wrong()),
            RecordKind::Aaaa => text.parse().map(RecordData::Aaaa).map_err(|_| wrong()),
            RecordKind::Cname => DnsName::new(text).map(RecordData::Cname).map_err(|_| wrong()),
            RecordKind::Other(kind) => Ok(RecordData::Other { kind, text: text.to_owned() }),
        }
    }
}

/// One record of a batch's `patches`: fields that are not named are kept.
///
/// The reference requires `type`, `name` and `ttl` beside the id
/// (<https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch/>), so they always go along;
/// `content` goes only if it changes.
#[derive(Debug, Serialize)]
pub(crate) struct Patch {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) ttl: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
}

impl Patch {
    /// The patch that makes `before` read `after`.
    pub(crate) fn between(before: &Record, after: &RecordValue) -> Self {
        Self {
            id: before.id.0.clone(),
            kind: after.data.kind().to_string(),
            name: before.name.to_string(),
            ttl: seconds(after.ttl),
            content: (before.value.data != after.data).then(|| after.data.to_string()),
        }
    }
}

/// A TTL as Cloudflare writes it.
pub(crate) fn seconds(ttl: Ttl) -> u32 {
    match ttl {
        Ttl::Auto => AUTO,
        Ttl::Seconds(seconds) => seconds,
    }
}

/// What a batch answers.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchResult {
    pub(crate) patches: Option<Vec<WireRecord>>,
}

/// A zone as listed.
#[derive(Debug, Deserialize)]
pub(crate) struct WireZone {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) plan: Option<WirePlan>,
}

impl WireZone {
    /// The zone's name, if it is one that Switchover can speak of.
    pub(crate) fn zone(&self) -> Option<ZoneName> {
        ZoneName::new(&self.name).ok()
    }
}

/// The part of a zone's plan that sets limits.
#[derive(Debug, Deserialize)]
pub(crate) struct WirePlan {
    pub(crate) legacy_id: Option<String>,
}

/// What the service says of a token: `active`, `disabled` or `expired`
/// (<https://developers.cloudflare.com/api/resources/user/subresources/tokens/methods/verify/>).
#[derive(Debug, Deserialize)]
pub(crate) struct TokenStatus {
    pub(crate) status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Record, String> {
        serde_json::from_str::<WireRecord>(json).unwrap().read()
    }

    #[test]
    fn a_ttl_of_one_is_auto() {
        let json = r#"{"id":"1","name":"A.Example.","type":"A","content":"192.0.2.1","ttl":1,"proxied":true,"tags":["x"]}"#;
        let record = read(json).unwrap();
        assert_eq!((record.value.ttl, record.proxied, record.name.as_str()), (Ttl::Auto, true, "a.example"));
        assert_eq!(seconds(Ttl::Auto), 1);
    }

    #[test]
    fn types_that_nobody_has_heard_of_are_read() {
        let json = r#"{"id":"1","name":"a.example","type":"NEWTYPE","content":null,"ttl":300}"#;
        assert_eq!(read(json).unwrap().kind(), RecordKind::Other("NEWTYPE".to_owned()));
    }

    #[test]
    fn an_address_that_is_none_is_an_error() {
        assert!(read(r#"{"id":"1","name":"a.example","type":"A","content":"x","ttl":300}"#).is_err());
    }

    #[test]
    fn a_patch_names_the_content_only_if_it_changes() {
        let record =
            read(r#"{"id":"7","name":"a.example","type":"A","content":"192.0.2.1","ttl":300}"#).unwrap();
        let lower = RecordValue { ttl: Ttl::Seconds(60), ..record.value.clone() };
        let json = serde_json::to_string(&Patch::between(&record, &lower)).unwrap();
        assert_eq!(json, r#"{"id":"7","type":"A","name":"a.example","ttl":60}"#);
    }
}
