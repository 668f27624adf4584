//! What a pair tells people, and what it asks of public pages: announcers, the role table, status pages.

use std::collections::{BTreeMap, BTreeSet};

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
const ENVIRONMENT: Referred =
    Referred { what: "environment", all: "environments", table: "pair.NAME.environments" };

impl Referred {
    /// Says what was probably meant by a name that there is not.
    fn meant<'a>(&self, problem: Problem, text: &str, known: impl Iterator<Item = &'a str>) -> Problem {
        let known: Vec<&str> = known.collect();
        match nearest(text, known.iter().copied()) {
            Some(near) => problem.meant(Some(near)),
            None if known.is_empty() => problem.help(format!("configure it: `[{}.{text}]`", self.table)),
            None => problem.help(format!("the {} are {}", self.all, all(known))),
        }
    }
}

impl Reader {
    /// Reads what a pair tells people; `None` if something that it refers to has problems of its own.
    pub(super) fn told(
        &mut self,
        pair: &Node,
        path: &ConfigPath,
        people: &People,
        environments: &[&EnvironmentName],
    ) -> Option<Told> {
        let list = |key: &str| Some((pair.get(key)?, path.key(key)));
        let known = people.announcers.keys().cloned().collect();
        let announce = list("announce")
            .map(|list| self.references(list, &known, AnnouncerName::new, &ANNOUNCER))
            .unwrap_or_default();
        let known = people.pages.keys().cloned().collect();
        let pages = list("status_pages")
            .map(|list| self.references(list, &known, StatusPageName::new, &PAGE))
            .unwrap_or_default();
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
    fn references<T: AsName + Ord + Clone>(
        &mut self,
        list: (&Node, ConfigPath),
        known: &BTreeSet<T>,
        make: fn(String) -> Result<T, IdError>,
        words: &Referred,
    ) -> Vec<T> {
        let (node, path) = list;
        let given: Vec<String> = self.read(node, &path).unwrap_or_default();
        let mut names: Vec<T> = Vec::new();
        for (index, (text, node)) in given.iter().zip(node.items()).enumerate() {
            let path = path.index(index);
            let Some(name) = self.id(make(text.clone()), &path, &node.span) else { continue };
            if !known.contains(&name) {
                let message = format!("unknown {} {}", words.what, quoted(text));
                let problem = Problem::new(message, &path, node.span.clone());
                self.report(words.meant(problem, text, known.iter().map(AsName::as_name)));
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
        let shown = match node.get("environments") {
            Some(list) if !list.items().is_empty() => {
                let known = environments.iter().map(|name| (*name).clone()).collect();
                let list = (list, path.key("environments"));
                self.references(list, &known, EnvironmentName::new, &ENVIRONMENT)
            }
            Some(_) | None => environments.iter().map(|name| (*name).clone()).collect(),
        };
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

impl AsName for EnvironmentName {
    fn as_name(&self) -> &str {
        self.as_str()
    }
}

impl AsName for StatusPageName {
    fn as_name(&self) -> &str {
        self.as_str()
    }
}
