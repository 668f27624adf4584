//! A freeze that no client talks its way around.

use std::time::Duration;

use switchover::port::{Access, DataError};
use switchover_postgres::problems;

use crate::escapes::{ESCAPES, FORBIDDEN, RICH};
use crate::support::{
    A, DATABASE, ENTRIES, app, boss, connect, direct, entries, freezer, fresh, order, port, refused, server,
    until,
};

const FROZEN: &str = "25006";

#[tokio::test]
async fn a_client_finds_no_way_around_a_freeze_and_reads_go_on() {
    fresh(RICH).await;
    let (old, pooled) = (app(A).await, app(A).await);
    pooled.batch_execute("PREPARE write AS INSERT INTO entries VALUES ('prepared', 'x')").await.unwrap();
    let copy = app(A).await;
    // Older than the freeze, and still at its own snapshot afterwards.
    let snapshot = app(A).await;
    snapshot
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM entries")
        .await
        .unwrap();
    let serial = app(A).await;
    serial.batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM children").await.unwrap();
    let large =
        boss(A).await.query_one("SELECT lo_from_bytea(0, 'large')", &[]).await.unwrap().get::<_, u32>(0);
    boss(A).await.batch_execute(&format!("ALTER LARGE OBJECT {large} OWNER TO app")).await.unwrap();
    let before = entries(A).await;

    let freezer = freezer(A);
    freezer.freeze(&order("run-1", Some(60_000))).await.unwrap();

    assert_eq!(refused(&pooled, "EXECUTE write").await, FROZEN);
    assert_eq!(refused(&snapshot, "INSERT INTO entries VALUES ('snapshot', 'x')").await, FROZEN);
    assert_eq!(refused(&serial, "INSERT INTO entries VALUES ('serial', 'x')").await, FROZEN);
    let sink = copy.copy_in::<_, &[u8]>("COPY entries FROM STDIN").await;
    let end = match sink {
        Ok(sink) => Box::pin(sink).as_mut().finish().await.map(drop),
        Err(error) => Err(error),
    };
    assert_eq!(end.unwrap_err().code().unwrap().code(), FROZEN);
    let new = app(A).await;
    for client in [&old, &new] {
        for statement in ESCAPES.iter().filter(|statement| !statement.contains("PROGRAM")) {
            assert_eq!(refused(client, statement).await, FROZEN, "{statement}");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
        for statement in FORBIDDEN {
            let code = refused(client, statement).await;
            assert!(["42501", "42939", FROZEN, "3F000"].contains(&code.as_str()), "{statement}: {code}");
        }
        for statement in [
            format!("SELECT lo_put({large}, 0, 'x')"),
            format!("SELECT lo_unlink({large})"),
            format!("BEGIN; SELECT lowrite(lo_open({large}, 131072), 'x')"),
        ] {
            assert_eq!(refused(client, &statement).await, "42501", "{statement}");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    // A savepoint does not help, either.
    old.batch_execute("BEGIN; SAVEPOINT s").await.unwrap();
    assert_eq!(refused(&old, "INSERT INTO entries VALUES ('x', 'x')").await, FROZEN);
    old.batch_execute("ROLLBACK TO s").await.unwrap();
    assert_eq!(refused(&old, "DELETE FROM entries").await, FROZEN);
    old.batch_execute("COMMIT").await.unwrap();

    assert_eq!(entries(A).await, before);
    let read = new.query_one("SELECT convert_from(lo_get($1), 'UTF8')", &[&large]).await.unwrap();
    assert_eq!(read.get::<_, &str>(0), "large");
    let proof = freezer.prove().await.unwrap();
    assert!(proof.attempts >= 8, "{proof:?}");
    assert!(proof.position.is_some(), "{proof:?}");

    freezer.thaw().await.unwrap();
    for statement in [
        "INSERT INTO entries VALUES ('y', 'y')",
        "CREATE TABLE after_thaw (x int)",
        "SELECT pg_catalog.lo_create(0)",
    ] {
        assert_eq!(refused(&new, statement).await, "accepted", "{statement}");
    }
}

#[tokio::test]
async fn operators_and_functions_of_a_clients_own_do_not_lead_around_a_freeze() {
    fresh(ENTRIES).await;
    let (pooled, freezer) = (app(A).await, freezer(A));
    // Each would let the guard believe that nothing is frozen, or that the admin asks.
    let evil = "CREATE SCHEMA evil;
        CREATE FUNCTION evil.no(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE FUNCTION evil.no(bigint, integer) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE FUNCTION evil.yes(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'infinity'::timestamptz $$;
        CREATE OPERATOR evil.> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.no);
        CREATE OPERATOR evil.> (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = evil.no);
        CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.yes)";
    app(A).await.batch_execute(evil).await.unwrap();
    freezer.freeze(&order("run-1", None)).await.unwrap();
    for client in [&pooled, &app(A).await] {
        client.batch_execute("SET search_path = evil, pg_catalog, public").await.unwrap();
        let deceived = client.query_one("SELECT 2::bigint > 1", &[]).await.unwrap();
        assert!(!deceived.get::<_, bool>(0), "the client's own operator is not in front");
        for statement in ["INSERT INTO public.entries VALUES ('x', 'x')", "CREATE TABLE public.loot (x int)"]
        {
            assert_eq!(refused(client, statement).await, FROZEN, "{statement}");
        }
    }
}

#[tokio::test]
async fn a_guard_that_was_switched_off_or_a_new_table_is_guarded_by_the_next_freeze() {
    fresh(RICH).await;
    let freezer = freezer(A);
    freezer.freeze(&order("run-1", None)).await.unwrap();
    freezer.thaw().await.unwrap();
    let client = app(A).await;
    for statement in [
        "ALTER TABLE entries DISABLE TRIGGER USER",
        "DROP TRIGGER switchover_freeze ON children",
        "CREATE TABLE made_between (x int)",
        "ALTER TABLE parted ENABLE REPLICA TRIGGER switchover_freeze",
    ] {
        assert_eq!(refused(&client, statement).await, "accepted", "{statement}");
    }
    freezer.freeze(&order("run-2", None)).await.unwrap();
    for table in ["entries", "children", "made_between", "parted"] {
        assert_eq!(refused(&client, &format!("INSERT INTO {table} DEFAULT VALUES")).await, FROZEN, "{table}");
    }
    freezer.prove().await.unwrap();
    // Somebody with all rights takes a guard away: the proof notices.
    boss(A).await.batch_execute("ALTER TABLE entries DISABLE TRIGGER ALL").await.unwrap();
    let proof = freezer.prove().await;
    assert!(matches!(&proof, Err(DataError::NotFrozen { why, .. }) if why.contains("entries")), "{proof:?}");
}

#[tokio::test]
async fn a_guard_that_lets_writes_through_is_not_taken_for_a_freeze() {
    fresh(ENTRIES).await;
    let freezer = freezer(A);
    freezer.freeze(&order("run-1", None)).await.unwrap();
    freezer.prove().await.unwrap();
    let broken = "CREATE OR REPLACE FUNCTION switchover.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'";
    boss(A).await.batch_execute(broken).await.unwrap();
    let proof = freezer.prove().await;
    assert!(
        matches!(&proof, Err(DataError::NotFrozen { why, .. }) if why.contains("INSERT INTO")),
        "{proof:?}"
    );
    assert!(entries(A).await.is_empty());
}

#[tokio::test]
async fn somebody_who_writes_past_the_guards_keeps_a_freeze_from_being_proved() {
    fresh(ENTRIES).await;
    let mut options = direct();
    options.still_within = switchover::config::Period(Duration::from_secs(2));
    let freezer =
        switchover_postgres::Freezer::new(server(A, &options), options.grace.0, options.still_within.0);
    freezer.freeze(&order("run-1", None)).await.unwrap();
    // A superuser of another name who switches triggers off on purpose.
    boss(A).await.batch_execute("DO $$ BEGIN CREATE ROLE rogue SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$").await.unwrap();
    boss(A)
        .await
        .batch_execute("SET session_replication_role = replica; SET SESSION AUTHORIZATION rogue")
        .await
        .unwrap();
    let password = crate::support::variable("SWITCHOVER_PG_PASSWORD");
    boss(A).await.batch_execute(&format!("ALTER ROLE rogue PASSWORD '{password}'")).await.unwrap();
    let rogue = connect(port(A), "rogue", DATABASE).await;
    rogue.batch_execute("SET session_replication_role = replica").await.unwrap();
    let writing = tokio::spawn(async move {
        for round in 0_u64.. {
            let write = format!("INSERT INTO entries VALUES ('rogue {round}', 'x')");
            rogue.batch_execute(&write).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let proof = freezer.prove().await;
    writing.abort();
    assert!(matches!(proof, Err(DataError::NotFrozen { .. })), "{proof:?}");
}

#[tokio::test]
async fn a_busy_neighbour_does_not_keep_a_freeze_from_being_proved() {
    fresh(ENTRIES).await;
    let freezer = freezer(A);
    freezer.freeze(&order("run-1", None)).await.unwrap();
    let neighbour = connect(port(A), "boss", "postgres").await;
    neighbour.batch_execute("CREATE TABLE IF NOT EXISTS busy (x bigint)").await.unwrap();
    let writing = tokio::spawn(async move {
        loop {
            neighbour.batch_execute("INSERT INTO busy VALUES (1)").await.unwrap();
        }
    });
    let proof = freezer.prove().await;
    writing.abort();
    let proof = proof.unwrap();
    assert_eq!(proof.position, None, "{proof:?}");
    assert!(proof.still_ms >= 1000, "{proof:?}");
}

#[tokio::test]
async fn a_lease_ends_by_itself_and_its_run_never_gets_another() {
    fresh(ENTRIES).await;
    let freezer = freezer(A);
    freezer.freeze(&order("run-1", Some(1500))).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        freezer.freeze(&order("run-1", Some(1500))).await.unwrap();
    }
    let client = app(A).await;
    assert_eq!(refused(&client, "INSERT INTO entries VALUES ('x', 'x')").await, FROZEN);
    assert_eq!(refused(&client, "SELECT lo_create(0)").await, "42501");
    until("the lease ends", || async {
        refused(&client, "INSERT INTO entries VALUES ('y', 'y')").await == "accepted"
    })
    .await;
    // The write that came first gave the large objects back.
    assert_eq!(refused(&client, "SELECT lo_create(0)").await, "accepted");
    let access = freezer.look().await.unwrap().access();
    assert!(matches!(&access, Access::Lapsed { by, .. } if by.as_str() == "run-1"), "{access:?}");
    for thaw in [false, true, false] {
        if thaw {
            freezer.thaw().await.unwrap();
        }
        let again = freezer.freeze(&order("run-1", None)).await;
        assert!(matches!(again, Err(DataError::Lapsed { .. })), "{again:?}");
    }
    freezer.freeze(&order("run-2", None)).await.unwrap();
    freezer.thaw().await.unwrap();
    assert!(matches!(freezer.freeze(&order("run-1", None)).await, Err(DataError::Lapsed { .. })));
}

#[tokio::test]
async fn writers_who_are_under_way_are_waited_for_and_ended_after_the_grace() {
    fresh(ENTRIES).await;
    for installed in [false, true] {
        let (quick, slow) = (app(A).await, app(A).await);
        let reader = app(A).await;
        reader
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM entries")
            .await
            .unwrap();
        quick
            .batch_execute(&format!("BEGIN; INSERT INTO entries VALUES ('quick {installed}', 'x')"))
            .await
            .unwrap();
        slow.batch_execute(&format!("BEGIN; INSERT INTO entries VALUES ('slow {installed}', 'x')"))
            .await
            .unwrap();
        let freezer = freezer(A);
        let run = format!("run-{installed}");
        let freezing = tokio::spawn(async move {
            freezer.freeze(&order(&run, None)).await.unwrap();
            freezer
        });
        until("clients are refused", || async {
            let found = boss(A).await.query_opt("SELECT last_value > 1 FROM switchover.register", &[]).await;
            found.is_ok_and(|row| row.is_some_and(|row| row.get(0)))
        })
        .await;
        assert!(!freezing.is_finished(), "a writer is still under way");
        quick.batch_execute("COMMIT").await.unwrap();
        let freezer = freezing.await.unwrap();
        assert!(slow.batch_execute("COMMIT").await.is_err(), "its connection was ended");
        let found = entries(A).await;
        assert!(found.contains_key(&format!("quick {installed}")), "an acknowledged write is there");
        assert!(!found.contains_key(&format!("slow {installed}")));
        reader.batch_execute("SELECT count(*) FROM entries; COMMIT").await.unwrap();
        freezer.prove().await.unwrap();
        freezer.thaw().await.unwrap();
    }
}

#[tokio::test]
async fn a_table_that_is_being_made_when_the_freeze_comes_is_guarded_too() {
    fresh(ENTRIES).await;
    let maker = app(A).await;
    maker.batch_execute("BEGIN; CREATE TABLE late (x int)").await.unwrap();
    let freezing = tokio::spawn(async {
        let freezer = freezer(A);
        freezer.freeze(&order("run-1", None)).await.unwrap();
        freezer.prove().await.unwrap();
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    maker.batch_execute("COMMIT").await.unwrap();
    freezing.await.unwrap();
    assert_eq!(refused(&app(A).await, "INSERT INTO late VALUES (1)").await, FROZEN);
}

#[tokio::test]
async fn a_prepared_transaction_is_named_and_the_side_is_left_open() {
    fresh(ENTRIES).await;
    let client = app(A).await;
    client
        .batch_execute("BEGIN; INSERT INTO entries VALUES ('two', 'x'); PREPARE TRANSACTION 'gid-7'")
        .await
        .unwrap();
    let freezer = freezer(A);
    let refusal = freezer.freeze(&order("run-1", Some(60_000))).await;
    assert!(matches!(&refusal, Err(DataError::Unfit { why, .. }) if why.contains("gid-7")), "{refusal:?}");
    assert_eq!(refused(&client, "INSERT INTO entries VALUES ('three', 'x')").await, "accepted");
    let server = server(A, &direct());
    let found = problems(&server, &server.admin().await.unwrap()).await.unwrap();
    assert!(found.iter().any(|problem| problem.fatal && problem.message.contains("gid-7")), "{found:?}");
    client.batch_execute("COMMIT PREPARED 'gid-7'").await.unwrap();
    freezer.freeze(&order("run-1", Some(60_000))).await.unwrap();
}

#[tokio::test]
async fn an_application_that_could_switch_the_freeze_off_is_named() {
    fresh(ENTRIES).await;
    let root = boss(A).await;
    let server = server(A, &direct());
    let session = server.admin().await.unwrap();
    assert_eq!(problems(&server, &session).await.unwrap(), []);
    for (grant, revoke, named) in [
        ("ALTER ROLE app SUPERUSER", "ALTER ROLE app NOSUPERUSER", "superuser"),
        ("GRANT boss TO app", "REVOKE boss FROM app", "member of the admin"),
        (
            "GRANT SET ON PARAMETER session_replication_role TO app",
            "REVOKE SET ON PARAMETER session_replication_role FROM app",
            "session_replication_role",
        ),
        ("ALTER ROLE app NOLOGIN", "ALTER ROLE app LOGIN", "cannot log in"),
    ] {
        root.batch_execute(grant).await.unwrap();
        let found = problems(&server, &session).await.unwrap();
        root.batch_execute(revoke).await.unwrap();
        assert!(
            found.iter().any(|problem| problem.fatal && problem.message.contains(named)),
            "{named}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_freeze_that_is_dropped_at_any_moment_ends_by_itself_or_is_made_good() {
    fresh(ENTRIES).await;
    for polls in 1..40 {
        let freezer = freezer(A);
        let run = order(&format!("run-{polls}"), Some(60_000));
        let mut freezing = Box::pin(freezer.freeze(&run));
        let mut left = polls;
        let ended = std::future::poll_fn(|context| match freezing.as_mut().poll(context) {
            std::task::Poll::Ready(end) => std::task::Poll::Ready(Some(end)),
            std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
            std::task::Poll::Pending => {
                left -= 1;
                std::task::Poll::Pending
            }
        })
        .await;
        drop(freezing);
        let seen = freezer.look().await.unwrap();
        assert!(!seen.is_lasting());
        if let Some(end) = ended {
            end.unwrap();
            return;
        }
        freezer.freeze(&run).await.unwrap();
        assert_eq!(refused(&app(A).await, "INSERT INTO entries VALUES ('x', 'x')").await, FROZEN);
        freezer.thaw().await.unwrap();
        assert_eq!(
            refused(&app(A).await, &format!("INSERT INTO entries VALUES ('{polls}', 'x')")).await,
            "accepted"
        );
    }
    panic!("a freeze takes more than 40 polls");
}

#[tokio::test]
async fn no_password_is_shown() {
    let secret = crate::support::variable("SWITCHOVER_PG_PASSWORD");
    let server = server(A, &direct());
    assert!(!format!("{server:?} {:?} {:?}", server.admin_login(), direct()).contains(&secret));
    let wrong = |_: &switchover::config::SecretRef| Ok("wrong-secret-word".into());
    let server = switchover_postgres::Server::new(&crate::support::side(A), &direct(), &wrong).unwrap();
    let error = server.admin().await.unwrap_err();
    assert!(matches!(error, DataError::Unauthorized { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wrong-secret-word"));
}
