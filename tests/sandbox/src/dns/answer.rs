//! Looking up a name in a view, by RFC 1034 section 4.3.2: delegations, aliases, wildcards, absence.

use std::time::Instant;

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{Name, RData, Record, RecordType};

use super::publish::{Path, RecordSet};
use super::view::View;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) kind: RecordType,
    /// Whether the asker wants recursion.
    pub(crate) recursion: bool,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: ResponseCode,
    pub(crate) authoritative: bool,
    pub(crate) recursion_available: bool,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
}

impl Answer {
    /// An answer without records.
    pub(crate) fn bare(code: ResponseCode) -> Answer {
        Answer {
            code,
            authoritative: false,
            recursion_available: false,
            answers: Vec::new(),
            authorities: Vec::new(),
        }
    }
}

/// Longer chains of aliases are cut off; no real one comes near.
const LONGEST_CHAIN: usize = 8;

/// What the view says to a question at a time.
pub(crate) fn answer(view: &View, question: &Question, at: Instant) -> Answer {
    let mut reply = Answer { authoritative: true, ..Answer::bare(ResponseCode::NoError) };
    let mut owner = question.name.clone();
    for link in 0..LONGEST_CHAIN {
        let path = Path::of_name(&owner);
        let Some(apex) = view.zone_of(&path) else {
            // An alias that leads out of our zones is the resolver's to follow.
            return if link == 0 { Answer::bare(ResponseCode::Refused) } else { reply };
        };
        match step(view, apex, &path, question.kind, at) {
            Step::Found(sets) => {
                let records = sets.into_iter().flat_map(|set| records(&owner, set));
                reply.answers.extend(records);
                return reply;
            }
            Step::Alias(set) => {
                let Some(target) = target(set) else { return reply };
                reply.answers.extend(records(&owner, set));
                owner = target;
            }
            Step::Referral(cut, set) => {
                reply.authoritative = link > 0;
                reply.authorities.extend(records(&cut.name(), set));
                return reply;
            }
            Step::Nothing(code) => {
                reply.code = code;
                let soa = view.set(apex, RecordType::SOA.into(), at);
                reply.authorities.extend(soa.into_iter().flat_map(|set| records(&apex.name(), set)));
                return reply;
            }
        }
    }
    reply
}

enum Step<'a> {
    Found(Vec<&'a RecordSet>),
    Alias(&'a RecordSet),
    Referral(Path, &'a RecordSet),
    Nothing(ResponseCode),
}

fn step<'a>(view: &'a View, apex: &Path, path: &Path, kind: RecordType, at: Instant) -> Step<'a> {
    let cuts = (apex.0.len() + 1..=path.0.len()).map(|labels| path.first(labels));
    for cut in cuts {
        let parent_side = kind == RecordType::DS && cut == *path;
        if let Some(set) = view.set(&cut, RecordType::NS.into(), at).filter(|_| !parent_side) {
            return Step::Referral(cut, set);
        }
    }
    if view.exists(path, at) {
        return at_name(view, path, kind, at);
    }
    // The closest encloser decides: only a wildcard right below it counts (RFC 4592).
    let encloser = (apex.0.len()..path.0.len()).rev().map(|labels| path.first(labels));
    let encloser = encloser.into_iter().find(|ancestor| view.exists(ancestor, at));
    let wildcard = encloser.map(|ancestor| ancestor.child("*")).filter(|wildcard| view.exists(wildcard, at));
    match wildcard {
        Some(wildcard) => at_name(view, &wildcard, kind, at),
        None => Step::Nothing(ResponseCode::NXDomain),
    }
}

fn at_name<'a>(view: &'a View, path: &Path, kind: RecordType, at: Instant) -> Step<'a> {
    if kind == RecordType::ANY {
        return Step::Found(view.sets_of(path, at).collect());
    }
    if let Some(set) = view.set(path, kind.into(), at) {
        return Step::Found(vec![set]);
    }
    match view.set(path, RecordType::CNAME.into(), at) {
        Some(alias) => Step::Alias(alias),
        None => Step::Nothing(ResponseCode::NoError),
    }
}

fn target(set: &RecordSet) -> Option<Name> {
    set.data
        .iter()
        .find_map(|data| if let RData::CNAME(target) = data { Some(target.0.clone()) } else { None })
}

pub(crate) fn records<'a>(owner: &Name, set: &'a RecordSet) -> impl Iterator<Item = Record> + use<'a> {
    let owner = owner.clone();
    set.data.iter().map(move |data| Record::from_rdata(owner.clone(), set.ttl, data.clone()))
}
