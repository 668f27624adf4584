//! What can happen to a pair, as plain data.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{BackupKey, Deployment, DnsName, GroupName, LogTail, RunId, SideName, StepId};
use crate::plan::{Plan, PlanDigest};
use crate::port::{FreezeProof, Synced};

/// Who holds a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The person or service account.
    pub actor: String,
    /// The machine.
    pub host: String,
    /// The process on that machine.
    pub process: u32,
    /// The version of the program.
    pub program: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (process {})", self.actor, self.host, self.process)
    }
}

/// Whether a step is done or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The step's action.
    Forward,
    /// What undoes it.
    Back,
}

/// What a step learnt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fact {
    /// It was done already when it was looked at; no call was made.
    AlreadyDone,
    /// The service accepted changes to these records.
    Accepted {
        /// The names, in order.
        names: Vec<DnsName>,
        /// When the answer came.
        at: Timestamp,
        /// The time from sending to the answer, in milliseconds.
        took_ms: u64,
        /// The requests that the run had cost this process by then.
        requests: u64,
    },
    /// A call's outcome was unknown, and a later read showed what became of it.
    Settled {
        /// Whether it had been applied.
        applied: bool,
        /// What the call had said.
        why: String,
    },
    /// Every server that was asked agrees on a name.
    Agreed {
        /// The name.
        name: DnsName,
        /// How many servers.
        servers: usize,
        /// How long after the swap was accepted, in milliseconds.
        after_ms: u64,
    },
    /// A check was passed.
    Passed {
        /// What was checked.
        what: String,
        /// How many times it had to be tried.
        tries: u32,
    },
    /// A wait ended.
    Waited {
        /// Until when.
        until: Timestamp,
    },
    /// A side of a store refused every write that was tried.
    Frozen {
        /// The side.
        side: SideName,
        /// What was tried and seen.
        proof: FreezeProof,
    },
    /// A store was synced.
    Synced(Box<Synced>),
    /// A backup was restored beside the data, found equal to its manifest, and removed again.
    Restored {
        /// Its key.
        key: BackupKey,
        /// The moment that its data is of, if its manifest tells.
        as_of: Option<Timestamp>,
        /// The size of its files.
        bytes: u64,
        /// How long it took to restore and compare, in milliseconds.
        took_ms: u64,
    },
    /// A release was deployed.
    Deployed {
        /// The deployment.
        deployment: Deployment,
        /// The end of its log.
        log: LogTail,
    },
    /// A group approved.
    Approved {
        /// The group.
        group: GroupName,
        /// Whose approvals counted.
        by: Vec<Holder>,
    },
    /// A side stands alone with its copy of a store.
    TakenOver {
        /// The side.
        side: SideName,
        /// The moment up to which it holds everything: what was written later is not there.
        as_of: Timestamp,
        /// What a person should know.
        notes: Vec<String>,
    },
    /// A side that was given up says that it refuses writes for good. Only a proof ([`Fact::Frozen`]) beside it makes that known.
    Fenced {
        /// The side.
        side: SideName,
        /// Since when at the latest.
        at: Timestamp,
    },
    /// What a side held was kept.
    Kept {
        /// The side.
        side: SideName,
        /// Where it lies.
        place: String,
        /// Its size in bytes, where that is known.
        bytes: Option<u64>,
    },
}

impl Fact {
    /// When changes of records were accepted, if that is what it says.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        if let Self::Accepted { at, .. } = self { Some(*at) } else { None }
    }

    /// What was synced, if that is what it says.
    pub fn synced(&self) -> Option<&Synced> {
        if let Self::Synced(synced) = self { Some(synced) } else { None }
    }
}

/// How a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It was not ready: the world is not as the plan expects. Nothing was done.
    NotReady,
    /// The call was refused. Nothing was done.
    Refused,
    /// Doing it could have destroyed data. Nothing was done.
    Guarded,
    /// Somebody said no, or nobody said yes in time. Nothing was done.
    Declined,
    /// Part of it is done and the rest was refused or is not ready.
    Partial,
    /// It was done and did not show within its deadline.
    Deadline,
    /// What became of it is not known.
    Unknown,
}

impl FailureKind {
    /// Whether nothing was done.
    pub fn is_without_effect(self) -> bool {
        match self {
            Self::NotReady | Self::Refused | Self::Guarded | Self::Declined => true,
            Self::Partial | Self::Deadline | Self::Unknown => false,
        }
    }
}

/// A failed step, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// How it failed.
    pub kind: FailureKind,
    /// What is wrong and where.
    pub message: String,
}

