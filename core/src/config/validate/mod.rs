//! Holds a parsed file against its JSON Schema and reports every difference with its place.
//!
//! It knows the part of JSON Schema that schemars makes of Rust types: types, properties, lists, tuples, choices, numeric
//! and length limits, and a few formats. A keyword it does not know allows everything; serde has the last word.

mod keyword;
mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value};

use super::document::{Data, Node};
use super::problem::{either, quoted};
use super::{ConfigPath, PathSegment, Period, Problem, Template};
use crate::near::nearest;
use keyword::{alternatives, choices, constant, is_of, may_fit, required, tag, words};
use wording::{NO_SECRETS, described, in_words, range_help, reference_help, unknown_key};

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    /// The places of secrets that stand in the file in clear.
    pub(super) secrets: Vec<Range<usize>>,
}

/// Holds a file against a schema.
pub(super) fn validate(root: &Node, schema: &Value) -> Findings {
    let mut walk = Walk { schema, found: Findings::default() };
    walk.value(root, schema, &ConfigPath::root());
    walk.found
}

struct Walk<'a> {
    schema: &'a Value,
    found: Findings,
}

/// One node at one place, held against one schema.
#[derive(Clone, Copy)]
struct Here<'a, 'p> {
    node: &'a Node,
    schema: &'a Value,
    path: &'p ConfigPath,
}

impl Here<'_, '_> {
    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(message, self.path, self.node.span.clone())
    }
}

impl<'a> Walk<'a> {
    fn value(&mut self, node: &'a Node, schema: &'a Value, path: &ConfigPath) {
        let schema = self.followed(schema);
        let here = Here { node, schema, path };
        if schema.get("x-switchover-secret").is_some() && !matches!(node.data, Data::Table(_)) {
            return self.secret_in_clear(here);
        }
        if let Some(branches) = choices(schema) {
            return self.choice(here, branches);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(node, part, path);
        }
        if self.has_right_type(here) {
            self.constants(here);
            self.limits(here);
            self.format(here);
            self.table(here);
            self.list(here);
        }
    }

    fn report(&mut self, problem: Problem) {
        self.found.problems.push(problem);
    }

