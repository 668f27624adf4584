//! The examples are good, and mean what they say.

use std::time::Duration;

use super::*;
use crate::config::{ChoiceError, ConfigPath, EndpointField, SideField, schema};
use crate::model::{AddressName, CheckName, EnvironmentName, PairName, Role, ServiceName, SideName};

fn name<T: std::str::FromStr<Err = crate::model::IdError>>(text: &str) -> T {
    text.parse().unwrap()
}

#[test]
fn the_corrected_pair_holds_sixteen_names_in_the_order_of_the_file() {
    let config = parse(CORRECTED).unwrap_or_else(|problems| panic!("{problems}"));
    let pair = &config.pair(None).unwrap().pair;
    let order: Vec<&str> = pair.environments.iter().map(|environment| environment.name.as_str()).collect();
    assert_eq!(order, ["staging", "live"]);
    let endpoints: Vec<_> = pair.environments.iter().flat_map(|environment| &environment.endpoints).collect();
    assert_eq!(endpoints.len() * Role::ALL.len(), 16);
    assert_eq!(endpoints[1].production.as_str(), "bastion.staging.gigadb.org");
    assert_eq!(endpoints[1].standby_zone.to_string(), "gigadb.host");
    assert!(endpoints[0].probe && !endpoints[1].probe);
    assert_eq!(pair.sides.each_ref().map(|side| side.name.as_str()), ["hongkong", "sydney"]);
    assert_eq!(pair.services[&name::<ServiceName>("cloudflare")].zones.len(), 2);
    let resolvers: Vec<String> = pair.dns.resolvers.iter().map(ToString::to_string).collect();
    assert_eq!(resolvers, ["1.1.1.1:53", "8.8.8.8:53"]);
}

#[test]
fn providers_get_their_own_keys_and_no_others() {
    let config = parse(SANDBOX).unwrap_or_else(|problems| panic!("{problems}"));
    let pair = config.pair(Some(&name("gigadb"))).unwrap();
    let cloudflare: Cloudflare = pair.names[&name::<ServiceName>("cloudflare")].options().unwrap();
    assert_eq!(cloudflare.token, SecretRef::Env("CLOUDFLARE_API_TOKEN".into()));
    assert_eq!(cloudflare.base_url.as_deref(), Some("http://127.0.53.1:18787/client/v4/"));
    assert_eq!(cloudflare.minimum_ttl.map(|ttl| ttl.0), Some(Duration::from_secs(2)));
    let http: Http = pair.checks[&name::<CheckName>("site")].options().unwrap();
    assert_eq!(http.scheme.as_deref(), Some("http"));
    for (side, network) in [("hongkong", 1), ("sydney", 2)] {
        let fixed: Fixed = pair.addresses[&name::<SideName>(side)].options().unwrap();
        let wanted = ["live", "bastion-live", "files-live", "staging", "bastion-staging", "files-staging"];
        for (host, wanted) in (1..).zip(wanted) {
            let address = fixed.addresses[&format!("eip-gigadb-{wanted}-gigadb")];
            assert_eq!(address, IpAddr::from([127, 0, network, host]), "{side} {wanted}");
        }
        let known: Vec<AddressName> = fixed.addresses.keys().map(|key| name(key)).collect();
        let endpoints = pair.pair.environments.iter().flat_map(|environment| &environment.endpoints);
        assert!(endpoints.into_iter().all(|endpoint| known.contains(&endpoint.address)));
    }
    assert_eq!(pair.pair.dns.margin, Duration::from_secs(2));
    let authorities = &pair.pair.services[&name::<ServiceName>("cloudflare")].authorities;
    assert_eq!(authorities[1].to_string(), "127.0.53.2:18053");
}

#[test]
fn the_sandbox_is_the_same_pair() {
    let environments = |text| parse(text).unwrap().pair(None).unwrap().pair.environments.clone();
    let mut sandbox = environments(SANDBOX);
    for environment in &mut sandbox {
        environment.stores.clear();
    }
    assert_eq!(environments(CORRECTED), sandbox);
}

#[test]
fn the_sandbox_has_a_store_in_each_environment_on_both_sides() {
    let config = parse(SANDBOX).unwrap();
    let pair = config.pair(None).unwrap();
    let stores: Vec<String> = pair.stores.keys().map(ToString::to_string).collect();
    assert_eq!(stores, ["live/files", "staging/files"]);
    for (store, spec) in &pair.stores {
        let files: Files = spec.provider.options().unwrap();
        for (side, place) in files.sides {
            assert_eq!(place.path, format!("trees/{side}/{}", store.environment));
            let freeze = place.freeze.unwrap();
            assert_eq!(freeze["flag"], "maintenance.json");
            assert_eq!(freeze["probe"][0], "sandbox-client");
        }
    }
}

