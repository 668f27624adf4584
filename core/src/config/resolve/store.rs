//! The stores of an environment: core's own keys of each, and whether the provider's `sides` are the pair's.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::document::{Entry, Node};
use super::super::problem::{all, quoted};
use super::super::{ConfigPath, PortKind, Problem, StoreSpec};
use super::period::{DAY, Sensible};
use super::{Reader, span_of};
use crate::model::{EnvironmentName, StoreName, StorePolicy, StoreRef, Timetable};
use crate::near::nearest;
use crate::retention::{Counts, Policy};

/// The key of a provider's options that names both sides.
const SIDES: &str = "sides";

const RPO: Sensible = Sensible::new(Duration::from_secs(1), Duration::from_secs(366 * 86_400));
const CATCH_UP: Sensible = Sensible::new(Duration::ZERO, Duration::from_secs(31 * 86_400));
const JITTER: Sensible = Sensible::new(Duration::ZERO, DAY);
const CONTENT: Sensible = Sensible::new(Duration::ZERO, Duration::from_secs(366 * 86_400));
const DEADLINE: Sensible = Sensible::new(Duration::from_secs(10), Duration::from_secs(14 * 86_400));
/// A lease is renewed four times in its length; a shorter one would end over a slow answer.
const LEASE: Sensible = Sensible::new(Duration::from_secs(2), Duration::from_secs(3600));

impl Reader {
    /// Reads `stores` of an environment, and puts what each is set up from into `specs`.
    pub(super) fn stores(
        &mut self,
        environment: &EnvironmentName,
        node: &Node,
        path: &ConfigPath,
        sides: &[&str],
        specs: &mut BTreeMap<StoreRef, StoreSpec>,
    ) -> Vec<StorePolicy> {
        let path = path.key("stores");
        let mut policies = Vec::new();
        for (name, entry) in self.named(node.get("stores"), &path, StoreName::new) {
            let path = path.key(&entry.key);
            self.both_sides(entry, &path, sides);
            let policy = self.policy(name.clone(), entry, &path);
            let keep = self.keep(&entry.node, &path);
            let ping = self.field(&entry.node, &path, "ping");
            if let Some(provider) = self.spec(&entry.node, &path, PortKind::Store) {
                let store = StoreRef { environment: environment.clone(), store: name };
                specs.insert(store, StoreSpec { provider, keep, ping });
            }
            policies.push(policy);
        }
        policies
    }

    fn keep(&mut self, node: &Node, path: &ConfigPath) -> Policy {
        let counts: Option<Counts> = self.field(node, path, "keep");
        Policy::try_from(counts).unwrap_or_else(|error| {
            self.report(Problem::new(error.to_string(), &path.key("keep"), span_of(node, "keep")));
            Policy::EVERYTHING
        })
    }

    fn policy(&mut self, name: StoreName, entry: &Entry, path: &ConfigPath) -> StorePolicy {
        let node = &entry.node;
        let table = (node, path);
        let mut policy = StorePolicy::new(name);
        policy.rpo = self.optional(table, "rpo", &RPO);
        policy.timetable = self.timetable(node, path);
        let mut content = policy.content_every.unwrap_or_default();
        self.period(&mut content, table, "verify_content_every", &CONTENT);
        policy.content_every = Some(content).filter(|every| !every.is_zero());
        self.period(&mut policy.deadline, table, "deadline", &DEADLINE);
        self.period(&mut policy.lease, table, "lease", &LEASE);
        policy
    }

    fn optional(&mut self, table: (&Node, &ConfigPath), key: &str, sensible: &Sensible) -> Option<Duration> {
        table.0.get(key)?;
        let mut read = Duration::ZERO;
        self.period(&mut read, table, key, sensible);
        Some(read)
    }

    fn timetable(&mut self, node: &Node, path: &ConfigPath) -> Option<Timetable> {
        let mut catch_up = Duration::from_secs(6 * 3600);
        self.period(&mut catch_up, (node, path), "catch_up", &CATCH_UP);
        let mut jitter = Duration::ZERO;
        self.period(&mut jitter, (node, path), "jitter", &JITTER);
        let time_zone = self.field(node, path, "time_zone").unwrap_or_else(|| "UTC".to_owned());
        let expression: Option<String> = self.field(node, path, "schedule");
        if expression.is_none() {
            for key in ["catch_up", "jitter"].into_iter().filter(|key| node.get(key).is_some()) {
                let message = format!("`{key}` says nothing without a `schedule`");
                self.report(Problem::new(message, &path.key(key), span_of(node, key)));
            }
        }
        Some(Timetable { expression: expression?, time_zone, catch_up, jitter })
    }

    /// A provider that has places names one for each side of the pair, and for no other.
    fn both_sides(&mut self, entry: &Entry, path: &ConfigPath, sides: &[&str]) {
        let (path, Some(table)) = (path.key(SIDES), entry.node.get(SIDES)) else { return };
        if sides.is_empty() || !self.is_clean(&path) {
            return;
        }
        let given: Vec<&str> = table.entries().iter().map(|entry| entry.key.as_str()).collect();
        for entry in table.entries().iter().filter(|entry| !sides.contains(&entry.key.as_str())) {
            let message = format!("the pair has no side {}", quoted(&entry.key));
            let problem = Problem::new(message, &path.key(&entry.key), entry.key_span.clone());
            let missing = sides.iter().copied().filter(|side| !given.contains(side));
            self.report(match nearest(&entry.key, missing) {
                Some(near) => problem.meant(Some(near)),
                None => problem.help(format!("its sides are {}", all(sides.iter().copied()))),
            });
        }
        let known = given.iter().filter(|name| sides.contains(name)).count();
        if known == given.len() {
            for side in sides.iter().filter(|side| !given.contains(side)) {
                let message = format!("the store has no place on side {}", quoted(side));
                let problem = Problem::new(message, &path, table.span.clone());
                self.report(problem.help(format!("write `[{path}.{side}]`")));
            }
        }
    }
}
