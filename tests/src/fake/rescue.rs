//! One side of a store in memory by itself, and the ways in which the other one can be lost.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{RunId, SideName};
use switchover::port::{
    Access, Clock as _, DataError, KeepOrder, Kept, LoneSide, Overseer, Rescue, TakenOver,
};

use super::{FakeStore, lock};

/// How a side is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Nothing is there, and that is said at once. Its clients are served by nobody either.
    Gone,
    /// It takes calls and says nothing for five minutes. Its own clients may still be served.
    Silent,
    /// It answers every call with an error at once. Its own clients may still be served.
    Failing,
    /// It answers as it should, this late.
    Slow(Duration),
}

/// How long a call to a silent side lasts before it is given up by whoever made it.
const SILENCE: Duration = Duration::from_secs(300);

impl FakeStore {
    /// Loses a side in this way. Until a sync brings it back into step it counts as given up: the other side may be let in beside it, and
    /// what it holds must be kept before anything is written over it.
    pub fn lose(&self, side: &SideName, how: Absence) {
        self.fall_away(side, how);
        self.give_up(side);
    }

    /// A side is lost in this way, and nobody gives it up: it is expected back.
    pub fn fall_away(&self, side: &SideName, how: Absence) {
        lock(&self.inner).side(side).absence = Some(how);
    }

    /// Nobody took over from the side that was given up: it counts as production again.
    pub fn hold_on(&self) {
        lock(&self.inner).given_up = None;
    }

    /// Gives a side up that is as well as ever: production comes back, or was never gone.
    pub fn give_up(&self, side: &SideName) {
        lock(&self.inner).given_up = Some(side.clone());
    }

    /// A lost side answers again.
    pub fn come_back(&self, side: &SideName) {
        lock(&self.inner).side(side).absence = None;
    }

    /// Says that the latest sync to a side broke off in the middle of it.
    pub fn break_off(&self, side: &SideName) {
        lock(&self.inner).side(side).half_done = true;
    }

    /// Somebody says that what diverged may go.
    pub fn let_go(&self) {
        lock(&self.inner).may_discard = true;
    }

    /// What was kept of a side before it was written over.
    pub fn kept_of(&self, side: &SideName) -> Vec<BTreeSet<u64>> {
        let inner = lock(&self.inner);
        inner.kept_aside.iter().filter(|(_, of, _)| of == side).map(|(_, _, writes)| writes.clone()).collect()
    }

    /// Goes on once the side answers, or says why it does not.
    pub(super) async fn answered(&self, side: &SideName) -> Result<(), DataError> {
        let place = side.to_string();
        let absence = lock(&self.inner).side(side).absence;
        match absence {
            None => Ok(()),
            Some(Absence::Gone) => Err(DataError::Unreachable { place, why: "the side is gone".to_owned() }),
            Some(Absence::Silent) => {
                self.clock.sleep(SILENCE).await;
                Err(DataError::Unreachable { place, why: "no answer came".to_owned() })
            }
            Some(Absence::Failing) => Err(DataError::Failed { place, why: "500".to_owned() }),
            Some(Absence::Slow(late)) => {
                self.clock.sleep(late).await;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Rescue for FakeStore {
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError> {
        self.begin(super::DataCall::Look).await?;
        self.answered(side).await?;
        let now = self.clock.now();
        let inner = lock(&self.inner);
        let seen = inner.seen(side, now);
        Ok(LoneSide {
            method: inner.method,
            newest: seen.copied.as_ref().map(|copied| copied.as_of),
            receives: inner.stream.as_ref().is_some_and(|from| from != side),
            unfinished: inner.sides[side].half_done.then(|| "the latest sync to it broke off".to_owned()),
            side: seen,
        })
    }

    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError> {
        let fault = self.begin(super::DataCall::TakeOver).await?;
        self.answered(side).await?;
        let newest = {
            let mut inner = lock(&self.inner);
            if inner.stream.as_ref().is_some_and(|from| from != side) {
                inner.stream = None;
            }
            inner.taken_from = inner.sides.keys().find(|other| *other != side).cloned();
            let here = inner.side(side);
            here.shut(run);
            here.copied.as_ref().map(|copied| copied.as_of)
        };
        super::data::landed(fault)?;
        Ok(TakenOver { newest, notes: Vec::new() })
    }

    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError> {
        let fault = self.begin(super::DataCall::Keep).await?;
        self.answered(&order.side).await?;
        self.clock.sleep(Duration::from_secs(2)).await;
        overseer.permit().await?;
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        let frozen = matches!(inner.sides[&order.side].access(now), Access::Frozen { until: None, .. });
        assert!(frozen, "{} is kept while it can still change", order.side);
        let writes = inner.sides[&order.side].writes.clone();
        let known = inner.kept_aside.iter().any(|(run, of, _)| *run == order.run && *of == order.side);
        if !known {
            inner.kept_aside.push((order.run.clone(), order.side.clone(), writes));
        }
        drop(inner);
        super::data::landed(fault)?;
        Ok(Kept { place: format!("memory of {}, kept by {}", order.side, order.run), bytes: None })
    }
}
