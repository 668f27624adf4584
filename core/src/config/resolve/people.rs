//! What a pair tells people, and what it asks of public pages: announcers, the role table, status pages.

use std::collections::BTreeMap;

use super::super::document::{Data, Node};
use super::super::problem::{all, quoted};
use super::super::{ConfigPath, PortKind, Problem, ProviderSpec};
use super::Reader;
use crate::model::{AnnouncerName, Column, EnvironmentName, IdError, StatusGate, StatusPageName};
use crate::near::nearest;

/// The headings of the role table that are core's own.
const HEADINGS: [&str; 6] = ["project", "side", "environment", "current role", "current release", "status"];

/// What pairs may refer to; `None` where the table has problems of its own.
#[derive(Debug, Default)]
pub(super) struct People {
    announcers: BTreeMap<AnnouncerName, Option<ProviderSpec>>,
    pages: BTreeMap<StatusPageName, Option<(StatusGate, ProviderSpec)>>,
}

/// What one pair refers to.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) announce: Vec<AnnouncerName>,
    pub(super) announcers: BTreeMap<AnnouncerName, ProviderSpec>,
    pub(super) role_table: Option<(Vec<EnvironmentName>, ProviderSpec)>,
    pub(super) gates: BTreeMap<StatusPageName, StatusGate>,
    pub(super) status_pages: BTreeMap<StatusPageName, ProviderSpec>,
}

/// Reads `[announce.…]` and `[status_pages.…]`.
pub(super) fn read(reader: &mut Reader, root: &Node) -> People {
    let mut people = People::default();
    let path = ConfigPath::root().key("announce");
    for (name, entry) in reader.named(root.get("announce"), &path, AnnouncerName::new) {
        let spec = reader.spec(&entry.node, &path.key(&entry.key), PortKind::Announcer);
        people.announcers.insert(name, spec);
    }
    let path = ConfigPath::root().key("status_pages");
    for (name, entry) in reader.named(root.get("status_pages"), &path, StatusPageName::new) {
        let path = path.key(&entry.key);
        let gate = match reader.field(&entry.node, &path, "gate") {
            Some(true) => StatusGate::Gate,
            Some(false) | None => StatusGate::Advisory,
        };
        let spec = reader.spec(&entry.node, &path, PortKind::StatusPage);
        people.pages.insert(name, spec.map(|spec| (gate, spec)));
    }
    people
}

/// What a list of names refers to, in words for messages.
struct Referred {
    /// One of them.
    what: &'static str,
    /// All of them.
    all: &'static str,
    /// Where to configure one.
    table: &'static str,
}

const ANNOUNCER: Referred = Referred { what: "announcer", all: "announcers", table: "announce" };
const PAGE: Referred = Referred { what: "status page", all: "status pages", table: "status_pages" };

impl Reader {
    /// Reads what a pair tells people; `None` if something that it refers to has problems of its own.
    pub(super) fn told(
        &mut self,
        pair: &Node,
        path: &ConfigPath,
        people: &People,
        environments: &[&EnvironmentName],
    ) -> Option<Told> {
        let announce =
            self.references(pair, path, "announce", &people.announcers, (AnnouncerName::new, &ANNOUNCER));
        let pages = self.references(pair, path, "status_pages", &people.pages, (StatusPageName::new, &PAGE));
        let role_table = self.role_table(pair, path, environments);
        let (mut gates, mut status_pages) = (BTreeMap::new(), BTreeMap::new());
        for page in pages {
            let (gate, spec) = people.pages.get(&page)?.clone()?;
            gates.insert(page.clone(), gate);
            status_pages.insert(page, spec);
        }
        let mut announcers = BTreeMap::new();
        for name in &announce {
            announcers.insert(name.clone(), people.announcers.get(name)?.clone()?);
        }
        Some(Told { announce, announcers, role_table, gates, status_pages })
    }

