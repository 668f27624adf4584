//! Proving that the token may write, without writing.

use serde_json::json;
use switchover::model::Record;
use switchover::port::{NameError, NameService};

use crate::fake::{Fake, Token, a, refusal};
use crate::server::{Request, json as reply, text, throttled};
use crate::setup::{Bench, apex, first, with_id};

fn one() -> Fake {
    Fake::new(vec![a("1", "gigadb.org", "192.0.2.1")])
}

async fn prove(bench: &Bench) -> Result<(), NameError> {
    bench.names.prove_write(&apex(), &[bench.record("1")]).await
}

fn write(request: &Request) -> bool {
    request.is_write()
}

#[tokio::test]
async fn a_token_that_may_write_is_proved_in_one_request_that_changes_nothing() {
    let bench = Bench::new(one()).await;
    let before = bench.fake.records();
    assert_eq!(prove(&bench).await, Ok(()));
    assert_eq!(bench.names.prove_write(&apex(), &[]).await, Ok(()));
    assert_eq!(bench.fake.records(), before);
    assert_eq!(bench.meter.total(), 2);
    for write in bench.server.writes() {
        let body = write.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        assert_eq!(body["patches"].as_array().unwrap().len(), 1);
        assert_eq!(body["patches"][0]["id"], json!("0".repeat(32)));
    }
}

#[tokio::test]
async fn a_token_that_may_only_read_is_forbidden() {
    let bench = Bench::new(one()).await;
    bench.fake.with(|state| state.token = Token::ReadOnly);
    let error = prove(&bench).await.unwrap_err();
    assert!(matches!(&error, NameError::Forbidden { code: Some(10_000), .. }), "{error}");
}

#[tokio::test]
async fn a_token_that_is_none_or_no_longer_is_unauthorized() {
    for (token, word) in [(Token::Expired, "the token is expired"), (Token::Unknown, "Invalid API Token")] {
        let bench = Bench::new(one()).await;
        bench.fake.with(|state| state.token = token);
        let error = prove(&bench).await.unwrap_err();
        assert!(
            matches!(&error, NameError::Unauthorized { message, .. } if message.contains(word)),
            "{error}"
        );
    }
    for fault in [refusal(401, 1000, "Invalid API Token"), refusal(400, 6003, "Invalid request headers")] {
        let bench = Bench::scripted(one(), &with_id(), first(99, write, fault)).await;
        assert!(matches!(prove(&bench).await, Err(NameError::Unauthorized { .. })));
    }
}

#[tokio::test]
async fn only_the_missing_record_counts_as_proof() {
    for fault in [refusal(400, 9005, "no"), refusal(200, 1004, "no")] {
        let bench = Bench::scripted(one(), &with_id(), first(99, write, fault)).await;
        assert!(matches!(prove(&bench).await, Err(NameError::Rejected { .. })));
    }
    let yes = reply(200, &json!({"success": true, "errors": [], "result": {"patches": []}}));
    let bench = Bench::scripted(one(), &with_id(), first(99, write, yes)).await;
    assert!(matches!(prove(&bench).await, Err(NameError::Rejected { .. })));
}

#[tokio::test]
async fn a_proof_may_be_repeated_so_it_is() {
    for fault in [throttled(Some(3)), text(503, "")] {
        let bench = Bench::scripted(one(), &with_id(), first(2, write, fault)).await;
        assert_eq!(prove(&bench).await, Ok(()));
        assert_eq!(bench.meter.total(), 3);
    }
    let bench = Bench::scripted(one(), &with_id(), first(99, write, text(503, ""))).await;
    assert!(
        matches!(prove(&bench).await, Err(NameError::Unavailable { .. })),
        "never Unknown: nothing can have changed"
    );
}

#[tokio::test]
async fn the_proof_copies_a_record_but_for_its_id() {
    let bench = Bench::new(one()).await;
    let record: Record = bench.record("1");
    bench.names.prove_write(&apex(), &[record]).await.unwrap();
    let patch = &bench.server.writes()[0].json()["patches"][0];
    assert_eq!(patch["name"], json!("gigadb.org"));
    assert_eq!(patch["content"], json!("192.0.2.1"));
}
