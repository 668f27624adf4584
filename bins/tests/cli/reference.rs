//! The schema, the completions and the manual pages.

use serde_json::Value;

use crate::support::{Home, root};

fn schema() -> Value {
    serde_json::from_str(&Home::new().run("switchover config schema").ends(0).stdout).unwrap()
}

#[test]
fn the_schema_is_complete_in_itself() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut references = Vec::new();
    walk(&schema, &mut |value| references.extend(value["$ref"].as_str().map(ToOwned::to_owned)));
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a reference into the schema itself");
        assert!(schema.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn walk(value: &Value, see: &mut impl FnMut(&Value)) {
    see(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|field| walk(field, see)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// As much of JSON Schema as the schema uses to allow or refuse keys and types; says where a value does not fit.
fn misfit(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return misfit(root, root.pointer(&reference[1..]).unwrap(), value, at);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[several].as_array() {
            let misfits: Vec<_> = choices.iter().map(|choice| misfit(root, choice, value, at)).collect();
            if misfits.iter().all(Option::is_some) {
                return misfits.into_iter().flatten().next();
            }
        }
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Some(format!("{at} is {value}"));
    }
    if !is_of(&schema["type"], value) {
        return Some(format!("{at} is {value}, not {}", schema["type"]));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| misfit(root, schema.get("items")?, item, &format!("{at}[{index}]"))),
        Value::Object(fields) => fields.iter().find_map(|(key, field)| {
            let at = format!("{at}.{key}");
            match (schema["properties"].get(key), schema.get("additionalProperties")) {
                (Some(known), _) => misfit(root, known, field, &at),
                (None, Some(Value::Bool(false))) => Some(format!("{at} is not allowed")),
                (None, Some(other @ Value::Object(_))) => misfit(root, other, field, &at),
                (None, _) => None,
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    let one = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "null" => value.is_null(),
        other => panic!("a type that this test does not know: {other}"),
    };
    match kind {
        Value::String(kind) => one(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(one),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

#[test]
fn the_schema_takes_the_example_and_refuses_a_key_that_there_is_not() {
    let schema = schema();
    let text = std::fs::read_to_string(root().join("examples/gigadb/sandbox.toml")).unwrap();
    let fits = |text: &str| misfit(&schema, &schema, &toml::from_str::<Value>(text).unwrap(), "file");
    assert_eq!(fits(&text), None);
    for (right, wrong) in [
        ("propagation_deadline", "propagation_dedline"),
        ("probe = true", "probe = \"yes\""),
        ("provider = \"http\"", "provider = \"htttp\""),
        ("project = ", "projekt = "),
        ("base_url", "base_uri"),
    ] {
        assert!(text.contains(right) && fits(&text.replacen(right, wrong, 1)).is_some(), "{wrong}");
    }
}

#[cfg(feature = "ec2")]
#[test]
fn the_schema_takes_the_example_with_elastic_ips() {
    let schema = schema();
    let text = std::fs::read_to_string(root().join("examples/gigadb/switchover.toml")).unwrap();
    assert_eq!(misfit(&schema, &schema, &toml::from_str::<Value>(&text).unwrap(), "file"), None);
}

#[test]
fn completions_know_both_programs() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        for (program, flag) in [("switchover", "offline"), ("swap-roles", "plan-digest")] {
            let ran = home.run(&format!("switchover completions {shell} --program {program}")).ends(0);
            assert!(ran.stdout.contains(program) && ran.stdout.contains(flag), "{shell} {program}");
            assert!(ran.stderr.is_empty());
        }
    }
}

#[test]
fn manual_pages_are_pages() {
    for program in ["switchover", "swap-roles"] {
        let ran = Home::new().run(&format!("switchover man {program}")).ends(0);
        let escaped = program.replace('-', "\\-");
        assert!(ran.stdout.contains(".TH "), "{}", ran.transcript());
        assert!(ran.stdout.contains(&escaped) && ran.stdout.contains("Exit codes"), "{program}");
    }
}