    /// The schema behind a reference. A few hops are enough; a circle ends in a schema that allows everything.
    fn followed(&self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..8 {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
            let target = reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer));
            schema = target.unwrap_or(&Value::Bool(true));
        }
        &Value::Bool(true)
    }

    fn secret_in_clear(&mut self, here: Here<'_, '_>) {
        self.found.secrets.push(here.node.span.clone());
        let key = match here.path.segments().last() {
            Some(PathSegment::Key(key)) => Some(key.as_str()),
            Some(PathSegment::Index(_)) | None => None,
        };
        self.report(here.problem(NO_SECRETS).help(reference_help(key)));
    }

    fn has_right_type(&mut self, here: Here<'_, '_>) -> bool {
        let types: Vec<&str> = match here.schema.get("type") {
            Some(Value::String(only)) => vec![only],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        if types.iter().any(|name| is_of(here.node, name)) {
            return true;
        }
        let problem = match (&here.node.data, here.schema.get("format").and_then(Value::as_str)) {
            (Data::Integer(Some(number)), Some("period")) if *number >= 0 => here
                .problem(format!("expected a length of time, found {}", described(here.node)))
                .meant(Some(format!("\"{number}s\""))),
            (_, Some("period")) => here
                .problem(format!("expected a length of time, found {}", described(here.node)))
                .help("write for example `\"90s\"`, `\"5m\"` or `\"1h 30m\"`"),
            (Data::Integer(None), _) => here.problem("this number does not fit 64 bits"),
            _ => {
                let expected: Vec<&str> = types.iter().map(|name| in_words(name)).collect();
                here.problem(format!("expected {}, found {}", expected.join(" or "), described(here.node)))
            }
        };
        self.report(problem);
        false
    }

    fn constants(&mut self, here: Here<'_, '_>) {
        let allowed: Vec<&Value> = match (here.schema.get("const"), here.schema.get("enum")) {
            (Some(only), _) => vec![only],
            (None, Some(Value::Array(several))) => several.iter().collect(),
            _ => return,
        };
        if !allowed.contains(&&here.node.to_json()) {
            let words: Vec<&str> = allowed.iter().filter_map(|value| value.as_str()).collect();
            self.wrong_word(here, "value", &words);
        }
    }

    fn wrong_word(&mut self, here: Here<'_, '_>, what: &str, words: &[&str]) {
        let known = format!("it must be {}", either(words.iter().copied()));
        let Some(text) = here.node.text() else {
            let found = described(here.node);
            return self.report(here.problem(format!("expected a string, found {found}")).help(known));
        };
        let problem = here.problem(format!("unknown {what} {}", quoted(text)));
        self.report(match nearest(text, words.iter().copied()) {
            Some(near) => problem.meant(Some(near)),
            None => problem.help(known),
        });
    }

    fn limits(&mut self, here: Here<'_, '_>) {
        let limit = |key: &str| here.schema.get(key).and_then(Value::as_f64);
        let size = match &here.node.data {
            #[expect(clippy::cast_precision_loss, reason = "a limit near 2^53 is none that a file can mean")]
            Data::Integer(Some(number)) => Some(*number as f64),
            Data::Float(number) => Some(*number),
            _ => None,
        };
        let out = size.is_some_and(|size| {
            !size.is_finite()
                || limit("minimum").is_some_and(|least| size < least)
                || limit("maximum").is_some_and(|most| size > most)
                || limit("exclusiveMinimum").is_some_and(|least| size <= least)
                || limit("exclusiveMaximum").is_some_and(|most| size >= most)
        });
        if out {
            self.report(here.problem("this number is out of range").help(range_help(here.schema)));
        }
        let length = match &here.node.data {
            Data::String(text) => Some((text.chars().count(), "minLength", "maxLength", "characters")),
            Data::List(items) => Some((items.len(), "minItems", "maxItems", "items")),
            _ => None,
        };
        if let Some((length, least, most, unit)) = length {
            let bound = |key: &str| usize::try_from(here.schema.get(key)?.as_u64()?).ok();
            if let Some(least) = bound(least).filter(|least| length < *least) {
                self.report(here.problem(format!("expected at least {least} {unit}, found {length}")));
            }
            if let Some(most) = bound(most).filter(|most| length > *most) {
                self.report(here.problem(format!("expected at most {most} {unit}, found {length}")));
            }
        }
    }

    fn format(&mut self, here: Here<'_, '_>) {
        let (Some(text), Some(format)) = (here.node.text(), here.schema.get("format")) else { return };
        let what = match format.as_str() {
            Some("period") if text.parse::<Period>().is_err() => {
                let problem = here.problem(format!("{} is no length of time", quoted(text)));
                return self.report(problem.help("write for example `90s`, `5m` or `1h 30m`"));
            }
            Some("announcement") => {
                if let Err(error) = text.parse::<Template>() {
                    let problem = here.problem(error.to_string());
                    self.report(match error.near() {
                        Some(near) => problem.meant(Some(near)),
                        None => problem.help(error.help()),
                    });
                }
                return;
            }
            Some("ipv4") if text.parse::<std::net::Ipv4Addr>().is_err() => "IPv4 address",
            Some("ipv6") if text.parse::<std::net::Ipv6Addr>().is_err() => "IPv6 address",
            Some("ip") if text.parse::<std::net::IpAddr>().is_err() => "IP address",
            _ => return,
        };
        self.report(here.problem(format!("{} is no {what}", quoted(text))));
    }

    fn table(&mut self, here: Here<'a, '_>) {
        let Data::Table(entries) = &here.node.data else { return };
        let properties = here.schema.get("properties").and_then(Value::as_object);
        let others = here.schema.get("additionalProperties");
        let keys = properties.into_iter().flat_map(Map::keys).map(String::as_str);
        let absent: Vec<&str> = keys.filter(|key| here.node.get(key).is_none()).collect();
        let mut meant = BTreeSet::new();
        for entry in entries {
            let path = here.path.key(&entry.key);
            match properties.and_then(|known| known.get(&entry.key)).or(others) {
                Some(Value::Bool(false)) => {
                    let near = nearest(&entry.key, absent.iter().copied());
                    meant.extend(near);
                    let keys = properties.into_iter().flat_map(Map::keys).map(String::as_str);
                    let problem = unknown_key(&entry.key, near, keys, &entry.node);
                    self.report(Problem { path, span: entry.key_span.clone(), ..problem });
                }
                Some(schema) => self.value(&entry.node, schema, &path),
                None => {}
            }
        }
        for key in required(here.schema).filter(|key| here.node.get(key).is_none() && !meant.contains(key)) {
            let known = properties.and_then(|known| known.get(key));
            self.report(missing_key(here, key, known));
        }
    }

    fn list(&mut self, here: Here<'a, '_>) {
        let first = here.schema.get("prefixItems").and_then(Value::as_array);
        for (index, item) in here.node.items().iter().enumerate() {
            let own = first.and_then(|schemas| schemas.get(index));
            if let Some(schema) = own.or_else(|| here.schema.get("items")) {
                self.value(item, schema, &here.path.index(index));
            }
        }
    }

    fn choice(&mut self, here: Here<'a, '_>, branches: &'a [Value]) {
        let branches: Vec<&Value> = branches.iter().map(|branch| self.followed(branch)).collect();
        if let Some(words) = words(&branches) {
            if !here.node.text().is_some_and(|text| words.contains(&text)) {
                self.wrong_word(here, "value", &words);
            }
            return;
        }
        if let Some(tag) = tag(here.schema, &branches) {
            return self.tagged(here, tag, &branches);
        }
        let fitting: Vec<&Value> =
            branches.iter().copied().filter(|branch| may_fit(here.node, branch)).collect();
        if fitting.is_empty() {
            let expected: BTreeSet<&str> =
                branches.iter().filter_map(|branch| branch.get("type")?.as_str()).map(in_words).collect();
            let expected: Vec<&str> = expected.into_iter().collect();
            let found = described(here.node);
            return self.report(here.problem(format!("expected {}, found {found}", expected.join(" or "))));
        }
        match alternatives(here.node, &fitting) {
            Some(alternatives) => self.alternative(here, &alternatives),
            None => self.closest(here, &fitting),
        }
    }

    /// A table of exactly one key out of several, such as `{ env = … }` or `{ file = … }`.
    fn alternative(&mut self, here: Here<'a, '_>, known: &BTreeMap<&'a str, &'a Value>) {
        let entries = here.node.entries();
        let absent: Vec<&str> = known.keys().copied().filter(|key| here.node.get(key).is_none()).collect();
        let chosen: Vec<_> = entries.iter().filter(|entry| known.contains_key(entry.key.as_str())).collect();
        for entry in entries {
            let path = here.path.key(&entry.key);
            if let Some(schema) = known.get(entry.key.as_str()) {
                self.value(&entry.node, schema, &path);
            } else {
                let near = nearest(&entry.key, absent.iter().copied());
                let problem = unknown_key(&entry.key, near, known.keys().copied(), &entry.node);
                self.report(Problem { path, span: entry.key_span.clone(), ..problem });
            }
        }
        let keys = either(known.keys().copied());
        match chosen.as_slice() {
            [] if entries.is_empty() => {
                self.report(here.problem(format!("one of the keys {keys} is missing")));
            }
            [] | [_] => {}
            [_, second, ..] => {
                let problem = here.problem(format!("only one of the keys {keys} may stand here"));
                self.report(Problem { span: second.key_span.clone(), ..problem });
            }
        }
    }

    /// Takes the branch with the fewest problems, and its problems.
    fn closest(&mut self, here: Here<'a, '_>, branches: &[&'a Value]) {
        let tried = branches.iter().map(|branch| {
            let mut walk = Walk { schema: self.schema, found: Findings::default() };
            walk.value(here.node, branch, here.path);
            walk.found
        });
        if let Some(best) = tried.min_by_key(|found| found.problems.len()) {
            self.found.problems.extend(best.problems);
            self.found.secrets.extend(best.secrets);
        }
    }

    /// A table whose kind one key tells, such as `provider`.
    fn tagged(&mut self, here: Here<'a, '_>, tag: &str, branches: &[&'a Value]) {
        let names: Vec<&str> = branches.iter().filter_map(|branch| constant(branch, tag)).collect();
        if !matches!(here.node.data, Data::Table(_)) {
            let found = described(here.node);
            let problem = here.problem(format!("expected a table, found {found}"));
            return self.report(problem.help(format!("write `{{ {tag} = \"…\" }}`")));
        }
        let Some(node) = here.node.get(tag) else {
            let slip = here.node.entries().iter().find(|entry| nearest(tag, [entry.key.as_str()]).is_some());
            return self.report(match slip {
                Some(entry) => Problem {
                    span: entry.key_span.clone(),
                    ..here.problem(format!("unknown key {}", quoted(&entry.key))).meant(Some(tag))
                },
                None => missing(here, tag).help(format!("it must be {}", either(names))),
            });
        };
        let chosen =
            branches.iter().find(|branch| node.text().is_some() && constant(branch, tag) == node.text());
        match chosen {
            Some(branch) => self.value(here.node, branch, here.path),
            None => self.wrong_word(Here { node, path: &here.path.key(tag), ..here }, tag, &names),
        }
    }
}

fn missing(here: Here<'_, '_>, key: &str) -> Problem {
    let place = here.path.to_string();
    let place = if place.is_empty() { String::new() } else { format!(" in {}", quoted(&place)) };
    Problem { path: here.path.key(key), ..here.problem(format!("missing key `{key}`{place}")) }
}

/// A missing key, with the first sentence of what the schema says about it.
fn missing_key(here: Here<'_, '_>, key: &str, schema: Option<&Value>) -> Problem {
    let problem = missing(here, key);
    let description = schema.and_then(|schema| schema.get("description")).and_then(Value::as_str);
    let sentence = description.and_then(|text| text.split(['.', ';', '\n']).next()).unwrap_or_default();
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => {
            let message = format!("{} ({}{})", problem.message, first.to_lowercase(), letters.as_str());
            Problem { message, ..problem }
        }
        None => problem,
    }
}
