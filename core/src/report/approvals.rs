//! Who approved what: the groups that a run asked, and what was said, told from the journal alone.

use jiff::Timestamp;
use serde::Serialize;

use crate::journal::{Approval, Fact, RunState, StepState};
use crate::model::GroupName;
use crate::plan::{PlanDigest, Waiver};

/// One group, and who approved for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    /// The group.
    pub group: GroupName,
    /// How many of its members must approve; `None` for one that was left out by name.
    pub needed: Option<u32>,
    /// The approvals that were given for it and not withdrawn, oldest first.
    pub given: Vec<Given>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Given {
    /// Who, and from which machine.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The digest of the plan that was approved.
    pub digest: PlanDigest,
    /// When it counted no longer, if that was said.
    pub expires: Option<Timestamp>,
    /// What was said with it.
    pub comment: Option<String>,
    /// Whether it was among those by which the run went on; `None` while it waits, or if it never came to its gate.
    pub counted: Option<bool>,
}

/// Somebody said that the run must not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Who, and from which machine.
    pub by: String,
    /// Why, in words.
    pub why: Option<String>,
}

/// Every group that was asked or left out, and every other one for which somebody spoke.
pub(super) fn approvals(run: &RunState) -> Vec<GroupReport> {
    let asked = run.plan.steps().filter_map(|step| step.action.as_gate()).flat_map(|gate| &gate.groups);
    let mut groups: Vec<(GroupName, Option<u32>)> =
        asked.map(|group| (group.name.clone(), Some(group.needed))).collect();
    groups.extend(run.plan.waivers.iter().filter_map(Waiver::group).map(|group| (group.clone(), None)));
    let group = |(group, needed): (GroupName, Option<u32>)| {
        let own = run.approvals.iter().filter(|approval| approval.group == group);
        let given = own.map(|approval| told(run, approval)).collect();
        GroupReport { group, needed, given }
    };
    groups.into_iter().map(group).collect()
}

/// The journal takes no approval of another plan than the run's.
fn told(run: &RunState, approval: &Approval) -> Given {
    Given {
        by: approval.by.to_string(),
        at: approval.at,
        digest: run.digest.clone(),
        expires: approval.expires,
        comment: approval.why.clone(),
        counted: counted(run, approval),
    }
}

fn counted(run: &RunState, approval: &Approval) -> Option<bool> {
    let gate = run.plan.steps().find(|step| step.action.as_gate().is_some())?;
    match run.step(&gate.id).forward? {
        StepState::Started { .. } => None,
        StepState::Failed { .. } => Some(false),
        StepState::Succeeded { facts, .. } => Some(facts.iter().any(|fact| {
            matches!(fact, Fact::Approved { group, by } if *group == approval.group && by.contains(&approval.by))
        })),
    }
}

/// Who stopped the run, if somebody did.
pub(super) fn rejection(run: &RunState) -> Option<Rejection> {
    run.rejected.as_ref().map(|vote| Rejection { by: vote.by.to_string(), why: vote.why.clone() })
}

impl GroupReport {
    /// What was wanted of it, in words.
    pub fn asked(&self) -> String {
        match self.needed {
            Some(needed) => format!("{needed} asked"),
            None => "left out by name".to_owned(),
        }
    }
}

impl Given {
    /// Whether it counted, until when, and what was said with it, in words.
    pub fn remark(&self) -> String {
        let counted = match self.counted {
            Some(true) => "counted",
            Some(false) => "did not count",
            None => "approved",
        };
        let mut words = vec![counted.to_owned()];
        words.extend(self.expires.map(|at| format!("until {}", at.strftime("%F %T"))));
        words.extend(self.comment.clone());
        words.join("; ")
    }
}
