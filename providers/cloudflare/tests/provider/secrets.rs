//! The token is seen by Cloudflare and by nobody else.

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde_json::json;
use switchover::port::{Meter, NameService};
use switchover_cloudflare::{Cloudflare, CloudflareOptions, SetupError};

use crate::fake::{Fake, TOKEN, a, refusal};
use crate::server::{Reply, json as reply, text};
use crate::setup::{Bench, JumpingClock, apex, with_id};

#[tokio::test]
async fn the_token_is_sent_as_bearer_and_never_shown() {
    let bench = Bench::new(Fake::new(vec![a("1", "gigadb.org", "192.0.2.1")])).await;
    bench.read().await.unwrap();
    assert_eq!(bench.server.seen()[0].headers["authorization"], format!("Bearer {TOKEN}"));
    for text in [format!("{:?}", bench.names), format!("{:#?}", bench.names)] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn a_service_that_repeats_the_token_does_not_bring_it_into_errors() {
    let echo = format!("bad token {TOKEN}");
    for fault in [
        refusal(400, 9000, &echo),
        refusal(401, 1000, &echo),
        refusal(403, 10_000, &echo),
        reply(200, &json!({"success": true, "result": echo})),
        Reply::Answer {
            status: 200,
            headers: vec![("content-type", echo.clone())],
            body: "<html>".to_owned(),
        },
        text(500, &echo),
    ] {
        let script = fault.clone();
        let bench =
            Bench::scripted(Fake::new(vec![a("1", "gigadb.org", "192.0.2.1")]), &with_id(), move |_| {
                Some(script.clone())
            })
            .await;
        let read = bench.names.read(&apex(), &BTreeSet::new()).await.unwrap_err();
        let change = bench.change(&[bench.to("1", "192.0.2.9")]).await.unwrap_err();
        let proof = bench.names.prove_write(&apex(), &[]).await.unwrap_err();
        for error in [read, change, proof] {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(TOKEN), "{fault:?}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_refused_without_being_shown() {
    for token in ["", "two words", "line\nbreak", "\u{e9}t\u{e9}"] {
        let made = Cloudflare::new(
            &CloudflareOptions::default(),
            SecretString::from(token),
            &with_id(),
            Meter::default(),
            JumpingClock::new(),
        );
        let error = made.expect_err(token);
        assert!(matches!(error, SetupError::Token(_)), "{error}");
        assert!(token.is_empty() || !format!("{error} {error:?}").contains(token));
    }
}
