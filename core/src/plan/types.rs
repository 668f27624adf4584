//! Plans, stages and steps as plain data: they must survive in the journal.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{PlanDigest, Waiver};
use crate::action::Action;
use crate::model::{EnvironmentName, Pair, PairName, ReleaseName, SideName, StepId};

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Swap the roles of both sides, both being there.
    Switchover,
    /// Take the latest switchover back.
    Revert,
    /// Lower the TTLs ahead of a swap.
    Prepare,
    /// Set the TTLs back without a swap.
    RestoreTtl,
    /// Bring the stand-by's data up to date.
    Sync,
    /// End a release: the former production gets it too.
    Finalize,
    /// Rehearse everything that moves nobody, to see that it works and how long it takes.
    Drill,
    /// Make the stand-by production while production may be gone.
    Failover,
    /// Make the side that was given up the stand-by, once what diverged there is kept.
    Reprotect,
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Switchover => "switchover",
            Self::Revert => "revert",
            Self::Prepare => "prepare",
            Self::RestoreTtl => "restore TTLs",
            Self::Sync => "sync",
            Self::Finalize => "finalize",
            Self::Drill => "drill",
            Self::Failover => "failover",
            Self::Reprotect => "reprotect",
        })
    }
}

/// Which side is production in an environment, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// The environment.
    pub environment: EnvironmentName,
    /// The side that is production before.
    pub from: SideName,
    /// The side that is production afterwards; the same for a plan that moves no traffic.
    pub to: SideName,
}

/// What a failed step means for its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The run stops: undone before the pivot, paused after it.
    Stop,
    /// The run goes on and ends *with exceptions*.
    Note,
}

/// One action on one resource, with a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its key.
    pub id: StepId,
    /// What it does.
    pub action: Action,
    /// What undoes it, where there is something to undo.
    pub undo: Option<Action>,
    /// How long it may take, in milliseconds.
    pub deadline_ms: u64,
    /// What its failure means.
    pub on_failure: OnFailure,
}

impl Step {
    /// How long it may take.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

/// Steps that may run at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What people call it.
    pub title: String,
    /// Its steps.
    pub steps: Vec<Step>,
}

impl Stage {
    /// The steps that the next stage waits for.
    pub fn at_once(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.action.is_aside())
    }

    /// The steps that begin with the stage and that nothing waits for before the end of the run.
    pub fn aside(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action.is_aside())
    }
}

/// Everything a run will do. Immutable; made by the planner, read by everybody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The pair.
    pub pair: PairName,
    /// What it is for.
    pub intent: Intent,
    /// The release that it brings along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseName>,
    /// What becomes of the roles.
    pub shifts: Vec<Shift>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// The first step that lets the new side take traffic. Its stage is the point of no return; `None` if the plan moves no
    /// traffic.
    pub pivot: Option<StepId>,
    /// What a person should know before saying yes.
    pub notes: Vec<String>,
    /// The gates that somebody opened for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waivers: BTreeSet<Waiver>,
}

impl Plan {
    /// A plan that does nothing yet.
    pub(super) fn without_stages(pair: &Pair, intent: Intent) -> Self {
        Self {
            pair: pair.name.clone(),
            intent,
            release: None,
            shifts: Vec::new(),
            stages: Vec::new(),
            pivot: None,
            notes: Vec::new(),
            waivers: BTreeSet::new(),
        }
    }

    /// The digest by which this plan is known again.
    pub fn digest(&self) -> PlanDigest {
        PlanDigest::of(self)
    }

    /// All steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// The step of that id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps().find(|step| step.id == *id)
    }

    /// The place of the stage that holds the pivot.
    pub fn pivot_stage(&self) -> Option<usize> {
        let pivot = self.pivot.as_ref()?;
        self.stages.iter().position(|stage| stage.steps.iter().any(|step| step.id == *pivot))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }
}
