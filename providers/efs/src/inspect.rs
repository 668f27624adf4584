//! Looks at both sides at once, and says everything that is wrong.

use std::collections::BTreeMap;

use aws_sdk_efs::types::{FileSystemDescription, LifeCycleState, ReplicationStatus};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use switchover::model::SideName;
use switchover::port::{Access, DataError, Depth, Inspection, Method, StoreProblem, StoreSide, Stream};

use crate::home::{Home, Protection, Replication, marks, protection};
use crate::options::EfsFreeze;
use crate::replicate::bytes;
use crate::store::EfsStore;

/// One side as seen.
pub(crate) struct Look<'a> {
    pub(crate) home: &'a Home,
    pub(crate) system: FileSystemDescription,
    pub(crate) access: Access,
    pub(crate) replication: Option<Replication>,
}

impl EfsStore {
    pub(crate) async fn look(&self, depth: Depth) -> Result<Inspection, DataError> {
        let looks = self.homes.values().map(|home| async move { (home, self.look_at(home).await) }.boxed());
        let (mut seen, mut unread) = (Vec::new(), BTreeMap::new());
        for (home, look) in join_all(looks).await {
            match look {
                Ok(look) => seen.push(look),
                Err(error) => drop(unread.insert(home.side.clone(), error.to_string())),
            }
        }
        Ok(Inspection {
            method: Method::Streaming,
            sides: seen.iter().map(|look| (look.home.side.clone(), side(look, &seen))).collect(),
            unread,
            stream: self.stream(&seen),
            problems: self.problems(&seen, depth),
        })
    }

    pub(crate) async fn look_at<'a>(&self, home: &'a Home) -> Result<Look<'a>, DataError> {
        let (system, replication) = (home.system().await?, home.replication().await?);
        let policy = match self.options.freeze {
            EfsFreeze::Policy => home.policy().await?,
            EfsFreeze::None => None,
        };
        let access = self.access(home, &system, policy.as_ref());
        Ok(Look { home, system, access, replication })
    }

    fn stream(&self, seen: &[Look<'_>]) -> Option<Stream> {
        let found = seen.iter().find_map(|look| look.replication.as_ref())?;
        let from = self.homes.values().find(|home| home.id() == found.source)?;
        self.homes.values().find(|home| home.id() == found.target)?;
        Some(Stream {
            from: from.side.clone(),
            running: found.status == ReplicationStatus::Enabled,
            state: found.state(),
            lag_bytes: None,
            caught_up_to: found.last,
        })
    }

    fn problems(&self, seen: &[Look<'_>], depth: Depth) -> Vec<StoreProblem> {
        let mut problems: Vec<StoreProblem> = seen.iter().flat_map(|look| self.wrong(look)).collect();
        if let [a, b] = seen
            && a.system.file_system_arn() == b.system.file_system_arn()
        {
            let why = "both sides are the same file system";
            problems.push(problem(Some(&a.home.side), true, why, "give each side its own"));
        }
        if depth == Depth::Glance {
            return problems;
        }
        match self.options.freeze {
            EfsFreeze::None => problems.push(problem(
                None,
                false,
                "nothing can refuse writes",
                "it takes no part in a role swap without `freeze = \"policy\"`",
            )),
            EfsFreeze::Policy => problems.push(problem(
                None,
                false,
                "a freeze by policy does not end by itself: if a swap's controller dies, production stays read-only",
                "`--resume` or `--abort` the run then",
            )),
        }
        for look in seen.iter().filter(|look| look.home.options.mount.is_none()) {
            let why =
                format!("{} is mounted nowhere here, so that no freeze can be proved", look.home.place());
            problems.push(problem(Some(&look.home.side), false, &why, "say where with the side's `mount`"));
        }
        if let [a, b] = seen
            && a.system.owner_id() != b.system.owner_id()
        {
            for look in [a, b].into_iter().filter(|look| look.home.options.role_arn.is_none()) {
                let why =
                    "the sides are in two accounts, and EFS needs a role to replicate from here to the other";
                problems.push(problem(Some(&look.home.side), true, why, "give the side a `role_arn`"));
            }
        }
        problems
    }

    /// What is wrong with one side.
    fn wrong(&self, look: &Look<'_>) -> Vec<StoreProblem> {
        let (mut problems, side) = (Vec::new(), Some(&look.home.side));
        if !matches!(look.system.life_cycle_state(), LifeCycleState::Available | LifeCycleState::Updating) {
            let why = format!("{} is `{}`", look.home.place(), look.system.life_cycle_state().as_str());
            problems.push(problem(side, true, &why, "wait until it is available"));
        }
        let Some(found) = &look.replication else { return problems };
        let ours = |id: &str| self.homes.values().any(|home| home.id() == id);
        if !ours(&found.source) || !ours(&found.target) {
            let why = format!("it is part of another replication, from {} to {}", found.source, found.target);
            problems.push(problem(
                side,
                true,
                &why,
                "a file system can be part of one only; delete that one",
            ));
        }
        if matches!(found.status, ReplicationStatus::Error | ReplicationStatus::Paused)
            && found.target == look.home.id()
        {
            let why = format!("its replication is {}", found.state());
            problems.push(problem(side, true, &why, "look at it in the EFS console"));
        }
        problems
    }
}

pub(crate) fn side(look: &Look<'_>, all: &[Look<'_>]) -> StoreSide {
    let theirs = marks(&look.system);
    let name = &look.home.side;
    let other = all.iter().find(|other| other.home.side != *name);
    let others_copy = other.and_then(|other| marks(&other.system).copied());
    let is_target = protection(&look.system) == Protection::Replicating;
    StoreSide {
        place: look.home.place(),
        identity: look.system.file_system_arn().unwrap_or(look.home.id()).to_owned(),
        access: look.access.clone(),
        copied: theirs.copied(),
        // Whatever a destination held is overwritten.
        diverged: !is_target && theirs.diverged(&look.access, name, others_copy.as_ref()),
        bytes: Some(bytes(&look.system)),
    }
}

fn problem(side: Option<&SideName>, fatal: bool, message: &str, advice: &str) -> StoreProblem {
    StoreProblem { side: side.cloned(), fatal, message: message.to_owned(), advice: Some(advice.to_owned()) }
}
