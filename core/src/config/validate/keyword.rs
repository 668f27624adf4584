//! Reads the keywords of a JSON Schema, as schemars writes them for Rust types.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::document::{Data, Node};
use super::super::raw::PROVIDER;

pub(super) fn choices(schema: &Value) -> Option<&[Value]> {
    let list = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    list.as_array().map(Vec::as_slice)
}

pub(super) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The one string that a branch allows under a key.
pub(super) fn constant<'a>(branch: &'a Value, key: &str) -> Option<&'a str> {
    branch.get("properties")?.get(key)?.get("const")?.as_str()
}

/// The key that tells the branches apart, if there is one.
pub(super) fn tag<'a>(schema: &'a Value, branches: &[&'a Value]) -> Option<&'a str> {
    let Some(first) = branches.first() else {
        // A port for which the catalog has no kind at all still wants its `provider`.
        return schema.get("type").is_some_and(|name| name == "object").then_some(PROVIDER);
    };
    required(first).find(|key| branches.iter().all(|branch| constant(branch, key).is_some()))
}

/// The words that an enum without data allows, if the choice is one.
pub(super) fn words<'a>(branches: &[&'a Value]) -> Option<Vec<&'a str>> {
    let mut words = Vec::new();
    for branch in branches {
        match (branch.get("const"), branch.get("enum")) {
            (Some(Value::String(word)), _) => words.push(word.as_str()),
            (None, Some(Value::Array(several))) => words.extend(several.iter().filter_map(Value::as_str)),
            _ => return None,
        }
    }
    (!words.is_empty()).then_some(words)
}

/// The keys of a choice between tables of one key each, if it is one.
pub(super) fn alternatives<'a>(node: &Node, branches: &[&'a Value]) -> Option<BTreeMap<&'a str, &'a Value>> {
    if branches.len() < 2 || !matches!(node.data, Data::Table(_)) {
        return None;
    }
    let only = |branch: &'a Value| {
        let mut keys = branch.get("properties")?.as_object()?.iter();
        let (key, schema) = keys.next().filter(|(key, _)| required(branch).eq([key.as_str()]))?;
        keys.next().is_none().then_some((key.as_str(), schema))
    };
    branches.iter().map(|branch| only(branch)).collect()
}

pub(super) fn may_fit(node: &Node, branch: &Value) -> bool {
    match branch.get("type") {
        Some(Value::String(name)) => is_of(node, name),
        _ => true,
    }
}

pub(super) fn is_of(node: &Node, name: &str) -> bool {
    match &node.data {
        Data::String(_) => name == "string",
        Data::Integer(number) => number.is_some() && matches!(name, "integer" | "number"),
        Data::Float(_) => name == "number",
        Data::Boolean(_) => name == "boolean",
        Data::Datetime(_) => false,
        Data::List(_) => name == "array",
        Data::Table(_) => name == "object",
    }
}
