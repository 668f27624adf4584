//! The options as they stand in a file, and the schema that describes them.

use std::time::Duration;

use secrecy::SecretString;
use switchover::config::{Period, SecretRef};
use switchover::model::Zone;
use switchover::port::{Meter, NameService};
use switchover_cloudflare::{Cloudflare, CloudflareOptions, SetupError};

use crate::setup::{JumpingClock, apex};

fn read(text: &str) -> Result<CloudflareOptions, toml::de::Error> {
    toml::from_str(text)
}

fn service(options: &CloudflareOptions, id: Option<&str>) -> Result<Cloudflare, SetupError> {
    let zones = [Zone { name: apex(), id: id.map(str::to_owned) }];
    Cloudflare::new(options, SecretString::from("token"), &zones, Meter::default(), JumpingClock::new())
}

#[test]
fn nothing_need_be_said() {
    assert_eq!(read("").unwrap(), CloudflareOptions::default());
    let names = service(&CloudflareOptions::default(), None).unwrap();
    assert_eq!(names.in_flight(), Duration::from_secs(140));
}

#[test]
fn everything_can_be_said() {
    let options = read(
        r#"
        token = { file = "/run/secrets/cloudflare" }
        account = "023e105f4ecef8ad9ca31a8372d0c353"
        base_url = "http://127.0.0.1:8787/client/v4"
        connect_timeout = "2s"
        timeout = "10s"
        in_flight = "1m"
        max_wait = "30s"
        minimum_ttl = "2m"
        "#,
    )
    .unwrap();
    assert_eq!(options.token, Some(SecretRef::File("/run/secrets/cloudflare".into())));
    assert_eq!(options.minimum_ttl, Some(Period(Duration::from_secs(120))));
    assert_eq!(service(&options, None).unwrap().in_flight(), Duration::from_secs(60));
}

#[test]
fn what_nobody_knows_is_refused() {
    assert!(read("tokn = \"x\"").is_err());
    assert!(read("token = \"the secret itself\"").is_err());
    assert!(read("timeout = \"soon\"").is_err());
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (text, word) in [
        ("base_url = \"http://api.cloudflare.com/client/v4\"", "https"),
        ("connect_timeout = \"0s\"", "connect_timeout"),
        ("timeout = \"5s\"", "timeout"),
        ("in_flight = \"5s\"", "in_flight"),
        ("max_wait = \"48h\"", "max_wait"),
        ("minimum_ttl = \"1500ms\"", "minimum_ttl"),
        ("account = \"a/b\"", "account"),
    ] {
        let error = service(&read(text).unwrap(), None).expect_err(text).to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn a_zone_id_is_no_path() {
    for id in ["../user", "", "a b", &"a".repeat(33)] {
        let error = service(&CloudflareOptions::default(), Some(id)).expect_err(id);
        assert!(matches!(error, SetupError::ZoneId { .. }), "{error}");
    }
}

#[test]
fn every_option_is_described_in_the_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(CloudflareOptions)).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), 8);
    for (name, property) in properties {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(properties["timeout"]["default"], "20s");
}
