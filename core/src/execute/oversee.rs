//! Watching long work, and taking its permission back when the pair has changed hands.

use async_trait::async_trait;

use super::Progress;
use super::run::Run;
use crate::plan::Step;
use crate::port::{Advance, DataError, Overseer};

/// Watches one step of a run.
#[derive(Debug)]
pub(super) struct StepOverseer<'r, 'e> {
    pub(super) run: &'r Run<'e>,
    pub(super) step: &'r Step,
}

#[async_trait]
impl Overseer for StepOverseer<'_, '_> {
    fn advance(&self, advance: &Advance) {
        self.run.engine.watcher.on(&Progress::Advances { step: self.step, advance });
    }

    async fn permit(&self) -> Result<(), DataError> {
        match self.run.journal.lock().await.is_ours().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(DataError::Lost),
            Err(error) => {
                Err(DataError::Unreachable { place: "the journal".to_owned(), why: error.to_string() })
            }
        }
    }
}
