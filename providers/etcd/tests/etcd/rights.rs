//! Who may do what, and what those are told who may not.

use switchover::journal::Seq;
use switchover::port::{Appended, StateError, StateStore as _};
use switchover_tests::contract::state_store::{entry, pair};

use crate::{Cluster, ctl, run};

fn why(result: Result<(), StateError>) -> String {
    match result {
        Err(StateError::Unusable { why, .. } | StateError::Unavailable { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_smallest_role_suffices_and_proving_it_changes_nothing() {
    let cluster = Cluster::new();
    run(async {
        let store = cluster.etcd();
        store.prove().await.unwrap();
        store.prove().await.unwrap();
        let kept = ctl(&["etcdctl", "get", "--prefix", "--keys-only", &cluster.prefix]);
        assert_eq!(kept, "", "proving wrote something");
        assert_eq!(store.append_at(&pair("a"), Seq(0), &entry(0, "w")).await, Ok(Appended::Done));
    });
}

#[test]
fn whoever_may_only_read_is_found_before_anything_is_written() {
    let cluster = Cluster::new();
    let reader = Cluster { user: Some("reader"), ..cluster.clone() };
    run(async {
        assert_eq!(cluster.etcd().append_at(&pair("a"), Seq(0), &entry(0, "w")).await, Ok(Appended::Done));
        let store = reader.etcd();
        assert_eq!(store.read(&pair("a"), Seq(0)).await.unwrap().len(), 1);
        let told = why(store.prove().await);
        assert!(told.contains("permission denied") && told.contains("role"), "{told}");
        let refused = store.append_at(&pair("a"), Seq(1), &entry(1, "w")).await;
        assert!(matches!(refused, Err(StateError::Unusable { .. })), "{refused:?}");
    });
}

#[test]
fn other_prefixes_are_out_of_reach() {
    let elsewhere = Cluster { prefix: "elsewhere".to_owned(), ..Cluster::new() };
    run(async {
        assert!(why(elsewhere.etcd().prove().await).contains("permission denied"));
        assert!(elsewhere.etcd().read(&pair("a"), Seq(0)).await.is_err());
    });
}

#[test]
fn a_wrong_password_is_said_to_be_wrong_at_once_and_not_shown() {
    let cluster = Cluster { password: "hunter2hunter2".to_owned(), ..Cluster::new() };
    run(async {
        let began = std::time::Instant::now();
        let store = cluster.etcd();
        let told = why(store.prove().await);
        assert!(told.contains("invalid user ID or password") && !told.contains("hunter2"), "{told}");
        assert!(began.elapsed().as_secs() < 5, "it was tried again");
        assert!(!format!("{store:?} {:?}", cluster.files()).contains("hunter2"));
    });
}

#[test]
fn without_a_user_nothing_is_allowed() {
    let nobody = Cluster { user: None, ..Cluster::new() };
    assert!(run(async { why(nobody.etcd().prove().await) }).contains("user name is empty"));
}

#[test]
fn a_certificate_of_another_authority_is_refused_by_every_member() {
    let stranger = Cluster { certificate: "stranger", patience: "2s", ..Cluster::new() };
    run(async {
        let told = why(stranger.etcd().prove().await);
        for endpoint in &stranger.endpoints {
            assert!(told.contains(endpoint.as_str()), "{told}");
        }
    });
}

#[test]
fn a_certificate_with_a_common_name_is_told_what_to_do() {
    let named = Cluster { certificate: "named", ..Cluster::new() };
    let told = run(async { why(named.etcd().prove().await) });
    assert!(told.contains("CommonName"), "{told}");
}

#[test]
fn a_token_that_the_members_forgot_is_asked_for_anew() {
    let cluster = Cluster::new();
    run(async {
        let store = cluster.etcd();
        assert_eq!(store.append_at(&pair("a"), Seq(0), &entry(0, "w")).await, Ok(Appended::Done));
        // Changing rights makes every token one of an old revision.
        ctl(&["etcdctl", "role", "grant-permission", "reader", "read", "--prefix=true", "switchover/x"]);
        for member in ["1", "2", "3"] {
            ctl(&["kill", member]);
        }
        for member in ["1", "2", "3"] {
            ctl(&["start", member]);
        }
        ctl(&["leader"]);
        assert_eq!(store.append_at(&pair("a"), Seq(1), &entry(1, "w")).await, Ok(Appended::Done));
        assert_eq!(cluster.etcd().read(&pair("a"), Seq(0)).await.unwrap().len(), 2);
    });
}
