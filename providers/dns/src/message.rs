//! Questions and what the answers to them say. Pure: bytes in, facts out.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use switchover::model::{AddressKind, DnsName};
use switchover::port::Answer;

/// More aliases in a row than any resolver follows; a longer chain is a loop.
const MOST_ALIASES: usize = 16;

/// One question, as asked: an answer must repeat it.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    message: Message,
    query: Query,
}

impl Question {
    /// A question for a name, with a fresh random id. `None` if the name does not fit into a DNS message.
    ///
    /// Recursion is always desired: resolvers need it, and authoritative servers pay no heed to it.
    pub(crate) fn new(name: &DnsName, record_type: RecordType) -> Option<Self> {
        let query = Query::query(Name::from_ascii(format!("{name}.")).ok()?, record_type);
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        Some(Self { message, query })
    }

    /// The question as it goes over the wire.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        self.message.to_vec().ok()
    }

    /// The message in `bytes`, if it answers this question: same id, same question. Anything else is a stray or a forgery,
    /// and is to be passed over (RFC 5452 section 9.1).
    pub(crate) fn answered_by(&self, bytes: &[u8]) -> Option<Message> {
        let message = Message::from_vec(bytes).ok()?;
        let fits = message.metadata.id == self.message.metadata.id
            && message.metadata.message_type == MessageType::Response
            && message.metadata.op_code == OpCode::Query
            && self.is_repeated(&message);
        fits.then_some(message)
    }

    /// Whether the answer repeats the question. A server that cannot read a question answers `FORMERR` without it.
    fn is_repeated(&self, message: &Message) -> bool {
        match message.queries.as_slice() {
            [only] => *only == self.query,
            [] => message.metadata.response_code == ResponseCode::FormErr,
            _ => false,
        }
    }

    /// The records of the answer that answer this question, aliases followed within the answer.
    pub(crate) fn resolve<'a>(&self, message: &'a Message) -> Chain<'a> {
        let mut chain = Chain { records: Vec::new(), aliases: Vec::new() };
        let mut owner = &self.query.name;
        for _ in 0..MOST_ALIASES {
            let own = || message.answers.iter().filter(|r| r.name == *owner && r.dns_class == DNSClass::IN);
            chain.records = own().filter(|r| r.record_type() == self.query.query_type).collect();
            if !chain.records.is_empty() {
                break;
            }
            let Some((record, target)) = own().find_map(|r| alias(r)) else { break };
            chain.aliases.push(record);
            owner = target;
        }
        chain
    }
}

/// The records that answer a question, and the aliases that led there.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    pub(crate) records: Vec<&'a Record>,
    pub(crate) aliases: Vec<&'a Record>,
}

impl Chain<'_> {
    /// How long all of it may be kept: the shortest TTL on the way.
    fn ttl(&self) -> Option<u32> {
        self.records.iter().chain(&self.aliases).map(|record| record.ttl).min()
    }
}

fn alias(record: &Record) -> Option<(&Record, &Name)> {
    match &record.data {
        RData::CNAME(target) => Some((record, &target.0)),
        _ => None,
    }
}

/// The record type that holds addresses of a family.
pub(crate) fn record_type(kind: AddressKind) -> RecordType {
    match kind {
        AddressKind::V4 => RecordType::A,
        AddressKind::V6 => RecordType::AAAA,
    }
}

/// The addresses that an answer gives, or the code with which the server failed.
pub(crate) fn addresses(question: &Question, message: &Message) -> Result<Answer, ResponseCode> {
    refuse_failure(message)?;
    let chain = question.resolve(message);
    let addresses: BTreeSet<IpAddr> = chain.records.iter().filter_map(|r| r.data.ip_addr()).collect();
    let ttl = if addresses.is_empty() { negative_ttl(&chain, message) } else { chain.ttl().unwrap_or(0) };
    Ok(Answer {
        addresses,
        ttl: Duration::from_secs(u64::from(ttl)),
        authoritative: message.metadata.authoritative,
    })
}

/// `NXDOMAIN` is an answer; every other code but `NOERROR` is a failure to give one.
pub(crate) fn refuse_failure(message: &Message) -> Result<(), ResponseCode> {
    match message.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(()),
        code => Err(code),
    }
}

/// How long "there is none" may be kept: the smaller of the SOA's TTL and its MINIMUM field, and not at all without an SOA
/// (RFC 2308 sections 3 and 5).
fn negative_ttl(chain: &Chain<'_>, message: &Message) -> u32 {
    let soa = message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    soa.map_or(0, |ttl| chain.ttl().unwrap_or(ttl).min(ttl))
}

/// The code's name as the standards spell it.
pub(crate) fn code_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::NotAuth => "NOTAUTH".into(),
        other => format!("code {}", u16::from(other)),
    }
}

#[cfg(test)]
mod tests;
