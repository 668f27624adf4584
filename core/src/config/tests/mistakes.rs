//! What a person reads when a file is wrong: everything at once, each with its place and what was probably meant.

use super::*;

#[test]
fn every_mistake_is_reported_at_once() {
    insta::assert_snapshot!(complaint(include_str!("mistakes.toml")));
}

#[test]
fn every_syntax_error_is_reported_at_once() {
    insta::assert_snapshot!(complaint(
        "[dns.cloudflare]\nprovider = cloudflare\ntoken = \"hunter2\nzones = [\"a.org\",\n[checks.site\nx == 1\n"
    ));
}

/// Each contradiction alone, so that none is only reported in the company of another.
#[test]
fn every_contradiction_is_reported() {
    let endpoint = "[[pair.shop.environments.live.endpoints]]\nproduction = \"PRODUCTION\"\n\
                    standby = \"STANDBY\"\naddress = \"b\"\n";
    let with = |production, standby| {
        format!("{SMALL}{}", endpoint.replace("PRODUCTION", production).replace("STANDBY", standby))
    };
    let pair = |text: &str| format!("{SMALL}{text}");
    let cases = [
        String::new(),
        "[pair]\n".to_owned(),
        with("example.org", "b.example.org"),
        with("b.example.org", "example.org"),
        with("b.example.org", "B.example.org."),
        with("b.exmaple.org", "b.example.net"),
        with("b.example", "b..example.org"),
        small("provider = \"cloudflare\"", "provider = \"cloudfare\""),
        small("provider = \"http\"", "provider = \"ec2\""),
        small("zones = [\"example.org\"]", "zones = []"),
        small("zones = [\"example.org\"]", "zones = [\"example.org\", \"example.org\"]"),
        small(
            "[checks.site]",
            "[dns.b]\nprovider = \"cloudflare\"\ntoken = { file = \"t\" }\nzones = [\"example.org\"]\n[checks.site]",
        ),
        small("checks = [\"site\"]", "checks = [\"siet\"]"),
        small("checks = [\"site\"]", "checks = [\"site\", \"site\"]"),
        small("checks = [\"site\"]", "probe = true"),
        small("south\", region = \"eu-south-1", "north\", region = \"eu-north-1"),
        small("sides.north", "sides.hot-standby"),
        small("sides.north", "sides.\"no rth\""),
        small("environments.live", "environments.\"\""),
        pair(
            "[pair.shop.sides.west]\naddresses = { provider = \"fixed\", addresses = { web = \"127.0.0.1\" } }\n",
        ),
        pair("[pair.shop.environments.staging]\nendpoints = []\n"),
        pair("[pair.shop.dns]\nswap_ttl = \"500ms\"\nmargin = \"-1s\"\nresolvers = [\"dns.example.org\"]\n"),
        pair("[pair.shop.dns]\nswap_ttl = \"1s 1ms\"\n"),
        pair("[pair.shop.probe]\nevery = \"2m\"\n"),
        pair("[pair.other]\n"),
        pair("[checks.site]\nprovider = \"http\"\n"),
    ];
    let shown: Vec<String> =
        cases.iter().map(|text| complaint(text).replace("switchover.toml:", "")).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn one_faulty_service_makes_no_other_news() {
    let text = small("token = { env = \"T\" }", "token = { env = \"T\" }\nbase_uri = \"x\"");
    let problems = parse(&text).unwrap_err();
    assert_eq!(problems.to_string(), "switchover.toml:5:1: unknown key `base_uri`; did you mean `base_url`?");
    assert_eq!(problems.list()[0].path.to_string(), "dns.cloudflare.base_uri");
}
