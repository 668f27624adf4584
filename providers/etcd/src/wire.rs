//! The messages of etcd's JSON gateway: its own protocol buffers, mapped to JSON.
//!
//! Bytes are base64, 64-bit numbers are strings, what is empty or zero is left out
//! (<https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/>, <https://etcd.io/docs/v3.4/learning/api/>).

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes, in base64 on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A range of keys. Never `serializable`: etcd's default is linearizable, and a member that is cut off then does not answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Range {
    key: Bytes,
    #[serde(rename = "range_end", skip_serializing_if = "Option::is_none")]
    end: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    keys_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Range {
    /// One key.
    pub(crate) fn of(key: &str) -> Self {
        Self { key: key.into(), end: None, limit: None, keys_only: false }
    }

    /// Whether there is a key, without its value.
    pub(crate) fn known(key: &str) -> Self {
        Self { keys_only: true, ..Self::of(key) }
    }

    /// The keys from `key` to before `end`, so many at most.
    pub(crate) fn between(key: Vec<u8>, end: &str, limit: usize) -> Self {
        Self { key: Bytes(key), end: Some(end.into()), limit: Some(limit.to_string()), keys_only: false }
    }
}

/// Writes a key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Put {
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
}

/// Removes a key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Delete {
    pub(crate) key: Bytes,
}

/// A condition of a transaction.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Compare {
    key: Bytes,
    target: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Bytes>,
}

impl Compare {
    fn created(key: &str, result: &'static str) -> Self {
        let create_revision = Some("0".to_owned());
        Self { key: key.into(), target: "CREATE", result, create_revision, version: None, value: None }
    }

    /// Nothing stands at a key.
    pub(crate) fn absent(key: &str) -> Self {
        Self::created(key, "EQUAL")
    }

    /// Something stands at a key.
    pub(crate) fn present(key: &str) -> Self {
        Self::created(key, "GREATER")
    }

    /// Never true: no key has a version below zero.
    pub(crate) fn never(key: &str) -> Self {
        let version = Some("0".to_owned());
        Self { target: "VERSION", result: "LESS", create_revision: None, version, ..Self::absent(key) }
    }

    /// The value of a key comes before this one, byte by byte. Not true of a key that is not there.
    pub(crate) fn before(key: &str, value: &str) -> Self {
        Self {
            target: "VALUE",
            result: "LESS",
            create_revision: None,
            value: Some(value.into()),
            ..Self::absent(key)
        }
    }
}

/// One part of a transaction.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum Request {
    #[serde(rename = "requestRange")]
    Range(Range),
    #[serde(rename = "requestPut")]
    Put(Put),
    #[serde(rename = "requestTxn")]
    Txn(Txn),
}

impl Request {
    pub(crate) fn put(key: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::Put(Put { key: key.into(), value: Bytes(value.into()) })
    }
}

/// All of `success` if every condition holds, else all of `failure`; either at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Txn {
    pub(crate) compare: Vec<Compare>,
    pub(crate) success: Vec<Request>,
    pub(crate) failure: Vec<Request>,
}

/// Asks for a token.
#[derive(Serialize)]
pub(crate) struct Authenticate<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
}

/// What every answer begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Header {
    #[serde(default)]
    pub(crate) cluster_id: String,
}

/// An answer that says which cluster it comes from.
pub(crate) trait Headed {
    fn header(&self) -> &Header;
}

macro_rules! headed {
    ($($name:ident)*) => { $(impl Headed for $name {
        fn header(&self) -> &Header { &self.header }
    })* };
}

headed!(Ranged Written Decided Known);

/// A key and what stands there.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct KeyValue {
    pub(crate) key: Bytes,
    #[serde(default)]
    pub(crate) value: Bytes,
    /// How often the key was written since it was made.
    #[serde(default)]
    pub(crate) version: String,
}

/// What a range holds.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Ranged {
    #[serde(default)]
    header: Header,
    #[serde(default)]
    pub(crate) kvs: Vec<KeyValue>,
    #[serde(default)]
    pub(crate) more: bool,
}

/// Something was written or removed.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    header: Header,
}

/// What became of a transaction.
#[derive(Debug, Deserialize)]
pub(crate) struct Decided {
    #[serde(default)]
    header: Header,
    #[serde(default)]
    pub(crate) succeeded: bool,
    #[serde(default)]
    responses: Vec<Response>,
}

impl Decided {
    /// What the range at a place of the branch that was taken holds.
    pub(crate) fn found(&self, place: usize) -> Option<&KeyValue> {
        self.responses.get(place)?.response_range.as_ref()?.kvs.first()
    }
}

#[derive(Debug, Deserialize)]
struct Response {
    #[serde(default)]
    response_range: Option<Ranged>,
}

/// The user is who they say they are.
#[derive(Deserialize)]
pub(crate) struct Known {
    #[serde(default)]
    header: Header,
    #[serde(default)]
    pub(crate) token: String,
}

/// A refusal. Older versions say `error`, newer ones `message`.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    #[serde(default)]
    pub(crate) code: u32,
    #[serde(default)]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_reads_as_etcd_documents_it() {
        let txn = Txn {
            compare: vec![Compare::absent("foo")],
            success: vec![Request::put("foo", "bar")],
            failure: vec![Request::Range(Range::of("foo"))],
        };
        let expected = r#"{"compare":[{"key":"Zm9v","target":"CREATE","result":"EQUAL","create_revision":"0"}],"success":[{"requestPut":{"key":"Zm9v","value":"YmFy"}}],"failure":[{"requestRange":{"key":"Zm9v"}}]}"#;
        assert_eq!(serde_json::to_string(&txn).unwrap(), expected);
    }

    #[test]
    fn what_is_left_out_is_empty() {
        let range: Ranged = serde_json::from_str("{}").unwrap();
        assert!(range.kvs.is_empty() && !range.more);
        let decided: Decided =
            serde_json::from_str(r#"{"responses":[{"response_range":{"kvs":[{"key":"Zm9v"}]}},{}]}"#)
                .unwrap();
        assert!(!decided.succeeded);
        assert_eq!(decided.found(0).unwrap().key, "foo".into());
        assert!(decided.found(0).unwrap().value.0.is_empty());
        assert!(decided.found(1).is_none() && decided.found(2).is_none());
    }
}