    /// Reads a list of names of what stands elsewhere in the file, each once.
    fn references<T: AsName + Ord + Clone, V>(
        &mut self,
        pair: &Node,
        path: &ConfigPath,
        key: &str,
        known: &BTreeMap<T, V>,
        (make, words): (fn(String) -> Result<T, IdError>, &Referred),
    ) -> Vec<T> {
        let given: Vec<String> = self.field(pair, path, key).unwrap_or_default();
        let nodes = pair.get(key).map(Node::items).unwrap_or_default();
        let mut names: Vec<T> = Vec::new();
        for (index, (text, node)) in given.iter().zip(nodes).enumerate() {
            let path = path.key(key).index(index);
            let Some(name) = self.id(make(text.clone()), &path, &node.span) else { continue };
            if !known.contains_key(&name) {
                let message = format!("unknown {} {}", words.what, quoted(text));
                let problem = Problem::new(message, &path, node.span.clone());
                let names = || known.keys().map(AsName::as_name);
                self.report(match nearest(text, names()) {
                    Some(near) => problem.meant(Some(near)),
                    None if known.is_empty() => {
                        problem.help(format!("configure it: `[{}.{text}]`", words.table))
                    }
                    None => problem.help(format!("the {} are {}", words.all, all(names()))),
                });
            } else if names.contains(&name) {
                let message = format!("the {} {} is named twice", words.what, quoted(text));
                self.report(Problem::new(message, &path, node.span.clone()));
            } else {
                names.push(name);
            }
        }
        names
    }

    fn role_table(
        &mut self,
        pair: &Node,
        path: &ConfigPath,
        environments: &[&EnvironmentName],
    ) -> Option<(Vec<EnvironmentName>, ProviderSpec)> {
        let (node, path) = (pair.get("role_table")?, path.key("role_table"));
        let given: Vec<String> = self.field(node, &path, "environments").unwrap_or_default();
        let nodes = node.get("environments").map(Node::items).unwrap_or_default();
        let mut shown: Vec<EnvironmentName> = Vec::new();
        for (index, (text, item)) in given.iter().zip(nodes).enumerate() {
            let known = || environments.iter().map(|name| name.as_str());
            match environments.iter().find(|name| name.as_str() == text) {
                Some(name) => shown.push((*name).clone()),
                None => {
                    let path = path.key("environments").index(index);
                    let message = format!("the pair has no environment {}", quoted(text));
                    let problem = Problem::new(message, &path, item.span.clone());
                    self.report(match nearest(text, known()) {
                        Some(near) => problem.meant(Some(near)),
                        None => problem.help(format!("its environments are {}", all(known()))),
                    });
                }
            }
        }
        if given.is_empty() {
            shown = environments.iter().map(|name| (*name).clone()).collect();
        }
        Some((shown, self.spec(node, &path, PortKind::RoleTable)?))
    }

    /// The columns that a side adds to the role table, in the order of the file.
    pub(super) fn columns(&mut self, side: &Node, path: &ConfigPath) -> Vec<Column> {
        let path = path.key("columns");
        let Some(table) = side.get("columns").filter(|_| self.is_clean(&path)) else { return Vec::new() };
        let mut columns = Vec::new();
        for entry in table.entries() {
            let Data::String(value) = &entry.node.data else { continue };
            if HEADINGS.contains(&entry.key.to_lowercase().as_str()) {
                let message = format!("{} is a column of the role table already", quoted(&entry.key));
                let problem = Problem::new(message, &path.key(&entry.key), entry.key_span.clone());
                self.report(problem.help("give the column another heading"));
            }
            columns.push(Column { title: entry.key.clone(), value: value.clone() });
        }
        columns
    }
}

/// A name as its text.
trait AsName {
    fn as_name(&self) -> &str;
}

impl AsName for AnnouncerName {
    fn as_name(&self) -> &str {
        self.as_str()
    }
}

impl AsName for StatusPageName {
    fn as_name(&self) -> &str {
        self.as_str()
    }
}
