//! What would let a client around a freeze, or keep one from being made.

use std::fmt;

use switchover::port::{DataError, StoreProblem};
use tokio_postgres::types::Type;

use crate::connect::{Server, Session};

const APPLICATION: &str = "SELECT a.rolsuper, pg_catalog.pg_has_role(a.oid, m.oid, 'MEMBER'), a.rolreplication \
    FROM pg_catalog.pg_roles a, pg_catalog.pg_roles m WHERE a.rolname = $1 AND m.rolname = current_user";

/// `has_parameter_privilege` is PostgreSQL 15's.
const PARAMETER: &str = "SELECT pg_catalog.has_parameter_privilege($1, 'session_replication_role', 'SET')";

const ADMIN: &str = "SELECT r.rolsuper, pg_catalog.pg_has_role(current_user, 'pg_signal_backend', 'USAGE'), \
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), \
    EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_superuser' AND pg_catalog.pg_has_role(current_user, oid, 'USAGE')), \
    pg_catalog.has_database_privilege(current_user, pg_catalog.current_database(), 'CREATE'), \
    EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata), \
    pg_catalog.current_setting('server_version_num')::int FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";

const PREPARED: &str = "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY prepared";

fn problem(server: &Server, fatal: bool, message: impl fmt::Display, advice: &str) -> StoreProblem {
    StoreProblem {
        side: Some(server.name().clone()),
        fatal,
        message: format!("{}: {message}", server.place()),
        advice: Some(advice.to_owned()),
    }
}

/// Everything about a side that keeps a freeze from being made or from holding.
pub async fn problems(server: &Server, session: &Session) -> Result<Vec<StoreProblem>, DataError> {
    let told = |error: tokio_postgres::Error| server.told(&error);
    let mut found = Vec::new();
    let admin = session.query_typed_one(ADMIN, &[]).await.map_err(told)?;
    let (superuser, rds, version): (bool, bool, i32) = (admin.get(0), admin.get(3), admin.get(6));
    if !superuser {
        if !rds {
            let message = format!("`{}` may not create event triggers", server.admin_login().user);
            found.push(problem(
                server,
                true,
                message,
                "make the admin a superuser, or on RDS a member of rds_superuser",
            ));
        }
        for (right, column) in [("pg_signal_backend", 1), ("pg_read_all_stats", 2)] {
            if !admin.get::<_, bool>(column) {
                let message = format!(
                    "the admin is no member of {right}, and cannot see or end the transactions of clients"
                );
                found.push(problem(server, true, message, &format!("GRANT {right} to the admin")));
            }
        }
        if !admin.get::<_, bool>(4) {
            found.push(problem(
                server,
                true,
                "the admin may not create a schema",
                "GRANT CREATE ON DATABASE to the admin",
            ));
        }
        if admin.get(5) {
            let message = "the database holds large objects, whose writes only a superuser can refuse";
            found.push(problem(
                server,
                true,
                message,
                "make the admin a superuser, or move the large objects into a table",
            ));
        }
    }
    found.extend(application(server, session, version).await?);
    let prepared = session.query_typed(PREPARED, &[]).await.map_err(told)?;
    if !prepared.is_empty() {
        let gids: Vec<String> = prepared.iter().map(|row| format!("`{}`", row.get::<_, &str>(0))).collect();
        let message = format!("prepared transactions wait, which no freeze can refuse: {}", gids.join(", "));
        found.push(problem(server, true, message, "end each with COMMIT PREPARED or ROLLBACK PREPARED"));
    }
    Ok(found)
}

async fn application(
    server: &Server,
    session: &Session,
    version: i32,
) -> Result<Vec<StoreProblem>, DataError> {
    let user = &server.side().application.user;
    let mut found = Vec::new();
    let row = session
        .query_typed_opt(APPLICATION, &[(user, Type::TEXT)])
        .await
        .map_err(|error| server.told(&error))?;
    let Some(row) = row else {
        let message = format!("the application's user `{user}` does not exist");
        found.push(problem(server, true, message, "create it, or correct `application.user`"));
        return Ok(found);
    };
    let own = "give the application a user of its own, without such rights";
    if row.get(0) {
        found.push(problem(
            server,
            true,
            format!("the application's user `{user}` is a superuser, who can switch the freeze off"),
            own,
        ));
        return Ok(found);
    }
    if row.get(1) {
        found.push(problem(
            server,
            true,
            format!(
                "the application's user `{user}` is a member of the admin, and can switch the freeze off"
            ),
            own,
        ));
    }
    if version >= 150_000 {
        let row = session
            .query_typed_one(PARAMETER, &[(user, Type::TEXT)])
            .await
            .map_err(|error| server.told(&error))?;
        if row.get(0) {
            let message = format!(
                "the application's user `{user}` may set session_replication_role, and with it pass every guard"
            );
            found.push(problem(
                server,
                true,
                message,
                "REVOKE SET ON PARAMETER session_replication_role from it",
            ));
        }
    }
    if let Err(error) = try_login(server).await {
        found.push(problem(
            server,
            true,
            format!("the application's user `{user}` cannot log in: {error}"),
            "correct `application`; the proof of a freeze needs it",
        ));
    }
    Ok(found)
}

async fn try_login(server: &Server) -> Result<(), DataError> {
    server.application().await.map(drop)
}
