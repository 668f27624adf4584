//! Waits until no transaction is left that passed the guard before it was closed.

use std::time::Duration;

use switchover::port::DataError;
use tokio::time::{Instant, sleep};
use tokio_postgres::types::Type;

use super::hold::{Hold, SHORT};
use super::install;
use crate::connect::{Server, Session};

pub(super) const WRITERS: &str = include_str!("writers.sql");
const POLL: Duration = Duration::from_millis(20);
/// How long after their connections were ended transactions may take to go.
const AFTER_END: Duration = Duration::from_secs(10);

/// A transaction that a freeze waits for.
struct Writer {
    id: String,
    pid: i32,
    who: String,
}

/// Puts guards everywhere and waits for everybody who was under way. After `grace` their connections are ended.
pub(super) async fn settle(
    server: &Server,
    session: &Session,
    hold: &Hold<'_>,
    grace: Duration,
) -> Result<(), DataError> {
    let begun = Instant::now();
    let mut armed = begun;
    loop {
        refuse_prepared(server, session).await?;
        let bare = install::unguarded(server, session).await?;
        if !bare.is_empty() {
            install::guard(server, session).await?;
        }
        let ids = writers(server, session, None).await?;
        if bare.is_empty() && ids.is_empty() {
            return Ok(());
        }
        let mut waiting = ids;
        while !waiting.is_empty() {
            let waited = begun.elapsed();
            if waited > grace + AFTER_END {
                return Err(server.failed(format!("the transactions of {} do not end", named(&waiting))));
            }
            if waited > grace {
                end(server, session, &waiting).await?;
            }
            if armed.elapsed() > SHORT / 4 {
                hold.arm(server, session).await?;
                armed = Instant::now();
            }
            sleep(POLL).await;
            let ids: Vec<String> = waiting.into_iter().map(|writer| writer.id).collect();
            waiting = writers(server, session, Some(&ids)).await?;
        }
        if begun.elapsed() > grace + AFTER_END {
            let left = install::unguarded(server, session).await?;
            if !left.is_empty() {
                return Err(
                    server.failed(format!("no guard could be put at {}: they stay locked", left.join(", ")))
                );
            }
        }
    }
}

async fn writers(
    server: &Server,
    session: &Session,
    only: Option<&Vec<String>>,
) -> Result<Vec<Writer>, DataError> {
    let admin = &server.admin_login().user;
    let rows = session
        .query_typed(WRITERS, &[(&only, Type::TEXT_ARRAY), (admin, Type::TEXT)])
        .await
        .map_err(|error| server.told(&error))?;
    Ok(rows
        .iter()
        .map(|row| Writer {
            id: row.get(0),
            pid: row.get(1),
            who: format!(
                "{} ({}, process {})",
                row.get::<_, &str>(2),
                row.get::<_, &str>(3),
                row.get::<_, i32>(1)
            ),
        })
        .collect())
}

fn named(writers: &[Writer]) -> String {
    writers.iter().map(|writer| writer.who.as_str()).collect::<Vec<_>>().join(", ")
}

async fn end(server: &Server, session: &Session, writers: &[Writer]) -> Result<(), DataError> {
    let pids: Vec<i32> = writers.iter().map(|writer| writer.pid).collect();
    session
        .query_typed(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.unnest($1::int[]) pid",
            &[(&pids, Type::INT4_ARRAY)],
        )
        .await
        .map(drop)
        .map_err(|error| server.told(&error))
}

/// A prepared transaction has passed the guard already, belongs to no connection, and may be committed by anybody at any time.
async fn refuse_prepared(server: &Server, session: &Session) -> Result<(), DataError> {
    let rows = session
        .query_typed(
            "SELECT gid, owner::text FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY prepared",
            &[],
        )
        .await
        .map_err(|error| server.told(&error))?;
    if rows.is_empty() {
        return Ok(());
    }
    let named: Vec<String> =
        rows.iter().map(|row| format!("`{}` of {}", row.get::<_, &str>(0), row.get::<_, &str>(1))).collect();
    Err(server.unfit(
        format!(
            "prepared transactions wait to be committed, which no freeze can refuse: {}",
            named.join(", ")
        ),
        "end each with COMMIT PREPARED or ROLLBACK PREPARED",
    ))
}
