//! The databases of the server that is restored to: a new one made, put in the place of the old one, leftovers dropped.

use std::time::Duration;

use switchover::model::BackupKey;
use switchover::port::{DataError, Overseer};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::about::{About, Grant, Setting};
use super::mark::{self, Mark};
use crate::connect::{Server, Session};
use crate::text::{identifier, literal};

/// The database from which others are made and renamed: one cannot rename the one that one is in.
const MAINTENANCE: &str = "postgres";

/// How often a rename is tried while clients keep coming back. Each try waits five seconds for them itself
/// (`CountOtherDBBackends` in the server's source).
const TRIES: u32 = 12;

/// Settings whose value is a list of names; as one quoted text they would mean one name
/// (`variable_is_guc_list_quote` of `pg_dump`).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// The server that is restored to. Holds a lock, so that no two restores of one database work side by side.
#[derive(Debug)]
pub(super) struct Cluster<'a> {
    server: &'a Server,
    session: Session,
}

/// A database as the server lists it.
#[derive(Debug)]
struct Listed {
    name: String,
    mark: Option<Mark>,
    /// It has no comment and lets nobody in: what is left when a process dies between the making and the comment.
    bare: bool,
}

impl<'a> Cluster<'a> {
    /// Connects and locks. [`DataError::Failed`] if another process restores this database right now, and does not end soon: the session of
    /// one that was killed lives on for a moment.
    pub(super) async fn lock(server: &'a Server) -> Result<Self, DataError> {
        let session = server.admin_in(MAINTENANCE).await?;
        let cluster = Self { server, session };
        // Making, filling and dropping databases takes as long as it takes.
        cluster.act("SET statement_timeout = 0; SET lock_timeout = '15s'").await?;
        let name = &server.side().database;
        let sql = "SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('switchover restores ' || $1, 0))";
        match cluster.session.query_typed(sql, &[(name, Type::TEXT)]).await {
            Ok(_) => cluster.act("SET lock_timeout = '60s'").await.map(|()| cluster),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Err(server
                    .failed("another process is restoring this database right now; wait for it, or end it"))
            }
            Err(error) => Err(server.told(&error)),
        }
    }

    fn told(&self, error: &tokio_postgres::Error) -> DataError {
        self.server.told(error)
    }

    async fn act(&self, sql: &str) -> Result<(), DataError> {
        self.session.batch_execute(sql).await.map_err(|error| self.told(&error))
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    async fn list(&self) -> Result<Vec<Listed>, DataError> {
        let sql = "SELECT d.datname::text, pg_catalog.shobj_description(d.oid, 'pg_database'), d.datallowconn FROM pg_catalog.pg_database d \
            WHERE NOT d.datistemplate";
        let rows = self.session.query_typed(sql, &[]).await.map_err(|error| self.told(&error))?;
        let listed = rows.iter().map(|row| {
            let comment: Option<String> = row.get(1);
            Listed {
                name: row.get(0),
                bare: comment.is_none() && !row.get::<_, bool>(2),
                mark: comment.as_deref().and_then(Mark::read),
            }
        });
        Ok(listed.collect())
    }

    /// Drops what restores that did not end left. Only what says so itself; never a kept database.
    pub(super) async fn clear(&self) -> Result<Vec<String>, DataError> {
        let ours = &self.server.side().database;
        let mut cleared = Vec::new();
        for listed in self.list().await? {
            let left = match &listed.mark {
                Some(Mark::Restoring { of, .. }) => of == ours,
                Some(Mark::Kept { .. }) => false,
                None => listed.bare && mark::is_new_name(&listed.name, ours),
            };
            if left {
                self.drop(&listed.name).await?;
                cleared.push(listed.name);
            }
        }
        Ok(cleared)
    }

    /// Drops a database, whoever is in it.
    pub(super) async fn drop(&self, name: &str) -> Result<(), DataError> {
        // 13 and later; before that nobody is in a database that was never let in, and a kept one is dropped next time.
        self.act(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name))).await
    }

    /// Makes an empty database as the source is. Nobody but the owner of it gets in.
    pub(super) async fn make(&self, key: &BackupKey, about: &About) -> Result<String, DataError> {
        let random = self.random().await?;
        let of = &self.server.side().database;
        let name = mark::new_name(of, key, random);
        let quoted = identifier(&name);
        let locale = &about.locale;
        let mut sql = format!(
            "CREATE DATABASE {quoted} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {} ALLOW_CONNECTIONS false",
            literal(&locale.encoding),
            literal(&locale.collate),
            literal(&locale.ctype)
        );
        if let Some((provider, name)) = &locale.provider {
            let key = if provider == "icu" { "ICU_LOCALE" } else { "BUILTIN_LOCALE" };
            sql += &format!(" LOCALE_PROVIDER {} {key} {}", identifier(provider), literal(name));
        }
        if let Some(rules) = &locale.icu_rules {
            sql += &format!(" ICU_RULES {}", literal(rules));
        }
        self.session.batch_execute(&sql).await.map_err(|error| self.cannot_make(&error))?;
        let mark = Mark::Restoring { of: of.clone(), key: key.clone() };
        self.act(&format!("COMMENT ON DATABASE {quoted} IS {}", literal(&mark.text()))).await?;
        self.act(&format!("REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")).await?;
        self.act(&format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS true")).await?;
        Ok(name)
    }

    /// Two restores of one key must not meet; nobody has to be kept from guessing.
    async fn random(&self) -> Result<u32, DataError> {
        let sql = "SELECT pg_catalog.floor(pg_catalog.random() * 4294967296)::bigint";
        let row = self.session.query_typed_one(sql, &[]).await.map_err(|error| self.told(&error))?;
        Ok(u32::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    fn cannot_make(&self, error: &tokio_postgres::Error) -> DataError {
        match self.told(error) {
            DataError::Failed { place, why } if why.contains("locale") => DataError::Unfit {
                place,
                why,
                advice: Some(
                    "generate the source's locale on this server too, and restart PostgreSQL".into(),
                ),
            },
            other => other,
        }
    }

    /// Creates the roles that are missing: without a password, without login, never as superuser. Roles that are there stay as they are.
    pub(super) async fn create_roles(&self, about: &About) -> Result<Vec<String>, DataError> {
        let missing = super::about::missing_roles(self.server, &self.session, &about.roles).await?;
        let mut notes = Vec::new();
        for role in &missing {
            let inherit = if role.inherit { "INHERIT" } else { "NOINHERIT" };
            let sql = format!("CREATE ROLE {} NOLOGIN NOSUPERUSER {inherit}", identifier(&role.name));
            self.session.batch_execute(&sql).await.map_err(|error| self.cannot_create(&role.name, &error))?;
            notes.push(match (role.login, role.superuser) {
                (true, _) => format!(
                    "the role {} was missing on {} and was created without login; set its password and ALTER ROLE … LOGIN before it is production",
                    role.name, self.server.name()
                ),
                (false, true) => format!("the role {} was missing on {} and was created, not as a superuser", role.name, self.server.name()),
                (false, false) => format!("the role {} was missing on {} and was created", role.name, self.server.name()),
            });
        }
        let made = |name: &str| missing.iter().any(|role| role.name == name);
        for role in &about.roles {
            // A membership between two roles that were there before is this server's own business.
            for group in role.member_of.iter().filter(|group| made(group) || made(&role.name)) {
                let sql = format!("GRANT {} TO {}", identifier(group), identifier(&role.name));
                self.session
                    .batch_execute(&sql)
                    .await
                    .map_err(|error| self.cannot_create(&role.name, &error))?;
            }
        }
        Ok(notes)
    }

    fn cannot_create(&self, role: &str, error: &tokio_postgres::Error) -> DataError {
        match self.told(error) {
            DataError::Unauthorized { place, why } => DataError::Unfit {
                place,
                why: format!("the role {role} is missing and the admin cannot create it: {why}"),
                advice: Some("create the role, or give the admin CREATEROLE".into()),
            },
            other => other,
        }
    }

    /// Gives a database what the source has beside its tables. The comment comes with the name.
    pub(super) async fn dress(&self, name: &str, about: &About) -> Result<(), DataError> {
        let quoted = identifier(name);
        self.act(&format!("ALTER DATABASE {quoted} OWNER TO {}", identifier(&about.owner))).await?;
        self.act(&format!("ALTER DATABASE {quoted} CONNECTION LIMIT {}", about.connection_limit)).await?;
        for setting in &about.settings {
            self.act(&set(&quoted, setting)).await?;
        }
        match &about.grants {
            // What every database has (`acldefault`): the owner everything, everybody CONNECT and TEMPORARY.
            None => self.act(&format!("GRANT CONNECT, TEMPORARY ON DATABASE {quoted} TO PUBLIC")).await,
            Some(grants) => {
                for grant in grants {
                    self.act(&grant_on(&quoted, grant)).await?;
                }
                Ok(())
            }
        }
    }

    /// Puts a new database in the place of the old one, in one transaction, and keeps the old one under another name. Clients of the old one
    /// are ended; who connects meanwhile waits, and then reaches the new one or is told to try again.
    pub(super) async fn swap(
        &self,
        new: &str,
        key: &BackupKey,
        about: &About,
        overseer: &dyn Overseer,
    ) -> Result<(), DataError> {
        let of = &self.server.side().database;
        let listed = self.list().await?;
        let there = listed.iter().any(|database| database.name == *of);
        let free = |name: &String| listed.iter().all(|database| database.name != *name);
        let kept = (0..1000).map(|again| mark::kept_name(of, key, again)).find(free).unwrap_or_default();
        let helper = self.server.admin_in(MAINTENANCE).await?;
        let comment = about.comment.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        let mut statements = vec![];
        if there {
            statements.push(format!("ALTER DATABASE {} RENAME TO {}", identifier(of), identifier(&kept)));
            let mark = Mark::Kept { of: of.clone(), key: key.clone() };
            statements.push(format!(
                "COMMENT ON DATABASE {} IS {}",
                identifier(&kept),
                literal(&mark.text())
            ));
        }
        statements.push(format!("ALTER DATABASE {} RENAME TO {}", identifier(new), identifier(of)));
        statements.push(format!("COMMENT ON DATABASE {} IS {comment}", identifier(of)));
        // With the commit everything before it is on disk, the rows that were restored without waiting for it included.
        let transaction =
            format!("BEGIN; SET LOCAL synchronous_commit = on; {}; COMMIT", statements.join("; "));
        for attempt in 1.. {
            overseer.permit().await?;
            self.server.forget();
            match self.renamed(&helper, &[of, new], &transaction).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let _ = self.session.batch_execute("ROLLBACK").await;
                    let busy = error.code() == Some(&SqlState::OBJECT_IN_USE);
                    if !busy || attempt == TRIES {
                        return Err(self.server.told_of_act(&error));
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs the transaction while another connection ends whoever is in the databases: a rename holds newcomers off and waits for those
    /// inside.
    async fn renamed(
        &self,
        helper: &Session,
        databases: &[&str],
        transaction: &str,
    ) -> Result<(), tokio_postgres::Error> {
        let end = async {
            let sql = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                WHERE datname = ANY ($1) AND pid <> pg_catalog.pg_backend_pid() AND backend_type <> 'autovacuum worker'";
            loop {
                // What could not be ended shows in the rename itself.
                let _ = helper.query_typed(sql, &[(&databases, Type::TEXT_ARRAY)]).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            done = self.session.batch_execute(transaction) => done,
            () = end => Ok(()),
        }
    }

    /// Drops the databases that were kept, all but the newest: what a success before this one left. Returns what could not be dropped.
    pub(super) async fn drop_kept(
        &self,
        but: &BackupKey,
        overseer: &dyn Overseer,
    ) -> Result<Vec<String>, DataError> {
        let ours = &self.server.side().database;
        let mut notes = Vec::new();
        let mut kept: Vec<(BackupKey, String)> = Vec::new();
        for listed in self.list().await? {
            if let Some(Mark::Kept { of, key }) = listed.mark
                && of == *ours
            {
                kept.push((key, listed.name));
            }
        }
        // Of one key the last made has the longest number, and so the greatest name of its length.
        kept.sort_by(|a, b| (a.0 == *but, a.1.len(), &a.1).cmp(&(b.0 == *but, b.1.len(), &b.1)));
        kept.pop();
        for (_, name) in kept {
            overseer.permit().await?;
            if let Err(error) = self.drop(&name).await {
                notes.push(format!("the earlier database {name} could not be dropped: {error}"));
            }
        }
        Ok(notes)
    }
}

fn set(database: &str, setting: &Setting) -> String {
    let value =
        if LISTS.contains(&setting.name.as_str()) { list(&setting.value) } else { literal(&setting.value) };
    // A setting of an extension has a dot in its name, which stands between two identifiers.
    let name = setting.name.split('.').map(identifier).collect::<Vec<_>>().join(".");
    match &setting.role {
        None => format!("ALTER DATABASE {database} SET {name} TO {value}"),
        Some(role) => format!("ALTER ROLE {} IN DATABASE {database} SET {name} TO {value}", identifier(role)),
    }
}

/// A list of names as the catalog has it (`"$user", public`), each as a literal.
fn list(value: &str) -> String {
    let mut names = vec![String::new()];
    let mut quoted = false;
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(last) = names.last_mut() else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                last.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(String::new()),
            ' ' if !quoted => {}
            other => last.push(other),
        }
    }
    names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ")
}

fn grant_on(database: &str, grant: &Grant) -> String {
    let to = grant.to.as_deref().map_or_else(|| "PUBLIC".to_owned(), identifier);
    let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
    format!("GRANT {} ON DATABASE {database} TO {to}{option}", grant.privilege)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_stays_a_list() {
        assert_eq!(list("\"$user\", public"), "'$user', 'public'");
        assert_eq!(list("\"a,b\", \"q\"\"t\""), "'a,b', 'q\"t'");
        assert_eq!(list("\"\""), "''");
    }

    #[test]
    fn settings_are_quoted_as_what_they_are() {
        let setting = |role: Option<&str>, name: &str, value: &str| Setting {
            role: role.map(str::to_owned),
            name: name.into(),
            value: value.into(),
        };
        assert_eq!(
            set("\"d\"", &setting(None, "work_mem", "64MB")),
            "ALTER DATABASE \"d\" SET \"work_mem\" TO '64MB'"
        );
        assert_eq!(
            set("\"d\"", &setting(Some("app"), "my.key", "it's")),
            "ALTER ROLE \"app\" IN DATABASE \"d\" SET \"my\".\"key\" TO 'it''s'"
        );
    }
}
