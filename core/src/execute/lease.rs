//! Renewing freezes beside a run, so that each ends by itself soon after whoever holds the pair is gone.

use std::time::Duration;

use futures_util::future::join_all;

use super::Progress;
use super::run::Run;
use crate::action::FreezeStore;
use crate::journal::{RunState, Way};
use crate::port::FreezeOrder;

/// How often a lease is renewed in its length: three answers may be lost.
const RENEWALS: u32 = 4;
/// How long to sleep where nothing is frozen.
const IDLE: Duration = Duration::from_millis(500);

/// The freezes of a run that have to be renewed: done, with a lease, neither made lasting nor taken back.
fn leased(state: &RunState) -> Vec<FreezeStore> {
    let fenced = |store: &crate::model::StoreRef| {
        let mut steps = state.plan.steps().filter(|step| state.step(&step.id).forward.is_some());
        steps.any(|step| {
            step.action.as_freeze_store().is_some_and(|f| f.store == *store && f.lease_ms.is_none())
        })
    };
    let steps = state.plan.steps().filter(|step| {
        let record = state.step(&step.id);
        record.may_have_acted() && record.way(Way::Back).is_none()
    });
    let freezes = steps.filter_map(|step| step.action.as_freeze_store());
    freezes.filter(|freeze| freeze.lease_ms.is_some() && !fenced(&freeze.store)).cloned().collect()
}

/// How long until these are to be renewed.
fn pause(leased: &[FreezeStore]) -> Duration {
    let shortest = leased.iter().filter_map(FreezeStore::lease).min();
    shortest.map_or(IDLE, |lease| lease / RENEWALS)
}

impl Run<'_> {
    /// Renews every leased freeze of the run, for as long as it is polled.
    pub(super) async fn renew_leases(&self) {
        loop {
            let pause = self.renew_once().await;
            self.engine.ports.clock.sleep(pause).await;
        }
    }

    /// Renews once; says when to do so again.
    async fn renew_once(&self) -> Duration {
        if !self.freezes {
            return Duration::from_secs(3600);
        }
        // From here on no step of this run makes a freeze lasting or takes one back.
        let _alone = self.leases.lock().await;
        let leased = self.with_state(leased).await;
        if !leased.is_empty() && !self.may_renew(&leased).await {
            return pause(&leased);
        }
        let renewals = leased.iter().map(|freeze| self.renew(freeze));
        join_all(renewals).await;
        pause(&leased)
    }

    /// Whether the pair is still this run's: a process that slept may have lost it, and whoever took it may have thawed what this one
    /// would freeze anew.
    async fn may_renew(&self, leased: &[FreezeStore]) -> bool {
        let why = match self.journal.lock().await.is_ours().await {
            Ok(true) => return true,
            Ok(false) => "somebody else has taken the pair".to_owned(),
            Err(error) => error.to_string(),
        };
        for freeze in leased {
            self.engine.watcher.on(&Progress::LeaseAtRisk { store: &freeze.store, why: &why });
        }
        false
    }

    /// A renewal that fails is no failure of the run: the step that makes the freeze lasting will find out whether it ran out.
    async fn renew(&self, freeze: &FreezeStore) {
        let Some(store) = self.engine.ports.stores.get(&freeze.store) else { return };
        let order = FreezeOrder { by: self.id.clone(), lease: freeze.lease() };
        let sent = self.engine.ports.clock.monotonic();
        match store.freeze(&freeze.side, &order).await {
            Ok(()) => self.watched.renewed(&freeze.store, sent, freeze.lease().unwrap_or_default()),
            Err(error) => {
                let why = error.to_string();
                self.engine.watcher.on(&Progress::LeaseAtRisk { store: &freeze.store, why: &why });
            }
        }
    }
}
