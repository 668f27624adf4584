//! What the stores say, understood: who may write where, how old the stand-by's data is, and what stands in the way.

use std::time::Duration;

use jiff::Timestamp;

use super::{Finding, FindingKind, Observation, Place, RoleState, Snapshot};
use crate::config::Period;
use crate::journal::PairState;
use crate::model::{Pair, SideName, StorePolicy, StoreRef};
use crate::port::{Access, DataError, Inspection, StoreSide};

/// How old the stand-by's data is: the time since the moment that it is of.
pub fn data_age(inspection: &Inspection, standby: &SideName, now: Timestamp) -> Option<Duration> {
    let streamed = inspection.stream.as_ref().and_then(|stream| stream.caught_up_to);
    let copied =
        inspection.sides.get(standby).and_then(|side| side.copied.as_ref()).map(|copied| copied.as_of);
    let newest = streamed.into_iter().chain(copied).max()?;
    Some(Duration::try_from(now.duration_since(newest)).unwrap_or_default())
}

/// Puts what the stores said into the snapshot, with everything that is wrong. The roles are known already.
pub(super) fn understand(
    pair: &Pair,
    observation: &Observation,
    history: &PairState,
    snapshot: &mut Snapshot,
) {
    for environment in &observation.environments {
        for (store, policy) in environment.stores() {
            match observation.stores.get(&store) {
                Some(Ok(inspection)) => {
                    let seen = Seen { pair, policy, store: &store, inspection, at: observation.at };
                    let mut findings = seen.findings(snapshot.roles.get(&environment.name));
                    // Between a release and its end no data flows, as it should be.
                    if history.unfinalized(&environment.name).is_some() {
                        findings.retain(|finding| finding.kind != FindingKind::StoreStale);
                    }
                    snapshot.findings.extend(findings);
                    snapshot.stores.insert(store, inspection.clone());
                }
                Some(Err(error)) => snapshot.findings.push(unreadable(&store, error)),
                None => {}
            }
        }
    }
}

fn unreadable(store: &StoreRef, error: &DataError) -> Finding {
    let place = Place::Store { store: store.clone() };
    Finding::error(FindingKind::StoreUnreadable, place, format!("store {store}: {error}"))
}

/// One store as it was seen.
struct Seen<'a> {
    pair: &'a Pair,
    policy: &'a StorePolicy,
    store: &'a StoreRef,
    inspection: &'a Inspection,
    at: Timestamp,
}

