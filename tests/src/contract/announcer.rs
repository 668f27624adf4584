//! The contract of [`Announcer`]: one try within its own timeout, keys that stay, errors that say whether it may pass, and no secret shown.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{
    Announcement, AnnouncementKey, AnnouncerName, EnvironmentName, Moment, PairName, ReleaseName, RunId,
    SideName,
};
use switchover::plan::{Intent, Shift};
use switchover::port::{AnnounceError, Announcer, Clock};

/// How the service behind an announcer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// It takes what it is sent.
    Takes,
    /// It fails, and may take the same later.
    Fails,
    /// It takes no more for now and asks to wait seven seconds.
    Throttles,
    /// It takes nothing, and never will.
    Refuses,
    /// It takes connections and never answers.
    Hangs,
    /// Nothing listens.
    Gone,
}

/// What the service took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The key, where the kind sends one.
    pub key: Option<String>,
    /// What people read.
    pub text: String,
}

/// An announcer under test, and the service behind it.
#[async_trait]
pub trait AnnouncerHarness: Send + Sync {
    /// The provider under test, with a service that behaves like this; `None` if the service behind it never does.
    async fn announcer(&self, service: Service) -> Option<Arc<dyn Announcer>>;

    /// What was taken since the harness was made, in order.
    async fn taken(&self) -> Vec<Taken>;

    /// The clock that the provider's timeouts run on.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Texts that must be shown nowhere.
    fn secrets(&self) -> Vec<String>;
}

/// Makes a test of every part of the contract: `announcer_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! announcer_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, announcer:
            what_is_announced_arrives_once_and_says_what_happened
            every_moment_can_be_announced
            a_repeated_announcement_has_the_same_key_and_another_one_another
            a_service_that_fails_may_take_it_later
            a_service_that_asks_to_wait_says_how_long
            a_service_that_refuses_is_not_to_be_asked_again
            a_service_that_hangs_is_given_up_in_time
            a_service_that_is_gone_may_come_back
            a_proof_tells_nobody_anything
            what_goes_wrong_shows_no_secret
        );
    };
}

/// An announcement of the live environment of `GigaDB`, as a run makes it.
pub fn announcement(moment: Moment) -> Announcement {
    let run = RunId::new("20261121T120000Z-0a0b0c").expect("a run");
    let to = AnnouncerName::new("ops").expect("a name");
    let at = "2026-11-21T12:00:00Z".parse().expect("a moment");
    let side = |name: &str| SideName::new(name).expect("a side");
    Announcement {
        key: AnnouncementKey::of(&run, moment, &to, at),
        moment,
        at,
        pair: PairName::new("gigadb").expect("a pair"),
        run,
        intent: Intent::Switchover,
        shifts: vec![Shift {
            environment: EnvironmentName::new("live").expect("an environment"),
            from: side("hongkong"),
            to: side("sydney"),
        }],
        release: Some(ReleaseName::new("v4.4.0").expect("a release")),
        by: Some("ada".to_owned()),
        reason: Some("release 4.4, with <!channel> & ümlauts\r\nand a second line".to_owned()),
        detail: None,
    }
}

/// Ok means that the service has it, and it says what happened.
pub async fn what_is_announced_arrives_once_and_says_what_happened(harness: &impl AnnouncerHarness) {
    let announcer = harness.announcer(Service::Takes).await.expect("a service that works");
    assert_eq!(announcer.announce(&announcement(Moment::Swapped)).await, Ok(()));
    let taken = harness.taken().await;
    assert_eq!(taken.len(), 1, "{taken:?}");
    for word in ["gigadb", "live", "sydney", "hongkong", "v4.4.0", "ümlauts"] {
        assert!(taken[0].text.contains(word), "{word} is missing in {:?}", taken[0].text);
    }
}

/// No moment makes an announcement that the service chokes on.
pub async fn every_moment_can_be_announced(harness: &impl AnnouncerHarness) {
    let announcer = harness.announcer(Service::Takes).await.expect("a service that works");
    for moment in Moment::ALL {
        assert_eq!(announcer.announce(&announcement(moment)).await, Ok(()), "{moment}");
    }
    let taken = harness.taken().await;
    let mut texts: Vec<String> = taken.into_iter().map(|taken| taken.text).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), Moment::ALL.len(), "{texts:?}");
}

