//! One sync under way: both sides' connections, and the statements that change something, each of which may be repeated.

use futures_util::future::try_join;
use secrecy::ExposeSecret as _;
use switchover::port::{DataError, FreezeOrder, Overseer, SyncOrder};
use tokio::time::{Duration, Instant, sleep};
use tokio_postgres::types::Type;

use super::marks::Halves;
use super::names::Names;
use crate::connect::{Server, Session};
use crate::freeze::{Freezer, Seen};
use crate::options::SslMode;
use crate::tables::Content;
use crate::text::{identifier, literal};

/// How long to wait for what a dropped sync left running on a server: it ends two seconds after its client was gone.
const LEFTOVER: &str = "SET lock_timeout = '15s'";
const POLL: Duration = Duration::from_millis(5);

/// The server's log takes the text of statements that fail, or of all, and shows it while they run: not of the one that holds a password. Whoever is
/// no superuser may not say so (and keeps the password in a `passfile`).
const QUIET: &str = "DO $$ BEGIN PERFORM pg_catalog.set_config('log_min_error_statement', 'panic', false), \
    pg_catalog.set_config('log_statement', 'none', false), pg_catalog.set_config('log_min_duration_statement', '-1', false), \
    pg_catalog.set_config('track_activities', 'off', false); \
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$";

/// Undoes [`QUIET`].
const LOUD: &str = "DO $$ BEGIN RESET log_min_error_statement; RESET log_statement; RESET log_min_duration_statement; RESET track_activities; \
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$";

/// One side of a sync.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) server: &'a Server,
    pub(super) freezer: &'a Freezer,
    pub(super) session: Session,
}

/// One sync under way.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) order: &'a SyncOrder,
    pub(super) names: &'a Names,
    pub(super) source: End<'a>,
    pub(super) standby: End<'a>,
    pub(super) begun: Instant,
}

impl<'a> Work<'a> {
    /// Connects to both sides at once.
    pub(super) async fn begin(
        order: &'a SyncOrder,
        names: &'a Names,
        from: (&'a Server, &'a Freezer),
        to: (&'a Server, &'a Freezer),
    ) -> Result<Self, DataError> {
        let (source, standby) = try_join(from.0.admin(), to.0.admin()).await?;
        Ok(Self {
            order,
            names,
            source: End { server: from.0, freezer: from.1, session: source },
            standby: End { server: to.0, freezer: to.1, session: standby },
            begun: Instant::now(),
        })
    }

    pub(super) fn from(&self) -> (&Server, &Session) {
        (self.source.server, &self.source.session)
    }

    pub(super) fn to(&self) -> (&Server, &Session) {
        (self.standby.server, &self.standby.session)
    }

    /// Keeps out a sync that was dropped and whose last statement still runs.
    pub(super) async fn lock(&self) -> Result<(), DataError> {
        try_join(
            lock_one(self.source.server, &self.source.session, self.names.lock()),
            lock_one(self.standby.server, &self.standby.session, self.names.lock()),
        )
        .await
        .map(drop)
    }

    /// Lets the next one in, and keeps the connections.
    pub(super) async fn end(self) {
        for end in [self.source, self.standby] {
            let unlock = "SELECT pg_catalog.pg_advisory_unlock_all(); SET lock_timeout = '500ms'; SET statement_timeout = '30s'";
            if end.session.batch_execute(unlock).await.is_ok() {
                end.server.keep(end.session);
            }
        }
    }

    /// What both sides say of themselves.
    pub(super) async fn seen(&self) -> Result<(Seen, Seen), DataError> {
        let (from, to) = (self.from(), self.to());
        try_join(Seen::read(from.0, from.1), Seen::read(to.0, to.1)).await
    }

    /// What both databases consist of.
    pub(super) async fn contents(&self) -> Result<(Content, Content), DataError> {
        let (from, to) = (self.from(), self.to());
        try_join(Content::read(from.0, from.1), Content::read(to.0, to.1)).await
    }

    /// Freezes the stand-by without an end, unless it is.
    pub(super) async fn freeze_standby(&self, seen: &Seen, overseer: &dyn Overseer) -> Result<(), DataError> {
        if seen.is_lasting() {
            return Ok(());
        }
        overseer.permit().await?;
        self.standby.freezer.freeze(&FreezeOrder { by: self.order.run.clone(), lease: None }).await
    }

    async fn on_source(&self, statement: &str) -> Result<(), DataError> {
        let (server, session) = self.from();
        session.batch_execute(statement).await.map_err(|error| server.told(&error))
    }

