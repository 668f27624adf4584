//! Why a zone refuses a change. The codes and texts that go with each are in `api::error`.

use super::Kind;

/// The reason why a change of records is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No record has the id.
    #[error("record does not exist")]
    UnknownRecord,
    /// The body is not of the documented form.
    #[error("request body is invalid: {0}")]
    Body(String),
    /// A required field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// The type is none that the API knows.
    #[error("record type {0} is not known")]
    KindUnknown(String),
    /// The name is no DNS name.
    #[error("name {0} is no DNS name")]
    Name(String),
    /// The name is not in the zone.
    #[error("name {name} is not in the zone {zone}")]
    NameOutside {
        /// The name that was sent.
        name: String,
        /// The zone it was sent to.
        zone: String,
    },
    /// The content of an A record is no IPv4 address.
    #[error("content {0} is no IPv4 address")]
    AddressV4(String),
    /// The content of an AAAA record is no IPv6 address.
    #[error("content {0} is no IPv6 address")]
    AddressV6(String),
    /// The content is not what the type needs.
    #[error("content of {0} record is invalid")]
    Content(Kind),
    /// A field of `data` is missing or wrong.
    #[error("data field {field} of {kind} record is missing or wrong")]
    Data {
        /// The record's type.
        kind: Kind,
        /// The field of `data`.
        field: &'static str,
    },
    /// The TTL is neither 1 nor within the bounds.
    #[error("ttl is neither 1 nor within {shortest} to 86400 seconds")]
    Ttl {
        /// The zone's shortest TTL in seconds.
        shortest: u32,
    },
    /// `proxied` is no boolean.
    #[error("proxied is no boolean")]
    ProxiedNotBoolean,
    /// The type cannot be proxied.
    #[error("{0} records cannot be proxied")]
    NotProxiable(Kind),
    /// A CNAME was to be made where an A, AAAA or CNAME record is.
    #[error("an A, AAAA or CNAME record with that name exists")]
    HostTaken,
    /// An A or AAAA record was to be made where a CNAME is.
    #[error("a CNAME record with that name exists")]
    CnameTaken,
    /// A record was to be made beside NS records, or an NS record beside others.
    #[error("NS records cannot share a name with other records")]
    NsTaken,
    /// The same record is there already.
    #[error("an identical record exists")]
    Identical,
    /// More tags than the plan allows.
    #[error("{count} tags, and the plan allows {quota}")]
    Tags {
        /// How many were sent.
        count: usize,
        /// How many the plan allows.
        quota: usize,
    },
    /// A tag is not of the form `name` or `name:value`.
    #[error("tag {0} is not of the form name:value")]
    Tag(String),
    /// The comment is longer than the plan allows.
    #[error("comment of {length} characters, and the plan allows {limit}")]
    Comment {
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The zone holds as many records as its plan allows.
    #[error("the plan allows {0} records")]
    Records(usize),
    /// The batch has more changes than the plan allows.
    #[error("{count} changes in a batch, and the plan allows {limit}")]
    BatchTooLarge {
        /// How many were sent.
        count: usize,
        /// How many the plan allows.
        limit: usize,
    },
    /// The batch asks for nothing.
    #[error("the batch is empty")]
    BatchEmpty,
}
