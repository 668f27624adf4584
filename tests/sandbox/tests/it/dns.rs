//! The name servers and the resolver.

use std::time::Duration;

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RecordType::{A, AAAA, CAA, CNAME, MX, NS, SOA, SRV, TXT};
use serde_json::json;
use switchover_sandbox::{Answering, DnsSettings, Kind};
use tokio::time::sleep;

use super::support::{ask, call, id_of, records_path, start, values};

#[tokio::test]
async fn servers_answer_with_authority_what_the_zone_says() {
    let sandbox = start().await;
    let server = sandbox.dns_servers()[0].address;
    assert_eq!(values(server, "pro.test", A).await, ["127.0.1.1"]);
    assert_eq!(values(server, "PRO.test", MX).await, ["10 mail.pro.test."]);
    assert_eq!(values(server, "pro.test", CAA).await, ["128 issue \"ca.test\""]);
    assert_eq!(values(server, "_sip._tcp.pro.test", SRV).await, ["1 2 3 sip.pro.test."]);
    assert_eq!(values(server, "pro.test", NS).await, ["ns1.sandbox.test.", "ns2.sandbox.test."]);
    assert_eq!(values(server, "alias.pro.test", A).await, ["127.0.1.2", "www.pro.test."]);
    assert_eq!(values(server, "any.wild.pro.test", A).await, ["127.0.1.5"]);
    let text = ask(server, "deep.below.pro.test", TXT).await.unwrap();
    assert_eq!(text.answers[0].data.to_string(), "ab");
    let answer = ask(server, "auto.pro.test", A).await.unwrap();
    assert!(answer.metadata.authoritative && !answer.metadata.recursion_available);
    assert_eq!(answer.answers[0].ttl, 300, "automatic");
    assert_eq!(ask(server, "pro.test", SOA).await.unwrap().answers.len(), 1);
}

#[tokio::test]
async fn absence_is_told_apart() {
    let sandbox = start().await;
    let server = sandbox.dns_servers()[0].address;
    let cases = [
        ("nothing.pro.test", A, ResponseCode::NXDomain),
        ("www.pro.test", AAAA, ResponseCode::NoError),
        ("below.pro.test", A, ResponseCode::NoError),
        ("wild.pro.test", A, ResponseCode::NoError),
        ("elsewhere.test", A, ResponseCode::Refused),
    ];
    for (name, kind, code) in cases {
        let answer = ask(server, name, kind).await.unwrap();
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (code, 0), "{name}");
        let soa = answer.authorities.iter().filter(|record| record.record_type() == SOA).count();
        assert_eq!(soa, usize::from(code != ResponseCode::Refused), "{name}");
    }
    let referral = ask(server, "host.lab.pro.test", A).await.unwrap();
    assert!(!referral.metadata.authoritative);
    assert_eq!(referral.authorities[0].record_type(), NS);
}

#[tokio::test]
async fn proxied_names_answer_with_the_edge_even_if_one_record_alone_is_proxied() {
    let sandbox = start().await;
    let server = sandbox.dns_servers()[0].address;
    assert_eq!(values(server, "edge.pro.test", A).await, ["203.0.113.1", "203.0.113.2"]);
    assert_eq!(values(server, "edge.pro.test", AAAA).await, ["2001:db8::1"]);
    assert!(values(server, "edge.pro.test", CNAME).await.is_empty());
}

#[tokio::test]
async fn a_commit_shows_at_each_server_after_its_own_delay() {
    let sandbox = start().await;
    let servers = sandbox.dns_servers();
    let slow = DnsSettings { delay_ms: 600, ..DnsSettings::default() };
    assert!(sandbox.set_dns("ns2.sandbox.test", &slow));
    assert!(sandbox.edit_record("pro.test", Kind::A, "127.0.2.1"));
    assert_eq!(values(servers[0].address, "pro.test", A).await, ["127.0.2.1"]);
    assert_eq!(values(servers[1].address, "pro.test", A).await, ["127.0.1.1"]);
    sleep(Duration::from_millis(700)).await;
    assert_eq!(values(servers[1].address, "pro.test", A).await, ["127.0.2.1"]);
}

