//! A check whose answers are scripted, address by address and over time.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::port::{Check, CheckFailure, Clock as _, Subject};

use super::{VirtualClock, lock};

/// What a site answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// As it should.
    Healthy,
    /// Nothing.
    Down,
    /// This instead (`503 Service Unavailable`).
    Wrong(String),
}

#[derive(Debug)]
struct Inner {
    latency: Duration,
    healths: Vec<(Duration, IpAddr, Health)>,
    asked: Vec<(Duration, Subject)>,
}

/// A check of any number of addresses. Where nothing was set nothing answers. Clones are one check. A request takes 20 ms of
/// virtual time, or two seconds where nothing answers.
#[derive(Debug, Clone)]
pub struct FakeCheck {
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
}

impl FakeCheck {
    /// A check that finds nothing anywhere.
    pub fn new(clock: &VirtualClock) -> Self {
        let inner = Inner { latency: Duration::from_millis(20), healths: Vec::new(), asked: Vec::new() };
        Self { clock: clock.clone(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// What an address answers from now on.
    pub fn set(&self, address: IpAddr, health: Health) {
        self.set_at(self.clock.elapsed(), address, health);
    }

    /// What an address answers from that moment of virtual time on.
    pub fn set_at(&self, at: Duration, address: IpAddr, health: Health) {
        let mut inner = lock(&self.inner);
        inner.healths.push((at, address, health));
        inner.healths.sort_by_key(|(at, _, _)| *at);
    }

    /// Every question so far, with when it was asked.
    pub fn asked(&self) -> Vec<(Duration, Subject)> {
        lock(&self.inner).asked.clone()
    }

    fn health(&self, address: IpAddr) -> Health {
        let now = self.clock.elapsed();
        let inner = lock(&self.inner);
        let since = inner.healths.iter().rev().find(|(at, of, _)| *of == address && *at <= now);
        since.map_or(Health::Down, |(_, _, health)| health.clone())
    }
}

#[async_trait]
impl Check for FakeCheck {
    async fn run(&self, subject: &Subject) -> Result<(), CheckFailure> {
        self.clock.alive().await;
        let latency = {
            let mut inner = lock(&self.inner);
            inner.asked.push((self.clock.elapsed(), subject.clone()));
            inner.latency
        };
        self.clock.sleep(latency).await;
        let at = format!("http://{}/ at {}", subject.name, subject.address);
        match self.health(subject.address) {
            Health::Healthy => Ok(()),
            Health::Down => {
                self.clock.sleep(Duration::from_secs(2)).await;
                Err(CheckFailure::NoAnswer { at, why: "timed out after 2 s".to_owned() })
            }
            Health::Wrong(found) => Err(CheckFailure::Wrong { at, found, expected: "200 OK".to_owned() }),
        }
    }
}
