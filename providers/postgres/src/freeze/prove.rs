//! Tries to write as the application does, and wants every attempt refused.

use std::time::Duration;

use switchover::port::{DataError, FreezeProof};
use tokio::sync::Mutex;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::state::Seen;
use super::{install, still};
use crate::connect::{Server, Session, words};
use crate::text::identifier;

/// The tables that are tried.
const TABLES: i64 = 3;

/// Whether large objects are guarded, and tables that the application may write to.
const TARGETS: &str = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'switchover') \
    AND pg_catalog.has_schema_privilege($1, n.oid, 'USAGE') AND pg_catalog.has_table_privilege($1, c.oid, 'INSERT') \
    ORDER BY pg_catalog.random() LIMIT $2";

/// A transaction that says itself that it writes.
const WRITING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE";

const LARGE: &str = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user";

/// One write to try.
struct Attempt {
    statement: String,
    /// How the server refuses it: by the guard, or because the right was taken away.
    by: SqlState,
}

/// Tries to write over a connection from before the freeze and over a new one, then watches that nothing moves.
pub(super) async fn prove(
    server: &Server,
    pooled: &Mutex<Option<Session>>,
    within: Duration,
) -> Result<FreezeProof, DataError> {
    let session = server.admin().await?;
    if recovers(server, &session).await? {
        server.keep(session);
        return prove_replica(server).await;
    }
    refuse_open(server, &Seen::read(server, &session).await?)?;
    let bare = install::unguarded(server, &session).await?;
    if let Some(first) = bare.first() {
        return Err(not_frozen(server, format!("{first} has no guard ({} in all)", bare.len())));
    }
    let attempts = attempts(server, &session).await?;
    let (old, new) = (reused(server, pooled).await?, server.application().await?);
    let mut proof = FreezeProof { attempts: 0, refused: String::new(), position: None, still_ms: 0 };
    for client in [&old, &new] {
        for attempt in &attempts {
            proof.refused = refused(server, client, WRITING, attempt).await?;
            proof.attempts += 1;
        }
    }
    *pooled.lock().await = Some(old);
    let still = still::still(server, &session, within).await?;
    refuse_open(server, &Seen::read(server, &session).await?)?;
    server.keep(session);
    proof.refused = format!("{}; still: {}", proof.refused, still.what);
    proof.position = still.position;
    proof.still_ms = u64::try_from(still.time.as_millis()).unwrap_or(u64::MAX);
    Ok(proof)
}

async fn recovers(server: &Server, session: &Session) -> Result<bool, DataError> {
    let row = session.query_typed_one("SELECT pg_catalog.pg_is_in_recovery()", &[]).await;
    row.map(|row| row.get(0)).map_err(|error| server.told(&error))
}

/// A replica refuses every write as long as it replays, and what moves there is what its source writes.
async fn prove_replica(server: &Server) -> Result<FreezeProof, DataError> {
    let client = server.application().await?;
    let attempt = Attempt {
        statement: "CREATE SCHEMA switchover_attempt".to_owned(),
        by: SqlState::READ_ONLY_SQL_TRANSACTION,
    };
    // Not even a transaction that only says that it writes is begun there.
    let refused = refused(server, &client, "BEGIN", &attempt).await?;
    Ok(FreezeProof { attempts: 1, refused, position: None, still_ms: 0 })
}

fn not_frozen(server: &Server, why: String) -> DataError {
    DataError::NotFrozen { place: server.place().to_owned(), why }
}

fn refuse_open(server: &Server, seen: &Seen) -> Result<(), DataError> {
    match seen.lapsed() {
        _ if seen.is_frozen() => Ok(()),
        Some(at) => Err(not_frozen(server, format!("the freeze ran out at {at}"))),
        None => Err(not_frozen(server, "it is not frozen".to_owned())),
    }
}

async fn reused(server: &Server, pooled: &Mutex<Option<Session>>) -> Result<Session, DataError> {
    match pooled.lock().await.take() {
        Some(session) if !session.is_closed() => Ok(session),
        Some(_) | None => server.application().await,
    }
}

async fn attempts(server: &Server, session: &Session) -> Result<Vec<Attempt>, DataError> {
    let user = &server.side().application.user;
    let tables = session
        .query_typed(TARGETS, &[(user, Type::TEXT), (&TABLES, Type::INT8)])
        .await
        .map_err(|error| server.told(&error))?;
    let guarded = session.query_typed_one(LARGE, &[]).await.map_err(|error| server.told(&error))?;
    let by_guard = |statement: String| Attempt { statement, by: SqlState::READ_ONLY_SQL_TRANSACTION };
    let mut attempts: Vec<Attempt> = vec![by_guard("CREATE SCHEMA switchover_attempt".to_owned())];
    if guarded.get(0) {
        attempts.push(Attempt {
            statement: "SELECT pg_catalog.lo_create(0)".to_owned(),
            by: SqlState::INSUFFICIENT_PRIVILEGE,
        });
    }
    for row in &tables {
        let table = format!("{}.{}", identifier(row.get(0)), identifier(row.get(1)));
        attempts.push(by_guard(format!("INSERT INTO {table} DEFAULT VALUES")));
    }
    Ok(attempts)
}

/// Tries one write in a transaction that begins so; it is rolled back whatever becomes of it.
async fn refused(
    server: &Server,
    client: &Session,
    begin: &str,
    attempt: &Attempt,
) -> Result<String, DataError> {
    let told = |error: &Error| server.told(error);
    client.batch_execute(begin).await.map_err(|error| told(&error))?;
    let outcome = client.batch_execute(&attempt.statement).await;
    client.batch_execute("ROLLBACK").await.map_err(|error| told(&error))?;
    let statement = &attempt.statement;
    let Err(error) = outcome else {
        return Err(not_frozen(server, format!("`{statement}` was accepted")));
    };
    match error.as_db_error() {
        Some(said) if *said.code() == attempt.by => Ok(words(said)),
        Some(said) => {
            Err(not_frozen(server, format!("`{statement}` was not refused by the freeze: {}", words(said))))
        }
        None => Err(told(&error)),
    }
}
