//! The contract of [`Schedules`]: paused and resumed, and nothing else of them changed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{Activity, Schedule, ScheduleId};
use switchover::port::{RemoteError, Schedules, Switched};

/// Schedules under test: two of them, the first active and changeable, the second paused.
#[async_trait]
pub trait SchedulesHarness: Send + Sync {
    /// The provider under test.
    fn schedules(&self) -> Arc<dyn Schedules>;

    /// The same with credentials that may only look.
    fn reader(&self) -> Arc<dyn Schedules>;

    /// Lets the service carry out the next change and lose its answer.
    async fn lose_next_answer(&self);

    /// Lets time pass.
    async fn pass(&self, time: Duration);
}

/// Makes a test of every part of the contract: `schedules_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! schedules_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, schedules:
            a_schedule_is_paused_and_resumed_and_keeps_the_rest
            what_is_so_already_is_told
            one_that_there_is_not_is_named
            proving_changes_nothing
            credentials_that_may_only_look_change_nothing
            what_is_lost_shows_or_is_repeated
        );
    };
}

async fn both(schedules: &dyn Schedules) -> [Schedule; 2] {
    schedules.list().await.expect("a list").try_into().expect("two schedules")
}

/// The other one stays as it is.
pub async fn a_schedule_is_paused_and_resumed_and_keeps_the_rest(harness: &impl SchedulesHarness) {
    let schedules = harness.schedules();
    let before = both(&*schedules).await;
    assert_eq!(before.clone().map(|own| own.activity), [Activity::Active, Activity::Paused]);
    assert!(before.iter().all(|own| !own.name.is_empty() && !own.what.is_empty()), "{before:?}");
    assert_eq!(schedules.switch(&before[0].id, Activity::Paused).await, Ok(Switched::Done));
    let paused = Schedule { activity: Activity::Paused, ..before[0].clone() };
    assert_eq!(both(&*schedules).await, [paused, before[1].clone()]);
    assert_eq!(schedules.switch(&before[0].id, Activity::Active).await, Ok(Switched::Done));
    assert_eq!(both(&*schedules).await, before);
}

/// Twice is as once.
pub async fn what_is_so_already_is_told(harness: &impl SchedulesHarness) {
    let schedules = harness.schedules();
    let [first, second] = both(&*schedules).await;
    assert_eq!(schedules.switch(&first.id, Activity::Active).await, Ok(Switched::Already));
    assert_eq!(schedules.switch(&second.id, Activity::Paused).await, Ok(Switched::Already));
}

/// No number, or nobody's.
pub async fn one_that_there_is_not_is_named(harness: &impl SchedulesHarness) {
    let schedules = harness.schedules();
    for text in ["999999999", "no-number"] {
        let id = ScheduleId::new(text).expect("an id");
        match schedules.switch(&id, Activity::Paused).await {
            Err(RemoteError::NotFound { what, .. }) => assert!(what.contains(text), "{what}"),
            other => panic!("{other:?}"),
        }
    }
}

/// It can be proved again and again.
pub async fn proving_changes_nothing(harness: &impl SchedulesHarness) {
    let schedules = harness.schedules();
    let before = both(&*schedules).await;
    for _ in 0..2 {
        assert_eq!(schedules.prove_write(&before[0].id).await, Ok(()));
    }
    assert_eq!(both(&*schedules).await, before);
}

/// The proof finds out before anything is done.
pub async fn credentials_that_may_only_look_change_nothing(harness: &impl SchedulesHarness) {
    let (schedules, reader) = (harness.schedules(), harness.reader());
    let before = both(&*schedules).await;
    let proof = reader.prove_write(&before[0].id).await;
    assert!(matches!(proof, Err(RemoteError::Forbidden { .. })), "{proof:?}");
    let switched = reader.switch(&before[0].id, Activity::Paused).await;
    assert!(matches!(switched, Err(RemoteError::Forbidden { .. })), "{switched:?}");
    assert_eq!(both(&*schedules).await, before);
}

/// It shows when it is looked for, or when it is repeated.
pub async fn what_is_lost_shows_or_is_repeated(harness: &impl SchedulesHarness) {
    let schedules = harness.schedules();
    let [first, _] = both(&*schedules).await;
    harness.lose_next_answer().await;
    match schedules.switch(&first.id, Activity::Paused).await {
        Ok(Switched::Done) => {}
        Err(RemoteError::Unknown { .. }) => {
            harness.pass(schedules.in_flight()).await;
            assert_eq!(schedules.switch(&first.id, Activity::Paused).await, Ok(Switched::Already));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(both(&*schedules).await[0].activity, Activity::Paused);
}
