//! The words for what differs from the schema.

use serde_json::Value;

use super::super::document::{Data, Node};
use super::super::problem::{all, quoted};
use super::super::source::looks_secret;
use super::super::{ConfigPath, Problem};

pub(super) const NO_SECRETS: &str = "a secret must not stand in the file";

pub(super) fn in_words(name: &str) -> &str {
    match name {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

pub(super) fn described(node: &Node) -> &'static str {
    match &node.data {
        Data::String(_) => "a string",
        Data::Integer(_) => "a whole number",
        Data::Float(_) => "a number",
        Data::Boolean(_) => "a truth value",
        Data::Datetime(_) => "a date or time",
        Data::List(_) => "a list",
        Data::Table(_) => "a table",
    }
}

pub(super) fn range_help(schema: &Value) -> String {
    let shown = |keys: [&str; 2]| keys.iter().find_map(|key| schema.get(*key)).map(Value::to_string);
    match (shown(["minimum", "exclusiveMinimum"]), shown(["maximum", "exclusiveMaximum"])) {
        (Some(least), Some(most)) => format!("it must be from {least} to {most}"),
        (Some(least), None) => format!("it must be {least} or more"),
        (None, Some(most)) => format!("it must be {most} or less"),
        (None, None) => "it must be finite".to_owned(),
    }
}

pub(super) fn unknown_key<'a>(
    key: &str,
    near: Option<&str>,
    known: impl Iterator<Item = &'a str>,
    node: &Node,
) -> Problem {
    let problem = Problem::new(format!("unknown key {}", quoted(key)), &ConfigPath::root(), 0..0);
    if looks_secret(key) && matches!(node.data, Data::String(_)) {
        return problem
            .meant(near)
            .help(format!("{NO_SECRETS}: {}", reference_help(Some(near.unwrap_or(key)))));
    }
    match near {
        Some(near) => problem.meant(Some(near)),
        None => problem.help(format!("the keys here are {}", all(known))),
    }
}

pub(super) fn reference_help(key: Option<&str>) -> String {
    let key = key.map(|key| format!("{} = ", key.escape_debug())).unwrap_or_default();
    format!("write `{key}{{ env = \"…\" }}` or `{key}{{ file = \"…\" }}`")
}
