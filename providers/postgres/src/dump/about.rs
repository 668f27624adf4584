//! What a database is beside its tables: its encoding, settings, rights, and the roles and extensions that it needs. Kept in each backup as
//! `database.json`, because `pg_dump` says these things only together with the database's name.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use switchover::port::DataError;
use tokio_postgres::types::Type;

use crate::connect::{Server, Session};

/// The file's name in a backup.
pub(super) const FILE: &str = "database.json";

/// What a database is beside its tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// The run that made the backup, if one did.
    pub(super) run: Option<String>,
    /// Whether clients were refused on behalf of that run from before the snapshot on.
    pub(super) frozen: bool,
    /// Where the write-ahead log stood.
    pub(super) position: Option<String>,
    /// The server's version as a number: 150018 is 15.18.
    pub(super) server: i32,
    pub(super) locale: Locale,
    pub(super) owner: String,
    pub(super) comment: Option<String>,
    pub(super) connection_limit: i32,
    /// `None`: the rights that every database has.
    pub(super) grants: Option<Vec<Grant>>,
    /// `ALTER DATABASE … SET`, and with a role `ALTER ROLE … IN DATABASE … SET`.
    pub(super) settings: Vec<Setting>,
    pub(super) roles: Vec<Role>,
    /// Names and versions.
    pub(super) extensions: BTreeMap<String, String>,
    /// By schema and name: the last value, and which way the sequence runs. One that was never called has none.
    pub(super) sequences: BTreeMap<String, (Option<i64>, i64)>,
}

/// How a database writes and sorts text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Locale {
    pub(super) encoding: String,
    pub(super) collate: String,
    pub(super) ctype: String,
    /// `icu` or `builtin`, with its locale; `None` for the C library's.
    pub(super) provider: Option<(String, String)>,
    pub(super) icu_rules: Option<String>,
}

/// A right on the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    /// `None`: everybody.
    pub(super) to: Option<String>,
    pub(super) privilege: String,
    pub(super) grantable: bool,
}

/// A setting of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    pub(super) role: Option<String>,
    pub(super) name: String,
    pub(super) value: String,
}

/// A role that owns something in the database, has rights in it, or gets or gives them by membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) inherit: bool,
    pub(super) login: bool,
    pub(super) superuser: bool,
    /// The roles that it is a member of.
    pub(super) member_of: Vec<String>,
}

const DATABASE: &str = "SELECT pg_catalog.current_setting('server_version_num')::int, pg_catalog.to_jsonb(d)::text, \
    pg_catalog.pg_encoding_to_char(d.encoding), pg_catalog.pg_get_userbyid(d.datdba), \
    pg_catalog.shobj_description(d.oid, 'pg_database'), d.datconnlimit, d.datacl IS NULL \
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

const GRANTS: &str = "SELECT CASE a.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, \
    a.privilege_type, a.is_grantable FROM pg_catalog.pg_database d, LATERAL pg_catalog.aclexplode(d.datacl) a \
    WHERE d.datname = pg_catalog.current_database() ORDER BY 1, 2";

const SETTINGS: &str = "SELECT r.rolname::text, one FROM pg_catalog.pg_db_role_setting s \
    JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole, \
    LATERAL pg_catalog.unnest(s.setconfig) one WHERE d.datname = pg_catalog.current_database() ORDER BY 1, 2";

/// Dependencies on the role that made the cluster are not written down, so owners are looked up as well.
/// `pg_…` roles are every cluster's own.
const ROLES: &str = "WITH RECURSIVE here AS (SELECT oid, datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()), \
    named AS ( \
      SELECT s.refobjid AS id FROM pg_catalog.pg_shdepend s, here WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass \
        AND (s.dbid = here.oid OR (s.dbid = 0 AND s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND s.objid = here.oid)) \
      UNION SELECT datdba FROM here \
      UNION SELECT s.setrole FROM pg_catalog.pg_db_role_setting s, here WHERE s.setdatabase = here.oid \
      UNION SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'switchover') \
      UNION SELECT p.proowner FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
        WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'switchover')), \
    above AS (SELECT id FROM named UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN above a ON m.member = a.id), \
    below AS (SELECT id FROM named UNION SELECT m.member FROM pg_catalog.pg_auth_members m JOIN below b ON m.roleid = b.id) \
    SELECT r.rolname::text, r.rolinherit, r.rolcanlogin, r.rolsuper, \
      ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid \
            WHERE m.member = r.oid ORDER BY 1) \
    FROM pg_catalog.pg_roles r WHERE r.oid IN (SELECT id FROM above UNION SELECT id FROM below) AND r.rolname !~ '^pg_' ORDER BY 1";

const EXTENSIONS: &str = "SELECT extname::text, extversion FROM pg_catalog.pg_extension ORDER BY 1";

/// The sequences with what they were at; extensions keep their own.
const SEQUENCES: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_sequence_last_value(c.oid), s.seqincrement \
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relpersistence <> 't' AND n.nspname <> 'switchover' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')";

