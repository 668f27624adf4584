//! A public resolver: asks the authoritative servers in turn and keeps what they say for its TTL, so that a
//! client's view of a change can be seen.
//!
//! It asks the servers of the sandbox directly and not over the network; what they are told to do, such as
//! answering stale or not at all, holds for it as well.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::{A, AAAA};
use hickory_server::proto::rr::{RData, Record, RecordType};

use super::Answering;
use super::answer::{Answer, Question};
use super::authority::Authority;
use super::publish::{Key, Path};
use super::wire::Answers;
use crate::world::lock;

/// One caching resolver.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    servers: Vec<Arc<Authority>>,
    turn: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    answering: Answering,
    cache: BTreeMap<Key, Cached>,
}

#[derive(Debug)]
struct Cached {
    answer: Answer,
    at: Instant,
    lives: Duration,
}

impl Resolver {
    pub(crate) fn new(name: String, address: SocketAddr, servers: Vec<Arc<Authority>>) -> Resolver {
        Resolver { name, address, servers, turn: AtomicUsize::new(0), inner: Mutex::default() }
    }

    pub(crate) fn answering(&self) -> Answering {
        lock(&self.inner).answering
    }

    pub(crate) fn set(&self, answering: Answering) {
        lock(&self.inner).answering = answering;
    }

    pub(crate) fn flush(&self) {
        lock(&self.inner).cache.clear();
    }

    pub(crate) fn reset(&self) {
        *lock(&self.inner) = Inner::default();
    }

    /// The answer at a time; `None` is silence.
    pub(crate) fn ask(&self, question: &Question, now: Instant) -> Option<Answer> {
        let mut inner = lock(&self.inner);
        let stale = match inner.answering {
            Answering::Live => false,
            Answering::Stale => true,
            Answering::Servfail => return Some(Answer::bare(ResponseCode::ServFail)),
            Answering::Refused => return Some(Answer::bare(ResponseCode::Refused)),
            Answering::Silent => return None,
        };
        let key = (Path::of_name(&question.name), u16::from(question.kind));
        if let Some(answer) = inner.cache.get(&key).and_then(|cached| cached.at(now, stale)) {
            return Some(answer);
        }
        if !question.recursion {
            return Some(Answer { recursion_available: true, ..Answer::bare(ResponseCode::Refused) });
        }
        let answer = self.own_name(question).unwrap_or_else(|| self.recurse(question, now));
        if let Some(lives) = lifetime(&answer) {
            inner.cache.insert(key, Cached { answer: answer.clone(), at: now, lives });
        }
        Some(answer)
    }

    /// Asks one server after the other, each time beginning with the next, until one has an answer.
    fn recurse(&self, question: &Question, now: Instant) -> Answer {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.servers.len()).map(|turn| &self.servers[(first + turn) % self.servers.len()]);
        let usable = |answer: &Answer| matches!(answer.code, ResponseCode::NoError | ResponseCode::NXDomain);
        let found = turns.filter_map(|server| server.ask(question, now)).find(usable);
        let answer = found.unwrap_or_else(|| Answer::bare(ResponseCode::ServFail));
        Answer { authoritative: false, recursion_available: true, ..answer }
    }

    /// The addresses of the sandbox's own name servers, which lie in no zone of it.
    fn own_name(&self, question: &Question) -> Option<Answer> {
        let asked = Path::of_name(&question.name);
        let server = self.servers.iter().find(|server| Path::of(&server.name) == asked)?;
        let (data, kind) = match server.address.ip() {
            IpAddr::V4(ip) => (RData::A(A(ip)), RecordType::A),
            IpAddr::V6(ip) => (RData::AAAA(AAAA(ip)), RecordType::AAAA),
        };
        let record = Record::from_rdata(question.name.clone(), 300, data);
        let answers = if kind == question.kind { vec![record] } else { Vec::new() };
        Some(Answer { recursion_available: true, answers, ..Answer::bare(ResponseCode::NoError) })
    }
}

impl Answers for Resolver {
    fn ask_now(&self, question: &Question) -> Option<Answer> {
        self.ask(question, Instant::now())
    }
}

impl Cached {
    /// What is left of it: every TTL counted down. Told to be stale, it lasts for ever, with a TTL of 30 as RFC
    /// 8767 advises.
    fn at(&self, now: Instant, stale: bool) -> Option<Answer> {
        let age = now.saturating_duration_since(self.at);
        if age >= self.lives && !stale {
            return None;
        }
        let seconds = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
        let mut answer = self.answer.clone();
        for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
            record.ttl = if age >= self.lives { 30 } else { record.ttl.saturating_sub(seconds) };
        }
        Some(answer)
    }
}

/// How long an answer may be kept: its shortest TTL; for an absence, what the SOA says (RFC 2308). A failure is
/// not kept.
fn lifetime(answer: &Answer) -> Option<Duration> {
    let positive = !answer.answers.is_empty() && answer.code == ResponseCode::NoError;
    let seconds = if positive {
        answer.answers.iter().map(|record| record.ttl).min()
    } else {
        answer.authorities.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
            _ => None,
        })
    };
    seconds.map(|seconds| Duration::from_secs(seconds.into()))
}
