//! Configuration files: there is an answer, every problem has a place in the text, and a comment or a carriage return changes nothing.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use schemars::JsonSchema;
use serde::Deserialize;
use switchover::config::{Catalog, Config, Kind, PortKind, Problems, ProviderSpec, parse};
use switchover_fuzz::assert_legible;

/// Options of a provider that is not linked in here: whatever stands there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Whatever {
    #[expect(dead_code, reason = "only its shape counts")]
    options: BTreeMap<String, serde_json::Value>,
}

thread_local! {
    static CATALOG: Catalog = catalog();
}

fn catalog() -> Catalog {
    let linked = [
        Kind::of::<switchover_cloudflare::CloudflareOptions>(PortKind::Names, "cloudflare"),
        Kind::of::<switchover_rfc2136::Rfc2136Options>(PortKind::Names, "rfc2136"),
        Kind::of::<switchover_http::HttpCheckOptions>(PortKind::Check, "http"),
        Kind::of::<switchover_http::TcpCheckOptions>(PortKind::Check, "tcp"),
        Kind::of::<switchover_dns::DnsCheckOptions>(PortKind::Check, "dns"),
        Kind::of::<switchover_etcd::EtcdOptions>(PortKind::State, "etcd"),
    ];
    let others = [
        (PortKind::Addresses, "ec2"),
        (PortKind::Addresses, "fixed"),
        (PortKind::State, "sqlite"),
        (PortKind::Store, "files"),
        (PortKind::Store, "postgres"),
    ];
    let others = others.map(|(port, name)| Kind::of::<Whatever>(port, name));
    Catalog::new(linked.into_iter().chain(others)).expect("no two kinds have a name in common")
}

fn read(text: &str) -> Result<Config, Problems> {
    CATALOG.with(|catalog| parse("switchover.toml", text, catalog))
}

fuzz_target!(|text: &str| {
    match read(text) {
        Ok(config) => good(text, &config),
        Err(problems) => bad(&problems),
    }
});

fn good(text: &str, config: &Config) {
    config.lint();
    for pair in config.pairs.values() {
        for (_, spec) in &pair.names {
            options(spec);
        }
    }
    // What says the same is read the same.
    let same = |other: &str| {
        format!(
            "{:?}",
            read(other).expect("it says the same").pairs.values().map(|pair| &pair.pair).collect::<Vec<_>>()
        )
    };
    let said = format!("{:?}", config.pairs.values().map(|pair| &pair.pair).collect::<Vec<_>>());
    assert_eq!(same(&format!("# A comment.\n{text}\n# Another.\n")), said);
    if !text.contains(['\r', '\'']) && !text.contains("\"\"\"") {
        assert_eq!(same(&text.replace('\n', "\r\n")), said);
    }
}

/// What passed the schema can be read as the provider's own options, or the answer says why not.
fn options(spec: &ProviderSpec) {
    if let Err(error) = spec.options::<Whatever>() {
        assert_legible(&error);
    }
}

fn bad(problems: &Problems) {
    assert!(!problems.list().is_empty());
    assert_legible(problems);
    for problem in problems.list() {
        let text = problems.source().text();
        assert!(text.get(problem.span.clone()).is_some(), "{problem:?} has no place");
        assert!(problems.position(problem).line > 0);
        assert!(problem.also.iter().all(|(span, _)| text.get(span.clone()).is_some()), "{problem:?}");
    }
}
