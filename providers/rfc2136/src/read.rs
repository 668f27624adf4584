//! From messages to records. Pure.

use std::collections::BTreeSet;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use switchover::model::{self, DnsName, RecordData, RecordId, RecordValue, Ttl, ZoneName};

use crate::update::{Unfit, wire_name};

/// The types that are asked for where the zone cannot be transferred: those that decide where clients go, and those that
/// commonly stand beside them. `ANY` would not do: servers may answer it with one type of their choice (RFC 8482), and Knot
/// does.
const TYPES: [RecordType; 9] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::HTTPS,
    RecordType::NS,
    RecordType::MX,
    RecordType::TXT,
    RecordType::CAA,
    RecordType::SRV,
];

/// As much of a zone as is taken over by a transfer; a larger one is read name by name.
const MOST_TRANSFER: usize = 16 * 1024 * 1024;

/// One question: about a name, and as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) name: DnsName,
    query: Query,
}

impl Ask {
    fn new(name: &DnsName, kind: RecordType) -> Result<Self, Unfit> {
        Ok(Self { name: name.clone(), query: Query::query(wire_name(name)?, kind) })
    }

    /// The zone's SOA. Only a server that speaks for the zone has it.
    pub(crate) fn apex(zone: &ZoneName) -> Result<Self, Unfit> {
        Self::new(zone.apex(), RecordType::SOA)
    }

    /// The whole zone (RFC 5936).
    pub(crate) fn transfer(zone: &ZoneName) -> Result<Self, Unfit> {
        Self::new(zone.apex(), RecordType::AXFR)
    }

    /// Everything about some names.
    pub(crate) fn all(names: &BTreeSet<DnsName>) -> Result<Vec<Self>, Unfit> {
        names.iter().flat_map(|name| TYPES.map(|kind| Self::new(name, kind))).collect()
    }

    /// The question as a message, under an id.
    pub(crate) fn message(&self, id: u16) -> Message {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.add_query(self.query.clone());
        message
    }

    /// Whether a message answers this question. One that refuses it may leave it out.
    pub(crate) fn is_answered_by(&self, message: &Message) -> bool {
        let repeated = message.queries.as_slice() == std::slice::from_ref(&self.query)
            || (message.queries.is_empty() && message.metadata.response_code != ResponseCode::NoError);
        repeated
            && message.metadata.message_type == MessageType::Response
            && message.metadata.op_code == OpCode::Query
    }

    /// The records that the name itself has, of the type that was asked for. What stands behind an alias, or below a
    /// delegation, is not its own.
    pub(crate) fn records(&self, message: &Message) -> Vec<model::Record> {
        let own = |r: &&Record| r.name == self.query.name && r.record_type() == self.query.query_type;
        message.answers.iter().filter(own).filter_map(record).collect()
    }
}

/// A zone transfer as it arrives: everything between the first SOA and the same SOA again.
#[derive(Debug, Default)]
pub(crate) struct Transfer {
    records: Vec<model::Record>,
    started: bool,
    bytes: usize,
}

/// How a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    Complete,
    /// It does not start with an SOA, or is too large.
    Unusable,
}

impl Transfer {
    /// Takes the next message, of so many bytes.
    pub(crate) fn take(&mut self, message: &Message, bytes: usize) -> Progress {
        self.bytes += bytes;
        if self.bytes > MOST_TRANSFER || message.metadata.response_code != ResponseCode::NoError {
            return Progress::Unusable;
        }
        for found in &message.answers {
            match (found.record_type() == RecordType::SOA, self.started) {
                (true, true) => return Progress::Complete,
                (false, false) => return Progress::Unusable,
                (true, false) | (false, true) => self.started = true,
            }
            self.records.extend(record(found));
        }
        Progress::More
    }

    /// What arrived.
    pub(crate) fn into_records(self) -> Vec<model::Record> {
        self.records
    }
}

/// A record in core's words. `None` for what the server itself keeps beside the records of a signed zone, and for names that
/// core has no spelling for.
fn record(found: &Record) -> Option<model::Record> {
    if found.dns_class != DNSClass::IN || is_signing(found.record_type()) {
        return None;
    }
    Some(model::Record {
        id: RecordId(String::new()),
        name: dns_name(&found.name)?,
        value: RecordValue { data: data(&found.data), ttl: Ttl::Seconds(found.ttl) },
        proxied: false,
    })
}

/// Records that a server makes by itself when it signs a zone (RFC 4034, RFC 5155).
fn is_signing(kind: RecordType) -> bool {
    matches!(kind, RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3 | RecordType::NSEC3PARAM)
}

fn data(found: &RData) -> RecordData {
    let other = || RecordData::Other { kind: found.record_type().to_string(), text: found.to_string() };
    match found {
        RData::A(v4) => RecordData::A(v4.0),
        RData::AAAA(v6) => RecordData::Aaaa(v6.0),
        RData::CNAME(target) => dns_name(&target.0).map_or_else(other, RecordData::Cname),
        _ => other(),
    }
}

fn dns_name(name: &Name) -> Option<DnsName> {
    DnsName::new(name.to_ascii()).ok()
}

#[cfg(test)]
mod tests;
