//! A failover takes the pair from whatever run holds it, and closes that run where it is.

use super::run::Run;
use super::{Engine, RunError};
use crate::action::Action;
use crate::journal::{Event, Holder, Journal, JournalError, Outcome, Way};
use crate::model::{Environment, SideName};
use crate::observe::{Snapshot, assess_lost, look_lost, prove_standby, successors};
use crate::plan::{Intent, Step};

/// How often the pair is claimed anew where its holder wrote an entry at the same moment.
const TRIES: u32 = 50;

impl Engine {
    /// Looks at a pair whose production may be gone: nothing about the lost side slows it or stops it. Tries whether every zone can be written
    /// to, and whether the side that takes over passes its checks. Changes nothing.
    ///
    /// `to` names that side; without it the names and the journal tell which one is lost.
    pub async fn observe_lost(
        &self,
        environments: &[Environment],
        journal: &Journal,
        to: Option<&SideName>,
    ) -> Snapshot {
        let history = journal.state();
        let mut seen = look_lost(&self.pair, &self.ports, environments, history, to).await;
        let standby = successors(&self.pair, &seen, history, to);
        prove_standby(&self.ports, &mut seen.all, &standby).await;
        assess_lost(&self.pair, &seen, history, to)
    }

    /// Takes the pair from the run that is open, if one is: its holder stops before its next call. What it sent is waited for, unless it was
    /// sent to the side that is given up; nothing that it did is undone. Without an open run the journal is returned as it is.
    ///
    /// [`RunError::Busy`] if that run is a failover, and [`JournalError::Taken`] if somebody else takes the pair at the same time.
    pub async fn supersede(&self, journal: Journal, lost: &SideName) -> Result<Journal, RunError> {
        let Some(open) = journal.state().open_run() else { return Ok(journal) };
        if open.plan.intent == Intent::Failover {
            return Err(self.held(&journal));
        }
        let run = open.id.clone();
        let Some(journal) = self.claim_over(journal).await? else {
            return Ok(self.journal().await?);
        };
        Run::new(self, journal, &run)?.supersede(lost).await
    }

    fn held(&self, journal: &Journal) -> RunError {
        let holder: Option<Holder> = journal.state().holder.clone();
        RunError::Busy { holder: holder.unwrap_or_else(|| self.holder.clone()) }
    }

    /// Claims the pair, also while its holder goes on writing; `None` if its run ended meanwhile.
    async fn claim_over(&self, mut journal: Journal) -> Result<Option<Journal>, RunError> {
        let epoch = journal.state().epoch;
        for _ in 0..TRIES {
            let taken = match journal.claim(self.holder.clone()).await {
                Ok(()) => return Ok(Some(journal)),
                Err(taken @ JournalError::Taken { .. }) => taken,
                Err(
                    error @ (JournalError::Store(_) | JournalError::Broken { .. } | JournalError::Illegal(_)),
                ) => return Err(error.into()),
            };
            journal = self.journal().await?;
            if journal.state().epoch != epoch {
                return Err(taken.into());
            }
            if journal.state().open_run().is_none() {
                return Ok(None);
            }
        }
        Err(self.held(&journal))
    }
}

impl Run<'_> {
    async fn supersede(self, lost: &SideName) -> Result<Journal, RunError> {
        let steps: Vec<Step> = self.plan.steps().cloned().collect();
        for step in steps.iter().filter(|step| !is_only_at(&step.action, lost)) {
            self.drain(step, Way::Forward, Way::Forward).await;
        }
        for step in steps.iter().filter(|step| step.undo.as_ref().is_some_and(|undo| !is_only_at(undo, lost)))
        {
            self.drain(step, Way::Back, Way::Back).await;
        }
        let run = self.id.clone();
        self.append(Event::RunFinished { run, outcome: Outcome::Superseded }).await?;
        Ok(self.journal.into_inner())
    }
}

/// Whether a call changes nothing but the side that is given up.
fn is_only_at(action: &Action, lost: &SideName) -> bool {
    match action {
        Action::FreezeStore(freeze) => freeze.side == *lost,
        Action::ThawStore(thaw) => thaw.side == *lost,
        Action::FenceLost(fence) => fence.side == *lost,
        Action::ProveFrozen(proof) => proof.side == *lost,
        Action::VerifyBackup(trial) => trial.side == *lost,
        Action::KeepData(keep) => keep.side == *lost,
        Action::TakeOver(taken) => taken.side == *lost,
        Action::SyncStore(sync) => sync.direction.to() == lost,
        Action::Deploy(deploy) => deploy.side == *lost,
        Action::SetEmbargo(set) => set.side == *lost,
        Action::SwitchSchedules(switch) => switch.side == *lost,
        Action::ChangeSettings(change) => change.side == *lost,
        Action::ChangeRecords(_)
        | Action::AwaitRecords(_)
        | Action::RunChecks(_)
        | Action::Hold(_)
        | Action::Gate(_)
        | Action::Soak(_)
        | Action::Announce(_)
        | Action::WriteRoleTable(_) => false,
    }
}
