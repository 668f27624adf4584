//! From changes to UPDATE messages (RFC 2136). Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use switchover::model::{self, DnsName, RecordData, RecordKind, Ttl, ZoneName};
use switchover::port::RecordChange;

/// The bytes of records that one message holds at most, before compression. A TCP message has 65,535 bytes; the rest is
/// for the header, the zone and the signature.
const MOST_BYTES: usize = 60_000;

/// The largest TTL there is (RFC 2181 section 8).
const LARGEST_TTL: u32 = i32::MAX as u32;

/// The fields of a record that surround its owner and its data: type, class, TTL, length (RFC 1035 section 3.2.1).
const FIXED_BYTES: usize = 10;

/// Why a change cannot be put into an UPDATE message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("{0} does not lie in the zone")]
    Outside(DnsName),
    #[error("{0}: the type of a record cannot be changed, from {1} to {2}")]
    OtherKind(DnsName, RecordKind, RecordKind),
    #[error("{0}: only A, AAAA and CNAME records are changed, not {1}")]
    Kind(DnsName, RecordKind),
    #[error("{0} {1}: records of one set must have one TTL")]
    MixedTtl(DnsName, RecordKind),
    #[error("{0} {1}: a TTL of {2} cannot be set; it must be a number of seconds up to 2147483647")]
    Ttl(DnsName, RecordKind, Ttl),
    #[error("{0}: the name does not fit into a DNS message")]
    Name(DnsName),
}

/// The name and type of a record set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SetKey {
    pub(crate) name: DnsName,
    pub(crate) kind: RecordKind,
}

/// One record set: what it must be, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetChange {
    pub(crate) key: SetKey,
    /// Everything that the set must hold, and nothing else.
    pub(crate) before: BTreeSet<RecordData>,
    pub(crate) then: Then,
}

/// What becomes of a record set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    /// It holds this instead.
    Becomes { after: BTreeSet<RecordData>, ttl: u32 },
    /// Nothing: a value that it does not hold is dropped.
    Stays,
}

/// Gathers changes into record sets.
pub(crate) fn changes(zone: &ZoneName, changes: &[RecordChange]) -> Result<Vec<SetChange>, Unfit> {
    let mut sets = BTreeMap::new();
    for change in changes {
        let (key, ttl) = check(zone, change)?;
        let (before, after, first_ttl) =
            sets.entry(key.clone()).or_insert_with(|| (BTreeSet::new(), BTreeSet::new(), ttl));
        if *first_ttl != ttl {
            return Err(Unfit::MixedTtl(key.name, key.kind));
        }
        before.insert(change.before.value.data.clone());
        after.insert(change.after.data.clone());
    }
    let set = |(key, (before, after, ttl))| SetChange { key, before, then: Then::Becomes { after, ttl } };
    Ok(sets.into_iter().map(set).collect())
}

fn check(zone: &ZoneName, change: &RecordChange) -> Result<(SetKey, u32), Unfit> {
    let key = set_key(zone, &change.before)?;
    let after = change.after.data.kind();
    if after != key.kind {
        return Err(Unfit::OtherKind(key.name, key.kind, after));
    }
    match change.after.ttl {
        Ttl::Seconds(ttl) if ttl <= LARGEST_TTL => Ok((key, ttl)),
        ttl @ (Ttl::Seconds(_) | Ttl::Auto) => Err(Unfit::Ttl(key.name, key.kind, ttl)),
    }
}

fn set_key(zone: &ZoneName, record: &model::Record) -> Result<SetKey, Unfit> {
    let key = SetKey { name: record.name.clone(), kind: record.kind() };
    if !key.name.is_within(zone.apex()) {
        return Err(Unfit::Outside(key.name));
    }
    match key.kind {
        RecordKind::A | RecordKind::Aaaa | RecordKind::Cname => Ok(key),
        RecordKind::Other(_) => Err(Unfit::Kind(key.name, key.kind)),
    }
}

/// Gathers records into sets that stay as they are.
pub(crate) fn unchanged(zone: &ZoneName, records: &[model::Record]) -> Result<Vec<SetChange>, Unfit> {
    let mut sets: BTreeMap<SetKey, BTreeSet<RecordData>> = BTreeMap::new();
    for record in records {
        sets.entry(set_key(zone, record)?).or_default().insert(record.value.data.clone());
    }
    let set = |(key, before)| SetChange { key, before, then: Then::Stays };
    Ok(sets.into_iter().map(set).collect())
}

/// Cuts changes into batches that each fit into one message.
pub(crate) fn batches(changes: Vec<SetChange>) -> Vec<Vec<SetChange>> {
    let mut batches: Vec<Vec<SetChange>> = Vec::new();
    let mut room = 0;
    for change in changes {
        let size = size(&change);
        match batches.last_mut() {
            Some(batch) if size <= room => batch.push(change),
            Some(_) | None => {
                room = MOST_BYTES;
                batches.push(vec![change]);
            }
        }
        room = room.saturating_sub(size);
    }
    batches
}

