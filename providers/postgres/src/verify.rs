//! Compares two databases: rows counted, or the content of every row.

use std::collections::BTreeMap;

use futures_util::future::try_join;
use switchover::model::Verification;
use switchover::port::DataError;

use crate::connect::{Server, Session};
use crate::tables::{Content, Name, Table};
use crate::text::identifier;

/// What a table holds: the number of its rows, and the sum of a hash of each, which does not depend on their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) rows: i64,
    pub(crate) hash: String,
}

/// One statement for a table. The hash is the server's own (`hashtextextended`), and compared only between two servers: it is no digest to keep.
fn query(place: usize, name: &Name, table: &Table, depth: Verification) -> String {
    let hash = match depth {
        Verification::None | Verification::Counts => "''".to_owned(),
        Verification::Content => {
            let columns: Vec<String> =
                table.columns.keys().map(|column| format!("x.{}", identifier(column))).collect();
            format!("coalesce(sum(hashtextextended(ROW({})::text, 0)), 0)::text", columns.join(", "))
        }
    };
    format!("SELECT {place}::int, count(*), {hash} FROM ONLY {} x", name.quoted())
}

/// What each streamed table holds.
pub(crate) async fn sums(
    server: &Server,
    session: &Session,
    content: &Content,
    depth: Verification,
) -> Result<BTreeMap<Name, Sum>, DataError> {
    let tables: Vec<(&Name, &Table)> = content.streamed().collect();
    let mut sums = BTreeMap::new();
    for some in tables.chunks(200) {
        let parts: Vec<String> =
            some.iter().enumerate().map(|(place, (name, table))| query(place, name, table, depth)).collect();
        let rows = session
            .query_typed(&parts.join(" UNION ALL "), &[])
            .await
            .map_err(|error| server.told(&error))?;
        for row in rows {
            let place = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
            if let Some((name, _)) = some.get(place) {
                sums.insert((*name).clone(), Sum { rows: row.get(1), hash: row.get(2) });
            }
        }
    }
    Ok(sums)
}

/// The part of a database that is read in no time, smallest tables first, and the tables that are too large to be part of it.
pub(crate) async fn small_part(
    server: &Server,
    session: &Session,
    content: &Content,
    most: i64,
) -> Result<(Content, Vec<Name>), DataError> {
    let rows = session.query_typed(SIZES, &[]).await.map_err(|error| server.told(&error))?;
    let mut left = most;
    let (mut small, mut large) = (content.clone(), Vec::new());
    for row in rows {
        let name = Name { schema: row.get(0), name: row.get(1) };
        left = left.saturating_sub(row.get(2));
        if left < 0 && small.tables.remove(&name).is_some() {
            large.push(name);
        }
    }
    Ok((small, large))
}

const SIZES: &str = "SELECT n.nspname::text, c.relname::text, s.size FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, LATERAL (SELECT pg_catalog.pg_relation_size(c.oid) AS size) s \
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'switchover') ORDER BY s.size";

/// Compares both sides; the rows in all, or the first difference in words.
pub(crate) async fn compare(
    from: (&Server, &Session),
    to: (&Server, &Session),
    content: &Content,
    depth: Verification,
) -> Result<u64, DataError> {
    if depth == Verification::None {
        return Ok(0);
    }
    let (here, there) =
        try_join(sums(from.0, from.1, content, depth), sums(to.0, to.1, content, depth)).await?;
    for (name, sum) in &here {
        let other = there.get(name);
        if other != Some(sum) {
            let rows = other.map_or(0, |other| other.rows);
            let why = if rows == sum.rows {
                format!("{name} differs in content ({rows} rows on both sides)")
            } else {
                format!("{name} has {rows} rows, and {} at {}", sum.rows, from.0.place())
            };
            return Err(to.0.failed(why));
        }
    }
    Ok(here.values().map(|sum| u64::try_from(sum.rows).unwrap_or(0)).sum())
}
