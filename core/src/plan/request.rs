//! What somebody asks a planner for, and why there may be no plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::{Intent, Loss, Waiver};
use crate::action::Window;
use crate::journal::Owed;
use crate::model::{EnvironmentName, GroupName, PairError, ReleaseName, RunId, SideName, StoreRef};
use crate::observe::Finding;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What for.
    pub intent: Intent,
    /// The environments to change; all if none are named.
    pub environments: BTreeSet<EnvironmentName>,
    /// The side that shall be production; the other one than now if none is named.
    pub to: Option<SideName>,
    /// The release that the stand-by gets before it takes production.
    pub release: Option<ReleaseName>,
    /// The moment before which nobody is moved.
    pub at: Option<Timestamp>,
    /// The next maintenance windows of those environments that have some, in order.
    pub windows: BTreeMap<EnvironmentName, Vec<Window>>,
    /// The gates that shall be open, and the steps that are left out.
    pub waivers: BTreeSet<Waiver>,
    /// For a failover: how much time's writes may be lost.
    pub accept_loss: Option<Duration>,
}

impl Request {
    /// All environments, with nothing special; no gate is open.
    pub fn of(intent: Intent) -> Self {
        Self {
            intent,
            environments: BTreeSet::new(),
            to: None,
            release: None,
            at: None,
            windows: BTreeMap::new(),
            waivers: BTreeSet::new(),
            accept_loss: None,
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The pair has no such side or environment.
    #[error(transparent)]
    Unknown(#[from] PairError),
    /// A run is not finished; it must be resumed or aborted first.
    #[error("run {0} is not finished")]
    RunOpen(RunId),
    /// The world is not as it must be.
    #[error("the pair is not fit for this: {} problem{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Unfit(Vec<Finding>),
    /// The environments do not agree on the production side.
    #[error(
        "the environments have different production sides ({0}); name an environment or the side that shall be production"
    )]
    RolesDiffer(String),
    /// It cannot be told which side is production.
    #[error("in {0} it cannot be told which side is production, so data has no direction")]
    NoProduction(EnvironmentName),
    /// The pair has no such store.
    #[error("the pair has no store {0}")]
    NoSuchStore(StoreRef),
    /// No release waits for its end.
    #[error("no release waits to be finalized")]
    NothingToFinalize,
    /// Different releases wait for their end in different environments.
    #[error("{one} and {other} wait to be finalized; name an environment")]
    ReleasesDiffer {
        /// One of them.
        one: ReleaseName,
        /// Another one.
        other: ReleaseName,
    },
    /// Data must not flow to the stand-by before its release is the same as production's.
    #[error("in {environment} data flows again when run {run} was finalized or reverted")]
    ReleaseOpen {
        /// The environment.
        environment: EnvironmentName,
        /// The run that brought the release.
        run: RunId,
    },
    /// Both sides must be able to run a release.
    #[error("a release was asked for, and {0} has no releases: configure `delivery` for both sides")]
    NoReleases(String),
    /// A group was to be left out that nobody asks.
    #[error("nobody asks the group {group} before this; asked are: {}", if .known.is_empty() { "none".to_owned() } else { names(.known) })]
    NoSuchGroup {
        /// The group.
        group: GroupName,
        /// Those that are asked.
        known: Vec<GroupName>,
    },
    /// No maintenance window opens.
    #[error("no maintenance window of {0} opens at the time that was asked for")]
    NoWindow(EnvironmentName),
    /// The same was not done where it is rehearsed.
    #[error("{environment} is swapped only after {on}: {why}")]
    NotRehearsed {
        /// The environment.
        environment: EnvironmentName,
        /// Where it is rehearsed.
        on: EnvironmentName,
        /// What is missing.
        why: String,
    },
    /// A side is owed: roles and data stay as they are until it is reprotected.
    #[error(
        "side {} was given up by failover {} at {} and may hold what production does not; nothing is written to it and no role moves \
         before that is mended: run `swap-roles --reprotect`",
        .0.side, .0.run, .0.since.strftime("%F %T UTC")
    )]
    Owed(Box<Owed>),
    /// A side that was lost does not answer yet.
    #[error("side {side} still does not answer: {}; try again later", list(.findings))]
    StillLost {
        /// The side.
        side: SideName,
        /// What was seen.
        findings: Vec<Finding>,
    },
    /// It cannot be told which side is lost.
    #[error("in {} neither the names nor the journal tell which side is lost; say which one shall be production", list(.0))]
    LostUnclear(Vec<EnvironmentName>),
    /// The stand-by holds no copy of a store that is known to be whole.
    #[error("the stand-by holds no verified copy of {}, so there is nothing to fail over to", list(.0))]
    NoCopy(Vec<StoreRef>),
    /// A sync to the stand-by broke off.
    #[error("the stand-by's data is a mixture of old and new: {}", .0.join("; "))]
    Unfinished(Vec<String>),
    /// More may be lost than was accepted.
    #[error("{}", super::failover::refused(.losses, *.accepted))]
    LossNotAccepted {
        /// What may be lost.
        losses: Vec<Loss>,
        /// How much was accepted.
        accepted: Option<Duration>,
    },
    /// There is no switchover to take back.
    #[error("there is nothing to revert: {0}")]
    NothingToRevert(String),
    /// The planner made a plan that breaks a safety rule: a fault of this program, and nothing was done.
    #[error("the plan breaks a safety rule and was thrown away: {}", list(.0))]
    Unsafe(Vec<super::Violation>),
}

fn names(groups: &[GroupName]) -> String {
    groups.iter().map(GroupName::as_str).collect::<Vec<_>>().join(", ")
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
