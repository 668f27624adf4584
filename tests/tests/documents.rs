//! What the documents say of permissions is what the providers call.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Calls of the SDKs that need no permission.
const FREE: [&str; 1] = ["sts:GetCallerIdentity"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The policy under a heading of `docs/security.md`.
fn actions(heading: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let (_, after) = text.split_once(&format!("### {heading}\n")).unwrap();
    let lines = after
        .lines()
        .skip_while(|line| !line.starts_with("    "))
        .take_while(|line| line.starts_with("    "));
    let policy: Value = serde_json::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let every = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    every.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// The operations that a provider's sources call, as IAM names them: `client.describe_db_instances()` is `DescribeDBInstances`.
fn calls(provider: &str, service: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join("providers").join(provider).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.extend(operations(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    let names = found.iter().map(|name| {
        let service = if name == "get_caller_identity" { "sts" } else { service };
        format!("{service}:{}", camel(name))
    });
    names.filter(|name| !FREE.contains(&name.as_str())).collect()
}

/// Methods without arguments that begin with a verb of AWS. `tag_list` reads an answer.
fn operations(source: &str) -> Vec<String> {
    const VERBS: [&str; 13] = [
        "describe_",
        "create_",
        "delete_",
        "modify_",
        "promote_",
        "copy_",
        "restore_",
        "add_",
        "remove_",
        "list_",
        "get_",
        "put_",
        "tag_",
    ];
    let method = |part: &str| part.split_once("()").map(|(name, _)| name.to_owned());
    let methods = source.split('.').skip(1).filter_map(method);
    let named = |name: &String| {
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        plain && VERBS.iter().any(|verb| name.starts_with(verb)) && name != "tag_list"
    };
    methods.filter(named).collect()
}

fn camel(name: &str) -> String {
    let word = |word: &str| match word {
        "db" => "DB".to_owned(),
        other => other[..1].to_uppercase() + &other[1..],
    };
    name.split('_').map(word).collect()
}

#[test]
fn the_smallest_policies_name_every_call_and_no_other() {
    for (heading, provider, service) in
        [("Elastic IPs", "ec2", "ec2"), ("RDS", "rds", "rds"), ("EFS", "efs", "elasticfilesystem")]
    {
        assert_eq!(actions(heading), calls(provider, service), "{heading}");
    }
}
