//! The append-only log of a pair: its lock, its memory and its audit trail.

mod data;
mod entry;
mod event;
mod kept;
mod log;
mod owed;
mod run;
mod state;

pub use data::{LastSync, StoreHistory};
pub use entry::{Entry, EntryError, EntryHash, Epoch, FORMAT, Nonce, Seq};
pub use event::{Event, Fact, Failure, FailureKind, Holder, Outcome, PauseReason, ProbeSummary, Vote, Way};
pub use kept::entries_from;
pub use log::{Journal, JournalError};
pub use owed::{Debt, Owed, of_failover};
pub use run::{Approval, Rejected, RunState, StepRecord, StepState, Withdrawal};
pub use state::{IllegalTransition, PairState};
