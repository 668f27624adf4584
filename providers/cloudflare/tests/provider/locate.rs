//! Finding zones by name, once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use switchover::model::{Zone, ZoneName};
use switchover::port::{Meter, NameError, NameService};
use switchover_cloudflare::{Cloudflare, CloudflareOptions};

use crate::fake::{Fake, TOKEN, Token, ZONE, a, refusal, zone};
use crate::server::{Request, Server};
use crate::setup::{Bench, JumpingClock, apex, by_name, first, options};

fn fake() -> Fake {
    Fake::new(vec![a("1", "gigadb.org", "192.0.2.1")])
}

fn zones_asked(bench: &Bench) -> usize {
    bench.server.seen().iter().filter(|request| request.path == "zones").count()
}

#[tokio::test]
async fn zones_are_looked_up_once_for_all() {
    let bench = Bench::scripted(fake(), &by_name(), |_| None).await;
    let (first, second, third) = tokio::join!(bench.read(), bench.read(), bench.read());
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!((zones_asked(&bench), bench.meter.total()), (1, 4));
}

#[tokio::test]
async fn an_unknown_zone_is_named_with_those_that_are_near() {
    let fake = fake();
    fake.with(|state| {
        state.zones = vec![zone(ZONE, "example.net", "free"), zone(&"b".repeat(32), "gigadb.com", "free")];
    });
    let bench = Bench::scripted(fake, &by_name(), |_| None).await;
    let NameError::ZoneNotFound { near, .. } = bench.read().await.unwrap_err() else { panic!("found") };
    assert_eq!(near.iter().map(ZoneName::as_str).collect::<Vec<_>>(), ["gigadb.com", "example.net"]);
    bench.fake.with(|state| state.zones.push(zone(ZONE, "gigadb.org", "free")));
    assert!(bench.read().await.is_ok(), "what was not found is looked for again");
}

#[tokio::test]
async fn a_wrong_id_is_answered_with_the_right_one() {
    let wrong = [Zone { name: apex(), id: Some("f".repeat(32)) }];
    let bench = Bench::scripted(fake(), &wrong, |_| None).await;
    let error = bench.read().await.unwrap_err();
    assert!(
        matches!(&error, NameError::Rejected { code: Some(7003), message, .. } if message.contains(ZONE)),
        "{error}"
    );
    bench.fake.with(|state| state.zones = vec![zone(ZONE, "gigadb.com", "free")]);
    assert!(matches!(bench.read().await, Err(NameError::ZoneNotFound { .. })));
}

#[tokio::test]
async fn a_wrong_id_that_is_refused_as_if_it_were_forbidden_is_answered_with_the_right_one() {
    let wrong = [Zone { name: apex(), id: Some("f".repeat(32)) }];
    let forbidden = |request: &Request| {
        request.path.contains("dns_records").then(|| refusal(403, 10_000, "Authentication error"))
    };
    let bench = Bench::scripted(fake(), &wrong, forbidden).await;
    let error = bench.read().await.unwrap_err();
    assert!(
        matches!(&error, NameError::Rejected { code: Some(10_000), message, .. } if message.contains(ZONE)),
        "{error}"
    );
    // With the right id, or where the zone is not seen, it is the token's fault.
    bench.fake.with(|state| state.zones = vec![zone(&"f".repeat(32), "gigadb.org", "free")]);
    assert!(matches!(bench.read().await, Err(NameError::Forbidden { .. })));
    bench.fake.with(|state| state.zones.clear());
    assert!(matches!(bench.read().await, Err(NameError::Forbidden { .. })));
}

#[tokio::test]
async fn a_zone_that_was_made_anew_is_looked_up_anew() {
    let fake = fake();
    fake.with(|state| state.zones = vec![zone(&"b".repeat(32), "gigadb.org", "free")]);
    let bench = Bench::scripted(fake, &by_name(), |_| None).await;
    assert!(bench.read().await.is_err());
    bench.fake.with(|state| state.zones = vec![zone(ZONE, "gigadb.org", "free")]);
    assert!(bench.read().await.is_ok());
}

