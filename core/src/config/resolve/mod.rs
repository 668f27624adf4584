//! From a file that has the right shape to pairs that can only be valid, with every contradiction reported.
//!
//! The file is read key by key, so that what is wrong with one value hides nothing that is wrong with another. A value in which
//! the schema already found a problem is left out.

mod delivery;
mod pair;
mod people;
mod period;
mod policy;
mod service;
mod store;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::DeserializeOwned;

use super::document::{Entry, Node};
use super::problem::quoted;
use super::{ConfigPath, KindName, PairConfig, PortKind, Problem, ProviderSpec, raw};
use crate::model::{CheckName, DnsName, IdError, PairName};
use people::People;
use service::Services;

/// What a file comes to. Only good if there were no problems at all.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) pairs: BTreeMap<PairName, PairConfig>,
    pub(super) state: Option<ProviderSpec>,
    pub(super) problems: Vec<Problem>,
}

/// Resolves a file in which the schema found `faults`.
pub(super) fn resolve(root: &Node, faults: &[Problem]) -> Resolved {
    let mut reader = Reader {
        faults: faults.iter().map(|problem| problem.path.clone()).collect(),
        problems: Vec::new(),
        names: BTreeMap::new(),
    };
    let top = ConfigPath::root();
    let state = root.get("state").and_then(|node| reader.spec(node, &top.key("state"), PortKind::State));
    let services = service::read(&mut reader, root);
    let checks = reader.checks(root);
    let people = people::read(&mut reader, root);
    let pairs = reader.pairs(root, &services, &checks, &people);
    Resolved { pairs, state, problems: reader.problems }
}

/// The checks that a file configures: `None` where the table has problems of its own.
type Checks = BTreeMap<CheckName, Option<ProviderSpec>>;

/// Where a DNS name was used first, and as what.
#[derive(Debug)]
struct Use {
    span: Range<usize>,
    what: String,
}

/// Reads values and gathers what is wrong with them.
#[derive(Debug)]
struct Reader {
    faults: BTreeSet<ConfigPath>,
    problems: Vec<Problem>,
    names: BTreeMap<DnsName, Use>,
}

impl Reader {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether the schema found nothing wrong at a place, nor below it.
    fn is_clean(&self, path: &ConfigPath) -> bool {
        self.faults.range(path..).next().is_none_or(|fault| !fault.starts_with(path))
    }

    /// Reads the value of a key, if it is there and has the right shape.
    fn field<T: DeserializeOwned>(&mut self, table: &Node, path: &ConfigPath, key: &str) -> Option<T> {
        self.read(table.get(key)?, &path.key(key))
    }

    /// Reads a value that has the right shape.
    fn read<T: DeserializeOwned>(&mut self, node: &Node, path: &ConfigPath) -> Option<T> {
        if !self.is_clean(path) {
            return None;
        }
        let read = serde_json::from_value(node.to_json());
        read.map_err(|error| self.report(Problem::new(error.to_string(), path, node.span.clone()))).ok()
    }

    /// Makes a text a name or a key, or reports why it is none.
    fn id<T>(&mut self, id: Result<T, IdError>, path: &ConfigPath, span: &Range<usize>) -> Option<T> {
        id.map_err(|error| self.report(Problem::new(error.to_string(), path, span.clone()))).ok()
    }

    /// Makes the keys of a table names, with what they hold.
    fn named<'a, T: Ord>(
        &mut self,
        table: Option<&'a Node>,
        path: &ConfigPath,
        make: fn(String) -> Result<T, IdError>,
    ) -> Vec<(T, &'a Entry)> {
        let entries = table.into_iter().flat_map(Node::entries);
        entries
            .filter_map(|entry| {
                let name = self.id(make(entry.key.clone()), &path.key(&entry.key), &entry.key_span)?;
                Some((name, entry))
            })
            .collect()
    }

    /// Reads a provider's table, without core's own keys.
    fn spec(&mut self, node: &Node, path: &ConfigPath, port: PortKind) -> Option<ProviderSpec> {
        if !self.is_clean(path) {
            return None;
        }
        let kind = KindName::new(node.get(raw::PROVIDER)?.text()?);
        let own = node.entries().iter().filter(|entry| !port.reserved().contains(&entry.key.as_str()));
        let options = own.map(|entry| (entry.key.clone(), entry.node.to_json())).collect();
        Some(ProviderSpec { kind, options, path: path.clone() })
    }

    fn checks(&mut self, root: &Node) -> Checks {
        let path = ConfigPath::root().key("checks");
        let entries = self.named(root.get("checks"), &path, CheckName::new);
        entries
            .into_iter()
            .map(|(name, entry)| (name, self.spec(&entry.node, &path.key(&entry.key), PortKind::Check)))
            .collect()
    }

    fn pairs(
        &mut self,
        root: &Node,
        services: &Services,
        checks: &Checks,
        people: &People,
    ) -> BTreeMap<PairName, PairConfig> {
        let path = ConfigPath::root().key("pair");
        let table = root.get("pair");
        if let Some(table) = table.filter(|table| table.entries().is_empty() && self.is_clean(&path)) {
            let problem = Problem::new("no pair is configured", &path, table.span.clone());
            self.report(problem.help("write `[pair.NAME]`"));
        }
        let entries = self.named(table, &path, PairName::new);
        let read = entries.into_iter().filter_map(|(name, entry)| {
            let config = pair::read(self, &name, entry, services, checks, people)?;
            Some((name, config))
        });
        read.collect()
    }

    /// Takes note of a DNS name, or reports that it is used already.
    fn claim(&mut self, name: &DnsName, path: &ConfigPath, span: &Range<usize>, what: String) {
        match self.names.get(name) {
            Some(first) => {
                let label = format!("first used here, as {}", first.what);
                let at = first.span.clone();
                let problem = Problem::new(
                    format!("{} is used twice: a name leads to one address", quoted(name.as_str())),
                    path,
                    span.clone(),
                );
                self.report(problem.also(at, label));
            }
            None => {
                self.names.insert(name.clone(), Use { span: span.clone(), what });
            }
        }
    }
}

/// The place of a key's value in a table, or of the table where the key is left out.
fn span_of(table: &Node, key: &str) -> Range<usize> {
    table.get(key).map_or_else(|| table.span.clone(), |node| node.span.clone())
}
