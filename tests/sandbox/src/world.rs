//! What the parts of the sandbox share: the zones, tokens, faults and log behind one lock, and the name servers
//! that every commit is published to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::api::auth::{Credentials, Token, TokenStatus};
use crate::api::limit::Limiter;
use crate::api::{dispatch, reply::Reply};
use crate::dns::authority::Authority;
use crate::dns::publish::{Edge, published};
use crate::dns::resolver::Resolver;
use crate::fault::{Course, Faults};
use crate::log::{Log, RequestEntry, millis};
use crate::seed::resolve::Plot;
use crate::site::Site;
use crate::zone::{Changes, Draft, Kind, Record, Zone};

/// A lock whose holder panicked still guards whole data: every change here is a single assignment or push.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request to the API, read whole.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Below `/client/v4`; `None` if it is elsewhere.
    pub(crate) path: Option<String>,
    pub(crate) query: String,
    pub(crate) credentials: Credentials,
    pub(crate) body: Vec<u8>,
}

/// What a reset brings back to the seed's state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) zones: Vec<Zone>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    pub(crate) latency: Duration,
    pub(crate) log: Log,
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) state: Mutex<State>,
    pub(crate) plot: Plot,
    pub(crate) edge: Edge,
    pub(crate) servers: Vec<Arc<Authority>>,
    pub(crate) resolvers: Vec<Arc<Resolver>>,
    pub(crate) sites: Vec<Arc<Site>>,
    pub(crate) started: Instant,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl World {
    /// Logs a call that arrived, and says what is to happen to it and under which number it is logged.
    pub(crate) fn arrive(&self, call: &Call) -> (usize, Course) {
        let mut state = lock(&self.state);
        let path = call.path.clone().unwrap_or_default();
        let faults = state.faults.hit(&call.method, &path);
        let course = Course::of(faults, state.latency);
        let token = dispatch::token_name(&state, &call.credentials);
        let number = state.log.push(RequestEntry {
            at: Timestamp::now(),
            at_ms: millis(self.started.elapsed()),
            method: call.method.clone(),
            path,
            query: call.query.clone(),
            token,
            status: None,
            took_ms: None,
            applied: false,
        });
        (number, course)
    }

    /// Does the work of a call and publishes what it changed, in one go.
    pub(crate) fn work(&self, number: usize, call: &Call) -> Reply {
        let mut state = lock(&self.state);
        let (reply, changed) = dispatch::answer(&mut state, call, Timestamp::now(), Instant::now());
        if let Some(zone) = changed {
            self.publish(&state.zones[zone]);
            if let Some(entry) = state.log.entry(number) {
                entry.applied = true;
            }
        }
        reply
    }

    /// Logs how a call ended.
    pub(crate) fn ended(&self, number: usize, status: Option<u16>) {
        let now = millis(self.started.elapsed());
        if let Some(entry) = lock(&self.state).log.entry(number) {
            entry.status = status;
            entry.took_ms = Some(now.saturating_sub(entry.at_ms));
        }
    }

    /// Lets a token count as expired.
    pub(crate) fn expire(&self, name: &str) {
        for token in lock(&self.state).tokens.iter_mut().filter(|token| token.name == name) {
            token.status = TokenStatus::Expired;
        }
    }

    /// Tells every name server what a zone says now. Call it with the state locked, so that the servers learn of
    /// commits in their order.
    pub(crate) fn publish(&self, zone: &Zone) {
        let sets = published(zone, &self.edge);
        for server in &self.servers {
            server.learn(&zone.name, zone.serial, &sets, Instant::now());
        }
    }

    /// The records of a zone, by type, name and id.
    pub(crate) fn records(&self, zone: &str) -> Option<Vec<Record>> {
        let state = lock(&self.state);
        let zone = state.zones.iter().find(|own| own.name == zone)?;
        Some(zone.sorted().into_iter().cloned().collect())
    }

    /// Changes the content of the first record of a name and type, past the API and its log. Says whether there
    /// is one and the rules allow it.
    pub(crate) fn edit(&self, name: &str, kind: Kind, content: &str) -> bool {
        let mut state = lock(&self.state);
        let found = state.zones.iter_mut().find_map(|zone| {
            let record = zone.records.values().find(|record| record.name == name && record.kind == kind)?;
            let id = record.id.clone();
            Some((zone, id))
        });
        let Some((zone, id)) = found else { return false };
        let draft = Draft { content: Some(content.to_owned()), ..Draft::default() };
        let changes = Changes { patches: vec![(id, draft)], ..Changes::default() };
        let done = zone.apply(&changes, Timestamp::now()).is_ok();
        if done {
            self.publish(zone);
        }
        done
    }

    /// Brings everything back to what the seed says.
    pub(crate) fn reset(&self) {
        let mut fresh = self.plot.state();
        let mut state = lock(&self.state);
        fresh.log.clone_from(&state.log);
        fresh.log.clear();
        for (server, settings) in self.servers.iter().zip(&self.plot.servers) {
            server.reset(settings.settings.clone());
        }
        for zone in &fresh.zones {
            self.publish_at_once(zone);
        }
        self.resolvers.iter().for_each(|resolver| resolver.reset());
        self.sites.iter().for_each(|site| site.reset());
        *state = fresh;
    }

    /// Publishes without any delay, for the seed's own records.
    pub(crate) fn publish_at_once(&self, zone: &Zone) {
        let sets = published(zone, &self.edge);
        for server in &self.servers {
            server.know(&zone.name, &sets, Instant::now());
        }
    }

    /// Waits until the sandbox stops.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // An error means that the sandbox is gone, which is what is waited for.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}
