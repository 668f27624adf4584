//! The contract of [`Embargo`]: laid once, lifted for good, and nobody else's touched.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::EnvironmentName;
use switchover::port::{Embargo, RemoteError};

/// An embargo under test.
#[async_trait]
pub trait EmbargoHarness: Send + Sync {
    /// The provider under test.
    fn embargo(&self) -> Arc<dyn Embargo>;

    /// Two environments of one side.
    fn environments(&self) -> [EnvironmentName; 2];

    /// Somebody else lays an embargo that the provider can see; false if that cannot be arranged.
    async fn embargo_of_others(&self) -> bool;

    /// The same with credentials that may only look; `None` if there are no such.
    fn reader(&self) -> Option<Arc<dyn Embargo>>;

    /// Lets the service carry out the next change and lose its answer; false if that cannot be arranged.
    async fn lose_next_answer(&self) -> bool;

    /// Lets time pass.
    async fn pass(&self, time: Duration);
}

/// Makes a test of every part of the contract: `embargo_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! embargo_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, embargo:
            it_is_imposed_and_lifted
            imposing_and_lifting_twice_is_as_once
            each_environment_has_its_own
            those_of_others_are_told_and_kept
            proving_changes_nothing
            credentials_that_may_only_look_change_nothing
            what_is_lost_shows_or_is_repeated
        );
    };
}

async fn is_imposed(embargo: &dyn Embargo, environment: &EnvironmentName) -> bool {
    embargo.read(environment).await.expect("a look").imposed.is_some()
}

/// Ok promises that it shows.
pub async fn it_is_imposed_and_lifted(harness: &impl EmbargoHarness) {
    let (embargo, [live, _]) = (harness.embargo(), harness.environments());
    assert!(!is_imposed(&*embargo, &live).await);
    embargo.impose(&live).await.expect("an embargo");
    assert!(is_imposed(&*embargo, &live).await);
    embargo.lift(&live).await.expect("it is lifted");
    assert!(!is_imposed(&*embargo, &live).await);
}

/// One lift ends two impositions.
pub async fn imposing_and_lifting_twice_is_as_once(harness: &impl EmbargoHarness) {
    let (embargo, [live, _]) = (harness.embargo(), harness.environments());
    embargo.impose(&live).await.expect("an embargo");
    let first = embargo.read(&live).await.expect("a look");
    embargo.impose(&live).await.expect("it is there");
    assert_eq!(embargo.read(&live).await, Ok(first));
    embargo.lift(&live).await.expect("it is lifted");
    embargo.lift(&live).await.expect("there is none");
    assert!(!is_imposed(&*embargo, &live).await);
}

/// Lifting staging's leaves live's.
pub async fn each_environment_has_its_own(harness: &impl EmbargoHarness) {
    let (embargo, [live, staging]) = (harness.embargo(), harness.environments());
    embargo.impose(&live).await.expect("an embargo");
    assert!(!is_imposed(&*embargo, &staging).await);
    embargo.impose(&staging).await.expect("another");
    embargo.lift(&staging).await.expect("it is lifted");
    assert!(is_imposed(&*embargo, &live).await && !is_imposed(&*embargo, &staging).await);
}

/// They are not ours to lift.
pub async fn those_of_others_are_told_and_kept(harness: &impl EmbargoHarness) {
    if !harness.embargo_of_others().await {
        return;
    }
    let (embargo, [live, _]) = (harness.embargo(), harness.environments());
    let before = embargo.read(&live).await.expect("a look");
    assert!(before.imposed.is_none() && before.others.len() == 1, "{before:?}");
    embargo.impose(&live).await.expect("an embargo beside it");
    embargo.lift(&live).await.expect("it is lifted");
    assert_eq!(embargo.read(&live).await, Ok(before));
}

/// It can be proved again and again, with an embargo and without.
pub async fn proving_changes_nothing(harness: &impl EmbargoHarness) {
    let (embargo, [live, _]) = (harness.embargo(), harness.environments());
    embargo.prove_write(&live).await.expect("a proof");
    assert!(!is_imposed(&*embargo, &live).await);
    embargo.impose(&live).await.expect("an embargo");
    embargo.prove_write(&live).await.expect("a proof");
    assert!(is_imposed(&*embargo, &live).await);
}

/// The proof finds out before anything is done.
pub async fn credentials_that_may_only_look_change_nothing(harness: &impl EmbargoHarness) {
    let Some(reader) = harness.reader() else { return };
    let (embargo, [live, _]) = (harness.embargo(), harness.environments());
    for outcome in [reader.prove_write(&live).await, reader.impose(&live).await] {
        assert!(matches!(outcome, Err(RemoteError::Forbidden { .. })), "{outcome:?}");
    }
    assert!(!is_imposed(&*embargo, &live).await);
}

/// Both ways.
pub async fn what_is_lost_shows_or_is_repeated(harness: &impl EmbargoHarness) {
    let (embargo, [live, _]) = (harness.embargo(), harness.environments());
    for imposed in [true, false] {
        if !harness.lose_next_answer().await {
            return;
        }
        for _ in 0..2 {
            let outcome = if imposed { embargo.impose(&live).await } else { embargo.lift(&live).await };
            match outcome {
                Ok(()) => break,
                Err(RemoteError::Unknown { .. }) => harness.pass(embargo.in_flight()).await,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(is_imposed(&*embargo, &live).await, imposed);
    }
}
