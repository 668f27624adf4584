//! Looks at both sides at once, and says everything that is wrong.

use std::collections::BTreeMap;

use aws_sdk_rds::types::DbInstance;
use futures_util::future::join_all;
use switchover::model::SideName;
use switchover::port::{Access, DataError, Depth, Inspection, Method, StoreProblem, StoreSide, Stream};

use crate::by_replica::is_replica_of;
use crate::endpoint::Endpoint;
use crate::home::{Home, marks};
use crate::options::RdsMethod;
use crate::snapshots::{account, bytes, is_encrypted};
use crate::stage::{Between, Shape};
use crate::states::{self, Phase};
use crate::store::{RdsStore, is_replica};

/// One side as seen.
pub(crate) struct Look<'a> {
    pub(crate) home: &'a Home,
    pub(crate) found: DbInstance,
    pub(crate) access: Access,
    /// Whether an earlier run was left between its two renames.
    pub(crate) unfinished: bool,
}

impl RdsStore {
    pub(crate) async fn look(&self, depth: Depth) -> Result<Inspection, DataError> {
        let looks =
            join_all(self.homes.values().map(|home| async move { (home, self.look_at(home).await) })).await;
        let mut seen = Vec::new();
        let mut inspection = Inspection {
            method: match self.options.method {
                RdsMethod::Snapshot => Method::Snapshot,
                RdsMethod::Replica => Method::Streaming,
            },
            sides: BTreeMap::new(),
            unread: BTreeMap::new(),
            stream: None,
            problems: Vec::new(),
        };
        for (home, look) in looks {
            match look {
                Ok(look) => seen.push(look),
                Err(error) => {
                    inspection.unread.insert(home.side.clone(), error.to_string());
                }
            }
        }
        for look in &seen {
            inspection.sides.insert(look.home.side.clone(), side(look, &seen));
        }
        inspection.stream = self.stream(&seen);
        inspection.problems = self.problems(&seen, depth).await;
        Ok(inspection)
    }

