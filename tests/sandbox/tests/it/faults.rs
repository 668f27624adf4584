//! Faults: what the client sees, and whether the write landed.

use std::time::{Duration, Instant};

use serde_json::json;
use switchover_sandbox::{Fault, FaultRule, Sandbox};
use tokio::time::sleep;

use super::support::{Answer, WRITER, call, content_of, http, id_of, records_path, start, try_call};

/// Points the apex elsewhere under a fault, with half a second of patience.
async fn write_under(sandbox: &Sandbox, fault: Fault) -> reqwest::Result<Answer> {
    sandbox.add_fault(FaultRule::new(fault).on("PATCH", "/zones/*/dns_records/*"));
    let path = records_path(sandbox, "pro.test", &format!("/{}", id_of(sandbox, "pro.test", "pro.test")));
    let body = json!({ "content": "127.0.2.1" });
    try_call(sandbox, Some(WRITER), "PATCH", &path, Some(body), Duration::from_millis(500)).await
}

fn landed(sandbox: &Sandbox) -> bool {
    content_of(sandbox, "pro.test", "pro.test").as_deref() == Some("127.0.2.1")
}

#[tokio::test]
async fn silence_with_the_write_done_not_done_and_done_late() {
    for (fault, at_once, later) in [
        (Fault::ApplyThenHang, true, true),
        (Fault::Hang, false, false),
        (Fault::ApplyLate { ms: 800 }, false, true),
        (Fault::LatencyBefore { ms: 800 }, false, true),
        (Fault::LatencyAfter { ms: 800 }, true, true),
    ] {
        let sandbox = start().await;
        let outcome = write_under(&sandbox, fault.clone()).await;
        assert!(outcome.unwrap_err().is_timeout(), "{fault:?}");
        assert_eq!(landed(&sandbox), at_once, "{fault:?}");
        sleep(Duration::from_millis(500)).await;
        assert_eq!(landed(&sandbox), later, "{fault:?} later");
        assert_eq!(sandbox.requests()[0].applied, later, "{fault:?} logged");
        let stopping = Instant::now();
        sandbox.shutdown().await;
        assert!(stopping.elapsed() < Duration::from_secs(3), "{fault:?} holds up the end");
    }
}

#[tokio::test]
async fn dropped_connections_with_the_write_done_and_not_done() {
    for (fault, applied) in [(Fault::DropBefore, false), (Fault::DropAfter, true)] {
        let sandbox = start().await;
        let error = write_under(&sandbox, fault.clone()).await.unwrap_err();
        assert!(!error.is_timeout(), "{fault:?} {error:?}");
        assert_eq!((landed(&sandbox), sandbox.requests()[0].status), (applied, None), "{fault:?}");
    }
}

#[tokio::test]
async fn bad_answers_with_the_write_done_and_not_done() {
    for applied in [false, true] {
        let message = "sorry".to_owned();
        let cases = [
            (Fault::Status { status: 502, applied }, 502),
            (Fault::ErrorBody { code: 1, message, applied }, 200),
            (Fault::Html { status: 503, applied }, 503),
        ];
        for (fault, status) in cases {
            let sandbox = start().await;
            let answer = write_under(&sandbox, fault.clone()).await.unwrap();
            assert_eq!((answer.status, landed(&sandbox)), (status, applied), "{fault:?}");
            assert_ne!(answer.body["success"], true);
        }
    }
}

#[tokio::test]
async fn broken_and_huge_bodies() {
    let sandbox = start().await;
    let answer = write_under(&sandbox, Fault::TruncatedJson).await.unwrap();
    assert_eq!((answer.status, answer.body.is_null(), landed(&sandbox)), (200, true, true));
    sandbox.clear_faults();
    sandbox.add_fault(FaultRule::new(Fault::HugeJson { bytes: 1 << 20 }).times(1));
    let answer = call(&sandbox, "GET", "/zones", None).await;
    assert_eq!(answer.headers["content-length"], (1 << 20).to_string());
    assert_eq!(answer.result().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_429_out_of_the_blue_with_and_without_advice() {
    let sandbox = start().await;
    sandbox.add_fault(FaultRule::new(Fault::RateLimited { retry_after: Some(7) }).times(1));
    sandbox.add_fault(FaultRule::new(Fault::RateLimited { retry_after: None }).after(1).times(1));
    let first = call(&sandbox, "GET", "/zones", None).await;
    assert_eq!((first.status, first.headers.get("retry-after").is_some()), (429, true));
    let second = call(&sandbox, "GET", "/zones", None).await;
    assert_eq!((second.status, second.headers.get("retry-after").is_some()), (429, false));
    assert_eq!(call(&sandbox, "GET", "/zones", None).await.status, 200);
}

#[tokio::test]
async fn a_token_expires_at_the_call_that_is_named() {
    let sandbox = start().await;
    sandbox.add_fault(FaultRule::new(Fault::ExpireToken { token: "writer".into() }).after(2));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(call(&sandbox, "GET", "/zones", None).await.status);
    }
    assert_eq!(statuses, [200, 200, 403, 403]);
    sandbox.reset();
    assert_eq!(call(&sandbox, "GET", "/zones", None).await.status, 200);
}

#[tokio::test]
async fn the_controls_do_over_http_what_the_methods_do() {
    let sandbox = start().await;
    let client = http(Duration::from_secs(5));
    let url = |path: &str| format!("{}{path}", sandbox.control_url());
    let post = async |path: &str, body: serde_json::Value| {
        client.post(url(path)).json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("/faults", json!({ "kind": "status", "status": 500, "times": 1 })).await, 204);
    assert_eq!(post("/faults", json!({ "kind": "status", "status": 500, "time": 1 })).await, 422);
    assert_eq!(call(&sandbox, "GET", "/zones", None).await.status, 500);
    assert_eq!(call(&sandbox, "GET", "/zones", None).await.status, 200);
    assert_eq!(
        post("/records", json!({ "name": "pro.test", "type": "A", "content": "127.0.2.1" })).await,
        204
    );
    assert!(landed(&sandbox));
    assert_eq!(sandbox.requests().len(), 2, "controls are not logged");
    assert_eq!(post("/sites", json!({ "side": "nowhere", "state": "down" })).await, 404);
    assert_eq!(post("/latency", json!({ "ms": 60 })).await, 204);
    let start = Instant::now();
    call(&sandbox, "GET", "/zones", None).await;
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(post("/reset", json!({})).await, 204);
    assert!(!landed(&sandbox) && sandbox.requests().is_empty());
    let all: serde_json::Value = client.get(url("/records")).send().await.unwrap().json().await.unwrap();
    assert_eq!(all["pro.test"].as_array().unwrap().len(), 13);
}
