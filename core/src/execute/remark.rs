//! What people say about a run that somebody else holds: approvals, their withdrawal, a rejection.

use jiff::Timestamp;

use super::Engine;
use crate::action::Gate;
use crate::journal::{Event, Journal, JournalError, RunState, Vote};
use crate::model::{GroupName, RunId};
use crate::plan::PlanDigest;

/// Tries before somebody who writes all the time is taken for a fault.
const TRIES: u32 = 20;

/// What somebody says about the open run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// It may happen.
    Approve {
        /// For which group; the only one that the person belongs to if none is named.
        group: Option<GroupName>,
        /// The plan that was looked at; the open run's if none is named.
        digest: Option<PlanDigest>,
        /// When the approval counts no longer; `None`: as long as the run waits.
        expires: Option<Timestamp>,
    },
    /// An approval is taken back.
    Withdraw {
        /// For which group; every one that the person approved for if none is named.
        group: Option<GroupName>,
    },
    /// It must not happen.
    Reject,
}

/// Why a remark was not written down.
#[derive(Debug, thiserror::Error)]
pub enum RemarkError {
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no unfinished run.
    #[error("no run is open")]
    NothingOpen,
    /// Nobody is asked about it.
    #[error("run {0} waits for nobody's approval")]
    NotAsked(RunId),
    /// The run has gone on.
    #[error("run {0} has gone through its gate already")]
    TooLate(RunId),
    /// Another plan was looked at.
    #[error("run {run} has plan {digest}, not {given}")]
    OtherPlan {
        /// The run.
        run: RunId,
        /// Its plan.
        digest: PlanDigest,
        /// The one that was looked at.
        given: PlanDigest,
    },
    /// The gate has no such group.
    #[error("run {run} asks no group {group}; it asks {known}")]
    NoGroup {
        /// The run.
        run: RunId,
        /// The group.
        group: GroupName,
        /// Those that it asks.
        known: String,
    },
    /// The person belongs to several groups.
    #[error("{actor} belongs to {groups}: say for which")]
    SeveralGroups {
        /// Who.
        actor: String,
        /// The groups.
        groups: String,
    },
    /// The person's approval would not count.
    #[error("{actor} cannot approve: {why}")]
    MayNot {
        /// Who.
        actor: String,
        /// Why.
        why: String,
    },
    /// The person approved already.
    #[error("{actor} has approved for {group} already")]
    Twice {
        /// Who.
        actor: String,
        /// For which group.
        group: GroupName,
    },
    /// There is nothing to take back.
    #[error("{actor} has not approved run {run}")]
    NotApproved {
        /// Who.
        actor: String,
        /// The run.
        run: RunId,
    },
}

impl Engine {
    /// Writes down what this engine's holder says about the open run, without taking the pair. Whoever holds it hears it within a second.
    ///
    /// May be repeated: what was said already is an error and changes nothing.
    pub async fn say(&self, remark: &Remark, why: Option<String>) -> Result<Vec<Event>, RemarkError> {
        for _ in 1..TRIES {
            match self.say_once(remark, why.clone()).await {
                // The holder wrote in between.
                Err(RemarkError::Journal(JournalError::Taken { .. })) => {}
                other => return other,
            }
        }
        self.say_once(remark, why).await
    }

    async fn say_once(&self, remark: &Remark, why: Option<String>) -> Result<Vec<Event>, RemarkError> {
        let mut journal = Journal::open(&self.pair.name, &self.ports).await?;
        let run = journal.state().open_run().ok_or(RemarkError::NothingOpen)?;
        let now = self.ports.clock.now();
        let vote = Vote { by: self.holder.clone(), why, expires: None };
        let events = match remark {
            Remark::Approve { group, digest, expires } => {
                vec![approve(run, group.as_ref(), digest.as_ref(), Vote { expires: *expires, ..vote }, now)?]
            }
            Remark::Withdraw { group } => withdraw(run, group.as_ref(), &vote)?,
            Remark::Reject => vec![reject(run, vote)?],
        };
        for event in &events {
            journal.append(event.clone()).await?;
        }
        Ok(events)
    }
}

fn gate(run: &RunState) -> Result<&Gate, RemarkError> {
    if !run.plan.steps().any(|step| step.action.as_gate().is_some()) {
        return Err(RemarkError::NotAsked(run.id.clone()));
    }
    run.open_gate().ok_or_else(|| RemarkError::TooLate(run.id.clone()))
}

