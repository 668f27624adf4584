//! Reading a zone: whole, or an error.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use switchover::model::{DnsName, RecordData, RecordKind, Ttl};
use switchover::port::{NameError, NameService};

use crate::fake::{Fake, a, refusal};
use crate::server::{Reply, Request, Server, cut, json as reply, text, throttled};
use crate::setup::{Bench, apex, first, hurried, with_id};

fn two() -> Fake {
    Fake::new(vec![a("1", "gigadb.org", "192.0.2.1"), a("2", "files.gigadb.org", "192.0.2.2")])
}

fn many(count: usize) -> Fake {
    Fake::new((0..count).map(|i| a(&format!("{i:032}"), &format!("n{i}.gigadb.org"), "192.0.2.1")).collect())
}

fn any(_: &Request) -> bool {
    true
}

/// A page as the service would write it, with any `result_info`.
fn page(records: &[Value], info: &Value) -> Reply {
    reply(200, &json!({"success": true, "errors": [], "result": records, "result_info": info}))
}

#[tokio::test]
async fn a_zone_with_its_id_is_read_in_one_request() {
    let bench = Bench::new(two()).await;
    let view = bench.names.read(&apex(), &BTreeSet::new()).await.unwrap();
    assert_eq!(view.records.len(), 2);
    assert_eq!(view.minimum_ttl, Some(Duration::from_secs(60)));
    assert_eq!((bench.meter.total(), bench.server.seen().len()), (1, 1));
}

