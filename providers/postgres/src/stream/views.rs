//! Materialized views, which logical replication does not carry.

use switchover::port::DataError;

use crate::connect::{Server, Session};

/// In the order in which they were made: one that reads another is younger.
const READ: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'm' AND n.nspname !~ '^pg_(temp|toast)' ORDER BY c.oid";

/// Computes every materialized view of the stand-by anew from the rows that it has; a note for each that fails. May be repeated.
pub(super) async fn refresh((server, session): (&Server, &Session)) -> Result<Vec<String>, DataError> {
    let rows = session.query_typed(READ, &[]).await.map_err(|error| server.told(&error))?;
    let mut notes = Vec::new();
    for row in rows {
        let view: String = row.get(0);
        match session.batch_execute(&format!("REFRESH MATERIALIZED VIEW {view}")).await {
            Ok(()) => {}
            Err(error) if error.as_db_error().is_none() => return Err(server.told(&error)),
            Err(error) => {
                notes.push(format!("{view} was not refreshed: {}", server.told(&error)));
            }
        }
    }
    Ok(notes)
}