    pub(crate) async fn look_at<'a>(&self, home: &'a Home) -> Result<Look<'a>, DataError> {
        let (found, unfinished) = match home.instance(home.live()).await? {
            Some(found) => (found, false),
            None => match home.between(&self.ours()).await? {
                Between::New(found) | Between::Old(found) => (found, true),
                Between::Nothing => return Err(home.no_instance(home.live()).await),
            },
        };
        let access = self.access_of(home, &found).await?;
        Ok(Look { home, found, access, unfinished })
    }

    fn stream(&self, seen: &[Look<'_>]) -> Option<Stream> {
        if self.options.method == RdsMethod::Snapshot {
            return None;
        }
        let (a, b) = (seen.first()?, seen.get(1)?);
        let (source, replica) =
            [(a, b), (b, a)].into_iter().find(|(one, other)| is_replica_of(&other.found, &one.found))?;
        let replication = states::of_replication(&replica.found);
        let running = replication.is_ok() && states::of_instance(&replica.found) == Phase::Ready;
        let state = match replication {
            Ok(state) if running => state,
            Ok(_) => replica.found.db_instance_status().unwrap_or("unknown").to_owned(),
            Err(state) => state,
        };
        let caught_up_to = marks(replica.found.tag_list()).copied().map(|copied| copied.as_of);
        Some(Stream { from: source.home.side.clone(), running, state, lag_bytes: None, caught_up_to })
    }

    async fn problems(&self, seen: &[Look<'_>], depth: Depth) -> Vec<StoreProblem> {
        let mut problems: Vec<StoreProblem> = seen.iter().filter_map(broken).collect();
        if self.is_same_place() {
            let first = self.homes.keys().next().cloned();
            problems.push(problem(first, true, "both sides are the same instance", "give each side its own"));
        }
        if depth == Depth::Glance {
            return problems;
        }
        if self.guard.is_none() {
            problems.push(problem(
                None,
                false,
                "nothing can refuse writes, so it takes no part in a role swap: RDS has no means, and the store does not say how \
                 PostgreSQL behind it is reached",
                "give the store `freeze`, with `database`, `admin` and `application`",
            ));
        }
        for look in seen {
            problems.extend(self.problems_inside(look).await);
            if let Err(error) = Shape::of(look.home, Some(&look.found)).await {
                problems.push(told(look.home, &error));
            }
            if look.found.engine() != Some("postgres") {
                let engine = look.found.engine().unwrap_or("unknown");
                let side = Some(look.home.side.clone());
                problems.push(problem(
                    side,
                    true,
                    &format!("its engine is {engine}"),
                    "this provider is for PostgreSQL",
                ));
            }
        }
        if let [a, b] = seen {
            problems.extend(self.together(a, b));
            problems.extend(self.together(b, a));
        }
        problems
    }

    /// What keeps the database inside an instance from being frozen.
    async fn problems_inside(&self, look: &Look<'_>) -> Vec<StoreProblem> {
        let Some(guard) = &self.guard else { return Vec::new() };
        let asked = async { guard.problems(&Endpoint::of(look.home, &look.found)?).await };
        asked.await.unwrap_or_else(|error| vec![told(look.home, &error)])
    }

    /// What is wrong with bringing data from one side to the other.
    fn together(&self, from: &Look<'_>, to: &Look<'_>) -> Vec<StoreProblem> {
        let side = |look: &Look<'_>| Some(look.home.side.clone());
        let mut problems = Vec::new();
        let regions_differ = from.home.account.region() != to.home.account.region();
        if is_encrypted(&from.found) && to.home.options.kms_key.is_none() && regions_differ {
            problems.push(problem(
                side(to),
                true,
                &format!("{} is encrypted, and this side has no key to encrypt a copy with", from.home.side),
                "give the side a `kms_key` of its own region",
            ));
        }
        if self.options.method == RdsMethod::Replica {
            if account(from.found.db_instance_arn()) != account(to.found.db_instance_arn()) {
                let why = "RDS makes read replicas within one account only, and the sides are in two";
                problems.push(problem(side(to), true, why, "take `method = \"snapshot\"`"));
            }
            if from.found.backup_retention_period() == Some(0) && !is_replica(&from.found) {
                let why = "automatic backups are off, and RDS makes no read replica without them";
                problems.push(problem(side(from), true, why, "give it a backup retention of a day or more"));
            }
        }
        problems
    }
}

pub(crate) fn side(look: &Look<'_>, all: &[Look<'_>]) -> StoreSide {
    let name: &SideName = &look.home.side;
    let theirs = marks(look.found.tag_list());
    let other = all.iter().find(|other| other.home.side != *name);
    let others_copy = other.and_then(|other| marks(other.found.tag_list()).copied());
    let live = look.home.live();
    let place = Endpointish(&look.found).to_string();
    StoreSide {
        place: if place.is_empty() { look.home.place(live) } else { place },
        identity: look.found.db_instance_arn().unwrap_or(live).to_owned(),
        access: look.access.clone(),
        copied: theirs.copied(),
        diverged: theirs.diverged(&look.access, name, others_copy.as_ref()),
        bytes: look.found.allocated_storage().map(|gib| bytes(Some(gib))),
    }
}

/// `address:port`, if RDS says both.
struct Endpointish<'a>(&'a DbInstance);

impl std::fmt::Display for Endpointish<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.endpoint().map(|at| (at.address(), at.port())) {
            Some((Some(address), Some(port))) => write!(f, "{address}:{port}"),
            Some(_) | None => Ok(()),
        }
    }
}

fn broken(look: &Look<'_>) -> Option<StoreProblem> {
    if look.unfinished {
        let why =
            format!("no instance is called {}: putting a new one in place was interrupted", look.home.live());
        return Some(problem(Some(look.home.side.clone()), false, &why, "the next sync finishes it"));
    }
    match states::of_instance(&look.found) {
        Phase::Ready | Phase::Busy(_) => None,
        Phase::Broken(state) => {
            let why = format!("{} is `{state}`", look.home.place(look.home.live()));
            Some(problem(Some(look.home.side.clone()), true, &why, states::advice(&state)))
        }
    }
}

fn problem(side: Option<SideName>, fatal: bool, message: &str, advice: &str) -> StoreProblem {
    StoreProblem { side, fatal, message: message.to_owned(), advice: Some(advice.to_owned()) }
}

fn told(home: &Home, error: &DataError) -> StoreProblem {
    let advice = match error {
        DataError::Unfit { advice, .. } | DataError::Guarded { advice, .. } => advice.clone(),
        _ => None,
    };
    let message = match error {
        DataError::Unfit { place, why, .. } => format!("{place}: {why}"),
        other => other.to_string(),
    };
    StoreProblem { side: Some(home.side.clone()), fatal: true, message, advice }
}