/// Why a run waits for somebody to go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// A step failed after the pivot.
    FailedStep,
    /// Somebody asked it to stop.
    Operator,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step succeeded.
    Completed,
    /// It is done, and something that is no failure is worth a look.
    CompletedWithExceptions,
    /// It failed or was aborted before its pivot, and everything it did was undone.
    Undone,
    /// It was closed part-way after its pivot; the next run goes on from what is there.
    Abandoned,
    /// A failover took the pair from it, and closed it where it was.
    Superseded,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Completed => "completed",
            Self::CompletedWithExceptions => "completed with exceptions",
            Self::Undone => "undone",
            Self::Abandoned => "abandoned part-way",
            Self::Superseded => "superseded by a failover",
        })
    }
}

/// What the probe saw of one name during a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSummary {
    /// The name that was fetched.
    pub name: DnsName,
    /// How often.
    pub requests: u64,
    /// How often without the expected answer.
    pub failed: u64,
    /// The longest time from a good answer to the next one with failures between them, in milliseconds; 0 if none failed.
    pub longest_gap_ms: u64,
    /// The first failure's words, if there was one.
    pub first_failure: Option<String>,
}

impl ProbeSummary {
    /// The longest gap as a duration.
    pub fn longest_gap(&self) -> Duration {
        Duration::from_millis(self.longest_gap_ms)
    }
}

/// One thing that happened to a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// Somebody took the pair: the epoch is one higher from here on.
    Claimed {
        /// Who.
        holder: Holder,
    },
    /// A run began.
    RunStarted {
        /// Its id.
        run: RunId,
        /// What it does, in full.
        plan: Box<Plan>,
        /// The digest of the plan.
        digest: PlanDigest,
        /// Why, as its operator said.
        reason: Option<String>,
    },
    /// A step is about to act.
    StepStarted {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Done or undone.
        way: Way,
    },
    /// A step is done, as observed.
    StepSucceeded {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Done or undone.
        way: Way,
        /// What it learnt.
        facts: Vec<Fact>,
        /// The requests that this process has made for the run so far.
        requests: u64,
    },
    /// A step failed.
    StepFailed {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Done or undone.
        way: Way,
        /// How.
        failure: Failure,
    },
    /// From here on the run undoes what it did.
    TurnedBack {
        /// The run.
        run: RunId,
        /// Why, in words.
        why: String,
    },
    /// What the probe saw during a stretch of the run.
    Probed {
        /// The run.
        run: RunId,
        /// One summary a name.
        names: Vec<ProbeSummary>,
    },
    /// Somebody approved the run. Whoever writes this holds nothing.
    Approved {
        /// The run.
        run: RunId,
        /// The digest of the plan that was approved.
        digest: PlanDigest,
        /// For which group.
        group: GroupName,
        /// Who, and until when it counts.
        vote: Vote,
    },
    /// Somebody took an approval back. Whoever writes this holds nothing.
    Withdrawn {
        /// The run.
        run: RunId,
        /// For which group.
        group: GroupName,
        /// Who.
        vote: Vote,
    },
    /// Somebody said that the run must not happen. Whoever writes this holds nothing.
    Rejected {
        /// The run.
        run: RunId,
        /// Who, and why.
        vote: Vote,
    },
    /// The run waits for `--resume` or `--abort`.
    Paused {
        /// The run.
        run: RunId,
        /// Why.
        reason: PauseReason,
    },
    /// The run is over.
    RunFinished {
        /// The run.
        run: RunId,
        /// How.
        outcome: Outcome,
    },
}

/// What somebody said about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Who.
    pub by: Holder,
    /// Why, in words.
    pub why: Option<String>,
    /// When it counts no longer; `None`: as long as the run waits.
    pub expires: Option<Timestamp>,
}

impl Event {
    /// Whether it is what somebody says who does not hold the pair: it may stand between the entries of whoever does.
    pub fn is_remark(&self) -> bool {
        match self {
            Self::Approved { .. } | Self::Withdrawn { .. } | Self::Rejected { .. } => true,
            Self::Claimed { .. }
            | Self::RunStarted { .. }
            | Self::StepStarted { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::TurnedBack { .. }
            | Self::Probed { .. }
            | Self::Paused { .. }
            | Self::RunFinished { .. } => false,
        }
    }

    /// Who takes the pair by this event; `None` for every event but a claim.
    pub fn claimant(&self) -> Option<&Holder> {
        match self {
            Self::Claimed { holder } => Some(holder),
            Self::RunStarted { .. }
            | Self::StepStarted { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::TurnedBack { .. }
            | Self::Probed { .. }
            | Self::Approved { .. }
            | Self::Withdrawn { .. }
            | Self::Rejected { .. }
            | Self::Paused { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}
