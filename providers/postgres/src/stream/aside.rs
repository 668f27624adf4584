//! A new database beside the stand-by's, which takes its name once it holds everything: until then the earlier data can be read.

use std::sync::Arc;

use switchover::port::{DataError, FreezeOrder, Overseer};
use tokio::time::{Duration, sleep};
use tokio_postgres::types::Type;

use super::work::Work;
use crate::connect::{Server, Session};
use crate::schema::Tools;
use crate::text::{identifier, literal};

/// Where databases are made and renamed from; it is on every server, for this
/// (<https://www.postgresql.org/docs/current/manage-ag-templatedbs.html>).
pub(super) const OFFICE: &str = "postgres";
/// A server takes 63 bytes of a name.
const LONGEST: usize = 63;
const RENAMES: u32 = 10;

/// Settings whose value is a list of quoted names, and is stored as such.
const LISTS: &[&str] =
    &["local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"];

/// The form of a database, whatever its server's version calls it.
const FORM: &str = "SELECT pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text, \
    pg_catalog.pg_get_userbyid(d.datdba)::text, coalesce(pg_catalog.to_jsonb(d)->>'datlocprovider', 'c'), \
    coalesce(pg_catalog.to_jsonb(d)->>'datlocale', pg_catalog.to_jsonb(d)->>'daticulocale'), d.datconnlimit, d.datacl IS NOT NULL \
    FROM pg_catalog.pg_database d WHERE d.datname = $1";

const GRANTS: &str = "SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END, \
    a.privilege_type, a.is_grantable FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a WHERE d.datname = $1";

const SETTINGS: &str = "SELECT CASE s.setrole WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(s.setrole)::text END, pg_catalog.unnest(s.setconfig) \
    FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE d.datname = $1";

/// The names of the database that is being made and of the one that was replaced.
struct Beside {
    new: String,
    old: String,
}

impl Beside {
    fn of(database: &str) -> Self {
        let with = |ending: &str| {
            let mut stem = database.to_owned();
            while stem.len() + ending.len() > LONGEST {
                stem.pop();
            }
            stem + ending
        };
        Self { new: with("_switchover_new"), old: with("_switchover_old") }
    }
}

impl Work<'_> {
    /// Copies everything into a new database, and gives it the name of the stand-by's. This sync's own connection to the stand-by ends with
    /// that. Whoever calls has made sure that the stand-by's data may go.
    pub(super) async fn rebuild(
        &self,
        tools: &Tools<'_>,
        overseer: &dyn Overseer,
    ) -> Result<switchover::port::Copied, DataError> {
        let server = self.standby.server;
        let beside = Beside::of(&server.side().database);
        let office = server.admin_in(OFFICE).await?;
        let patience =
            format!("SET statement_timeout = {}; SET lock_timeout = '15s'", self.order.deadline.as_millis());
        run(server, &office, &patience).await?;
        let fresh = Arc::new(server.beside(&beside.new));
        overseer.permit().await?;
        self.remove(&office, &fresh).await?;
        run(server, &office, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(&beside.old)))
            .await?;
        self.drop_stream(&self.halves().await?).await?;
        make(server, &office, &beside.new).await?;
        let copied = self.fill(&fresh, tools, overseer).await?;
        overseer.permit().await?;
        self.rename(&office, &beside).await?;
        let session = server.admin().await?;
        run(server, &session, &format!("ALTER SUBSCRIPTION {} ENABLE", identifier(&self.stream()))).await?;
        server.keep(session);
        run(server, &office, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(&beside.old)))
            .await?;
        Ok(copied)
    }

    /// Removes what an earlier attempt left.
    async fn remove(&self, office: &Session, fresh: &Arc<Server>) -> Result<(), DataError> {
        let server = self.standby.server;
        let name = &fresh.side().database;
        let query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid \
            WHERE d.datname = $1 AND s.subname = $2)";
        let row = office.query_typed_one(query, &[(name, Type::TEXT), (&self.stream(), Type::TEXT)]).await;
        if row.map_err(|error| server.told(&error))?.get(0) {
            let session = fresh.admin().await?;
            self.drop_subscription((fresh, &session), &self.stream()).await?;
        }
        fresh.forget();
        run(server, office, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name))).await
    }

    /// Fills the new database by a stream of its own, and stops that once it has caught up.
    async fn fill(
        &self,
        fresh: &Arc<Server>,
        tools: &Tools<'_>,
        overseer: &dyn Overseer,
    ) -> Result<switchover::port::Copied, DataError> {
        let freezer = self.standby.freezer.beside(Arc::clone(fresh));
        let source = (self.source.server, self.source.freezer);
        let work = Work::begin(self.order, self.names, source, (fresh, &freezer)).await?;
        freezer.freeze(&FreezeOrder { by: self.order.run.clone(), lease: None }).await?;
        work.build(tools, overseer).await?;
        let mark = work.mark().await?;
        work.await_mark(&mark, overseer).await?;
        let copied = work.copied(&mark, switchover::model::Verification::None, false);
        work.write_copied(&copied).await?;
        work.pause().await?;
        Ok(copied)
    }

    /// Gives the new database its name. A rename wants nobody in the database: whoever is in is thrown out, and waits at the door until
    /// it is done.
    async fn rename(&self, office: &Session, beside: &Beside) -> Result<(), DataError> {
        let server = self.standby.server;
        let database = &server.side().database;
        let throw_out = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname IN ($1, $2) AND pid <> pg_catalog.pg_backend_pid()";
        let renames = format!(
            "BEGIN; ALTER DATABASE {0} RENAME TO {1}; ALTER DATABASE {2} RENAME TO {0}; COMMIT",
            identifier(database),
            identifier(&beside.old),
            identifier(&beside.new)
        );
        let mut last = None;
        for _ in 0..RENAMES {
            server.forget();
            office
                .query_typed(throw_out, &[(database, Type::TEXT), (&beside.new, Type::TEXT)])
                .await
                .map_err(|error| server.told(&error))?;
            match office.batch_execute(&renames).await {
                Ok(()) => return Ok(()),
                Err(error) if error.as_db_error().is_none() => return Err(server.told_of_act(&error)),
                Err(error) => last = Some(server.told(&error)),
            }
            run(server, office, "ROLLBACK").await?;
            sleep(Duration::from_millis(100)).await;
        }
        Err(last.unwrap_or_else(|| server.failed("the new database could not be given its name")))
    }
}

