//! The JSON Schema of the whole file: core's raw types and, in the provider tables, the kinds of the catalog.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Catalog, Kind, PortKind, raw};

/// The JSON Schema (draft 2020-12) of a file in which the providers of this catalog may stand.
///
/// Every file is held against it, and editors can use it: `switchover config schema` prints it. Beside the standard
/// vocabulary it uses the format `period` and the keyword `x-switchover-secret`, which marks references to secrets.
pub fn schema(catalog: &Catalog) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let service = Value::from(raw::Service::json_schema(&mut generator));
    let store = Value::from(raw::Store::json_schema(&mut generator));
    let role_table = Value::from(raw::RoleTable::json_schema(&mut generator));
    let status_page = Value::from(raw::StatusPage::json_schema(&mut generator));
    let mut file = Value::from(generator.into_root_schema_for::<raw::File>());
    let mut definitions = Map::new();
    for port in PortKind::ALL {
        let own = match port {
            PortKind::Names => service.clone(),
            PortKind::Store => store.clone(),
            PortKind::RoleTable => role_table.clone(),
            PortKind::StatusPage => status_page.clone(),
            PortKind::Addresses
            | PortKind::Check
            | PortKind::State
            | PortKind::Delivery
            | PortKind::Announcer => json!({}),
        };
        let kinds: Vec<Value> = catalog.of(port).map(|kind| table(kind, &own, &mut definitions)).collect();
        let description = format!("The {port}, by its `provider`.");
        let choice = json!({ "description": description, "type": "object", "oneOf": kinds });
        definitions.insert(raw::definition(port).to_owned(), choice);
    }
    if let Value::Object(file) = &mut file {
        let all = file.entry("$defs").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(all) = all {
            all.append(&mut definitions);
        }
    }
    without_null(&mut file);
    file
}

/// The schema of a provider's table: core's own keys and the kind's, with `provider` as the mark of the kind.
fn table(kind: &Kind, own: &Value, definitions: &mut Map<String, Value>) -> Value {
    let prefix = format!("{}-{}-", raw::definition(kind.port), kind.name);
    let mut table = Value::from(kind.schema.clone());
    rehome(&mut table, &prefix);
    let Value::Object(mut table) = table else { return table };
    table.remove("$schema");
    if let Some(Value::Object(inner)) = table.remove("$defs") {
        definitions.extend(inner.into_iter().map(|(name, schema)| (format!("{prefix}{name}"), schema)));
    }
    let empty = Map::new();
    let of_core = |key: &str| own.get(key).cloned().unwrap_or(Value::Null);
    let mut properties = of_core("properties").as_object().unwrap_or(&empty).clone();
    properties.insert(raw::PROVIDER.to_owned(), json!({ "const": kind.name.as_str() }));
    if let Some(Value::Object(options)) = table.remove("properties") {
        properties.extend(options);
    }
    let mut required = vec![Value::from(raw::PROVIDER)];
    for list in [of_core("required"), table.remove("required").unwrap_or(Value::Null)] {
        required.extend(list.as_array().into_iter().flatten().cloned());
    }
    table.insert("properties".to_owned(), Value::Object(properties));
    table.insert("required".to_owned(), Value::Array(required));
    Value::Object(table)
}

/// Makes references to a kind's own definitions point to where they stand in the whole.
fn rehome(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/$defs/{prefix}{name}");
            }
            object.values_mut().for_each(|value| rehome(value, prefix));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rehome(item, prefix)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// TOML has no null: an optional key is left out. So `null` must not be offered.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    only.into_iter().for_each(|(key, value)| {
                        object.entry(key).or_insert(value);
                    });
                }
            }
            object.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
