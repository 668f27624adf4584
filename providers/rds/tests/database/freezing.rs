//! What the guard does with one instance.

use switchover::port::{Access, DataError};
use switchover_rds::{Guard, RdsMethod};

use crate::cluster::{at, fresh, guard, hongkong, order, run, write};

#[tokio::test]
async fn an_instance_is_frozen_proved_and_thawed() {
    let a = fresh().await;
    let (guard, here) = (guard(RdsMethod::Snapshot), at(hongkong(), a));
    assert_eq!(guard.access(&here).await.unwrap(), Access::Writable);
    assert!(matches!(guard.prove(&here).await, Err(DataError::NotFrozen { .. })));
    assert_eq!(guard.problems(&here).await.unwrap(), []);

    guard.freeze(&here, &order(Some(60_000))).await.unwrap();
    assert!(
        matches!(guard.access(&here).await.unwrap(), Access::Frozen { by, until: Some(_) } if by == run())
    );
    assert_eq!(write(a, "refused").await, "25006");
    let proof = guard.prove(&here).await.unwrap();
    assert!(proof.attempts >= 4 && proof.refused.contains("25006"), "{proof:?}");

    guard.freeze(&here, &order(None)).await.unwrap();
    assert_eq!(guard.access(&here).await.unwrap(), Access::Frozen { by: run(), until: None });
    guard.thaw(&here).await.unwrap();
    assert_eq!(guard.access(&here).await.unwrap(), Access::Writable);
    assert_eq!(write(a, "accepted").await, "written");
}

#[tokio::test]
async fn what_keeps_a_freeze_from_holding_is_told_beforehand() {
    let a = fresh().await;
    let here = at(hongkong(), a);
    crate::cluster::boss(a).await.batch_execute("ALTER ROLE app SUPERUSER").await.unwrap();
    let found = guard(RdsMethod::Snapshot).problems(&here).await;
    crate::cluster::boss(a).await.batch_execute("ALTER ROLE app NOSUPERUSER").await.unwrap();
    let found = found.unwrap();
    assert!(found.iter().any(|it| it.fatal && it.message.contains("superuser")), "{found:?}");
    assert_eq!(found[0].side, Some(hongkong()));
}

#[tokio::test]
async fn nothing_that_is_told_holds_a_password() {
    let a = fresh().await;
    let secret = std::env::var("SWITCHOVER_PG_PASSWORD").unwrap();
    let guard = guard(RdsMethod::Snapshot);
    let lost = at(hongkong(), crate::cluster::Port(1));
    let error = guard.access(&lost).await.unwrap_err();
    assert!(
        matches!(&error, DataError::Unreachable { place, .. } if place.contains("127.0.0.1:1/")),
        "{error}"
    );
    guard.access(&at(hongkong(), a)).await.unwrap();
    for text in [format!("{guard:?}"), format!("{error:?}")] {
        assert!(!text.contains(&secret), "{text}");
    }
}