async fn run(server: &Server, session: &Session, statement: &str) -> Result<(), DataError> {
    session.batch_execute(statement).await.map_err(|error| server.told(&error))
}

/// Makes a database of the same form, owner, rights and settings as the stand-by's, without anything in it.
async fn make(server: &Server, office: &Session, name: &str) -> Result<(), DataError> {
    let told = |error: tokio_postgres::Error| server.told(&error);
    let database = &server.side().database;
    let like = [(database as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT)];
    let form = office.query_typed_one(FORM, &like).await.map_err(told)?;
    let text = |column: usize| literal(form.get(column));
    let quoted = identifier(name);
    let mut create = format!(
        "CREATE DATABASE {quoted} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {} OWNER {} CONNECTION LIMIT {}",
        text(0),
        text(1),
        text(2),
        identifier(form.get(3)),
        form.get::<_, i32>(6)
    );
    if let ("i", Some(locale)) = (form.get(4), form.get::<_, Option<&str>>(5)) {
        create.push_str(&format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", literal(locale)));
    }
    run(server, office, &create).await?;
    if form.get(7) {
        run(server, office, &format!("REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")).await?;
    }
    for row in office.query_typed(GRANTS, &like).await.map_err(told)? {
        let (grantee, right): (&str, &str) = (row.get(0), row.get(1));
        let option = if row.get(2) { " WITH GRANT OPTION" } else { "" };
        run(server, office, &format!("GRANT {right} ON DATABASE {quoted} TO {grantee}{option}")).await?;
    }
    for row in office.query_typed(SETTINGS, &like).await.map_err(told)? {
        let setting: &str = row.get(1);
        let Some((key, value)) = setting.split_once('=') else { continue };
        let value = if LISTS.contains(&key) { value.to_owned() } else { literal(value) };
        let whom = match row.get::<_, Option<&str>>(0) {
            Some(role) => format!("ROLE {} IN DATABASE {quoted}", identifier(role)),
            None => format!("DATABASE {quoted}"),
        };
        // A setting is a name, or two with a dot between them.
        let key = key.split('.').map(identifier).collect::<Vec<_>>().join(".");
        run(server, office, &format!("ALTER {whom} SET {key} TO {value}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_beside_a_database_fit_a_server() {
        let beside = Beside::of(&"ü".repeat(31));
        assert!(beside.new.len() <= LONGEST && beside.old.len() <= LONGEST && beside.new != beside.old);
        assert_eq!(Beside::of("gigadb").new, "gigadb_switchover_new");
    }
}
