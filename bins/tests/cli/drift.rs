//! Records that are not as they must be: each is found before anything is done, at its place, with what was seen.

use insta::assert_snapshot;
use switchover_sandbox::{Kind, RecordSeed};

use crate::stand::{Stand, record};

/// Looks by `check` and by `swap-roles`: both refuse, and nothing is changed.
fn refused(stand: &Stand) -> String {
    let before = ["gigadb.org", "gigadb.host"].map(|zone| stand.sandbox.records(zone));
    let checked = stand.run("switchover check").ends(6);
    let swap = stand.run("swap-roles --environment live --yes").ends(6);
    let after = ["gigadb.org", "gigadb.host"].map(|zone| stand.sandbox.records(zone));
    assert!(before == after, "a record was changed:\n{}", swap.transcript());
    checked.golden()
}

fn of<'a>(records: &'a mut [RecordSeed], name: &str) -> &'a mut RecordSeed {
    records.iter_mut().find(|record| record.name == name && record.kind == Some(Kind::A)).unwrap()
}

#[test]
fn a_record_is_missing() {
    let stand = Stand::drifted(|org, _| org.retain(|record| record.name != "files.gigadb.org"));
    assert_snapshot!(refused(&stand));
}

#[test]
fn a_record_is_there_twice() {
    let stand = Stand::drifted(|org, _| org.push(record("files.gigadb.org", Kind::A, "127.0.9.9")));
    assert_snapshot!(refused(&stand));
}

#[test]
fn a_record_leads_to_neither_side() {
    let stand = Stand::drifted(|org, _| of(org, "files.gigadb.org").content = Some("127.0.9.9".into()));
    assert_snapshot!(refused(&stand));
}

#[test]
fn a_record_leads_to_the_wrong_side() {
    let stand = Stand::drifted(|org, _| of(org, "files.gigadb.org").content = Some("127.0.2.3".into()));
    assert_snapshot!(refused(&stand));
}

#[test]
fn a_record_leads_to_the_address_of_another_name() {
    let stand = Stand::drifted(|org, _| of(org, "files.gigadb.org").content = Some("127.0.1.2".into()));
    assert_snapshot!(refused(&stand));
}

#[test]
fn a_name_is_an_alias() {
    let stand = Stand::drifted(|org, _| {
        org.retain(|record| record.name != "files.gigadb.org");
        org.push(record("files.gigadb.org", Kind::CNAME, "bastion.gigadb.org"));
    });
    assert_snapshot!(refused(&stand));
}

#[test]
fn an_address_of_the_other_family_would_stay_behind() {
    let stand = Stand::drifted(|org, _| org.push(record("files.gigadb.org", Kind::AAAA, "2001:db8::3")));
    assert_snapshot!(refused(&stand));
}

#[test]
fn half_of_the_names_say_one_side_and_half_the_other() {
    let stand = Stand::drifted(|org, _| {
        for (name, address) in [
            ("gigadb.org", "127.0.2.1"),
            ("bastion.gigadb.org", "127.0.2.2"),
            ("files.gigadb.org", "127.0.2.3"),
            ("portainer.gigadb.org", "127.0.2.1"),
        ] {
            of(org, name).content = Some(address.into());
        }
    });
    assert_snapshot!(refused(&stand));
}

#[test]
fn the_site_of_the_side_that_waits_is_down() {
    let stand = Stand::new();
    assert!(stand.sandbox.set_site("sydney", "eip-gigadb-live-gigadb", switchover_sandbox::SiteState::Down));
    assert_snapshot!(refused(&stand));
}

#[test]
fn a_token_that_may_only_read_is_found_before_anything_is_done() {
    let mut stand = Stand::new();
    stand.home = stand.home.set("CLOUDFLARE_API_TOKEN", "sandbox-reader-token-0000000000000000000");
    assert_snapshot!(refused(&stand));
}

#[test]
fn a_token_that_has_expired_is_found_before_anything_is_done() {
    let mut stand = Stand::new();
    stand.home = stand.home.set("CLOUDFLARE_API_TOKEN", "sandbox-expired-token-000000000000000000");
    assert_snapshot!(refused(&stand));
}
