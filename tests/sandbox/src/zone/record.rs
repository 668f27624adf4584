//! One DNS record as the API keeps it, and how it reads as JSON.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The 32 hexadecimal digits by which the API names a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub(crate) String);

impl RecordId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! kinds {
    ($($kind:ident),+) => {
        /// The record types that Cloudflare's API accepts.
        ///
        /// Source: <https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/create/>.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "UPPERCASE")]
        #[expect(missing_docs, reason = "each variant is the record type it is called after")]
        pub enum Kind { $($kind),+ }

        impl Kind {
            /// The type as the API and a zone file write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$kind => stringify!($kind)),+ }
            }

            /// The type of that name, in either case.
            pub(crate) fn parse(text: &str) -> Option<Kind> {
                match text.to_ascii_uppercase().as_str() { $(stringify!($kind) => Some(Kind::$kind),)+ _ => None }
            }
        }
    };
}

kinds!(
    A, AAAA, CAA, CERT, CNAME, DNSKEY, DS, HTTPS, LOC, MX, NAPTR, NS, OPENPGPKEY, PTR, SMIMEA, SRV, SSHFP,
    SVCB, TLSA, TXT, URI
);

impl Kind {
    /// Whether a record of this type may go through Cloudflare's proxy.
    /// Source: <https://developers.cloudflare.com/dns/proxy-status/>.
    pub fn proxiable(self) -> bool {
        self.is_address() || self == Kind::CNAME
    }

    /// Whether the record holds an IP address.
    pub fn is_address(self) -> bool {
        matches!(self, Kind::A | Kind::AAAA)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One record of a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its id; it stays the same through PATCH and PUT.
    pub id: RecordId,
    /// The complete name, in lower case, without a dot at the end.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// The value as one text. For a CAA or SRV record it is written from `data`.
    pub content: String,
    /// The value's fields, of the types that have them.
    pub data: Option<Value>,
    /// The preference of an MX record, and the priority of SRV and URI records.
    pub priority: Option<u16>,
    /// In seconds; 1 is automatic.
    pub ttl: u32,
    /// Whether clients are led to Cloudflare's edge instead of to the content.
    pub proxied: bool,
    /// A note for people.
    pub comment: Option<String>,
    /// `name:value` labels.
    pub tags: Vec<String>,
    /// Settings such as `flatten_cname`; kept and returned as they are.
    pub settings: Map<String, Value>,
    /// When the record was made.
    pub created_on: Timestamp,
    /// When the record was last changed.
    pub modified_on: Timestamp,
    /// When the comment was last changed.
    pub comment_modified_on: Option<Timestamp>,
    /// When the tags were last changed.
    pub tags_modified_on: Option<Timestamp>,
}

impl Record {
    /// The record as the API shows it.
    ///
    /// Source: <https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/get/>.
    pub fn to_json(&self) -> Value {
        let mut shown = json!({
            "id": self.id,
            "name": self.name,
            "type": self.kind,
            "content": self.content,
            "proxiable": self.kind.proxiable(),
            "proxied": self.proxied,
            "ttl": self.ttl,
            "settings": self.settings,
            "meta": {},
            "comment": self.comment,
            "tags": self.tags,
            "created_on": instant(self.created_on),
            "modified_on": instant(self.modified_on),
        });
        let optional = [
            ("data", self.data.clone()),
            ("priority", self.priority.map(Value::from)),
            ("comment_modified_on", self.comment_modified_on.map(|at| Value::from(instant(at)))),
            ("tags_modified_on", self.tags_modified_on.map(|at| Value::from(instant(at)))),
        ];
        for (field, value) in optional {
            if let Some(value) = value {
                shown[field] = value;
            }
        }
        shown
    }

    /// Whether two records say the same to a resolver, whatever their TTL, comment and tags.
    pub(crate) fn identical(&self, other: &Record) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.content == other.content
            && self.priority == other.priority
    }
}

/// A time as the API writes it: RFC 3339 with microseconds.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.6}")
}