fn approve(
    run: &RunState,
    group: Option<&GroupName>,
    digest: Option<&PlanDigest>,
    vote: Vote,
    now: Timestamp,
) -> Result<Event, RemarkError> {
    let gate = gate(run)?;
    if let Some(given) = digest.filter(|given| !run.digest.is_named_by(given)) {
        let (run, digest) = (run.id.clone(), run.digest.clone());
        return Err(RemarkError::OtherPlan { run, digest, given: given.clone() });
    }
    let actor = &vote.by.actor;
    let group = match group {
        Some(name) => known(gate, name, run)?,
        None => own_group(gate, run, actor)?,
    };
    may_approve(gate, group, run, actor)?;
    let may_not = |why: &str| RemarkError::MayNot { actor: actor.clone(), why: why.to_owned() };
    if vote.expires.is_some_and(|expires| expires <= now) {
        return Err(may_not("the approval would have run out already"));
    }
    let counted = gate.counted(group, run, now);
    if counted.iter().any(|given| given.by.actor == *actor && given.expires == vote.expires) {
        return Err(RemarkError::Twice { actor: actor.clone(), group: group.name.clone() });
    }
    Ok(Event::Approved { run: run.id.clone(), digest: run.digest.clone(), group: group.name.clone(), vote })
}

fn may_approve(
    gate: &Gate,
    group: &crate::model::Group,
    run: &RunState,
    actor: &str,
) -> Result<(), RemarkError> {
    if gate.may_approve(group, run, actor) {
        return Ok(());
    }
    let why = if group.members.contains(actor) {
        "whoever began a run does not approve it (`by_requester`)".to_owned()
    } else {
        let members: Vec<&str> = group.members.iter().map(String::as_str).collect();
        format!("the members of {} are {}", group.name, members.join(", "))
    };
    Err(RemarkError::MayNot { actor: actor.to_owned(), why })
}

fn names<'a>(groups: impl Iterator<Item = &'a crate::model::Group>) -> String {
    groups.map(|group| group.name.to_string()).collect::<Vec<_>>().join(", ")
}

fn known<'g>(
    gate: &'g Gate,
    name: &GroupName,
    run: &RunState,
) -> Result<&'g crate::model::Group, RemarkError> {
    gate.groups.iter().find(|group| group.name == *name).ok_or_else(|| RemarkError::NoGroup {
        run: run.id.clone(),
        group: name.clone(),
        known: names(gate.groups.iter()),
    })
}

/// The group that a person belongs to, if it is clear which.
fn own_group<'g>(
    gate: &'g Gate,
    run: &RunState,
    actor: &str,
) -> Result<&'g crate::model::Group, RemarkError> {
    let mut own = gate.groups.iter().filter(|group| group.members.contains(actor));
    match (own.next(), own.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            let groups = names(gate.groups.iter().filter(|group| group.members.contains(actor)));
            Err(RemarkError::SeveralGroups { actor: actor.to_owned(), groups })
        }
        (None, _) if gate.groups.is_empty() => Err(RemarkError::NotAsked(run.id.clone())),
        (None, _) => {
            let why = format!("no group that is asked has them as a member ({})", names(gate.groups.iter()));
            Err(RemarkError::MayNot { actor: actor.to_owned(), why })
        }
    }
}

fn withdraw(run: &RunState, group: Option<&GroupName>, vote: &Vote) -> Result<Vec<Event>, RemarkError> {
    gate(run)?;
    let given = run
        .approvals
        .iter()
        .filter(|given| given.by.actor == vote.by.actor && group.is_none_or(|group| given.group == *group));
    let events: Vec<Event> = given
        .map(|given| Event::Withdrawn { run: run.id.clone(), group: given.group.clone(), vote: vote.clone() })
        .collect();
    if events.is_empty() {
        return Err(RemarkError::NotApproved { actor: vote.by.actor.clone(), run: run.id.clone() });
    }
    Ok(events)
}

/// A member of any group that is asked can say no, whoever began the run included.
fn reject(run: &RunState, vote: Vote) -> Result<Event, RemarkError> {
    let gate = gate(run)?;
    let actor = &vote.by.actor;
    let requester = run.holders.first().is_some_and(|holder| holder.actor == *actor);
    if !requester && !gate.groups.iter().any(|group| group.members.contains(actor)) {
        let why = format!("no group that is asked has them as a member ({})", names(gate.groups.iter()));
        return Err(RemarkError::MayNot { actor: actor.clone(), why });
    }
    Ok(Event::Rejected { run: run.id.clone(), vote })
}
