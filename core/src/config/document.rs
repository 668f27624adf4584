//! The parsed file as a small tree of our own, in the file's order and with the place of every key and value.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::looks_secret;
use super::{ConfigPath, PathSegment, Problem};

/// Deeper than any sensible file, and shallow enough for every function that walks the tree.
const DEEPEST: usize = 32;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The value's bytes; for a table under a header, the header's.
    pub(super) span: Range<usize>,
    pub(super) data: Data,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    String(String),
    /// `None` if it does not fit 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and what it holds.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

/// A file as parsed.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Node,
    /// What is not TOML, or nested too deeply.
    pub(super) problems: Vec<Problem>,
    /// Whether part of the file could not be understood, so that what seems to be missing may be there.
    pub(super) broken: bool,
}

impl Document {
    pub(super) fn parse(text: &str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut deep = Vec::new();
        let root = Node { span: 0..0, data: entries(table.get_ref(), 0, &mut deep) };
        dismantle(table.into_inner());
        let broken = !deep.is_empty() || errors.iter().any(|error| error.message() != DUPLICATE);
        let mut problems: Vec<Problem> = errors.iter().map(|error| syntax(error, text)).collect();
        problems.extend(deep.into_iter().map(|span| {
            Problem::new(format!("nested more than {DEEPEST} levels deep"), &ConfigPath::root(), span)
        }));
        Self { root, problems, broken }
    }
}

/// Drops a parsed table without recursion: dotted keys in inline tables nest thousands of levels deep before the parser's own
/// limit is reached, and dropping that level by level would overflow the stack.
fn dismantle(table: DeTable<'_>) {
    let mut rest = vec![DeValue::Table(table)];
    while let Some(value) = rest.pop() {
        match value {
            DeValue::Table(table) => rest.extend(table.into_iter().map(|(_, value)| value.into_inner())),
            DeValue::Array(items) => rest.extend(items.into_iter().map(Spanned::into_inner)),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

/// The parser's words for a key that stands twice in one table. A test holds them.
const DUPLICATE: &str = "duplicate key";

fn syntax(error: &toml::de::Error, text: &str) -> Problem {
    let at = error.span().unwrap_or(0..0);
    // The parser may point past the end, or between the bytes of a character.
    let start = text.floor_char_boundary(at.start.min(text.len()));
    let span = start..text.ceil_char_boundary(at.end.clamp(start, text.len()));
    let message = match error.message() {
        DUPLICATE => format!("duplicate key {}", super::problem::quoted(&text[span.clone()])),
        other => other.to_owned(),
    };
    Problem::new(message, &ConfigPath::root(), span)
}

fn entries(table: &DeTable<'_>, depth: usize, deep: &mut Vec<Range<usize>>) -> Data {
    let mut list: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            node: node(value, depth + 1, deep),
        })
        .collect();
    list.sort_by_key(|entry| entry.key_span.start);
    Data::Table(list)
}

fn node(value: &Spanned<DeValue<'_>>, depth: usize, deep: &mut Vec<Range<usize>>) -> Node {
    let data = match value.get_ref() {
        DeValue::String(text) => Data::String(text.to_string()),
        DeValue::Integer(number) => Data::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(number) => Data::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Data::Boolean(*flag),
        DeValue::Datetime(time) => Data::Datetime(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) if depth >= DEEPEST => {
            deep.push(value.span());
            Data::Table(Vec::new())
        }
        DeValue::Array(items) => Data::List(items.iter().map(|item| node(item, depth + 1, deep)).collect()),
        DeValue::Table(table) => entries(table, depth, deep),
    };
    Node { span: value.span(), data }
}

impl Node {
    /// What a table holds, in the file's order; nothing for any other value.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Table(entries) => entries,
            Data::String(_)
            | Data::Integer(_)
            | Data::Float(_)
            | Data::Boolean(_)
            | Data::Datetime(_)
            | Data::List(_) => &[],
        }
    }

    /// What a list holds; nothing for any other value.
    pub(super) fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            Data::String(_)
            | Data::Integer(_)
            | Data::Float(_)
            | Data::Boolean(_)
            | Data::Datetime(_)
            | Data::Table(_) => &[],
        }
    }

    /// The text of a string.
    pub(super) fn text(&self) -> Option<&str> {
        if let Data::String(text) = &self.data { Some(text) } else { None }
    }

    /// The value under a key of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The place of a value; where the file leaves it out, of the closest table around it. `None` if not even the first
    /// step is in the file.
    pub(super) fn locate(&self, path: &ConfigPath) -> Option<Range<usize>> {
        let mut here = self;
        let mut found = None;
        for segment in path.segments() {
            let next = match segment {
                PathSegment::Key(key) => here.get(key),
                PathSegment::Index(index) => here.items().get(*index),
            };
            let Some(next) = next else { break };
            here = next;
            found = Some(next.span.clone());
        }
        found
    }

    /// The value as JSON, for serde. What JSON cannot hold is null.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.data {
            Data::String(text) | Data::Datetime(text) => Value::String(text.clone()),
            Data::Integer(number) => number.map_or(Value::Null, Value::from),
            Data::Float(number) => Value::from(*number),
            Data::Boolean(flag) => Value::Bool(*flag),
            Data::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Data::Table(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect())
            }
        }
    }

    /// The places of strings that stand where people keep secrets.
    pub(super) fn secrets(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.collect_secrets(false, &mut found);
        found
    }

    fn collect_secrets(&self, secret: bool, found: &mut Vec<Range<usize>>) {
        match &self.data {
            Data::Table(entries) => {
                for entry in entries {
                    let reference = secret && matches!(entry.key.as_str(), "env" | "file");
                    let inside = (secret && !reference) || looks_secret(&entry.key);
                    entry.node.collect_secrets(inside, found);
                }
            }
            Data::List(items) => items.iter().for_each(|item| item.collect_secrets(secret, found)),
            Data::String(_) | Data::Integer(_) if secret => found.push(self.span.clone()),
            Data::String(_) | Data::Integer(_) | Data::Float(_) | Data::Boolean(_) | Data::Datetime(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keep_the_order_of_the_file() {
        let document = Document::parse("[e.staging]\na = 1\n[e.live]\n[e.staging.b]\n[e.archive]\n");
        let keys: Vec<&str> =
            document.root.get("e").unwrap().entries().iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["staging", "live", "archive"]);
    }

    #[test]
    fn a_key_that_stands_twice_breaks_nothing_else() {
        let document = Document::parse("a = 1\na = 2\nb = 3\n");
        assert_eq!(document.problems[0].message, "duplicate key `a`");
        assert!(!document.broken);
        assert!(document.root.get("b").is_some());
    }

    #[test]
    fn depth_beyond_reason_is_a_problem_and_no_stack_overflow() {
        let dotted = format!("{}x = ", "a.".repeat(70));
        let text = format!("{}1{}", format!("{{ {dotted}").repeat(70), "}".repeat(70));
        for text in [format!("y = {text}"), format!("y = {}{}", "[".repeat(70), "]".repeat(70))] {
            let document = Document::parse(&text);
            assert!(document.broken);
            assert!(document.problems.iter().any(|problem| problem.message.starts_with("nested")));
        }
    }
}
