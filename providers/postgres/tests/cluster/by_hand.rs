//! The freeze by hand: the SQL that a person runs with `psql` is the freeze that Switchover makes.

use std::env;
use std::process::{Command, Stdio};

use switchover::port::Access;
use switchover_postgres::ByHand;

use crate::escapes::RICH;
use crate::support::{A, DATABASE, app, freezer, fresh, port, refused};

/// Runs a text as somebody, through `psql`, and says how it ended and what it printed.
fn psql(user: &str, sql: &str) -> (bool, String) {
    let place = format!("host=127.0.0.1 port={} dbname={DATABASE} user={user}", port(A));
    let mut child = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--set",
            "ON_ERROR_STOP=1",
            "--tuples-only",
            "--no-align",
            &format!("--dbname={place}"),
        ])
        .env("PGPASSWORD", env::var("SWITCHOVER_PG_PASSWORD").unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), sql.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

#[tokio::test]
async fn a_freeze_by_hand_is_a_freeze_to_switchover_and_its_thaw_too() {
    fresh(RICH).await;
    let by_hand = ByHand::new("boss", "by-hand-1", 1);
    let (done, said) = psql("app", &by_hand.prove);
    assert!(!done || !said.contains("25006"), "nothing is frozen yet: {said}");
    // A transaction from before the freeze, whose connection is ended.
    let writing = app(A).await;
    writing.batch_execute("BEGIN; INSERT INTO entries VALUES ('open', 'x')").await.unwrap();

    let (done, said) = psql("boss", &by_hand.install);
    assert!(done, "{said}");
    let (done, said) = psql("boss", &by_hand.freeze);
    assert!(done && said.lines().next_back() == Some("held"), "{said}");
    assert!(said.contains("taken") && said.contains("armed"), "{said}");
    assert!(writing.batch_execute("COMMIT").await.is_err(), "its connection was ended");
    assert_eq!(refused(&app(A).await, "INSERT INTO entries VALUES ('y', 'y')").await, "25006");
    let (done, said) = psql("app", &by_hand.prove);
    assert!(!done && said.contains("switchover: the database is frozen, writes are refused"), "{said}");

    let freezer = freezer(A);
    let seen = freezer.look().await.unwrap();
    assert!(
        matches!(&seen.access(), Access::Frozen { by, until: None } if by.as_str() == "by-hand-1"),
        "{seen:?}"
    );
    freezer.prove().await.unwrap();
    // May be repeated.
    let (done, said) = psql("boss", &by_hand.freeze);
    assert!(done && said.lines().next_back() == Some("held"), "{said}");

    let (done, said) = psql("boss", &by_hand.thaw);
    assert!(done, "{said}");
    assert_eq!(refused(&app(A).await, "INSERT INTO entries VALUES ('z', 'z')").await, "accepted");
    assert_eq!(freezer.look().await.unwrap().access(), Access::Writable);
}
