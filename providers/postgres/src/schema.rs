//! Brings a schema to a database that has none: `pg_dump` and `pg_restore`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use secrecy::ExposeSecret as _;
use switchover::port::DataError;
use tokio::process::Command;
use tokio_postgres::types::Type;

use crate::connect::{Server, Session};
use crate::facts::Facts;
use crate::freeze::{GUARD, SCHEMA};

/// Roles that something in the database belongs to or is granted to.
const ROLES: &str = "SELECT DISTINCT r.rolname::text FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid \
    WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass \
      AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

const ABSENT: &str = "SELECT name FROM pg_catalog.unnest($1::text[]) name \
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) ORDER BY name";

/// The roles that a source needs and a stand-by lacks.
pub(crate) async fn absent_roles(
    from: (&Server, &Session),
    to: (&Server, &Session),
) -> Result<Vec<String>, DataError> {
    let rows = from.1.query_typed(ROLES, &[]).await.map_err(|error| from.0.told(&error))?;
    let roles: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let rows =
        to.1.query_typed(ABSENT, &[(&roles, Type::TEXT_ARRAY)]).await.map_err(|error| to.0.told(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Runs the tools.
pub(crate) struct Tools<'a> {
    folder: Option<&'a Path>,
}

impl<'a> Tools<'a> {
    pub(crate) fn new(folder: Option<&'a Path>) -> Self {
        Self { folder }
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    /// Copies every definition but the freeze's own, in one transaction.
    pub(crate) async fn copy(
        &self,
        from: (&Server, &Session),
        to: (&Server, &Session),
    ) -> Result<(), DataError> {
        let absent = absent_roles(from, to).await?;
        if !absent.is_empty() {
            let why = format!("roles are missing that {} uses: {}", from.0.place(), absent.join(", "));
            return Err(to.0.unfit(why, "create them there"));
        }
        self.check_version(from.0, Facts::read(from.0, from.1).await?.major()).await?;
        let folder =
            tempfile::tempdir().map_err(|error| from.0.failed(format!("no temporary folder: {error}")))?;
        let (dump, list) = (folder.path().join("schema"), folder.path().join("list"));
        let exclude = format!("--exclude-schema={SCHEMA}");
        let dump_text = dump.to_string_lossy().into_owned();
        let arguments =
            ["--schema-only", "-Fc", &exclude, "--no-publications", "--no-subscriptions", "-f", &dump_text];
        self.run(from.0, "pg_dump", &arguments).await?;
        let listed = self.run(to.0, "pg_restore", &["-l", &dump_text]).await?;
        let kept: Vec<&str> = listed.lines().filter(|line| !line.contains(GUARD)).collect();
        std::fs::write(&list, kept.join("\n"))
            .map_err(|error| from.0.failed(format!("no temporary file: {error}")))?;
        let list = list.to_string_lossy().into_owned();
        let database = to.0.side().database.clone();
        let arguments = ["--exit-on-error", "--single-transaction", "-L", &list, "-d", &database, &dump_text];
        self.run(to.0, "pg_restore", &arguments).await.map(drop)
    }

    /// `pg_dump` refuses a server that is newer than itself (<https://www.postgresql.org/docs/current/app-pgdump.html>).
    pub(crate) async fn check_version(&self, server: &Server, major: i32) -> Result<(), DataError> {
        let said = self.run(server, "pg_dump", &["--version"]).await?;
        let own = said.split_whitespace().find_map(|word| word.split('.').next()?.parse::<i32>().ok());
        match own {
            Some(own) if own >= major => Ok(()),
            Some(_) | None => Err(server.unfit(
                format!("the server is version {major}, and pg_dump says `{}`", said.trim()),
                "install the tools of the server's version, and say where they are with `tools`",
            )),
        }
    }

    /// Runs one tool to its end; dropped with the future. The password goes by the environment, which only this user can see.
    async fn run(&self, server: &Server, name: &str, arguments: &[&str]) -> Result<String, DataError> {
        let side = server.side();
        let mut command = Command::new(self.program(name));
        command
            .args(arguments)
            .env("PGHOST", &side.host)
            .env("PGPORT", side.port.to_string())
            .env("PGUSER", &server.admin_login().user)
            .env("PGSSLMODE", side.sslmode.as_str())
            .env("PGCONNECT_TIMEOUT", "10")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if name == "pg_dump" {
            command.env("PGDATABASE", &side.database);
        }
        if let Some(root) = &side.root_certificate {
            command.env("PGSSLROOTCERT", root);
        }
        if let Some(password) = &server.admin_login().password {
            command.env("PGPASSWORD", password.expose_secret());
        }
        let output = command.output().await.map_err(|error| {
            let why = format!("{} cannot be run: {error}", self.program(name).display());
            server.unfit(why, "install PostgreSQL's client programs, or say where they are with `tools`")
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(server.failed(format!("{name}: {}", said.trim().replace('\n', "; "))))
    }
}
