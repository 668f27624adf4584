//! Who approved what: the groups that a run asked, and what was said, told from the journal alone.

use jiff::Timestamp;
use serde::Serialize;

use crate::journal::{Approval, Fact, RunState, StepState, Withdrawal};
use crate::model::GroupName;
use crate::plan::{PlanDigest, Waiver};

/// One group, and who approved for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    /// The group.
    pub group: GroupName,
    /// How many of its members must approve; `None` for one that was left out by name.
    pub needed: Option<u32>,
    /// The approvals that were given for it, oldest first, withdrawn ones among them.
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
    /// When it was taken back, if it was.
    pub withdrawn: Option<Withdrawn>,
}

/// That an approval was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawn {
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub why: Option<String>,
}

/// Somebody said that the run must not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Who, and from which machine.
    pub by: String,
    /// When.
    pub at: Timestamp,
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
        let stand = run.approvals.iter().map(|approval| told(run, approval, None));
        let withdrawn = run.withdrawn.iter().map(|taken| told(run, &taken.approval, Some(taken)));
        let own = stand.chain(withdrawn).filter(|(of, _)| **of == group).map(|(_, given)| given);
        let mut given: Vec<Given> = own.collect();
        given.sort_by_key(|given| given.at);
        GroupReport { group, needed, given }
    };
    groups.into_iter().map(group).collect()
}

/// The journal takes no approval of another plan than the run's.
fn told<'a>(
    run: &RunState,
    approval: &'a Approval,
    withdrawn: Option<&Withdrawal>,
) -> (&'a GroupName, Given) {
    let given = Given {
        by: approval.by.to_string(),
        at: approval.at,
        digest: run.digest.clone(),
        expires: approval.expires,
        comment: approval.why.clone(),
        counted: if withdrawn.is_some() { Some(false) } else { counted(run, approval) },
        withdrawn: withdrawn.map(|taken| Withdrawn { at: taken.at, why: taken.why.clone() }),
    };
    (&approval.group, given)
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
    let told = run.rejected.as_ref();
    told.map(|said| Rejection { by: said.by.to_string(), at: said.at, why: said.why.clone() })
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

impl Withdrawn {
    fn words(&self) -> String {
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("withdrawn {}{why}", self.at.strftime("%F %T"))
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
        words.extend(self.withdrawn.as_ref().map(Withdrawn::words));
        words.join("; ")
    }
}
