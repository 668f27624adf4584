//! Changing records: by id, all or nothing, and never twice.

use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;
use serde_json::{Value, json};
use switchover::model::{DnsName, RecordData, RecordId, RecordValue, Ttl};
use switchover::port::{NameError, NameService, RecordChange};
use switchover_cloudflare::Cloudflare;

use crate::fake::{Fake, Token, a, refusal, zone};
use crate::server::{Reply, Request, cut, json as reply, text, throttled};
use crate::setup::{Bench, apex, by_name, first, hurried, with_id};

fn three() -> Fake {
    Fake::new(vec![
        a("1", "gigadb.org", "192.0.2.1"),
        a("2", "files.gigadb.org", "192.0.2.2"),
        a("3", "bastion.gigadb.org", "192.0.2.3"),
    ])
}

fn numbered(count: usize) -> Fake {
    // Two addresses for each name, so that a cut at 200 falls between names and one at 199 would not.
    Fake::new(
        (0..count)
            .map(|i| a(&format!("{i}"), &format!("n{}.gigadb.org", i.div_ceil(2)), "192.0.2.1"))
            .collect(),
    )
}

fn all(bench: &Bench, count: usize) -> Vec<RecordChange> {
    (0..count).map(|i| bench.to(&i.to_string(), "192.0.2.99")).collect()
}

fn write(request: &Request) -> bool {
    request.is_write()
}

fn contents(fake: &Fake) -> Vec<Value> {
    fake.records().iter().map(|record| record["content"].clone()).collect()
}

#[tokio::test]
async fn a_change_is_one_batch_of_patches_by_id() {
    let bench = Bench::new(three()).await;
    let changes = [bench.to("1", "192.0.2.101"), bench.to("2", "192.0.2.102")];
    assert_eq!(bench.change(&changes).await, Ok(()));
    let writes = bench.server.writes();
    assert_eq!((writes.len(), bench.meter.total()), (1, 1));
    assert_eq!(
        writes[0].json(),
        json!({"patches": [
            {"id": "1", "type": "A", "name": "gigadb.org", "ttl": 300, "content": "192.0.2.101"},
            {"id": "2", "type": "A", "name": "files.gigadb.org", "ttl": 300, "content": "192.0.2.102"},
        ]})
    );
    let record = &bench.fake.records()[0];
    assert_eq!((&record["comment"], &record["tags"]), (&json!("kept"), &json!(["owner:ops"])));
}

#[tokio::test]
async fn a_ttl_is_changed_without_the_content() {
    let bench = Bench::new(three()).await;
    let before = bench.record("1");
    let after = RecordValue { ttl: Ttl::Auto, ..before.value.clone() };
    assert_eq!(bench.change(&[RecordChange { before, after }]).await, Ok(()));
    let patch = &bench.server.writes()[0].json()["patches"][0];
    assert_eq!(*patch, json!({"id": "1", "type": "A", "name": "gigadb.org", "ttl": 1}));
}

#[tokio::test]
async fn no_changes_are_no_request() {
    let bench = Bench::new(three()).await;
    assert_eq!(bench.change(&[]).await, Ok(()));
    assert_eq!(bench.meter.total(), 0);
}

#[tokio::test]
async fn what_must_not_be_sent_is_refused_before() {
    let bench = Bench::new(three()).await;
    let good = bench.to("1", "192.0.2.101");
    let with = |change: &dyn Fn(&mut RecordChange)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    let ttl = |seconds| with(&|change| change.after.ttl = Ttl::Seconds(seconds));
    let bad = [
        with(&|change| {
            change.before.proxied = true;
            change.before.value.ttl = Ttl::Auto;
            change.after.ttl = Ttl::Seconds(60);
        }),
        ttl(0),
        ttl(1),
        ttl(29),
        ttl(86_401),
        with(&|change| change.after.data = RecordData::Cname(DnsName::new("gigadb.org").unwrap())),
        with(&|change| change.before.name = DnsName::new("gigadb.host").unwrap()),
        with(&|change| change.before.id = RecordId(String::new())),
        with(&|change| {
            change.before.value.data = RecordData::Other { kind: "TXT".to_owned(), text: "x".to_owned() };
            change.after.data = RecordData::Other { kind: "TXT".to_owned(), text: "y".to_owned() };
        }),
    ];
    for bad in bad {
        let error = bench.change(std::slice::from_ref(&bad)).await.unwrap_err();
        assert!(matches!(error, NameError::Rejected { code: None, .. }), "{error}");
    }
    let twice = bench.change(&[good.clone(), good.clone()]).await.unwrap_err();
    assert!(matches!(twice, NameError::Rejected { .. }), "{twice}");
    assert_eq!(bench.meter.total(), 0);
}

