//! What a freeze needs in the database: put there once, and again when it changes.

use sha2::{Digest as _, Sha256};
use switchover::port::DataError;

use super::state::Seen;
use crate::connect::{Server, Session};
use crate::text::literal;

const INSTALL: &str = include_str!("install.sql");
/// The tables that no guard stands at.
pub(super) const TABLES: &str = include_str!("tables.sql");
const GUARD: &str = include_str!("guard.sql");

/// What is installed for an admin: it changes with the text and with the admin.
fn version(admin: &str) -> String {
    let digest = Sha256::new().chain_update(INSTALL).chain_update([0]).chain_update(admin).finalize();
    format!("Switchover's freeze, {}", hex::encode(&digest[..8]))
}

/// What is installed, as one transaction.
fn batch(admin: &str) -> String {
    let version = version(admin);
    let text = INSTALL.replace("{admin}", &literal(admin)).replace("{version}", &literal(&version));
    format!("BEGIN; SET LOCAL lock_timeout = '10s'; {text} COMMIT")
}

/// The statement that puts a guard at every table that has none.
pub(super) fn guards() -> String {
    let tables = TABLES.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join(" ");
    let text = GUARD.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    text.replace("{tables}", &tables)
}

/// Both, for a person.
pub(super) fn text(admin: &str) -> String {
    format!("{};\nSET lock_timeout = '500ms';\n{};\n", batch(admin), guards())
}

/// Installs what is missing or of another version.
pub(super) async fn install(server: &Server, session: &Session, seen: &Seen) -> Result<(), DataError> {
    let admin = &server.admin_login().user;
    let version = version(admin);
    if seen.version.as_ref() == Some(&version) {
        return Ok(());
    }
    match session.batch_execute(&batch(admin)).await {
        Ok(()) => Ok(()),
        Err(error) => {
            drop(session.batch_execute("ROLLBACK").await);
            Err(server.told(&error))
        }
    }
}

/// Puts a guard at every table that has none. One whose lock cannot be had is left for the next call.
pub(super) async fn guard(server: &Server, session: &Session) -> Result<(), DataError> {
    session.batch_execute(&guards()).await.map_err(|error| server.told(&error))
}

/// The tables that no guard stands at, as `schema.table`.
pub(crate) async fn unguarded(server: &Server, session: &Session) -> Result<Vec<String>, DataError> {
    let rows = session.query_typed(TABLES, &[]).await.map_err(|error| server.told(&error))?;
    Ok(rows.iter().map(|row| format!("{}.{}", row.get::<_, &str>(1), row.get::<_, &str>(2))).collect())
}
