//! Real clusters: A, physical copies of it, and their clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use switchover::config::{Period, SecretRef};
use switchover::model::{RunId, SideName};
use switchover::port::FreezeOrder;
use switchover_postgres::{PostgresUser, SslMode};
use switchover_rds::{Endpoint, PostgresGuard, RdsFreeze, RdsMethod, RdsOptions, RdsSide};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::sides;
use tokio::process::Command;
use tokio_postgres::{Client, NoTls};

const DATABASE: &str = "rds_guard";

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run tests/postgres/run"))
}

/// Where a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) u16);

/// A physical copy of A; removed by [`Copy::remove`], or with all clusters.
pub(crate) struct Copy {
    name: &'static str,
    pub(crate) port: Port,
}

async fn ctl(name: &str, what: &str) -> String {
    let told = Command::new(variable("SWITCHOVER_PG_CTL")).args([name, what]).output().await.unwrap();
    assert!(told.status.success(), "{name} {what}: {}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

impl Copy {
    /// As it would be restored from a snapshot of A's storage.
    pub(crate) async fn restored(name: &'static str) -> Self {
        Self::made(name, "snapshot").await
    }

    /// A replica that follows A.
    pub(crate) async fn following(name: &'static str) -> Self {
        Self::made(name, "replica").await
    }

    async fn made(name: &'static str, how: &str) -> Self {
        // What a test that failed has left.
        ctl(name, "remove").await;
        Self { name, port: Port(ctl(name, how).await.parse().unwrap()) }
    }

    pub(crate) async fn promote(&self) {
        ctl(self.name, "promote").await;
    }

    pub(crate) async fn remove(self) {
        ctl(self.name, "remove").await;
    }
}

async fn connect(port: Port, user: &str, database: &str) -> Client {
    let (port, password) = (port.0, variable("SWITCHOVER_PG_PASSWORD"));
    let text = format!("host=127.0.0.1 port={port} user={user} dbname={database} password={password}");
    let (client, connection) = tokio_postgres::connect(&text, NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// A client of the application.
pub(crate) async fn app(port: Port) -> Client {
    connect(port, "app", DATABASE).await
}

/// A superuser.
pub(crate) async fn boss(port: Port) -> Client {
    connect(port, "boss", DATABASE).await
}

/// A, with one table that clients write to.
pub(crate) async fn fresh() -> Port {
    let a = Port(variable("SWITCHOVER_PG_A").parse().unwrap());
    let root = connect(a, "boss", "postgres").await;
    root.batch_execute(&format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")).await.unwrap();
    let role = format!(
        "DO $$ BEGIN CREATE ROLE app LOGIN PASSWORD '{}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        variable("SWITCHOVER_PG_PASSWORD")
    );
    root.batch_execute(&role).await.unwrap();
    root.batch_execute(&format!("CREATE DATABASE {DATABASE} OWNER app")).await.unwrap();
    app(a).await.batch_execute("CREATE TABLE entries (key text PRIMARY KEY)").await.unwrap();
    a
}

/// What becomes of a client's write: `written`, or the server's code.
pub(crate) async fn write(port: Port, key: &str) -> String {
    match app(port).await.execute("INSERT INTO entries VALUES ($1)", &[&key]).await {
        Ok(_) => "written".to_owned(),
        Err(error) => error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()),
    }
}

/// Whether clients read a key.
pub(crate) async fn has(port: Port, key: &str) -> bool {
    app(port).await.query_opt("SELECT FROM entries WHERE key = $1", &[&key]).await.unwrap().is_some()
}

pub(crate) fn hongkong() -> SideName {
    sides()[0].clone()
}

pub(crate) fn sydney() -> SideName {
    sides()[1].clone()
}

pub(crate) fn how() -> RdsFreeze {
    let user = |name: &str| PostgresUser {
        user: name.to_owned(),
        password: Some(SecretRef::Env("SWITCHOVER_PG_PASSWORD".into())),
    };
    RdsFreeze {
        database: DATABASE.to_owned(),
        admin: user("boss"),
        application: user("app"),
        sslmode: SslMode::Disable,
        root_certificate: None,
        connect_timeout: Period(Duration::from_secs(5)),
        statement_timeout: Period(Duration::from_secs(30)),
        grace: Period(Duration::from_millis(500)),
        still_within: Period(Duration::from_secs(15)),
    }
}

pub(crate) fn options(method: RdsMethod) -> RdsOptions {
    let side = |side: SideName| {
        let of_side = RdsSide { instance: "gigadb-live".to_owned(), ..RdsSide::default() };
        (side.to_string(), of_side)
    };
    RdsOptions {
        method,
        sides: BTreeMap::from(sides().map(side)),
        freeze: Some(how()),
        poll: Period(Duration::from_millis(50)),
        patience: Period(Duration::from_secs(60)),
        connect_timeout: Period(Duration::from_secs(3)),
        operation_timeout: Period(Duration::from_secs(24)),
    }
}

fn resolve(reference: &SecretRef) -> Result<SecretString, String> {
    match reference {
        SecretRef::Env(name) => Ok(variable(name).into()),
        SecretRef::File(path) => Err(format!("{} is not used here", path.display())),
    }
}

pub(crate) fn guard(method: RdsMethod) -> PostgresGuard {
    PostgresGuard::new(&options(method), Arc::new(TokioClock::new()), &resolve).unwrap().unwrap()
}

/// An instance at a server, as RDS would tell of it.
pub(crate) fn at(side: SideName, port: Port) -> Endpoint {
    Endpoint {
        side,
        instance: "gigadb-live".to_owned(),
        resource: format!("db-{}", port.0),
        address: "127.0.0.1".to_owned(),
        port: port.0,
        status: "available".to_owned(),
        engine_version: "15.4".to_owned(),
        master_user: "boss".to_owned(),
        database: None,
    }
}

pub(crate) fn run() -> RunId {
    RunId::new("run-1").unwrap()
}

pub(crate) fn order(lease_ms: Option<u64>) -> FreezeOrder {
    FreezeOrder { by: run(), lease: lease_ms.map(Duration::from_millis) }
}

/// Waits until something holds, for 20 s at most.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within 20 s");
}
