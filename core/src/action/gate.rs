//! Wait until a swap may happen: until it was approved, and a window is open, both at the same moment.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Acted, Context, Look, Perform};
use crate::journal::{Approval, Fact, JournalError, Rejected, RunState};
use crate::model::Group;

/// A time in which a swap may happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From when on.
    pub opens: Timestamp,
    /// Until when; that moment itself excluded. `None`: for good.
    pub closes: Option<Timestamp>,
}

impl Window {
    fn is_open(&self, now: Timestamp) -> bool {
        self.opens <= now && self.closes.is_none_or(|closes| now < closes)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.closes.is_some_and(|closes| closes <= now)
    }
}

/// What must hold before a run goes on to its pivot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The groups that must approve.
    pub groups: Vec<Group>,
    /// Whether whoever began the run may approve it.
    pub by_requester: bool,
    /// The times of which one must be open, in order; at any time if there are none.
    pub windows: Vec<Window>,
    /// How long the run waits for approvals, in milliseconds.
    pub expire_ms: u64,
}

impl Gate {
    /// Which approvals of a run count at a moment: by members, of whom nobody asked for the run, neither run out nor withdrawn; each person
    /// once.
    pub fn counted<'a>(&self, group: &Group, run: &'a RunState, now: Timestamp) -> Vec<&'a Approval> {
        let mut people = BTreeSet::new();
        let counts = |approval: &&Approval| {
            let valid = approval.expires.is_none_or(|expires| now < expires);
            valid && approval.group == group.name && self.may_approve(group, run, &approval.by.actor)
        };
        run.approvals.iter().filter(counts).filter(|approval| people.insert(&approval.by.actor)).collect()
    }

    /// Whether somebody's approval for a group counts.
    pub fn may_approve(&self, group: &Group, run: &RunState, actor: &str) -> bool {
        let requester = run.holders.first().is_some_and(|holder| holder.actor == actor);
        group.members.contains(actor) && (self.by_requester || !requester)
    }

    /// The groups that have not approved, with how many voices each lacks.
    pub fn pending<'g>(&'g self, run: &RunState, now: Timestamp) -> Vec<(&'g Group, u32)> {
        let lacking = self.groups.iter().map(|group| {
            let given = u32::try_from(self.counted(group, run, now).len()).unwrap_or(u32::MAX);
            (group, group.needed.saturating_sub(given))
        });
        lacking.filter(|(_, lacking)| *lacking > 0).collect()
    }
}

#[derive(Debug)]
pub(super) struct Waiting<'a> {
    action: &'a Gate,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(action: &'a Gate) -> Self {
        Self { action }
    }

    fn judge(&self, run: &RunState, anchor: Timestamp, now: Timestamp) -> Look {
        if let Some(Rejected { by, why, .. }) = &run.rejected {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            return Look::Declined(format!("{} rejected the run{why}", by.actor));
        }
        let pending = self.action.pending(run, now);
        let expire = SignedDuration::try_from(Duration::from_millis(self.action.expire_ms));
        let ends = anchor.saturating_add(expire.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX);
        if !pending.is_empty() && now >= ends {
            return Look::Declined(format!("{} until {}", lacking(&pending), shown(ends)));
        }
        let windows = &self.action.windows;
        if !windows.is_empty() && windows.iter().all(|window| window.is_over(now)) {
            return Look::Declined("the last window has closed".to_owned());
        }
        let open = windows.is_empty() || windows.iter().any(|window| window.is_open(now));
        match (pending.is_empty(), open) {
            (true, true) => Look::Done(self.facts(run, now)),
            (false, _) => Look::Waiting(format!("{}; waits until {}", lacking(&pending), shown(ends))),
            (true, false) => {
                let next = windows.iter().find(|window| window.opens > now);
                let next = next.map(|window| shown(window.opens)).unwrap_or_default();
                Look::Waiting(format!("waits for the window that opens at {next}"))
            }
        }
    }

    fn facts(&self, run: &RunState, now: Timestamp) -> Vec<Fact> {
        let of_group = |group: &Group| {
            let by = self.action.counted(group, run, now).into_iter().map(|given| given.by.clone()).collect();
            Fact::Approved { group: group.name.clone(), by }
        };
        self.action.groups.iter().map(of_group).collect()
    }
}

fn lacking(pending: &[(&Group, u32)]) -> String {
    let each: Vec<String> =
        pending.iter().map(|(group, lacking)| format!("{lacking} of {}", group.name)).collect();
    format!("not approved: {} missing", each.join(", "))
}

fn shown(at: Timestamp) -> String {
    at.strftime("%F %T UTC").to_string()
}

#[async_trait]
impl Perform for Waiting<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let mut journal = context.journal.lock().await;
        match journal.hear_remarks().await {
            Ok(()) => {}
            // Nobody waits for what is somebody else's by now: the journal takes no more of this run.
            Err(error @ JournalError::Taken { .. }) => return Look::Refused(error.to_string()),
            Err(
                error @ (JournalError::Store(_) | JournalError::Broken { .. } | JournalError::Illegal(_)),
            ) => return Look::Unseen(error.to_string()),
        }
        match journal.state().run(context.run) {
            Some(run) => self.judge(run, context.anchor, context.ports.clock.now()),
            None => Look::Refused(format!("run {} is not in the journal", context.run)),
        }
    }

    async fn act(&mut self, _: &Context<'_>) -> Acted {
        Acted::Later("a gate only waits".to_owned())
    }

    fn pause(&self, _: u32) -> Duration {
        Duration::from_secs(1)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