#[tokio::test]
async fn a_proxied_record_moves_with_its_ttl_on_auto() {
    let fake = three();
    fake.with(|state| {
        state.records[0]["proxied"] = json!(true);
        state.records[0]["ttl"] = json!(1);
    });
    let bench = Bench::new(fake).await;
    assert_eq!(bench.change(&[bench.to("1", "192.0.2.101")]).await, Ok(()));
    assert_eq!(bench.server.writes()[0].json()["patches"][0]["ttl"], json!(1));
    assert_eq!(bench.fake.records()[0]["proxied"], json!(true));
}

#[tokio::test]
async fn after_an_answer_that_tells_nothing_the_outcome_is_unknown_and_nothing_is_sent_again() {
    let old =
        json!({"success": true, "errors": [], "result": {"patches": [a("1", "gigadb.org", "192.0.2.1")]}});
    let none = json!({"success": true, "errors": [], "result": {"patches": []}});
    for fault in [
        text(500, ""),
        text(502, "<html>Bad gateway</html>"),
        text(524, ""),
        text(408, ""),
        refusal(500, 10_000, "internal"),
        text(200, "<html>log in</html>"),
        text(403, "<html>blocked</html>"),
        text(200, r#"{"success":true,"errors":[],"result":{"patches":[{"id"#),
        cut(r#"{"success":true,"#),
        reply(200, &json!({"success": true, "result": null})),
        reply(400, &json!({"success": true, "result": {"patches": []}})),
        reply(200, &none),
        reply(200, &old),
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".to_vec()),
        Reply::Reset,
        Reply::Hang,
    ] {
        let bench = Bench::with(hurried, three(), &with_id(), first(99, write, fault.clone())).await;
        let error = bench.change(&[bench.to("1", "192.0.2.101")]).await.unwrap_err();
        assert!(matches!(error, NameError::Unknown { .. }), "{fault:?}: {error}");
        assert_eq!(bench.meter.total(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_change_that_landed_without_an_answer_is_unknown() {
    let fake = three();
    let behind = fake.clone();
    let bench = Bench::with(hurried, fake, &with_id(), move |request| {
        write(request).then(|| {
            behind.answer(request);
            Reply::Hang
        })
    })
    .await;
    let error = bench.change(&[bench.to("1", "192.0.2.101")]).await.unwrap_err();
    assert!(matches!(error, NameError::Unknown { .. }), "{error}");
    assert_eq!(contents(&bench.fake)[0], "192.0.2.101");
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let bench = Bench::new(three()).await;
    let change = bench.to("1", "192.0.2.101");
    let Bench { names, server, .. } = bench;
    drop(server);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let error = names.change(&apex(), &[change]).await.unwrap_err();
    assert!(matches!(error, NameError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn without_tls_on_the_other_side_nothing_was_sent() {
    let bench = Bench::new(three()).await;
    let secure = hurried(&bench.server.url.replace("http://", "https://"));
    let token = SecretString::from(crate::fake::TOKEN);
    let names =
        Cloudflare::new(&secure, token, &with_id(), bench.meter.clone(), bench.clock.clone()).unwrap();
    let error = names.change(&apex(), &[bench.to("1", "192.0.2.101")]).await.unwrap_err();
    assert!(matches!(error, NameError::Unavailable { .. }), "{error}");
    assert!(bench.server.seen().is_empty());
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_change_its_answer() {
    let bench = Bench::scripted(three(), &with_id(), |request| {
        let list =
            json!({"success": true, "result": [], "result_info": {"total_count": 0, "total_pages": 0}})
                .to_string();
        let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}", list.len());
        (!write(request)).then(|| Reply::Bytes(whole.into_bytes()))
    })
    .await;
    bench.read().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(bench.change(&[bench.to("1", "192.0.2.101")]).await, Ok(()));
    assert_eq!(bench.server.writes().len(), 1);
}

#[tokio::test]
async fn a_throttled_change_is_sent_again_after_a_fresh_look() {
    for fault in [throttled(Some(7)), throttled(None)] {
        let bench = Bench::scripted(three(), &with_id(), first(1, write, fault)).await;
        assert_eq!(bench.change(&[bench.to("1", "192.0.2.101")]).await, Ok(()));
        let methods: Vec<String> = bench.server.seen().iter().map(|request| request.method.clone()).collect();
        assert_eq!(methods, ["POST", "GET", "POST"]);
    }
}

#[tokio::test]
async fn a_record_edited_while_a_throttled_change_waits_is_left_alone() {
    let fake = three();
    let behind = fake.clone();
    let bench = Bench::scripted(fake, &with_id(), move |request| {
        write(request).then(|| {
            behind.with(|state| state.records[0]["content"] = json!("198.51.100.7"));
            throttled(Some(5))
        })
    })
    .await;
    let error =
        bench.change(&[bench.to("1", "192.0.2.101"), bench.to("2", "192.0.2.102")]).await.unwrap_err();
    let NameError::Conflict { records, .. } = error else { panic!("{error}") };
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].found.as_deref(), Some("A 198.51.100.7 (TTL 300 s)"));
    assert_eq!(bench.server.writes().len(), 1);
}

#[tokio::test]
async fn a_change_throttled_for_too_long_was_not_applied() {
    let bench = Bench::scripted(three(), &with_id(), first(99, write, throttled(Some(300)))).await;
    let error = bench.change(&[bench.to("1", "192.0.2.101")]).await.unwrap_err();
    assert!(matches!(error, NameError::Throttled { retry_after: Some(_), .. }), "{error}");
    assert_eq!(bench.meter.total(), 1);
}

#[tokio::test]
async fn a_refused_batch_names_the_records_that_differ() {
    let bench = Bench::new(three()).await;
    let changes = [bench.to("1", "192.0.2.101"), bench.to("2", "192.0.2.102"), bench.to("3", "192.0.2.103")];
    bench.fake.with(|state| {
        state.records[0]["content"] = json!("192.0.2.101");
        state.records[1] = a("22", "files.gigadb.org", "192.0.2.2");
        state.records.remove(2);
    });
    let error = bench.change(&changes).await.unwrap_err();
    let NameError::Conflict { records, .. } = &error else { panic!("{error}") };
    let found: Vec<Option<&str>> = records.iter().map(|record| record.found.as_deref()).collect();
    assert_eq!(
        found,
        [
            Some("A 192.0.2.101 (TTL 300 s) (already as this change would make it)"),
            Some("A 192.0.2.2 (TTL 300 s) (another record, the one that was read is gone)"),
            None,
        ]
    );
    assert_eq!(records[2].expected, "A 192.0.2.3 (TTL 300 s)");
    assert_eq!(bench.server.seen().len(), 2, "the batch and one read");
}

#[tokio::test]
async fn records_that_still_read_as_before_are_not_named() {
    let bench = Bench::new(three()).await;
    let changes = [bench.to("1", "192.0.2.101"), bench.to("2", "192.0.2.102")];
    bench.fake.with(|state| state.records.remove(1));
    let NameError::Conflict { records, .. } = bench.change(&changes).await.unwrap_err() else {
        panic!("no conflict")
    };
    assert_eq!(records.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["files.gigadb.org"]);
    assert_eq!(contents(&bench.fake)[0], "192.0.2.1");
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_says_that_nothing_changed() {
    for status in [400, 200] {
        let bench =
            Bench::scripted(three(), &with_id(), first(99, write, refusal(status, 81_053, "exists"))).await;
        let error = bench.change(&[bench.to("1", "192.0.2.101")]).await.unwrap_err();
        let NameError::Rejected { code, message, .. } = &error else { panic!("{error}") };
        assert_eq!(*code, Some(81_053));
        assert!(
            message.contains("exists") && message.contains("all 1 records still read as before"),
            "{message}"
        );
        assert_eq!(bench.server.writes().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_is_told_even_if_the_records_cannot_be_asked() {
    let broken = AtomicBool::new(false);
    let bench = Bench::scripted(three(), &with_id(), move |request| {
        if write(request) {
            broken.store(true, Ordering::SeqCst);
            return Some(refusal(404, 81_044, "Record does not exist."));
        }
        broken.load(Ordering::SeqCst).then(|| text(503, ""))
    })
    .await;
    let error = bench.change(&[bench.to("1", "192.0.2.101")]).await.unwrap_err();
    assert!(
        matches!(&error, NameError::Rejected { code: Some(81_044), message, .. } if message.contains("could not be asked")),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_that_expires_in_mid_swap_is_told_from_one_that_may_not_write() {
    for (token, expired) in [(Token::Expired, true), (Token::Unknown, true), (Token::ReadOnly, false)] {
        let bench = Bench::new(three()).await;
        bench.fake.with(|state| state.token = token);
        let error = bench.change(&[bench.to("1", "192.0.2.101")]).await.unwrap_err();
        match &error {
            NameError::Unauthorized { code: Some(10_000), .. } => assert!(expired, "{error}"),
            NameError::Forbidden { what, code: Some(10_000), .. } => {
                assert!(!expired && what.contains("DNS Write"), "{error}");
            }
            _ => panic!("{error}"),
        }
        assert_eq!(contents(&bench.fake)[0], "192.0.2.1");
    }
}

#[tokio::test]
async fn more_changes_than_a_batch_takes_are_split_between_names() {
    let bench = Bench::new(numbered(450)).await;
    assert_eq!(bench.change(&all(&bench, 450)).await, Ok(()));
    let sizes: Vec<usize> =
        bench.server.writes().iter().map(|write| write.json()["patches"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [199, 200, 51]);
    assert!(contents(&bench.fake).iter().all(|content| content == "192.0.2.99"));
}

#[tokio::test]
async fn a_paid_plan_that_was_looked_up_takes_larger_batches() {
    let fake = numbered(450);
    fake.with(|state| state.zones = vec![zone(crate::fake::ZONE, "gigadb.org", "pro")]);
    let bench = Bench::scripted(fake, &by_name(), |_| None).await;
    assert_eq!(bench.change(&all(&bench, 450)).await, Ok(()));
    assert_eq!(bench.server.writes().len(), 1);
}

#[tokio::test]
async fn the_first_batch_that_fails_stops_the_rest() {
    // Refused: the first batch changed nothing. Later: whole batches are applied, so the caller must look.
    for (lucky, partly) in [(0, false), (1, true)] {
        let seen = std::sync::Mutex::new(0);
        let bench = Bench::scripted(numbered(450), &with_id(), move |request| {
            let mut seen = seen.lock().unwrap();
            *seen += usize::from(request.is_write());
            (request.is_write() && *seen > lucky).then(|| refusal(400, 9005, "no"))
        })
        .await;
        let error = bench.change(&all(&bench, 450)).await.unwrap_err();
        match &error {
            NameError::Unknown { why, .. } => assert!(partly && why.contains("199 of 450"), "{why}"),
            NameError::Rejected { code: Some(9005), .. } => assert!(!partly),
            _ => panic!("{error}"),
        }
        assert_eq!(bench.server.writes().len(), lucky + 1);
    }
}