/// What `to_jsonb` of a row of `pg_database` says in some version: the columns' names changed.
#[derive(Debug, Deserialize)]
struct Row {
    datcollate: String,
    datctype: String,
    #[serde(default)]
    datlocprovider: Option<String>,
    /// 15 and 16.
    #[serde(default)]
    daticulocale: Option<String>,
    /// From 17 on.
    #[serde(default)]
    datlocale: Option<String>,
    #[serde(default)]
    daticurules: Option<String>,
}

impl About {
    /// Reads it over a connection to the database, in whatever snapshot that has.
    pub(super) async fn read(server: &Server, session: &Session) -> Result<Self, DataError> {
        let told = |error: tokio_postgres::Error| server.told(&error);
        let all = async |sql: &str| session.query_typed(sql, &[]).await.map_err(told);
        let database = session.query_typed_one(DATABASE, &[]).await.map_err(told)?;
        let row: Row = serde_json::from_str(database.get(1))
            .map_err(|error| server.failed(format!("pg_database reads as something else: {error}")))?;
        let grants = all(GRANTS).await?;
        let grants =
            grants.iter().map(|row| Grant { to: row.get(0), privilege: row.get(1), grantable: row.get(2) });
        let grants: Vec<Grant> = grants.collect();
        let settings = all(SETTINGS).await?;
        let settings = settings.iter().filter_map(|row| {
            let (name, value) = row.get::<_, &str>(1).split_once('=')?;
            Some(Setting { role: row.get(0), name: name.to_owned(), value: value.to_owned() })
        });
        let roles = all(ROLES).await?;
        let roles = roles.iter().map(|row| Role {
            name: row.get(0),
            inherit: row.get(1),
            login: row.get(2),
            superuser: row.get(3),
            member_of: row.get(4),
        });
        let extensions = all(EXTENSIONS).await?;
        Ok(Self {
            run: None,
            frozen: false,
            position: None,
            server: database.get(0),
            locale: row.locale(database.get(2)),
            owner: database.get(3),
            comment: database.get(4),
            connection_limit: database.get(5),
            grants: (!database.get::<_, bool>(6)).then_some(grants),
            settings: settings.collect(),
            roles: roles.collect(),
            extensions: extensions.iter().map(|row| (row.get(0), row.get(1))).collect(),
            sequences: sequences(server, session).await?,
        })
    }

    /// Reads it from a backup.
    pub(super) fn load(dir: &Path) -> Result<Self, String> {
        let path = dir.join(FILE);
        let text = std::fs::read(&path).map_err(|error| format!("its {FILE} cannot be read: {error}"))?;
        serde_json::from_slice(&text).map_err(|error| format!("its {FILE} cannot be understood: {error}"))
    }

    /// Writes it into a backup.
    pub(super) fn save(&self, dir: &Path) -> std::io::Result<()> {
        std::fs::write(dir.join(FILE), serde_json::to_vec_pretty(self)?)
    }

    /// The major version of the server.
    pub(super) fn major(&self) -> i32 {
        self.server / 10_000
    }
}

impl Row {
    fn locale(self, encoding: String) -> Locale {
        let name = match self.datlocprovider.as_deref() {
            Some("i") => Some("icu"),
            Some("b") => Some("builtin"),
            Some(_) | None => None,
        };
        let locale = self.datlocale.or(self.daticulocale);
        Locale {
            encoding,
            collate: self.datcollate,
            ctype: self.datctype,
            provider: name.map(str::to_owned).zip(locale),
            icu_rules: self.daticurules,
        }
    }
}

/// Where every sequence stands. Sequences are in no snapshot: this is what they were at this moment.
pub(super) async fn sequences(
    server: &Server,
    session: &Session,
) -> Result<BTreeMap<String, (Option<i64>, i64)>, DataError> {
    let rows = session.query_typed(SEQUENCES, &[]).await.map_err(|error| server.told(&error))?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

/// The extensions of a list that a server does not have at hand.
pub(super) async fn missing_extensions(
    server: &Server,
    session: &Session,
    wanted: &BTreeMap<String, String>,
) -> Result<Vec<String>, DataError> {
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    let sql = "SELECT name FROM pg_catalog.unnest($1) name WHERE name NOT IN (SELECT a.name::text FROM pg_catalog.pg_available_extensions a)";
    let rows =
        session.query_typed(sql, &[(&names, Type::TEXT_ARRAY)]).await.map_err(|error| server.told(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The roles of a list that a server does not have.
pub(super) async fn missing_roles<'a>(
    server: &Server,
    session: &Session,
    wanted: &'a [Role],
) -> Result<Vec<&'a Role>, DataError> {
    let rows = session
        .query_typed("SELECT rolname::text FROM pg_catalog.pg_roles", &[])
        .await
        .map_err(|error| server.told(&error))?;
    let there: std::collections::BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(wanted.iter().filter(|role| !there.contains(&role.name)).collect())
}
