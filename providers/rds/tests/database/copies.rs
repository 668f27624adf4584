//! What the guard does where storage was copied: the freeze comes with the data.

use std::time::Duration;

use switchover::port::{Access, DataError};
use switchover_rds::{Copies, Guard, RdsMethod};
use tokio::time::sleep;

use crate::cluster::{Copy, app, at, boss, fresh, guard, has, hongkong, order, run, sydney, until, write};

fn lasting() -> Access {
    Access::Frozen { by: run(), until: None }
}

#[tokio::test]
async fn a_copy_whose_lease_ran_out_is_frozen_all_the_same() {
    let a = fresh().await;
    let (guard, here) = (guard(RdsMethod::Snapshot), at(hongkong(), a));
    guard.freeze(&here, &order(Some(1_500))).await.unwrap();
    let copy = Copy::restored("c").await;
    let there = at(sydney(), copy.port);
    until("the lease in the copy runs out", || async {
        matches!(guard.access(&there).await.unwrap(), Access::Lapsed { .. })
    })
    .await;
    // Production itself, were it in that state, must never be frozen again by this run.
    let refused = guard.freeze(&there, &order(None)).await.unwrap_err();
    assert!(matches!(refused, DataError::Lapsed { .. }), "{refused}");

    for _ in 0..2 {
        guard.freeze_copy(&there, &run()).await.unwrap();
        assert_eq!(guard.access(&there).await.unwrap(), lasting());
        assert_eq!(write(copy.port, "refused").await, "25006");
    }
    guard.prove(&there).await.unwrap();
    guard.thaw(&there).await.unwrap();
    assert_eq!(write(copy.port, "accepted").await, "written");
    copy.remove().await;
}

#[tokio::test]
async fn a_copy_of_what_was_never_frozen_is_frozen() {
    let a = fresh().await;
    let copy = Copy::restored("c").await;
    let (guard, there) = (guard(RdsMethod::Snapshot), at(sydney(), copy.port));
    assert_eq!(guard.access(&there).await.unwrap(), Access::Writable);
    guard.freeze_copy(&there, &run()).await.unwrap();
    assert_eq!(guard.access(&there).await.unwrap(), lasting());
    assert_eq!((write(copy.port, "x").await.as_str(), write(a, "x").await.as_str()), ("25006", "written"));
    copy.remove().await;
}

#[tokio::test]
async fn a_replica_refuses_writes_and_says_how_far_it_is() {
    let a = fresh().await;
    let replica = Copy::following("c").await;
    let (guard, here, there) = (guard(RdsMethod::Replica), at(hongkong(), a), at(sydney(), replica.port));
    let access = guard.access(&there).await.unwrap();
    assert!(
        matches!(&access, Access::Frozen { until: None, by } if by.as_str() == "read-replica"),
        "{access:?}"
    );
    let proof = guard.prove(&there).await.unwrap();
    assert!(proof.refused.contains("25006"), "{proof:?}");
    assert_eq!(guard.problems(&there).await.unwrap(), []);

    assert_eq!(write(a, "first").await, "written");
    let arrived = guard.arrived(&here, &there).await.unwrap();
    assert!(arrived.everything && arrived.up_to.is_some() && arrived.position.is_some(), "{arrived:?}");
    assert!(has(replica.port, "first").await);

    boss(replica.port).await.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    assert_eq!(write(a, "second").await, "written");
    let behind = guard.arrived(&here, &there).await.unwrap();
    assert!(!behind.everything && behind.up_to < arrived.up_to, "{behind:?}");
    boss(replica.port).await.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    assert!(guard.arrived(&here, &there).await.unwrap().everything);
    assert!(has(replica.port, "second").await);

    let turned = guard.arrived(&there, &here).await.unwrap_err();
    assert!(matches!(turned, DataError::Unfit { .. }), "{turned}");
    replica.remove().await;
}

/// Without what keeps it so, clients could write to the new instance from when the lease of production, which nobody renews there, has run out
/// until somebody freezes it.
#[tokio::test]
async fn a_replica_that_is_promoted_during_a_freeze_is_frozen_from_its_first_moment() {
    let a = fresh().await;
    let replica = Copy::following("c").await;
    let (guard, here, there) = (guard(RdsMethod::Replica), at(hongkong(), a), at(sydney(), replica.port));
    guard.freeze(&here, &order(Some(1_500))).await.unwrap();
    assert!(guard.arrived(&here, &there).await.unwrap().everything);
    let client = app(replica.port).await;
    replica.promote().await;
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(write(replica.port, "refused").await, "25006");
    let told = client.batch_execute("INSERT INTO entries VALUES ('refused')").await.unwrap_err();
    assert_eq!(told.code().unwrap().code(), "25006");
    assert_eq!(guard.access(&there).await.unwrap(), lasting());

    for _ in 0..2 {
        guard.freeze_copy(&there, &run()).await.unwrap();
        assert_eq!(guard.access(&there).await.unwrap(), lasting());
    }
    guard.prove(&there).await.unwrap();
    guard.thaw(&there).await.unwrap();
    assert_eq!(write(replica.port, "accepted").await, "written");
    // And on: the new production is frozen, and let go, as any.
    guard.freeze(&there, &order(Some(60_000))).await.unwrap();
    assert_eq!(write(replica.port, "refused").await, "25006");
    guard.thaw(&there).await.unwrap();
    assert_eq!(guard.access(&there).await.unwrap(), Access::Writable);
    replica.remove().await;
}

#[tokio::test]
async fn a_replica_that_is_promoted_while_nobody_froze_its_source_is_open() {
    let a = fresh().await;
    let guard = guard(RdsMethod::Replica);
    guard.freeze(&at(hongkong(), a), &order(Some(60_000))).await.unwrap();
    guard.thaw(&at(hongkong(), a)).await.unwrap();
    let replica = Copy::following("c").await;
    replica.promote().await;
    assert_eq!(guard.access(&at(sydney(), replica.port)).await.unwrap(), Access::Writable);
    assert_eq!(write(replica.port, "accepted").await, "written");
    replica.remove().await;
}