    pub(super) async fn on_standby(&self, statement: &str) -> Result<(), DataError> {
        let (server, session) = self.to();
        session.batch_execute(statement).await.map_err(|error| server.told(&error))
    }

    /// Publishes the source's tables, the mark with them. A table that is added is copied when the subscription is refreshed.
    pub(super) async fn publish(
        &self,
        (server, session): (&Server, &Session),
        content: &Content,
    ) -> Result<bool, DataError> {
        let (publication, reader) = (self.names.publication(), &server.replication_login().user);
        if *reader != server.admin_login().user {
            let reader = identifier(reader);
            let grant = format!(
                "GRANT USAGE ON SCHEMA switchover TO {reader}; GRANT SELECT ON switchover.mark TO {reader}"
            );
            session.batch_execute(&grant).await.map_err(|error| server.told(&error))?;
        }
        let mut wanted: Vec<String> = content.published().map(ToString::to_string).collect();
        wanted.push("switchover.mark".to_owned());
        wanted.sort();
        let query = "SELECT pg_catalog.format('%s.%s', n.nspname, c.relname), p.pubname IS NOT NULL FROM pg_catalog.pg_publication p \
            LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid LEFT JOIN pg_catalog.pg_class c ON c.oid = r.prrelid \
            LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = $1";
        let rows = session
            .query_typed(query, &[(&publication, Type::TEXT)])
            .await
            .map_err(|error| server.told(&error))?;
        let mut found: Vec<String> = rows.iter().filter_map(|row| row.get(0)).collect();
        found.sort();
        if found == wanted {
            return Ok(false);
        }
        let name = identifier(&publication);
        let mut tables: Vec<String> = content.published().map(crate::tables::Name::quoted).collect();
        tables.push("switchover.mark".to_owned());
        let statement = if rows.is_empty() {
            format!("CREATE PUBLICATION {name} FOR TABLE {}", tables.join(", "))
        } else {
            format!("ALTER PUBLICATION {name} SET TABLE {}", tables.join(", "))
        };
        session.batch_execute(&statement).await.map_err(|error| server.told(&error))?;
        Ok(true)
    }

    /// Makes a slot that keeps everything from now on; where it begins.
    pub(super) async fn make_slot(
        &self,
        (server, session): (&Server, &Session),
        name: &str,
    ) -> Result<String, DataError> {
        // It waits for the transactions that are under way on the whole cluster.
        let row = session
            .query_typed_one(
                "SELECT lsn::text FROM pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')",
                &[(&name, Type::TEXT)],
            )
            .await
            .map_err(|error| server.told(&error))?;
        Ok(row.get(0))
    }

    /// Drops a slot if it is there, and whoever receives from it.
    pub(super) async fn drop_slot(
        &self,
        (server, session): (&Server, &Session),
        name: &str,
    ) -> Result<(), DataError> {
        let told = |error: tokio_postgres::Error| server.told(&error);
        let end = "SELECT pg_catalog.pg_terminate_backend(active_pid, 5000) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND active";
        session.query_typed(end, &[(&name, Type::TEXT)]).await.map_err(told)?;
        let drop_it = "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1";
        session.query_typed(drop_it, &[(&name, Type::TEXT)]).await.map(drop).map_err(told)
    }

    /// Drops a subscription if it is there, without asking the other side: its slot is dropped there.
    pub(super) async fn drop_subscription(
        &self,
        (server, session): (&Server, &Session),
        name: &str,
    ) -> Result<(), DataError> {
        let quoted = identifier(name);
        // Each of the three may have been the last that an earlier attempt did.
        for statement in [
            format!("ALTER SUBSCRIPTION {quoted} DISABLE"),
            format!("ALTER SUBSCRIPTION {quoted} SET (slot_name = NONE)"),
            format!("DROP SUBSCRIPTION IF EXISTS {quoted}"),
        ] {
            session.batch_execute(&statement).await.map_err(|error| server.told(&error))?;
        }
        Ok(())
    }

    /// Subscribes the stand-by to the source's slot.
    pub(super) async fn subscribe(&self, copy: bool) -> Result<(), DataError> {
        let name = self.stream();
        let statement = format!(
            "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH (create_slot = false, slot_name = {}, copy_data = {copy})",
            identifier(&name),
            literal(&self.connection()),
            identifier(&self.names.publication()),
            literal(&name),
        );
        let (server, session) = self.to();
        self.on_standby(QUIET).await?;
        session.batch_execute(&statement).await.map_err(|error| self.without_secret(server, &error))?;
        self.on_standby(LOUD).await
    }