impl Seen<'_> {
    fn error(&self, kind: FindingKind, message: String) -> Finding {
        Finding::error(kind, Place::Store { store: self.store.clone() }, message)
    }

    fn warning(&self, kind: FindingKind, message: String) -> Finding {
        Finding::warning(kind, Place::Store { store: self.store.clone() }, message)
    }

    fn findings(&self, roles: Option<&RoleState>) -> Vec<Finding> {
        let mut findings = self.unread();
        findings.extend(self.problems());
        findings.extend(self.same_place());
        let production = roles.and_then(RoleState::production);
        if let Some(standby) = production.and_then(|side| self.pair.opposite(side).ok())
            && let Some(production) = production
        {
            let side = |name| self.inspection.sides.get(name);
            if let (Some(source), Some(target)) = (side(production), side(&standby.name)) {
                findings.extend(self.accesses((production, source), (&standby.name, target)));
            }
            findings.extend(self.age(&standby.name));
        }
        findings
    }

    fn unread(&self) -> Vec<Finding> {
        let each = self.inspection.unread.iter().map(|(side, why)| {
            let message = format!("store {} on side {side} could not be read: {why}", self.store);
            self.error(FindingKind::StoreUnreadable, message)
        });
        each.collect()
    }

    fn problems(&self) -> Vec<Finding> {
        let each = self.inspection.problems.iter().map(|problem| {
            let side = problem.side.as_ref().map(|side| format!(" on side {side}")).unwrap_or_default();
            let message = format!("store {}{side}: {}", self.store, problem.message);
            let finding = if problem.fatal {
                self.error(FindingKind::StoreUnfit, message)
            } else {
                self.warning(FindingKind::StoreUnfit, message)
            };
            finding.suggest(problem.advice.clone())
        });
        each.collect()
    }

    fn same_place(&self) -> Option<Finding> {
        let mut sides = self.inspection.sides.iter();
        let ((first, one), (second, other)) = (sides.next()?, sides.next()?);
        (one.identity == other.identity).then(|| {
            let message = format!(
                "store {}: {first} ({}) and {second} ({}) are one and the same",
                self.store, one.place, other.place
            );
            let advice = "give each side its own place".to_owned();
            self.error(FindingKind::StoreShared, message).suggest(Some(advice))
        })
    }

    fn accesses(
        &self,
        (production, source): (&SideName, &StoreSide),
        (standby, target): (&SideName, &StoreSide),
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let writable = |side: &StoreSide| match side.access {
            Access::Writable | Access::Lapsed { .. } => true,
            Access::Frozen { .. } | Access::Unguarded => false,
        };
        if source.access == Access::Unguarded || target.access == Access::Unguarded {
            let message =
                format!("store {}: writes to it cannot be refused, so a swap could lose some", self.store);
            let advice = "configure how writes are refused (`freeze`)".to_owned();
            findings.push(self.error(FindingKind::StoreUnguarded, message).suggest(Some(advice)));
        }
        if let (Access::Frozen { by, until: None }, true) = (&source.access, writable(target)) {
            let message = format!(
                "store {}: run {by} fenced side {production} and let side {standby} take writes, while DNS says that {production} is \
                 production",
                self.store
            );
            let advice = format!("go on with that run, or swap to {standby}: `swap-roles --to {standby}`");
            findings.push(self.error(FindingKind::StoreDisagrees, message).suggest(Some(advice)));
            return findings;
        }
        if writable(source) && writable(target) {
            let message = format!(
                "store {}: side {standby} is the stand-by and takes writes: both sides are writable",
                self.store
            );
            let advice = format!(
                "bring it up to date with `sync-data {}`, which refuses writes there",
                self.pair.name
            );
            findings.push(self.error(FindingKind::BothWritable, message).suggest(Some(advice)));
        }
        if let Access::Frozen { by, until } = &source.access {
            let until = until.map(|at| format!(" until {at}")).unwrap_or_default();
            let message =
                format!("store {}: production takes no writes{until}: run {by} froze it", self.store);
            let fenced = |access: &Access| matches!(access, Access::Frozen { until: None, .. });
            let neither = fenced(&source.access) && fenced(&target.access);
            let advice = neither.then(|| {
                format!(
                    "no side takes writes: `swap-roles --to {production}` finishes a run that was closed part-way"
                )
            });
            findings.push(self.warning(FindingKind::ProductionFrozen, message).suggest(advice));
        }
        if target.diverged {
            let message = format!(
                "store {}: side {standby} ({}) may hold what production does not: it took writes since its latest sync",
                self.store, target.place
            );
            let advice = "look at it; `sync-data --overwrite` throws it away".to_owned();
            findings.push(self.error(FindingKind::StoreDiverged, message).suggest(Some(advice)));
        }
        findings
    }

    fn age(&self, standby: &SideName) -> Option<Finding> {
        let rpo = self.policy.rpo?;
        self.inspection.sides.get(standby)?;
        let age = data_age(self.inspection, standby, self.at);
        let message = match age {
            Some(age) if age <= rpo => return None,
            Some(age) => format!(
                "store {}: the data of {standby} is {} old, more than its objective of {}",
                self.store,
                Period(Duration::from_secs(age.as_secs())),
                Period(rpo)
            ),
            None => format!("store {}: no data ever arrived at {standby}", self.store),
        };
        let advice = format!("bring it up to date: `sync-data {} {}`", self.pair.name, self.store);
        Some(self.warning(FindingKind::StoreStale, message).suggest(Some(advice)))
    }
}
