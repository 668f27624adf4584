//! A status page that says what a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::port::{CheckFailure, Clock as _, StatusPage};

use super::{Health, VirtualClock, lock};

/// A page. Clones are one.
#[derive(Debug, Clone)]
pub struct FakePage {
    clock: VirtualClock,
    says: Arc<Mutex<Health>>,
}

impl FakePage {
    /// A page that says that all is well.
    pub fn new(clock: &VirtualClock) -> Self {
        Self { clock: clock.clone(), says: Arc::new(Mutex::new(Health::Healthy)) }
    }

    /// What it says from now on.
    pub fn set(&self, health: Health) {
        *lock(&self.says) = health;
    }
}

#[async_trait]
impl StatusPage for FakePage {
    async fn look(&self) -> Result<(), CheckFailure> {
        self.clock.sleep(Duration::from_millis(100)).await;
        let at = "https://status.vendor.test".to_owned();
        match lock(&self.says).clone() {
            Health::Healthy => Ok(()),
            Health::Down => Err(CheckFailure::NoAnswer { at, why: "timed out after 5 s".to_owned() }),
            Health::Wrong(found) => {
                Err(CheckFailure::Wrong { at, found, expected: "minor trouble at most".to_owned() })
            }
        }
    }
}
