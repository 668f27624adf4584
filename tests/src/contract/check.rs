//! The contract of [`Check`]: yes, or why not, within its own timeout.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::port::{Check, CheckFailure, Clock, Subject};

use crate::fake::Health;

/// A check under test, and a site for it.
#[async_trait]
pub trait CheckHarness: Send + Sync {
    /// The provider under test.
    fn check(&self) -> Arc<dyn Check>;

    /// The clock that the provider's timeout runs on.
    fn clock(&self) -> Arc<dyn Clock>;

    /// The longest time that the check may take, as it was configured.
    fn timeout(&self) -> Duration;

    /// Makes a site of that health and says where it is asked.
    async fn site(&self, health: Health) -> Subject;

    /// A site that takes connections and never answers; `None` if the provider cannot meet one.
    async fn hanging_site(&self) -> Option<Subject>;
}

/// Makes a test of every part of the contract: `check_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! check_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, check:
            a_healthy_site_passes_every_time
            a_site_that_is_down_gives_no_answer
            a_site_that_answers_wrongly_is_quoted
            a_site_that_hangs_is_given_up_in_time
        );
    };
}

/// It may be repeated, and says the same.
pub async fn a_healthy_site_passes_every_time(harness: &impl CheckHarness) {
    let subject = harness.site(Health::Healthy).await;
    for _ in 0..3 {
        assert_eq!(harness.check().run(&subject).await, Ok(()));
    }
}

/// Nothing listens: the failure says where it was asked.
pub async fn a_site_that_is_down_gives_no_answer(harness: &impl CheckHarness) {
    let subject = harness.site(Health::Down).await;
    match harness.check().run(&subject).await {
        Err(CheckFailure::NoAnswer { at, why }) => {
            assert!(at.contains(&subject.address.to_string()) || at.contains(subject.name.as_str()), "{at}");
            assert!(!why.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

/// Something else answers: the failure says what, and what should have come.
pub async fn a_site_that_answers_wrongly_is_quoted(harness: &impl CheckHarness) {
    let subject = harness.site(Health::Wrong("503".to_owned())).await;
    match harness.check().run(&subject).await {
        Err(CheckFailure::Wrong { at, found, expected }) => {
            assert!(!at.is_empty() && !expected.is_empty());
            assert_ne!(found, expected);
        }
        other => panic!("{other:?}"),
    }
}

/// The check's own timeout ends it.
pub async fn a_site_that_hangs_is_given_up_in_time(harness: &impl CheckHarness) {
    let Some(subject) = harness.hanging_site().await else { return };
    let (clock, started) = (harness.clock(), harness.clock().monotonic());
    let answer = harness.check().run(&subject).await;
    let took = clock.monotonic().saturating_sub(started);
    assert!(matches!(answer, Err(CheckFailure::NoAnswer { .. })), "{answer:?}");
    assert!(took <= harness.timeout() + Duration::from_secs(1), "took {took:?}");
}
