//! The rate limit: waited for rather than run into.

use std::time::Duration;

use switchover::port::NameError;

use crate::fake::{Fake, a};
use crate::server::{Reply, Request, throttled};
use crate::setup::{Bench, first, with_id};

fn fake() -> Fake {
    Fake::new(vec![a("1", "gigadb.org", "192.0.2.1")])
}

/// The fake's own answer, with one more header.
fn with_header(fake: &Fake, request: &Request, header: (&'static str, &str)) -> Reply {
    match fake.answer(request) {
        Reply::Answer { status, mut headers, body } => {
            headers.push((header.0, header.1.to_owned()));
            Reply::Answer { status, headers, body }
        }
        other => other,
    }
}

#[tokio::test]
async fn no_more_than_1200_requests_go_out_in_five_minutes() {
    let bench = Bench::new(fake()).await;
    for _ in 0..1_200 {
        bench.read().await.unwrap();
    }
    assert_eq!(bench.clock.slept(), Duration::ZERO);
    let error = bench.read().await.unwrap_err();
    assert!(
        matches!(error, NameError::Throttled { retry_after: Some(wait), .. } if wait > Duration::from_secs(60))
    );
    let change = bench.change(&[bench.to("1", "192.0.2.9")]).await;
    assert!(matches!(change, Err(NameError::Throttled { .. })));
    assert_eq!(bench.server.seen().len(), 1_200, "nothing was sent that would have been refused");
}

#[tokio::test]
async fn what_the_service_says_is_left_is_honoured() {
    let fake = fake();
    let behind = fake.clone();
    let bench = Bench::scripted(fake, &with_id(), move |request| {
        Some(with_header(&behind, request, ("ratelimit", r#""default";r=0;t=20"#)))
    })
    .await;
    bench.read().await.unwrap();
    assert_eq!(bench.clock.slept(), Duration::ZERO);
    bench.read().await.unwrap();
    assert!(bench.clock.slept() > Duration::from_secs(10), "{:?}", bench.clock.slept());
}

#[tokio::test]
async fn a_policy_of_the_service_is_kept() {
    let fake = fake();
    let behind = fake.clone();
    let bench = Bench::scripted(fake, &with_id(), move |request| {
        Some(with_header(&behind, request, ("ratelimit-policy", r#""burst";q=2;w=30"#)))
    })
    .await;
    for _ in 0..2 {
        bench.read().await.unwrap();
    }
    assert_eq!(bench.clock.slept(), Duration::ZERO);
    bench.read().await.unwrap();
    assert!(bench.clock.slept() > Duration::from_secs(15));
}

#[tokio::test]
async fn a_change_that_had_to_wait_for_the_budget_is_compared_first() {
    let fake = fake();
    let behind = fake.clone();
    let bench = Bench::scripted(fake, &with_id(), move |request| {
        Some(with_header(&behind, request, ("ratelimit-policy", r#""burst";q=2;w=30"#)))
    })
    .await;
    bench.read().await.unwrap();
    bench.read().await.unwrap();
    let change = bench.to("1", "192.0.2.9");
    bench.fake.with(|state| state.records[0]["content"] = "198.51.100.7".into());
    let error = bench.change(&[change]).await.unwrap_err();
    assert!(matches!(error, NameError::Conflict { .. }), "{error}");
    assert!(bench.server.writes().is_empty());
}

#[tokio::test]
async fn a_429_for_one_zone_holds_back_the_others() {
    let bench = Bench::scripted(fake(), &with_id(), first(1, |_| true, throttled(Some(300)))).await;
    assert!(matches!(bench.read().await, Err(NameError::Throttled { .. })));
    assert!(matches!(bench.read().await, Err(NameError::Throttled { .. })));
    assert_eq!(bench.meter.total(), 1, "the second one is not sent into the lock-out");
}
