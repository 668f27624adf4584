//! Time zones by name, and what is proposed for those that are none.

use switchover_cron::zone;

#[test]
fn zones_are_found_by_their_names_in_any_case() {
    for name in [
        "UTC",
        "Asia/Hong_Kong",
        "Australia/Sydney",
        "europe/berlin",
        "Etc/GMT-8",
        "America/Argentina/Ushuaia",
    ] {
        assert!(zone(name).is_ok(), "{name}");
    }
    assert_eq!(zone("europe/berlin").unwrap().iana_name(), Some("Europe/Berlin"));
}

#[test]
fn what_is_no_zone_is_refused_with_what_was_probably_meant() {
    let names = [
        "Asia/HongKong",
        "Hong_Kong",
        "hong kong",
        "Asia/Honkong",
        "Sydney",
        "Australia/Sidney",
        "Europe/Berlim",
        "Berlin",
        "UTC+8",
        "HKT",
        "Mars/Olympus",
        "",
        "Etc/Unknown",
        "local",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe/Berlin\n",
        "a\u{0}b",
    ];
    let told = names
        .iter()
        .map(|name| format!("{name:?}\n    {}\n", zone(name).expect_err(name)))
        .collect::<Vec<_>>()
        .concat();
    insta::assert_snapshot!(told);
    assert!(zone(&"x".repeat(1 << 20)).is_err());
}