#[test]
fn every_option_of_a_small_file_is_what_it_says_or_the_default() {
    let text = small(
        "[checks.site]",
        "authorities = [\"::1\"]\n\n[state]\nprovider = \"sqlite\"\npath = \"a.db\"\n\n[checks.site]",
    );
    let text =
        text.replacen("zones = [\"example.org\"]", "zones = [{ name = \"Example.org.\", id = \"z1\" }]", 1);
    let config = parse(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let state: Sqlite = config.state.clone().unwrap().options().unwrap();
    assert_eq!(state.path.as_deref(), Some("a.db"));
    let pair = config.pair(None).unwrap();
    let service = &pair.pair.services[&name::<ServiceName>("cloudflare")];
    assert_eq!(service.zones[0].id.as_deref(), Some("z1"));
    assert_eq!(service.authorities[0].to_string(), "[::1]:53");
    assert_eq!(pair.pair.dns.swap_ttl, Duration::from_secs(60));
    assert_eq!(pair.pair.dns.propagation_deadline, Duration::from_secs(300));
    assert_eq!(pair.pair.probe.every, Duration::from_millis(200));
    let check: Http = pair.checks[&name("site")].options().unwrap();
    assert_eq!((check.port, check.path), (None, None));
    let ec2: Ec2 = pair.addresses[&name::<SideName>("south")].options().unwrap();
    assert_eq!((ec2.profile.as_str(), ec2.region.as_str()), ("south", "eu-south-1"));
}

#[test]
fn the_file_in_the_reference_is_good() {
    let text = include_str!("../../../../docs/configuration.md");
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let config = parse(rest.split("```").next().unwrap()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.lint(), []);
}

#[test]
fn later_findings_can_be_shown_at_their_place() {
    let config = parse(CORRECTED).unwrap();
    let shown = |path: ConfigPath| &CORRECTED[config.locate(&path).unwrap()];
    let (pair, live): (PairName, EnvironmentName) = (name("gigadb"), name("live"));
    let endpoint = |field| shown(ConfigPath::endpoint(&pair, &live, 2, field));
    assert_eq!(endpoint(EndpointField::Address), "\"eip-gigadb-files-live-gigadb\"");
    // Left out in the file: the endpoint's header.
    assert_eq!(endpoint(EndpointField::Probe), "[[pair.gigadb.environments.live.endpoints]]");
    let side = ConfigPath::side(&pair, &name("sydney"), SideField::Project);
    assert_eq!(shown(side), "\"alt-gigadb-website\"");
    assert_eq!(config.locate(&ConfigPath::root().key("nothing")), None);
}

#[test]
fn a_pair_is_chosen_by_name_or_by_being_the_only_one() {
    let both = format!(
        "{SMALL}{}",
        SMALL[SMALL.find("[pair").unwrap()..].replace("shop", "shops").replace("example", "x.example")
    );
    let config = parse(&both).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.pair(Some(&name("shops"))).unwrap().pair.name.as_str(), "shops");
    let several = config.pair(None).unwrap_err();
    assert_eq!(several.to_string(), "say which pair: the file has `shop` and `shops`");
    let unknown = config.pair(Some(&name("shpo"))).unwrap_err();
    assert!(matches!(&unknown, ChoiceError::Unknown { near: Some(near), .. } if near.as_str() == "shop"));
    assert_eq!(
        unknown.to_string(),
        "there is no pair `shpo`; did you mean `shop`?; the file has `shop` and `shops`"
    );
}

#[test]
fn the_schema_tells_editors_the_kinds_and_nothing_of_null() {
    let schema = schema(&catalog());
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let cloudflare = &schema["$defs"]["NameService"]["oneOf"][0];
    assert_eq!(cloudflare["properties"]["provider"]["const"], "cloudflare");
    assert_eq!(cloudflare["required"], serde_json::json!(["provider", "zones", "token"]));
    assert_eq!(cloudflare["additionalProperties"], false);
    assert!(!schema.to_string().contains("null"));
    let mut references = Vec::new();
    collect(&schema, &mut references);
    assert!(references.len() > 10);
    for reference in references {
        assert!(schema.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
}

fn collect<'a>(value: &'a serde_json::Value, references: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::Object(object) => {
            references.extend(object.get("$ref").and_then(|reference| reference.as_str()));
            object.values().for_each(|value| collect(value, references));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