#[tokio::test]
async fn with_jitter_the_records_of_a_batch_show_at_different_times() {
    let sandbox = start().await;
    let server = sandbox.dns_servers()[0].address;
    let settings = DnsSettings { jitter_ms: 1_000, ..DnsSettings::default() };
    assert!(sandbox.set_dns("ns1.sandbox.test", &settings));
    let posts: Vec<_> = (0..20)
        .map(|n| json!({ "name": format!("j{n}.pro.test"), "type": "A", "content": "127.0.0.1" }))
        .collect();
    let path = records_path(&sandbox, "pro.test", "/batch");
    assert_eq!(call(&sandbox, "POST", &path, Some(json!({ "posts": posts }))).await.status, 200);
    sleep(Duration::from_millis(400)).await;
    let shown = async || {
        let mut shown = 0;
        for n in 0..20 {
            shown += values(server, &format!("j{n}.pro.test"), A).await.len();
        }
        shown
    };
    let part = shown().await;
    assert!((1..20).contains(&part), "{part} of 20 shown");
    sleep(Duration::from_millis(700)).await;
    assert_eq!(shown().await, 20);
}

#[tokio::test]
async fn a_name_whose_last_record_is_deleted_is_gone() {
    let sandbox = start().await;
    let server = sandbox.dns_servers()[0].address;
    let id = id_of(&sandbox, "pro.test", "www.pro.test");
    let path = records_path(&sandbox, "pro.test", &format!("/{id}"));
    assert_eq!(call(&sandbox, "DELETE", &path, None).await.result()["id"], json!(id));
    let answer = ask(server, "www.pro.test", A).await.unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn servers_can_be_told_to_fail() {
    let sandbox = start().await;
    let server = sandbox.dns_servers()[0].clone();
    let tell =
        |answering| sandbox.set_dns(&server.name, &DnsSettings { answering, ..DnsSettings::default() });
    assert!(tell(Answering::Stale));
    assert!(sandbox.edit_record("pro.test", Kind::A, "127.0.2.1"));
    assert_eq!(values(server.address, "pro.test", A).await, ["127.0.1.1"]);
    assert!(tell(Answering::Servfail));
    let answer = ask(server.address, "pro.test", A).await.unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert!(tell(Answering::Silent));
    assert!(ask(server.address, "pro.test", A).await.is_none());
    assert!(tell(Answering::Live));
    assert_eq!(values(server.address, "pro.test", A).await, ["127.0.2.1"]);
}

#[tokio::test]
async fn the_resolver_keeps_an_answer_for_its_ttl_and_counts_it_down() {
    let sandbox = start().await;
    let resolver = sandbox.resolvers()[0].address;
    let first = ask(resolver, "short.pro.test", A).await.unwrap();
    assert!(first.metadata.recursion_available && !first.metadata.authoritative);
    assert_eq!(first.answers[0].ttl, 2);
    assert!(sandbox.edit_record("short.pro.test", Kind::A, "127.0.2.3"));
    sleep(Duration::from_millis(1_100)).await;
    let kept = ask(resolver, "short.pro.test", A).await.unwrap();
    assert_eq!((kept.answers[0].data.to_string(), kept.answers[0].ttl), ("127.0.1.3".to_owned(), 1));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(values(resolver, "short.pro.test", A).await, ["127.0.2.3"]);
}

#[tokio::test]
async fn the_resolver_keeps_absence_too_until_it_is_flushed() {
    let sandbox = start().await;
    let resolver = sandbox.resolvers()[0].address;
    let absent = ask(resolver, "new.pro.test", A).await.unwrap();
    assert_eq!(absent.metadata.response_code, ResponseCode::NXDomain);
    let record = json!({ "name": "new.pro.test", "type": "A", "content": "127.0.0.1" });
    call(&sandbox, "POST", &records_path(&sandbox, "pro.test", ""), Some(record)).await;
    assert!(values(resolver, "new.pro.test", A).await.is_empty());
    sandbox.flush_resolvers();
    assert_eq!(values(resolver, "new.pro.test", A).await, ["127.0.0.1"]);
}

#[tokio::test]
async fn the_resolver_asks_the_next_server_when_one_fails_and_fails_when_all_do() {
    let sandbox = start().await;
    let resolver = sandbox.resolvers()[0].address;
    let silent = DnsSettings { answering: Answering::Silent, ..DnsSettings::default() };
    assert!(sandbox.set_dns("ns1.sandbox.test", &silent));
    for name in ["pro.test", "www.pro.test"] {
        assert_eq!(values(resolver, name, A).await.len(), 1, "{name}");
    }
    assert!(sandbox.set_dns("ns2.sandbox.test", &silent));
    let answer = ask(resolver, "auto.pro.test", A).await.unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert!(sandbox.set_resolver("public", Answering::Silent));
    assert!(ask(resolver, "pro.test", A).await.is_none());
}
