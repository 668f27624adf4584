//! Sequences, which logical replication does not carry.

use serde::Serialize;
use switchover::port::DataError;
use tokio_postgres::types::Type;

use crate::connect::{Server, Session};

/// A sequence as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stand {
    schema: String,
    name: String,
    last: Option<i64>,
    start: i64,
    least: i64,
    most: i64,
    step: i64,
    cycles: bool,
    cached: i64,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Set {
    schema: String,
    name: String,
    value: i64,
}

impl Stand {
    /// The value to go on after: as far ahead as clients may have come since it was read. A sequence that would overflow goes half of the
    /// way that it has left; one that cycles stays, since its values come again anyway.
    fn ahead(&self, gap: u32) -> i64 {
        let last = i128::from(self.last.unwrap_or(self.start.saturating_sub(self.step)));
        let (step, end) = (i128::from(self.step), if self.step < 0 { self.least } else { self.most });
        let left = (i128::from(end) - last) / step;
        let gap = i128::from(gap) + i128::from(self.cached) - 1;
        let steps = if self.cycles && gap > left { 0 } else { gap.min(left / 2) };
        let value = last + step * steps;
        i64::try_from(value.clamp(i128::from(self.least), i128::from(self.most))).unwrap_or(self.start)
    }
}

const READ: &str = "SELECT schemaname::text, sequencename::text, last_value, start_value, min_value, max_value, increment_by, cycle, cache_size \
    FROM pg_catalog.pg_sequences WHERE schemaname <> 'switchover' AND schemaname !~ '^pg_temp'";

const WRITE: &str = "SELECT count(pg_catalog.setval(pg_catalog.format('%I.%I', s.schema, s.name)::pg_catalog.regclass, s.value)) \
    FROM pg_catalog.jsonb_to_recordset($1::text::jsonb) AS s(schema text, name text, value bigint)";

/// Every sequence of this database, the column that takes its values where there is one, and whether an index finds that column's greatest
/// value at once.
const OWNED: &str = "SELECT s.schemaname::text, s.sequencename::text, s.last_value, s.start_value, s.min_value, s.max_value, s.increment_by, \
    s.cycle, s.cache_size, \
    CASE WHEN a.attname IS NOT NULL THEN pg_catalog.format('SELECT pg_catalog.%s(%I)::bigint FROM %I.%I', \
      CASE WHEN s.increment_by < 0 THEN 'min' ELSE 'max' END, a.attname, tn.nspname, t.relname) END \
    FROM pg_catalog.pg_sequences s \
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname \
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename \
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid \
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') \
      AND EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = d.refobjid AND i.indisvalid AND i.indkey[0] = d.refobjsubid) \
    LEFT JOIN pg_catalog.pg_class t ON t.oid = d.refobjid \
    LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
    WHERE s.schemaname <> 'switchover' AND s.schemaname !~ '^pg_temp'";

/// Sets every sequence of a side that stands alone ahead of all that is known: of its own value, which is that of the latest sync, and of the
/// greatest key that arrived since. What it did, in words.
///
/// The other side may have handed out more that never arrived; clients must not get those numbers twice.
pub(super) async fn advance(
    server: &Server,
    session: &Session,
    gap: u32,
) -> Result<Option<String>, DataError> {
    let told = |error: tokio_postgres::Error| server.told(&error);
    let mut sets = Vec::new();
    for row in session.query_typed(OWNED, &[]).await.map_err(told)? {
        let mut stand = stand(&row);
        if let Some(query) = row.get::<_, Option<&str>>(9) {
            let greatest: Option<i64> = session.query_typed_one(query, &[]).await.map_err(told)?.get(0);
            stand.last = furthest(stand.last, greatest, stand.step);
        }
        sets.push(Set { value: stand.ahead(gap), schema: stand.schema, name: stand.name });
    }
    if sets.is_empty() {
        return Ok(None);
    }
    let count = write((server, session), &sets).await?;
    Ok(Some(format!(
        "{count} sequences were moved {gap} steps past their greatest known values: production may have handed out more than arrived"
    )))
}

/// The value that is further on, by the direction of the steps.
fn furthest(one: Option<i64>, other: Option<i64>, step: i64) -> Option<i64> {
    let both = one.into_iter().chain(other);
    if step < 0 { both.min() } else { both.max() }
}

fn stand(row: &tokio_postgres::Row) -> Stand {
    Stand {
        schema: row.get(0),
        name: row.get(1),
        last: row.get(2),
        start: row.get(3),
        least: row.get(4),
        most: row.get(5),
        step: row.get(6),
        cycles: row.get(7),
        cached: row.get(8),
    }
}

async fn write(to: (&Server, &Session), sets: &[Set]) -> Result<u64, DataError> {
    let text = serde_json::to_string(sets).map_err(|error| to.0.failed(format!("sequences: {error}")))?;
    let row = to.1.query_typed_one(WRITE, &[(&text, Type::TEXT)]).await.map_err(|error| to.0.told(&error))?;
    Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
}

/// Sets every sequence of the new production ahead of the old one's. Repeated, it comes to the same.
pub(super) async fn carry(
    from: (&Server, &Session),
    to: (&Server, &Session),
    gap: u32,
) -> Result<u64, DataError> {
    let rows = from.1.query_typed(READ, &[]).await.map_err(|error| from.0.told(&error))?;
    let sets: Vec<Set> = rows
        .iter()
        .map(stand)
        .map(|stand| Set { value: stand.ahead(gap), schema: stand.schema, name: stand.name })
        .collect();
    if sets.is_empty() {
        return Ok(0);
    }
    write(to, &sets).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(last: Option<i64>) -> Stand {
        Stand {
            schema: "s".into(),
            name: "n".into(),
            last,
            start: 1,
            least: 1,
            most: 32_767,
            step: 1,
            cycles: false,
            cached: 1,
        }
    }

    #[test]
    fn what_arrived_counts_as_much_as_the_latest_sync() {
        assert_eq!(furthest(Some(1007), Some(1200), 1), Some(1200));
        assert_eq!(furthest(Some(1007), None, 1), Some(1007));
        assert_eq!(furthest(Some(-7), Some(-9), -2), Some(-9));
    }

    #[test]
    fn a_sequence_goes_ahead_by_the_gap_and_never_past_its_end() {
        assert_eq!(stand(Some(7)).ahead(1000), 1007);
        assert_eq!(stand(None).ahead(1000), 1000);
        assert_eq!(stand(Some(32_767)).ahead(1000), 32_767);
        assert_eq!(stand(Some(32_757)).ahead(1000), 32_762);
        assert_eq!(Stand { cached: 32, ..stand(Some(7)) }.ahead(1000), 1038);
        let down = Stand { step: -2, start: -1, least: i64::MIN, most: -1, ..stand(Some(-101)) };
        assert_eq!(down.ahead(10), -121);
        assert_eq!(Stand { cycles: true, ..stand(Some(32_000)) }.ahead(1000), 32_000);
        let whole = Stand { most: i64::MAX, ..stand(Some(i64::MAX - 1)) };
        assert_eq!(whole.ahead(1000), i64::MAX - 1);
    }
}