    /// How the stand-by's server reaches the source.
    fn connection(&self) -> String {
        let server = self.source.server;
        let (side, replication) = (server.side(), &server.side().replication);
        let login = server.replication_login();
        let mode = server.replication_mode();
        let mut parts = vec![
            ("host", replication.host.clone().unwrap_or_else(|| side.host.clone())),
            ("port", replication.port.unwrap_or(side.port).to_string()),
            ("dbname", side.database.clone()),
            ("user", login.user.clone()),
            ("sslmode", mode.as_str().to_owned()),
            ("connect_timeout", "10".to_owned()),
        ];
        if let Some(passfile) = &replication.passfile {
            parts.push(("passfile", passfile.to_string_lossy().into_owned()));
        } else if let Some(password) = &login.password {
            parts.push(("password", password.expose_secret().to_owned()));
        }
        if let (SslMode::VerifyFull, Some(root)) = (mode, &replication.root_certificate) {
            parts.push(("sslrootcert", root.to_string_lossy().into_owned()));
        }
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        parts.iter().map(|(key, value)| format!("{key}='{}'", escaped(value))).collect::<Vec<_>>().join(" ")
    }

    /// The stand-by's server could not connect to the source: its words, without the password should they ever hold it.
    fn without_secret(&self, server: &Server, error: &tokio_postgres::Error) -> DataError {
        let clean = |text: String| match &self.source.server.replication_login().password {
            Some(password) if !password.expose_secret().is_empty() => {
                text.replace(password.expose_secret(), "…")
            }
            Some(_) | None => text,
        };
        match server.told(error) {
            DataError::Unreachable { place, why } => {
                let why = format!("its server cannot reach {}: {}", self.source.server.place(), clean(why));
                DataError::Unreachable { place, why }
            }
            DataError::Failed { place, why } => DataError::Failed { place, why: clean(why) },
            other => other,
        }
    }

    /// Lets the subscription run, with the tables that are published now.
    pub(super) async fn resume(&self, enabled: bool, refresh: bool) -> Result<(), DataError> {
        let name = identifier(&self.stream());
        if !enabled {
            self.on_standby(&format!("ALTER SUBSCRIPTION {name} ENABLE")).await?;
        }
        if refresh {
            self.on_standby(&format!(
                "ALTER SUBSCRIPTION {name} REFRESH PUBLICATION WITH (copy_data = true)"
            ))
            .await?;
        }
        Ok(())
    }

    /// Stops the subscription, and waits until nothing more is applied.
    ///
    /// A worker that has nothing to do would notice within a second; it is ended, which is safe at any moment: what it has not committed is
    /// sent again.
    pub(super) async fn pause(&self) -> Result<(), DataError> {
        let name = self.stream();
        self.on_standby(&format!("ALTER SUBSCRIPTION {} DISABLE", identifier(&name))).await?;
        let (server, session) = self.to();
        let query = "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_subscription WHERE subname = $1 AND pid IS NOT NULL";
        let begun = Instant::now();
        loop {
            let row = session.query_typed_one(query, &[(&name, Type::TEXT)]).await;
            if row.map_err(|error| server.told(&error))?.get::<_, i64>(0) == 0 {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(server.failed("the worker that applies changes does not stop"));
            }
            sleep(POLL).await;
        }
    }

    /// Drops the stream that is ordered: the subscription first, so that no other slot of that name is ever taken for the one it needs.
    pub(super) async fn drop_stream(&self, halves: &Halves) -> Result<(), DataError> {
        if halves.to.subscription.is_some() {
            self.drop_subscription(self.to(), &self.stream()).await?;
        }
        if halves.from.slot.is_some() {
            self.drop_slot(self.from(), &self.stream()).await?;
        }
        Ok(())
    }

    /// Statements may take as long as the order allows from now on.
    pub(super) async fn patient(&self) -> Result<(), DataError> {
        let patience =
            format!("SET statement_timeout = {}; SET lock_timeout = '15s'", self.order.deadline.as_millis());
        self.on_source(&patience).await?;
        self.on_standby(&patience).await
    }
}

async fn lock_one(server: &Server, session: &Session, key: i64) -> Result<(), DataError> {
    let statement = format!("{LEFTOVER}; SELECT pg_catalog.pg_advisory_lock({key})");
    session.batch_execute(&statement).await.map_err(|error| match server.told(&error) {
        DataError::Failed { place, .. } => {
            DataError::Failed { place, why: "another sync of this store is still at work here".to_owned() }
        }
        other => other,
    })
}