/// The bytes of a change's records, uncompressed: at least what they take.
fn size(change: &SetChange) -> usize {
    let owner = change.key.name.as_str().len() + 2 + FIXED_BYTES;
    let data = |data: &RecordData| match data {
        RecordData::A(_) => 4,
        RecordData::Aaaa(_) => 16,
        RecordData::Cname(name) => name.as_str().len() + 2,
        RecordData::Other { text, .. } => text.len(),
    };
    let sum = |set: &BTreeSet<RecordData>| set.iter().map(|d| owner + data(d)).sum::<usize>();
    match &change.then {
        Then::Becomes { after, .. } => sum(&change.before) + owner + sum(after),
        Then::Stays => sum(&change.before) + owner + 64,
    }
}

/// The message that makes a batch of changes, under an id.
pub(crate) fn message(zone: &ZoneName, batch: &[SetChange], id: u16) -> Result<Message, Unfit> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Update);
    message.add_query(Query::query(wire_name(zone.apex())?, RecordType::SOA));
    for change in batch {
        let owner = wire_name(&change.key.name)?;
        for data in &change.before {
            // "RRset exists (value dependent)": the zone's class, TTL 0 (section 2.4.2).
            message.add_answer(Record::from_rdata(owner.clone(), 0, wire_data(&change.key.name, data)?));
        }
        message.add_authorities(updates(change, &owner)?);
    }
    Ok(message)
}

fn updates(change: &SetChange, owner: &Name) -> Result<Vec<Record>, Unfit> {
    let SetKey { name, kind } = &change.key;
    match &change.then {
        Then::Becomes { after, ttl } => {
            // "Delete An RRset": class ANY, TTL 0, no data (section 2.5.2).
            let mut delete =
                Record::update0(owner.clone(), 0, record_type(name, kind)?).into_record_of_rdata();
            delete.dns_class = DNSClass::ANY;
            let add = |data| Ok(Record::from_rdata(owner.clone(), *ttl, wire_data(name, data)?));
            std::iter::once(Ok(delete)).chain(after.iter().map(add)).collect()
        }
        Then::Stays => {
            // "Delete An RR From An RRset": class NONE, TTL 0 (section 2.5.4). What is not there is not missed (3.4.2.4).
            let mut delete = Record::from_rdata(owner.clone(), 0, absent(change)?);
            delete.dns_class = DNSClass::NONE;
            Ok(vec![delete])
        }
    }
}

/// A value that the set does not hold, as its prerequisite proves. To drop it needs the right to write the set, and changes
/// nothing, not even a TTL that was edited in the meantime (which adding the same record again would).
fn absent(change: &SetChange) -> Result<RData, Unfit> {
    let SetKey { name, kind } = &change.key;
    let candidate = |n: u8| match kind {
        // Addresses that are never in use: RFC 5737, RFC 3849. A name that never exists: RFC 2606.
        RecordKind::A => Some(RecordData::A(Ipv4Addr::new(192, 0, 2, n))),
        RecordKind::Aaaa => Some(RecordData::Aaaa(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)))),
        RecordKind::Cname => DnsName::new(format!("switchover-{n}.invalid")).ok().map(RecordData::Cname),
        RecordKind::Other(_) => None,
    };
    let free = (0..=u8::MAX).filter_map(candidate).find(|data| !change.before.contains(data));
    wire_data(name, &free.ok_or_else(|| Unfit::Kind(name.clone(), kind.clone()))?)
}

/// A name in wire format.
pub(crate) fn wire_name(name: &DnsName) -> Result<Name, Unfit> {
    Name::from_ascii(format!("{name}.")).map_err(|_| Unfit::Name(name.clone()))
}

fn record_type(name: &DnsName, kind: &RecordKind) -> Result<RecordType, Unfit> {
    match kind {
        RecordKind::A => Ok(RecordType::A),
        RecordKind::Aaaa => Ok(RecordType::AAAA),
        RecordKind::Cname => Ok(RecordType::CNAME),
        RecordKind::Other(_) => Err(Unfit::Kind(name.clone(), kind.clone())),
    }
}

fn wire_data(name: &DnsName, data: &RecordData) -> Result<RData, Unfit> {
    match data {
        RecordData::A(v4) => Ok(RData::A(A(*v4))),
        RecordData::Aaaa(v6) => Ok(RData::AAAA(AAAA(*v6))),
        RecordData::Cname(target) => Ok(RData::CNAME(CNAME(wire_name(target)?))),
        RecordData::Other { .. } => Err(Unfit::Kind(name.clone(), data.kind())),
    }
}

#[cfg(test)]
mod tests;
