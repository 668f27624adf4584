//! Counts the rows of every table, and adds up a hash of each where content is compared.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use futures_util::future::try_join_all;
use switchover::model::Verification;
use switchover::port::DataError;

use crate::connect::{Server, Session};
use crate::text::identifier;

/// A table with rows of its own that `pg_dump` carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The number by which the server knows it.
    pub(super) oid: u32,
    schema: String,
    name: String,
    /// Those that `COPY` carries, in its order: all but the generated ones.
    columns: Vec<String>,
}

impl Table {
    /// As SQL names it, and as a manifest does.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// As `pg_dump` orders its columns, with parentheses around them; nothing where it has none.
    pub(super) fn columns(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| identifier(name)).collect();
        if columns.is_empty() { String::new() } else { format!("({})", columns.join(", ")) }
    }

    /// As people name it: quoted only where that is needed to tell names apart.
    pub(super) fn shown(&self) -> String {
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        if plain(&self.schema) && plain(&self.name) {
            format!("{}.{}", self.schema, self.name)
        } else {
            self.quoted()
        }
    }
}

/// What tables hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) rows: BTreeMap<String, u64>,
    /// Only where content was asked for.
    pub(super) digests: BTreeMap<String, String>,
}

/// The name under which large objects are counted.
const LARGE: &str = "large objects";

/// Largest first, so that the last one to be done is a small one. Members of an extension come with it, and foreign tables hold another
/// server's rows.
const TABLES: &str = "SELECT c.oid, n.nspname::text, c.relname::text, \
    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'switchover') \
    AND n.nspname !~ '^pg_(toast|temp)' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') \
    ORDER BY c.relpages DESC, 2, 3";

/// The tables of the database that a session is in.
pub(super) async fn tables(server: &Server, session: &Session) -> Result<Vec<Table>, DataError> {
    let rows = session.query_typed(TABLES, &[]).await.map_err(|error| server.told(&error))?;
    let table = |row: &tokio_postgres::Row| Table {
        oid: row.get(0),
        schema: row.get(1),
        name: row.get(2),
        columns: row.get(3),
    };
    Ok(rows.iter().map(table).collect())
}

/// Measures all tables, side by side over the sessions that are given, and analyzes each where it was just filled.
pub(super) async fn measure(
    server: &Server,
    sessions: &[Session],
    tables: &[Table],
    how: Verification,
    analyze: bool,
    done: impl Fn() + Sync,
) -> Result<Measured, DataError> {
    let next = Mutex::new(tables.iter());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = async |session: &Session| {
        let mut mine = Measured::default();
        while let Some(table) = take() {
            let (rows, digest) = one(server, session, table, how).await?;
            mine.rows.insert(table.shown(), rows);
            mine.digests.extend(digest.map(|digest| (table.shown(), digest)));
            if analyze {
                let sql = format!("ANALYZE {}", table.quoted());
                session.batch_execute(&sql).await.map_err(|error| server.told(&error))?;
            }
            done();
        }
        Ok::<_, DataError>(mine)
    };
    let parts = try_join_all(sessions.iter().map(worker)).await?;
    let mut all = Measured::default();
    for part in parts {
        all.rows.extend(part.rows);
        all.digests.extend(part.digests);
    }
    if let Some(session) = sessions.first() {
        large_objects(server, session, how, &mut all).await?;
    }
    Ok(all)
}

/// The sum of the rows' hashes does not depend on their order, and a row that is there twice counts twice. Two seeds make 128 bits.
/// `hashtextextended` gives the same value on every version since 11 in which it exists; should one change it, the comparison fails and
/// says so.
async fn one(
    server: &Server,
    session: &Session,
    table: &Table,
    how: Verification,
) -> Result<(u64, Option<String>), DataError> {
    let digest = match how {
        Verification::None | Verification::Counts => "NULL",
        Verification::Content => HASH,
    };
    let sql = format!("SELECT pg_catalog.count(*), {digest} FROM ONLY {} AS switchover_row", table.quoted());
    let row = session.query_typed_one(&sql, &[]).await.map_err(|error| server.told(&error))?;
    Ok((u64::try_from(row.get::<_, i64>(0)).unwrap_or(0), row.get(1)))
}

const HASH: &str = "pg_catalog.concat(pg_catalog.sum(pg_catalog.hashtextextended((switchover_row.*)::text COLLATE pg_catalog.\"C\", 0)), ':', \
    pg_catalog.sum(pg_catalog.hashtextextended((switchover_row.*)::text COLLATE pg_catalog.\"C\", 1)))";