#[tokio::test]
async fn records_of_every_type_are_read() {
    let mut proxied = a("1", "gigadb.org", "192.0.2.1");
    proxied["ttl"] = json!(1);
    proxied["proxied"] = json!(true);
    let other = |id, kind, content| json!({"id": id, "name": "gigadb.org", "type": kind, "content": content, "ttl": 300});
    let mut strange = other("7", "SVCB9", Value::Null);
    strange["data"] = json!({"flags": {"deep": [1, 2]}});
    let records = vec![
        proxied,
        json!({"id": "2", "name": "gigadb.org", "type": "CAA", "content": "0 issue \"ca\"", "ttl": 1, "data": {"flags": 0}}),
        other("3", "SRV", json!("5 5060 sip.gigadb.org")),
        other("4", "HTTPS", json!("1 . alpn=h3")),
        other("5", "AAAA", json!("2001:DB8::1")),
        json!({"id": "6", "name": "www.gigadb.org", "type": "CNAME", "content": "GigaDB.org", "ttl": 60}),
        strange,
    ];
    let bench = Bench::new(Fake::new(records)).await;
    let records = bench.read().await.unwrap();
    assert_eq!(records.len(), 7);
    assert_eq!((records[0].value.ttl, records[0].proxied), (Ttl::Auto, true));
    assert_eq!(records[1].kind(), RecordKind::Other("CAA".to_owned()));
    assert_eq!(records[4].value.data, RecordData::Aaaa("2001:db8::1".parse().unwrap()));
    assert_eq!(records[5].value.data, RecordData::Cname(DnsName::new("gigadb.org").unwrap()));
    assert_eq!(records[6].kind(), RecordKind::Other("SVCB9".to_owned()));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_matters_only_if_it_was_asked_for() {
    let fake = two();
    fake.with(|state| {
        state.records.push(a("3", "broken.gigadb.org", "not an address"));
        state.records.push(a("4", "0/25.gigadb.org", "192.0.2.4"));
    });
    let bench = Bench::new(fake).await;
    assert_eq!(bench.read().await.unwrap().len(), 2);
    let names = BTreeSet::from([DnsName::new("broken.gigadb.org").unwrap()]);
    let error = bench.names.read(&apex(), &names).await.unwrap_err();
    assert!(
        matches!(&error, NameError::Unavailable { why, .. } if why.contains("not an address")),
        "{error}"
    );
}

#[tokio::test]
async fn ten_thousand_records_take_two_requests() {
    let bench = Bench::new(many(10_000)).await;
    let records = bench.read().await.unwrap();
    let ids: BTreeSet<_> = records.iter().map(|record| &record.id).collect();
    assert_eq!((ids.len(), bench.meter.total()), (10_000, 2));
}

#[tokio::test]
async fn smaller_pages_than_asked_for_are_all_read() {
    let fake = many(1_050);
    fake.with(|state| state.page = 100);
    let bench = Bench::new(fake).await;
    assert_eq!(bench.read().await.unwrap().len(), 1_050);
    assert_eq!(bench.meter.total(), 11);
}

#[tokio::test]
async fn an_empty_zone_is_empty() {
    assert_eq!(Bench::new(Fake::new(Vec::new())).await.read().await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_page_that_fails_is_an_error_and_never_a_part() {
    let fake = many(300);
    fake.with(|state| state.page = 100);
    let third = |request: &Request| request.query.get("page").is_some_and(|page| page == "3");
    let bench = Bench::scripted(fake, &with_id(), first(99, third, text(502, "Bad gateway"))).await;
    assert!(matches!(bench.read().await, Err(NameError::Unavailable { .. })));
}

#[tokio::test]
async fn lists_that_do_not_add_up_are_read_anew_and_then_refused() {
    let records = [a("1", "gigadb.org", "192.0.2.1"), a("2", "files.gigadb.org", "192.0.2.2")];
    let twice = [records[0].clone(), records[0].clone()];
    for fault in [
        page(&records, &json!({"total_count": 3, "total_pages": 1, "per_page": 5000})),
        page(&records, &json!({"total_count": 1, "total_pages": 1, "per_page": 5000})),
        page(&twice, &json!({"total_count": 2, "total_pages": 1, "per_page": 5000})),
    ] {
        let bench = Bench::scripted(two(), &with_id(), first(1, any, fault.clone())).await;
        assert_eq!(bench.read().await.map(|records| records.len()), Ok(2), "{fault:?}");
        let bench = Bench::scripted(two(), &with_id(), first(99, any, fault.clone())).await;
        assert!(matches!(bench.read().await, Err(NameError::Unavailable { .. })), "{fault:?}");
        assert_eq!(bench.meter.total(), 3);
    }
}

#[tokio::test]
async fn a_zone_that_changes_between_pages_is_read_anew() {
    let fake = many(300);
    fake.with(|state| state.page = 100);
    let (behind, second) =
        (fake.clone(), |request: &Request| request.query.get("page").is_some_and(|p| p == "2"));
    let done = std::sync::atomic::AtomicBool::new(false);
    let bench = Bench::scripted(fake, &with_id(), move |request| {
        if second(request) && !done.swap(true, std::sync::atomic::Ordering::SeqCst) {
            behind.with(|state| state.records.push(a("new", "new.gigadb.org", "192.0.2.9")));
        }
        None
    })
    .await;
    assert_eq!(bench.read().await.unwrap().len(), 301);
}

#[tokio::test]
async fn a_list_without_its_size_or_of_absurd_size_is_refused_at_once() {
    let records = [a("1", "gigadb.org", "192.0.2.1")];
    for info in [
        Value::Null,
        json!({}),
        json!({"total_count": 1_000_000_000_000_u64, "total_pages": 1_000_000_000}),
        json!({"total_count": u64::MAX, "per_page": 1}),
    ] {
        let bench = Bench::scripted(two(), &with_id(), first(99, any, page(&records, &info))).await;
        assert!(matches!(bench.read().await, Err(NameError::Unavailable { .. })), "{info}");
        assert_eq!(bench.meter.total(), 1, "{info}");
    }
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let bench = Bench::scripted(two(), &with_id(), first(2, any, throttled(Some(7)))).await;
    assert_eq!(bench.read().await.unwrap().len(), 2);
    assert!(bench.clock.slept() >= Duration::from_secs(14));
    assert_eq!(bench.meter.total(), 3);
}

#[tokio::test]
async fn without_retry_after_the_waits_grow() {
    let bench = Bench::scripted(two(), &with_id(), first(4, any, throttled(None))).await;
    assert_eq!(bench.read().await.unwrap().len(), 2);
    let slept = bench.clock.slept();
    assert!(slept >= Duration::from_millis(7_500) && slept <= Duration::from_secs(15), "{slept:?}");
}

#[tokio::test]
async fn waiting_ends_with_max_wait() {
    let long = Bench::scripted(two(), &with_id(), first(99, any, throttled(Some(300)))).await;
    let error = long.read().await.unwrap_err();
    assert_eq!(error, NameError::Throttled { zone: apex(), retry_after: Some(Duration::from_secs(300)) });
    assert_eq!((long.clock.slept(), long.meter.total()), (Duration::ZERO, 1));

    let endless = Bench::scripted(two(), &with_id(), first(999, any, throttled(None))).await;
    assert!(matches!(endless.read().await, Err(NameError::Throttled { retry_after: None, .. })));
    assert!(endless.clock.slept() <= Duration::from_secs(60));
    assert!(endless.meter.total() < 12, "{}", endless.meter.total());

    let zero = Bench::scripted(two(), &with_id(), first(999, any, throttled(Some(0)))).await;
    assert!(matches!(zero.read().await, Err(NameError::Throttled { .. })));
    assert!(zero.meter.total() <= 61, "a server that says 0 is not hammered: {}", zero.meter.total());
}

#[tokio::test]
async fn a_service_out_of_order_is_asked_a_few_times() {
    for fault in
        [text(500, ""), text(503, "<html>"), text(524, ""), text(408, ""), Reply::Reset, cut("{\"suc")]
    {
        let bench = Bench::scripted(two(), &with_id(), first(2, any, fault.clone())).await;
        assert_eq!(bench.read().await.map(|records| records.len()), Ok(2), "{fault:?}");
        let bench = Bench::scripted(two(), &with_id(), first(99, any, fault.clone())).await;
        assert!(matches!(bench.read().await, Err(NameError::Unavailable { .. })), "{fault:?}");
        assert_eq!(bench.meter.total(), 3);
    }
}

#[tokio::test]
async fn answers_of_somebody_else_are_unavailable() {
    let redirect = Reply::Answer {
        status: 302,
        headers: vec![("location", "http://127.0.0.1:1/".to_owned())],
        body: String::new(),
    };
    for fault in [
        text(200, "<html>log in</html>"),
        text(200, ""),
        text(403, "<html>blocked</html>"),
        text(200, r#"{"success":true,"errors":[],"result":[{"id":"1","#),
        reply(200, &json!({"success": true, "result": "none"})),
        reply(200, &json!({"success": true, "result": [{"id": 5}]})),
        reply(400, &json!({"success": true, "result": []})),
        reply(200, &json!([])),
        redirect,
        Reply::Bytes(b"SSH-2.0-OpenSSH\r\n".to_vec()),
    ] {
        let bench = Bench::scripted(two(), &with_id(), first(99, any, fault.clone())).await;
        assert!(matches!(bench.read().await, Err(NameError::Unavailable { .. })), "{fault:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_the_token_goes_nowhere_else() {
    let elsewhere = Server::start(|_| page(&[], &json!({"total_count": 0, "total_pages": 0}))).await;
    let location = format!("{}/zones/x/dns_records", elsewhere.url);
    let redirect = Reply::Answer { status: 307, headers: vec![("location", location)], body: String::new() };
    let bench = Bench::scripted(two(), &with_id(), first(99, any, redirect)).await;
    assert!(matches!(bench.read().await, Err(NameError::Unavailable { .. })));
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_200_with_an_error_body_is_a_refusal() {
    let bench = Bench::scripted(two(), &with_id(), first(99, any, refusal(200, 12_345, "no\u{1b}[2J"))).await;
    let error = bench.read().await.unwrap_err();
    assert!(matches!(&error, NameError::Rejected { code: Some(12_345), .. }), "{error}");
    assert!(!error.to_string().contains('\u{1b}'));
}

#[tokio::test]
async fn huge_answers_are_not_read_to_their_end() {
    let promised = Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".to_vec());
    for fault in [promised, Reply::Flood(80)] {
        let fake = two();
        let bench = Bench::scripted(fake, &with_id(), first(99, any, fault)).await;
        let error = bench.read().await.unwrap_err();
        assert!(matches!(&error, NameError::Unavailable { why, .. } if why.contains("64 MiB")), "{error}");
        assert_eq!(bench.meter.total(), 1);
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let bench = Bench::with(hurried, two(), &with_id(), first(99, any, Reply::Hang)).await;
    let start = std::time::Instant::now();
    assert!(matches!(bench.read().await, Err(NameError::Unavailable { .. })));
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let bench = Bench::new(two()).await;
    let Bench { names, server, .. } = bench;
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = names.read(&apex(), &BTreeSet::new()).await.unwrap_err();
    assert!(matches!(&error, NameError::Unavailable { why, .. } if why.contains("no connection")), "{error}");
}
