//! The slips of the published table are found, and what is merely unusual is left alone.

use super::*;

fn warnings(text: &str) -> Vec<String> {
    let config = parse(text).unwrap_or_else(|problems| panic!("{problems}"));
    config.lint().iter().map(|warning| format!("{}: {warning}", warning.path)).collect()
}

/// A pair with one environment of these endpoints: production name, standby name, address.
fn pair_of(endpoints: &[(&str, &str, &str)]) -> String {
    let zones = r#"zones = ["site.org", "site.host", "other.net", "co.uk"]"#;
    let text = small(r#"zones = ["example.org"]"#, zones);
    let mut text = text[..text.find("[[pair").unwrap()].to_owned();
    for (production, standby, address) in endpoints {
        let endpoint = format!(
            "[[pair.shop.environments.live.endpoints]]\n\
             production = \"{production}\"\nstandby = \"{standby}\"\naddress = \"{address}\"\n"
        );
        text.push_str(&endpoint);
    }
    text
}

#[test]
fn the_four_slips_of_the_published_table_are_found() {
    insta::assert_snapshot!(warnings(PUBLISHED).join("\n"));
}

#[test]
fn the_corrected_files_raise_no_alarm() {
    assert_eq!(warnings(CORRECTED), [""; 0]);
    assert_eq!(warnings(SANDBOX), [""; 0]);
    assert_eq!(warnings(SMALL), [""; 0]);
}

#[test]
fn a_label_unlike_its_partner_is_found() {
    let found = warnings(&pair_of(&[
        ("site.org", "alt.site.host", "a"),
        ("www.site.org", "www.alt.site.host", "a"),
        ("api.site.org", "api.alt.site.host", "a"),
        ("files.site.org", "file.alt.site.host", "a"),
    ]));
    assert_eq!(
        found,
        [
            "pair.shop.environments.live.endpoints[3].standby: the label `file` of `file.alt.site.host` is not the \
          `files` of its current production name `files.site.org`; did you mean `files.alt.site.host`?"
        ]
    );
}

#[test]
fn a_name_too_far_up_in_the_right_zone_is_found() {
    let found = warnings(&CORRECTED.replace("files.alt-live.gigadb.host", "files.gigadb.host"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("did you mean `files.alt-live.gigadb.host`?"), "{found:?}");
}

#[test]
fn what_is_in_use_is_not_suggested() {
    let text = pair_of(&[
        ("site.org", "alt.site.host", "a"),
        ("www.site.org", "www.alt.site.host", "a"),
        ("mail.site.org", "mail.alt.site.host", "a"),
        ("api.site.org", "api.other.net", "a"),
        ("v2.other.net", "api.alt.site.host", "a"),
    ]);
    let warnings = parse(&text).unwrap().lint();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.suggestion.is_none()), "{warnings:?}");
}

#[test]
fn no_majority_is_no_custom() {
    let cases: [&[(&str, &str, &str)]; 6] = [
        // Two against one is no custom.
        &[
            ("site.org", "alt.site.host", "a"),
            ("www.site.org", "www.alt.site.host", "a"),
            ("x.other.net", "x.alt.site.host", "a"),
        ],
        // Half of them is none either, and three under `co.uk` have no parent in common.
        &[
            ("a.co.uk", "a.site.host", "a"),
            ("b.co.uk", "b.other.net", "a"),
            ("c.site.org", "c.other.net", "a"),
            ("d.site.org", "d.site.host", "a"),
        ],
        // Both names of one endpoint elsewhere: meant so.
        &[
            ("site.org", "alt.site.host", "a"),
            ("www.site.org", "www.alt.site.host", "a"),
            ("api.site.org", "api.alt.site.host", "a"),
            ("status.other.net", "alt-status.other.net", "a"),
        ],
        // A flat scheme, where labels never agree.
        &[
            ("site.org", "alt.site.host", "a"),
            ("www.site.org", "www-alt.site.host", "a"),
            ("api.site.org", "api-alt.site.host", "a"),
            ("files.site.org", "files-alt.site.host", "a"),
        ],
        // Numbered addresses, and words that are near and both usual.
        &[
            ("a.site.org", "a.alt.site.host", "eip-web1-main"),
            ("b.site.org", "b.alt.site.host", "eip-web2-main"),
            ("c.site.org", "c.alt.site.host", "eip-mail-main"),
            ("d.site.org", "d.alt.site.host", "eip-files-main"),
            ("e.site.org", "e.alt.site.host", "eip-main-mail"),
        ],
        &[],
    ];
    for endpoints in cases.into_iter().filter(|endpoints| !endpoints.is_empty()) {
        assert_eq!(warnings(&pair_of(endpoints)), [""; 0], "{endpoints:?}");
    }
}

#[test]
fn an_address_used_twice_is_no_slip() {
    let endpoints = [
        ("a.site.org", "a.alt.site.host", "eip-gigadb-live"),
        ("b.site.org", "b.alt.site.host", "eip-gigadb-files"),
        ("c.site.org", "c.alt.site.host", "eip-gigadb-bastion"),
        ("d.site.org", "d.alt.site.host", "eip-gigad-live"),
        ("e.site.org", "e.alt.site.host", "eip-gigad-live"),
    ];
    assert_eq!(warnings(&pair_of(&endpoints)), [""; 0]);
    let found = warnings(&pair_of(&endpoints[..4]));
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("did you mean `eip-gigadb-live`?"), "{found:?}");
}
