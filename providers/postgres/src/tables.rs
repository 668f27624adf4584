//! What a database consists of, and how two of them differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use switchover::port::DataError;

use crate::connect::{Server, Session};
use crate::text::identifier;

/// A table, a sequence or whatever else has a schema and a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Name {
    /// As SQL wants it.
    pub(crate) fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// What kind of table it is, as far as copying goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It holds rows of its own.
    Plain,
    /// Its partitions hold its rows.
    Parted,
    /// It is not in the write-ahead log, and does not stream.
    Unlogged,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) kind: Kind,
    /// Whether it is a part of another one.
    pub(crate) part: bool,
    /// Whether an update or a deletion of a row says which row it was.
    pub(crate) identified: bool,
    /// Its columns and their types; generated ones are not copied.
    pub(crate) columns: BTreeMap<String, String>,
}

/// The tables and sequences of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) tables: BTreeMap<Name, Table>,
    pub(crate) sequences: BTreeSet<Name>,
}

/// What an extension brings along is the extension's, and is not copied.
const TABLES: &str = "SELECT n.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.relispartition, \
    (c.relreplident = 'f' OR EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid \
      AND ((c.relreplident = 'd' AND i.indisprimary) OR (c.relreplident = 'i' AND i.indisreplident)))), \
    coalesce((SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attname) FROM pg_catalog.pg_attribute a \
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}'), \
    coalesce((SELECT pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attname) FROM pg_catalog.pg_attribute a \
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'switchover') \
      AND n.nspname !~ '^pg_(toast|temp)' \
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
        AND d.objid = c.oid AND d.deptype = 'e')";

impl Content {
    /// Reads what there is.
    pub(crate) async fn read(server: &Server, session: &Session) -> Result<Self, DataError> {
        let rows = session.query_typed(TABLES, &[]).await.map_err(|error| server.told(&error))?;
        let mut content = Self::default();
        for row in rows {
            let name = Name { schema: row.get(0), name: row.get(1) };
            let kind = match (row.get::<_, &str>(2), row.get::<_, &str>(3)) {
                ("S", _) => {
                    content.sequences.insert(name);
                    continue;
                }
                (_, "u") => Kind::Unlogged,
                ("p", _) => Kind::Parted,
                (_, _) => Kind::Plain,
            };
            let columns: Vec<String> = row.get(6);
            let types: Vec<String> = row.get(7);
            let columns = columns.into_iter().zip(types).collect();
            content.tables.insert(name, Table { kind, part: row.get(4), identified: row.get(5), columns });
        }
        Ok(content)
    }

    /// The tables that a publication names: partitions come with their parent.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Name> {
        self.tables
            .iter()
            .filter(|(_, table)| !table.part && table.kind != Kind::Unlogged)
            .map(|(name, _)| name)
    }

    /// The tables that hold rows which stream.
    pub(crate) fn streamed(&self) -> impl Iterator<Item = (&Name, &Table)> {
        self.tables.iter().filter(|(_, table)| table.kind == Kind::Plain)
    }

    /// The tables whose rows cannot be told apart, so that neither an update nor a deletion of one can stream. The server refuses both
    /// as soon as such a table is published.
    pub(crate) fn unidentified(&self) -> Vec<String> {
        self.streamed().filter(|(_, table)| !table.identified).map(|(name, _)| name.to_string()).collect()
    }

    /// The tables that do not stream.
    pub(crate) fn unlogged(&self) -> Vec<String> {
        let unlogged = self.tables.iter().filter(|(_, table)| table.kind == Kind::Unlogged);
        unlogged.map(|(name, _)| name.to_string()).collect()
    }

    /// What a stand-by lacks, or has in another form, to take what this one sends.
    pub(crate) fn missing_at(&self, standby: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, table) in &self.tables {
            let Some(other) = standby.tables.get(name) else {
                found.push(format!("the table {name} is missing"));
                continue;
            };
            if other.kind != table.kind {
                found.push(format!("the table {name} is of another kind"));
            }
            for (column, kind) in &table.columns {
                match other.columns.get(column) {
                    Some(same) if same == kind => {}
                    Some(differs) => {
                        found.push(format!("the column {name}.{column} is {differs}, not {kind}"));
                    }
                    None => found.push(format!("the column {name}.{column} is missing")),
                }
            }
        }
        let sequences = self.sequences.difference(&standby.sequences);
        found.extend(sequences.map(|name| format!("the sequence {name} is missing")));
        found
    }

    /// The first table that holds a row.
    pub(crate) async fn first_filled(
        &self,
        server: &Server,
        session: &Session,
    ) -> Result<Option<Name>, DataError> {
        let plain: Vec<&Name> = self.streamed().map(|(name, _)| name).collect();
        for some in plain.chunks(200) {
            let parts: Vec<String> = some
                .iter()
                .enumerate()
                .map(|(place, name)| {
                    format!("SELECT {place}::int WHERE EXISTS (SELECT FROM ONLY {})", name.quoted())
                })
                .collect();
            let query = format!("{} LIMIT 1", parts.join(" UNION ALL "));
            let row = session.query_typed_opt(&query, &[]).await.map_err(|error| server.told(&error))?;
            let place = row.and_then(|row| usize::try_from(row.get::<_, i32>(0)).ok());
            if let Some(name) = place.and_then(|place| some.get(place)) {
                return Ok(Some((*name).clone()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, &str)]) -> Table {
        let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
        Table { kind: Kind::Plain, part: false, identified: true, columns }
    }

    fn content(tables: &[(&str, &[(&str, &str)])]) -> Content {
        let name = |name: &str| Name { schema: "public".into(), name: name.into() };
        let tables = tables.iter().map(|(table_name, columns)| (name(table_name), table(columns))).collect();
        Content { tables, sequences: BTreeSet::new() }
    }

    #[test]
    fn what_a_stand_by_lacks_is_named() {
        let source = content(&[("a", &[("id", "integer"), ("name", "text")]), ("b", &[])]);
        let standby = content(&[("a", &[("id", "bigint"), ("more", "text")])]);
        assert_eq!(
            source.missing_at(&standby),
            [
                "the column public.a.id is bigint, not integer",
                "the column public.a.name is missing",
                "the table public.b is missing"
            ]
        );
        assert_eq!(source.missing_at(&source), <[String; 0]>::default());
    }
}