async fn large_objects(
    server: &Server,
    session: &Session,
    how: Verification,
    all: &mut Measured,
) -> Result<(), DataError> {
    let told = |error: tokio_postgres::Error| server.told(&error);
    let count = session
        .query_typed_one("SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata", &[])
        .await
        .map_err(told)?;
    let count = u64::try_from(count.get::<_, i64>(0)).unwrap_or(0);
    if count == 0 {
        return Ok(());
    }
    all.rows.insert(LARGE.into(), count);
    match how {
        Verification::None | Verification::Counts => {}
        Verification::Content => {
            let sql = "SELECT pg_catalog.sum(pg_catalog.hashtextextended(loid || ':' || pageno || ':' || pg_catalog.encode(data, 'hex'), 0))::text \
                || ':' || pg_catalog.sum(pg_catalog.hashtextextended(loid || ':' || pageno || ':' || pg_catalog.encode(data, 'hex'), 1))::text \
                FROM pg_catalog.pg_largeobject";
            let row = session.query_typed_one(sql, &[]).await.map_err(told)?;
            all.digests.insert(LARGE.into(), row.get::<_, Option<String>>(0).unwrap_or_default());
        }
    }
    Ok(())
}

/// The first difference between what a backup says and what was restored, in words.
pub(super) fn difference(
    rows: &BTreeMap<String, u64>,
    digests: &BTreeMap<String, String>,
    is: &Measured,
) -> Option<String> {
    for (table, expected) in rows {
        match is.rows.get(table) {
            None => return Some(format!("{table} did not arrive")),
            Some(found) if found != expected => {
                return Some(format!("{table} has {found} rows and should have {expected}"));
            }
            Some(_) => {}
        }
    }
    if let Some(extra) = is.rows.keys().find(|table| !rows.contains_key(*table)) {
        return Some(format!("{extra} is there and the source has no such table"));
    }
    let differs = |(table, digest): (&String, &String)| {
        let is = is.digests.get(table)?;
        (is != digest)
            .then(|| format!("the content of {table} is not the source's, although it has as many rows"))
    };
    digests.iter().find_map(differs)
}

/// The first sequence that would give values again which the source has given, in words.
pub(super) fn behind(
    source: &BTreeMap<String, (Option<i64>, i64)>,
    is: &BTreeMap<String, (Option<i64>, i64)>,
) -> Option<String> {
    source.iter().find_map(|(name, (was, increment))| {
        let Some((now, _)) = is.get(name) else { return Some(format!("the sequence {name} did not arrive")) };
        let late = match (was, now) {
            (Some(was), Some(now)) => {
                if *increment > 0 {
                    now < was
                } else {
                    now > was
                }
            }
            (Some(_), None) => true,
            (None, _) => false,
        };
        late.then(|| format!("the sequence {name} is behind the source's"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rows: &[(&str, u64)], digests: &[(&str, &str)]) -> Measured {
        Measured {
            rows: rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            digests: digests
                .iter()
                .map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn what_differs_is_named() {
        let source = measured(&[("a", 1), ("b", 2)], &[("a", "x"), ("b", "y")]);
        let against = |is: &Measured| difference(&source.rows, &source.digests, is);
        assert_eq!(against(&source), None);
        assert_eq!(against(&measured(&[("a", 1), ("b", 2)], &[])), None, "only counts were taken");
        assert_eq!(against(&measured(&[("a", 1)], &[])).unwrap(), "b did not arrive");
        assert_eq!(against(&measured(&[("a", 1), ("b", 3)], &[])).unwrap(), "b has 3 rows and should have 2");
        let other = measured(&[("a", 1), ("b", 2)], &[("a", "x"), ("b", "z")]);
        assert!(against(&other).unwrap().contains("the content of b"));
        let more = measured(&[("a", 1), ("b", 2), ("c", 0)], &[]);
        assert!(against(&more).unwrap().contains("c is there"));
    }

    #[test]
    fn a_sequence_may_be_ahead_and_never_behind() {
        let at = |value, step| BTreeMap::from([("s".to_owned(), (value, step))]);
        assert_eq!(behind(&at(Some(5), 1), &at(Some(5), 1)), None);
        assert_eq!(behind(&at(Some(5), 1), &at(Some(6), 1)), None);
        assert_eq!(behind(&at(None, 1), &at(None, 1)), None);
        assert!(behind(&at(Some(5), 1), &at(Some(4), 1)).is_some());
        assert!(behind(&at(Some(5), 1), &at(None, 1)).is_some());
        assert!(behind(&at(Some(-5), -1), &at(Some(-4), -1)).is_some());
        assert!(behind(&at(Some(5), 1), &BTreeMap::new()).is_some());
    }
}
