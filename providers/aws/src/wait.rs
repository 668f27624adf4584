//! Waiting for a state of AWS's: look, tell how far it is, pause, look again, until it is there or the time is up.

use std::time::Duration;

use switchover::config::Period;
use switchover::port::{Advance, Clock, DataError, Overseer, Unit};

use crate::failure::Failure;

/// What one look showed.
#[derive(Debug)]
pub enum Seen<T> {
    /// What was waited for.
    There(T),
    /// Not yet: what the state is called, and how many percent are done if AWS says so.
    Coming {
        /// The state in AWS's words (`copying`).
        state: String,
        /// How much is done, in percent.
        percent: Option<u8>,
    },
}

impl<T> Seen<T> {
    /// Not yet, in this state.
    pub fn coming(state: impl Into<String>) -> Self {
        Self::Coming { state: state.into(), percent: None }
    }
}

/// How long the whole of something may take, and who hears of it.
#[derive(Debug, Clone, Copy)]
pub struct Patience<'a> {
    clock: &'a dyn Clock,
    overseer: &'a dyn Overseer,
    limit: Duration,
    until: Duration,
    every: Duration,
}

impl<'a> Patience<'a> {
    /// Counts from now.
    pub fn new(clock: &'a dyn Clock, overseer: &'a dyn Overseer, limit: Duration, every: Duration) -> Self {
        Self { clock, overseer, limit, until: clock.monotonic().saturating_add(limit), every }
    }

    /// Whoever ordered the work.
    pub fn overseer(&self) -> &'a dyn Overseer {
        self.overseer
    }

    /// The same for a part of it that may take only so long.
    #[must_use]
    pub fn at_most(&self, limit: Duration) -> Self {
        let until = self.clock.monotonic().saturating_add(limit).min(self.until);
        Self { limit, until, ..*self }
    }

    /// Looks until what is waited for is there. A look that gets no answer is repeated: hours of work at AWS do not end because a network
    /// did for a moment. [`DataError::Failed`] with the last state when the time is up.
    pub async fn until<T, F>(
        &self,
        place: &str,
        phase: &str,
        mut look: impl FnMut() -> F + Send,
    ) -> Result<T, DataError>
    where
        F: Future<Output = Result<Seen<T>, DataError>> + Send,
        T: Send,
    {
        loop {
            let last = match look().await {
                Ok(Seen::There(found)) => return Ok(found),
                Ok(Seen::Coming { state, percent }) => {
                    self.tell(&format!("{phase} ({state})"), percent);
                    format!("it is `{state}`")
                }
                Err(DataError::Unreachable { why, .. }) => why,
                Err(other) => return Err(other),
            };
            let left = self.until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                let limit = Period(self.limit);
                return Err(DataError::Failed {
                    place: place.to_owned(),
                    why: format!(
                        "{phase}: not done within {limit}; {last}. The next sync goes on from there"
                    ),
                });
            }
            self.clock.sleep(self.every.min(left)).await;
        }
    }

    /// Makes sure that a call which failed did nothing, or that it did all the same: one whose answer was lost is looked for until it can no
    /// longer be on its way. [`DataError::Unknown`] if it does not show by then.
    pub async fn settle<F>(
        &self,
        in_flight: Duration,
        place: &str,
        failure: Failure,
        mut shows: impl FnMut() -> F + Send,
    ) -> Result<(), DataError>
    where
        F: Future<Output = Result<bool, DataError>> + Send,
    {
        if !failure.perhaps_done() {
            return Err(failure.of_acting(place));
        }
        let looking = self.at_most(in_flight);
        let found = looking.until(place, "looking what became of a call without an answer", || {
            let look = shows();
            async move { Ok(if look.await? { Seen::There(()) } else { Seen::coming("not seen") }) }
        });
        found.await.map_err(|error| match error {
            DataError::Failed { .. } => failure.of_acting(place),
            other => other,
        })
    }

    /// Tells whoever ordered the work what goes on.
    pub fn tell(&self, phase: &str, percent: Option<u8>) {
        self.overseer.advance(&Advance {
            phase: phase.to_owned(),
            done: percent.map_or(0, u64::from),
            total: percent.map(|_| 100),
            unit: Unit::Percent,
        });
    }
}