/// A receiver that minds keys can show a repeated announcement once.
pub async fn a_repeated_announcement_has_the_same_key_and_another_one_another(
    harness: &impl AnnouncerHarness,
) {
    let announcer = harness.announcer(Service::Takes).await.expect("a service that works");
    for moment in [Moment::Begins, Moment::Begins, Moment::Swapped] {
        assert_eq!(announcer.announce(&announcement(moment)).await, Ok(()));
    }
    let taken = harness.taken().await;
    let [first, again, other] = taken.as_slice() else { panic!("three were taken: {taken:?}") };
    assert_eq!(first, again);
    if first.key.is_some() {
        assert_ne!(first.key, other.key);
    }
}

/// The failure may pass, and the same announcement is taken once it has.
pub async fn a_service_that_fails_may_take_it_later(harness: &impl AnnouncerHarness) {
    let words = announcement(Moment::Begins);
    let announcer = harness.announcer(Service::Fails).await.expect("a service that fails");
    let failed = announcer.announce(&words).await.expect_err("it fails");
    assert!(failed.may_pass(), "{failed:?}");
    let announcer = harness.announcer(Service::Takes).await.expect("a service that works");
    assert_eq!(announcer.announce(&words).await, Ok(()));
    assert_eq!(harness.taken().await.len(), 1);
}

/// Whoever calls learns how long to wait, where the service says so.
pub async fn a_service_that_asks_to_wait_says_how_long(harness: &impl AnnouncerHarness) {
    let Some(announcer) = harness.announcer(Service::Throttles).await else { return };
    match announcer.announce(&announcement(Moment::Begins)).await {
        Err(AnnounceError::Throttled { retry_after, .. }) => {
            assert_eq!(retry_after, Some(Duration::from_secs(7)));
        }
        other => panic!("{other:?}"),
    }
}

/// The failure will not pass, and says why in the service's words.
pub async fn a_service_that_refuses_is_not_to_be_asked_again(harness: &impl AnnouncerHarness) {
    let announcer = harness.announcer(Service::Refuses).await.expect("a service that refuses");
    let refused = announcer.announce(&announcement(Moment::Begins)).await.expect_err("it refuses");
    assert!(!refused.may_pass(), "{refused:?}");
    assert!(refused.to_string().len() > 10, "{refused}");
    assert_eq!(harness.taken().await, []);
}

/// A try ends within ten seconds, a proof within five and a little.
pub async fn a_service_that_hangs_is_given_up_in_time(harness: &impl AnnouncerHarness) {
    let Some(announcer) = harness.announcer(Service::Hangs).await else { return };
    let (clock, started) = (harness.clock(), harness.clock().monotonic());
    let given_up = announcer.announce(&announcement(Moment::Begins)).await.expect_err("it hangs");
    let tried = clock.monotonic().saturating_sub(started);
    assert!(given_up.may_pass() && tried <= Duration::from_secs(10), "{given_up:?} after {tried:?}");
    let started = clock.monotonic();
    assert!(announcer.prove().await.is_err());
    let proved = clock.monotonic().saturating_sub(started);
    assert!(proved <= Duration::from_secs(6), "{proved:?}");
}

/// A service that cannot be reached may be reached again.
pub async fn a_service_that_is_gone_may_come_back(harness: &impl AnnouncerHarness) {
    let announcer = harness.announcer(Service::Gone).await.expect("a service that is gone");
    let failed = announcer.announce(&announcement(Moment::Begins)).await.expect_err("it is gone");
    assert!(failed.may_pass(), "{failed:?}");
    let unproved = announcer.prove().await.expect_err("it is gone");
    assert!(unproved.may_pass(), "{unproved:?}");
}

/// Preflight may run every five minutes: nobody hears of it.
pub async fn a_proof_tells_nobody_anything(harness: &impl AnnouncerHarness) {
    let announcer = harness.announcer(Service::Takes).await.expect("a service that works");
    for _ in 0..2 {
        assert_eq!(announcer.prove().await, Ok(()));
    }
    assert_eq!(harness.taken().await, []);
}

/// Errors go into journals and onto screens.
pub async fn what_goes_wrong_shows_no_secret(harness: &impl AnnouncerHarness) {
    for service in [Service::Fails, Service::Throttles, Service::Refuses, Service::Gone] {
        let Some(announcer) = harness.announcer(service).await else { continue };
        let mut shown = format!("{announcer:?}");
        if let Err(error) = announcer.announce(&announcement(Moment::Begins)).await {
            shown += &format!("{error} {error:?}");
        }
        if let Err(error) = announcer.prove().await {
            shown += &format!("{error} {error:?}");
        }
        for secret in harness.secrets() {
            assert!(!shown.contains(&secret), "{service:?} shows a secret: {shown}");
        }
    }
}
