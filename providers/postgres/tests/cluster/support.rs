//! A database on each of two clusters, and its clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use switchover::config::{Period, SecretRef};
use switchover::model::{RunId, SideName};
use switchover::port::FreezeOrder;
use switchover_postgres::{
    Freezer, PostgresMethod, PostgresOptions, PostgresReplication, PostgresSide, PostgresUser, Server,
    SslMode,
};
use tokio_postgres::{Client, NoTls};

pub(crate) const A: &str = "hongkong";
pub(crate) const B: &str = "sydney";
pub(crate) const DATABASE: &str = "gigadb_test";

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run tests/postgres/run"))
}

pub(crate) fn side(name: &str) -> SideName {
    SideName::new(name).unwrap()
}

pub(crate) fn port(name: &str) -> u16 {
    variable(if name == A { "SWITCHOVER_PG_A" } else { "SWITCHOVER_PG_B" }).parse().unwrap()
}

pub(crate) fn resolve(reference: &SecretRef) -> Result<SecretString, String> {
    match reference {
        SecretRef::Env(name) => std::env::var(name).map(Into::into).map_err(|error| error.to_string()),
        SecretRef::File(path) => Err(format!("{} is not used here", path.display())),
    }
}

fn user(name: &str) -> PostgresUser {
    PostgresUser { user: name.into(), password: Some(SecretRef::Env("SWITCHOVER_PG_PASSWORD".into())) }
}

/// Options whose store reaches the sides at these ports; the servers reach each other directly.
pub(crate) fn options(ports: [u16; 2]) -> PostgresOptions {
    let sides = [A, B].into_iter().zip(ports).map(|(name, at)| {
        let side = PostgresSide {
            host: "127.0.0.1".into(),
            port: at,
            database: DATABASE.into(),
            admin: user("boss"),
            application: user("app"),
            sslmode: SslMode::Disable,
            root_certificate: None,
            replication: PostgresReplication { port: Some(port(name)), ..PostgresReplication::default() },
        };
        (name.to_owned(), side)
    });
    PostgresOptions {
        method: PostgresMethod::Streaming,
        sides: sides.collect(),
        connect_timeout: Period(Duration::from_secs(5)),
        statement_timeout: Period(Duration::from_secs(30)),
        grace: Period(Duration::from_millis(700)),
        still_within: Period(Duration::from_secs(15)),
        sequence_gap: 1000,
        tools: None,
        backups: None,
        jobs: None,
        compression: 1,
    }
}

pub(crate) fn direct() -> PostgresOptions {
    options([port(A), port(B)])
}

pub(crate) async fn connect(port: u16, user: &str, database: &str) -> Client {
    let text = format!(
        "host=127.0.0.1 port={port} user={user} dbname={database} password={}",
        variable("SWITCHOVER_PG_PASSWORD")
    );
    let (client, connection) = tokio_postgres::connect(&text, NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// A client of the application.
pub(crate) async fn app(name: &str) -> Client {
    connect(port(name), "app", DATABASE).await
}

/// A superuser beside the admin's own connections.
pub(crate) async fn boss(name: &str) -> Client {
    connect(port(name), "boss", DATABASE).await
}

/// Makes both databases anew. The application owns its tables.
pub(crate) async fn fresh(schema: &str) {
    for name in [A, B] {
        unsubscribe(name).await;
    }
    for name in [A, B] {
        clear(name).await;
        let root = connect(port(name), "boss", "postgres").await;
        root.batch_execute(&format!(
            "DO $$ BEGIN CREATE ROLE app LOGIN PASSWORD '{}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            variable("SWITCHOVER_PG_PASSWORD")
        ))
        .await
        .unwrap();
        root.batch_execute(&format!("CREATE DATABASE {DATABASE} OWNER app")).await.unwrap();
        app(name).await.batch_execute(schema).await.unwrap();
    }
}

pub(crate) const ENTRIES: &str = "CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL)";

async fn unsubscribe(name: &str) {
    let root = connect(port(name), "boss", "postgres").await;
    let databases =
        root.query("SELECT datname FROM pg_database WHERE datname LIKE $1", &[&format!("{DATABASE}%")]).await;
    for row in databases.unwrap() {
        let database: &str = row.get(0);
        let inside = connect(port(name), "boss", database).await;
        for gid in inside
            .query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()", &[])
            .await
            .unwrap()
        {
            inside.batch_execute(&format!("ROLLBACK PREPARED '{}'", gid.get::<_, &str>(0))).await.unwrap();
        }
        let ours = "SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
        for row in inside.query(ours, &[]).await.unwrap() {
            let sub: &str = row.get(0);
            for part in ["DISABLE", "SET (slot_name = NONE)"] {
                inside.batch_execute(&format!("ALTER SUBSCRIPTION \"{sub}\" {part}")).await.unwrap();
            }
            inside.batch_execute(&format!("DROP SUBSCRIPTION \"{sub}\"")).await.unwrap();
        }
    }
}

async fn clear(name: &str) {
    let root = connect(port(name), "boss", "postgres").await;
    let drop_slots = "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE active_pid IS NOT NULL";
    root.query(drop_slots, &[]).await.unwrap();
    root.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active", &[])
        .await
        .unwrap();
    let names = root
        .query("SELECT datname FROM pg_database WHERE datname LIKE $1", &[&format!("{DATABASE}%")])
        .await
        .unwrap();
    for row in names {
        root.batch_execute(&format!("DROP DATABASE \"{}\" WITH (FORCE)", row.get::<_, &str>(0)))
            .await
            .unwrap();
    }
}

pub(crate) fn server(name: &str, options: &PostgresOptions) -> Arc<Server> {
    Arc::new(Server::new(&side(name), options, &resolve).unwrap())
}

pub(crate) fn freezer(name: &str) -> Freezer {
    let options = direct();
    Freezer::new(server(name, &options), options.grace.0, options.still_within.0)
}

pub(crate) fn order(run: &str, lease: Option<u64>) -> FreezeOrder {
    FreezeOrder { by: RunId::new(run).unwrap(), lease: lease.map(Duration::from_millis) }
}

/// The SQLSTATE with which a statement fails.
pub(crate) async fn refused(client: &Client, statement: &str) -> String {
    match client.batch_execute(statement).await {
        Ok(()) => "accepted".to_owned(),
        Err(error) => error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()),
    }
}

/// Waits until something holds, for 30 s at most.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within 30 s");
}

/// What clients read in `entries`.
pub(crate) async fn entries(name: &str) -> BTreeMap<String, String> {
    let rows = app(name).await.query("SELECT key, value FROM entries", &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The same, or nothing where the database cannot be reached at the moment.
pub(crate) async fn try_entries(name: &str) -> Option<BTreeMap<String, String>> {
    let text = format!(
        "host=127.0.0.1 port={} user=app dbname={DATABASE} password={}",
        port(name),
        variable("SWITCHOVER_PG_PASSWORD")
    );
    let (client, connection) = tokio_postgres::connect(&text, NoTls).await.ok()?;
    tokio::spawn(async move { drop(connection.await) });
    let rows = client.query("SELECT key, value FROM entries", &[]).await.ok()?;
    Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