#[tokio::test]
async fn two_zones_of_one_name_are_not_guessed_between() {
    let fake = fake();
    fake.with(|state| state.zones.push(zone(&"b".repeat(32), "gigadb.org", "free")));
    let bench = Bench::scripted(fake, &by_name(), |_| None).await;
    let error = bench.read().await.unwrap_err();
    assert!(matches!(&error, NameError::Rejected { message, .. } if message.contains(ZONE)), "{error}");
}

#[tokio::test]
async fn a_zone_beyond_the_first_page_is_asked_for_by_name() {
    let fake = fake();
    fake.with(|state| {
        let own = state.zones.remove(0);
        state.zones = (0..60).map(|i| zone(&format!("{i:032}"), &format!("z{i}.example"), "free")).collect();
        state.zones.push(own);
    });
    let bench = Bench::scripted(fake, &by_name(), |_| None).await;
    assert!(bench.read().await.is_ok());
    assert_eq!(zones_asked(&bench), 2);
}

#[tokio::test]
async fn a_namesake_on_a_later_page_is_noticed() {
    let fake = fake();
    fake.with(|state| {
        let others = (0..60).map(|i| zone(&format!("{i:032}"), &format!("z{i}.example"), "free"));
        state.zones.extend(others);
        state.zones.push(zone(&"b".repeat(32), "gigadb.org", "free"));
        state.zones.push(zone(&"c".repeat(32), "z1.example", "free"));
    });
    let z1 = ZoneName::new("z1.example").unwrap();
    let zones = [Zone { name: apex(), id: None }, Zone { name: z1.clone(), id: None }];
    let bench = Bench::scripted(fake, &zones, |_| None).await;
    assert!(matches!(bench.read().await, Err(NameError::Rejected { .. })));
    let other = bench.names.read(&z1, &BTreeSet::new()).await;
    assert!(matches!(other, Err(NameError::Rejected { .. })), "{other:?}");
}

#[tokio::test]
async fn the_enterprise_plan_takes_shorter_ttls() {
    let fake = fake();
    fake.with(|state| state.zones = vec![zone(ZONE, "gigadb.org", "enterprise")]);
    let bench = Bench::scripted(fake, &by_name(), |_| None).await;
    let view = bench.names.read(&apex(), &BTreeSet::new()).await.unwrap();
    assert_eq!(view.minimum_ttl, Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_token_that_may_not_list_zones_is_told_to_give_the_id() {
    let list = |request: &Request| request.path == "zones";
    let bench =
        Bench::scripted(fake(), &by_name(), first(99, list, refusal(403, 9109, "Unauthorized"))).await;
    let error = bench.read().await.unwrap_err();
    assert!(matches!(&error, NameError::Forbidden { what, .. } if what.contains("id")), "{error}");
}

#[tokio::test]
async fn an_account_narrows_the_look_up_and_verifies_its_own_token() {
    let behind = fake();
    let script = behind.clone();
    let server = Server::start(move |request| script.answer(request)).await;
    let account = "a".repeat(32);
    let options = CloudflareOptions { account: Some(account.clone()), ..options(&server.url) };
    let clock = JumpingClock::new();
    let names =
        Cloudflare::new(&options, SecretString::from(TOKEN), &by_name(), Meter::default(), clock).unwrap();
    names.read(&apex(), &BTreeSet::new()).await.unwrap();
    assert_eq!(server.seen()[0].query.get("account.id"), Some(&account));
    behind.with(|state| state.token = Token::Expired);
    let error = names.read(&apex(), &BTreeSet::new()).await.unwrap_err();
    assert!(matches!(error, NameError::Unauthorized { .. }), "{error}");
    assert_eq!(server.seen().last().unwrap().path, format!("accounts/{account}/tokens/verify"));
}

#[tokio::test]
async fn a_service_can_be_shared_between_tasks() {
    let bench = Bench::scripted(fake(), &by_name(), |_| None).await;
    let names: Arc<dyn NameService> = Arc::new(bench.names);
    let task = tokio::spawn(async move { names.read(&apex(), &BTreeSet::new()).await });
    assert!(task.await.unwrap().is_ok());
}
