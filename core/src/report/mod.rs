//! What a run did, told from its journal alone.

mod announcement;
mod approvals;
mod losses;
mod markdown;
mod recovery;
mod timeline;
mod windows;
mod wording;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

pub use announcement::announcement;
pub use approvals::{Given, GroupReport, Rejection, Withdrawn};
pub use losses::{KeptData, LossWindow};
pub use markdown::run_report;
pub use recovery::{Expected, Recovery};
pub use timeline::{Line, learnt, timeline};
pub use windows::{Estimate, Window};
pub use wording::{environments, moves, subject, wording};

use crate::action::{Action, Purpose};
use crate::journal::{Fact, Outcome, Owed, ProbeSummary, RunState, StepState, of_failover};
use crate::model::{DnsName, Pair, RunId};
use crate::plan::{Intent, PlanDigest, Shift, Waiver};

/// How long one name took to be served everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameTime {
    /// The name.
    pub name: DnsName,
    /// How many servers were asked.
    pub servers: usize,
    /// From the acceptance of the swap until all of them served it, in milliseconds.
    pub after_ms: u64,
}

/// One run, for people and machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The name of this shape: `switchover/report/1`.
    pub schema: &'static str,
    /// The run.
    pub run: RunId,
    /// What it was for.
    pub intent: Intent,
    /// The digest of its plan.
    pub digest: PlanDigest,
    /// Why, as its operator said.
    pub reason: Option<String>,
    /// The gates that were opened for it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub waivers: BTreeSet<Waiver>,
    /// Who approved it, group by group; only of a run that asked somebody, or left somebody out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<GroupReport>,
    /// Who said that it must not happen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
    /// Who worked on it, in order.
    pub holders: Vec<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, or its last entry was written.
    pub ended: Timestamp,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// What became of the roles.
    pub shifts: Vec<Shift>,
    /// From the confirmation (the start of the run, or the moment at which its gate stood open) until every zone had accepted its swap, in
    /// milliseconds.
    pub swapped_in_ms: Option<u64>,
    /// The requests that the swap had cost when the last zone accepted it.
    pub requests_to_swap: Option<u64>,
    /// How long users waited for the new side, held against the objective; `None` if the run moves nobody or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// All requests to name services and address books.
    pub requests: u64,
    /// How long each name took at its authoritative servers.
    pub names: Vec<NameTime>,
    /// How long writes were refused, store by store.
    pub windows: Vec<Window>,
    /// What it may have lost, store by store; only of a failover.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<LossWindow>,
    /// What it owes; only of a failover, and as of its end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Owed>,
    /// What it kept of a side that was lost; only of a reprotect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptData>,
    /// What the probe saw.
    pub probes: Vec<ProbeSummary>,
    /// What happened, in order.
    pub timeline: Vec<Line>,
}

impl Report {
    /// Tells a run from its state.
    pub fn of(run: &RunState) -> Self {
        let (swapped_in_ms, requests_to_swap) = swapped(run);
        Self {
            schema: "switchover/report/1",
            run: run.id.clone(),
            intent: run.plan.intent,
            digest: run.digest.clone(),
            reason: run.reason.clone(),
            waivers: run.plan.waivers.clone(),
            approvals: approvals::approvals(run),
            rejected: approvals::rejection(run),
            holders: run.holders.iter().map(ToString::to_string).collect(),
            started: run.started,
            ended: run.finished.map_or(run.last, |(_, at)| at),
            outcome: run.finished.map(|(outcome, _)| outcome),
            shifts: run.plan.shifts.clone(),
            swapped_in_ms,
            requests_to_swap,
            recovery: None,
            requests: run.requests,
            names: name_times(run),
            windows: windows::windows(run),
            losses: losses::losses(run),
            owed: of_failover(run),
            kept: losses::kept(run),
            probes: run.probes.clone(),
            timeline: timeline(run),
        }
    }

    /// Holds it against what the configuration of its pair asks for: the journal knows no objectives.
    #[must_use]
    pub fn against(self, run: &RunState, pair: &Pair) -> Self {
        Self { recovery: Recovery::of(run, pair), ..self }
    }

    /// How long it took.
    pub fn duration(&self) -> Duration {
        crate::action::between(self.started, self.ended)
    }
}

/// The facts of every step of a kind that was seen done.
fn facts(run: &RunState, wanted: impl Fn(&Action) -> bool) -> impl Iterator<Item = Fact> {
    let steps = run.plan.steps().filter(move |step| wanted(&step.action));
    let learnt = steps.filter_map(|step| match run.step(&step.id).forward? {
        StepState::Succeeded { facts, .. } => Some(facts),
        StepState::Started { .. } | StepState::Failed { .. } => None,
    });
    learnt.flatten()
}

fn swapped(run: &RunState) -> (Option<u64>, Option<u64>) {
    let is_swap =
        |action: &Action| action.as_change_records().is_some_and(|change| change.purpose == Purpose::Swap);
    let accepted: Vec<(Timestamp, u64)> =
        facts(run, is_swap)
            .filter_map(|fact| {
                if let Fact::Accepted { at, requests, .. } = fact { Some((at, requests)) } else { None }
            })
            .collect();
    let last = accepted.iter().map(|(at, _)| *at).max();
    let began = gate_opened(run).unwrap_or(run.started);
    let took = last.map(|last| crate::action::milliseconds(crate::action::between(began, last)));
    (took, accepted.iter().map(|(_, requests)| *requests).max())
}

/// When a run that had to wait for approvals or a window could go on.
fn gate_opened(run: &RunState) -> Option<Timestamp> {
    let gate = run.plan.steps().find(|step| step.action.as_gate().is_some())?;
    match run.step(&gate.id).forward? {
        StepState::Succeeded { at, .. } => Some(at),
        StepState::Started { .. } | StepState::Failed { .. } => None,
    }
}

fn name_times(run: &RunState) -> Vec<NameTime> {
    let is_read_back = |action: &Action| {
        let servers = action.as_await_records().map(|wait| &wait.servers);
        matches!(servers, Some(crate::action::Servers::Authoritative(_)))
    };
    let times = facts(run, is_read_back).filter_map(|fact| {
        let Fact::Agreed { name, servers, after_ms } = fact else { return None };
        Some(NameTime { name, servers, after_ms })
    });
    times.collect()
}

#[cfg(test)]
pub(crate) mod tests;
