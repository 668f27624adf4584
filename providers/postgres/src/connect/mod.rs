//! The one place that opens connections: as the admin, and as the application does.

mod failure;
mod passfile;
mod session;
mod tls;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use switchover::config::SecretRef;
use switchover::model::SideName;
use switchover::port::DataError;
use tokio_postgres::tls::NoTls;
use tokio_postgres::{Config, config};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(crate) use failure::{full, says_full, told, told_of_act, words};
pub use session::Session;

use crate::options::{PostgresError, PostgresOptions, PostgresSide, PostgresUser, SslMode};

/// How long a statement waits for a lock unless it says otherwise: a queue behind our lock is a queue of clients.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// Each connection of ours starts like this.
///
/// - An empty search path: nobody's function or operator in `public` is ever run with the admin's rights.
/// - The formats that `pg_dump` sets, so that the text of a row is the same on both sides.
/// - `client_connection_check_interval` ends a statement whose client is gone.
const SETTINGS: &str = "SET search_path = ''; SET client_min_messages = error; SET TimeZone = 'UTC'; SET DateStyle = ISO; \
     SET IntervalStyle = postgres; SET extra_float_digits = 3; SET bytea_output = hex; SET row_security = off; \
     SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; SET synchronous_commit = on; \
     SET idle_in_transaction_session_timeout = '60s'; SET client_connection_check_interval = '2s'";

/// A user with its password, if one was configured.
#[derive(Clone)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// Its password; the password file is asked where there is none.
    pub password: Option<SecretString>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Turns a reference into a secret, or says why it cannot.
pub type Resolve<'a> = &'a dyn Fn(&SecretRef) -> Result<SecretString, String>;

/// How long a server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// To take a connection, authentication included.
    pub connect: Duration,
    /// To end one statement that is not bulk work.
    pub statement: Duration,
}

/// The database of one side, and how to get in.
pub struct Server {
    name: SideName,
    side: PostgresSide,
    place: String,
    admin: Login,
    application: Login,
    replication: Login,
    tls: Option<Arc<ClientConfig>>,
    limits: Limits,
    idle: Mutex<Vec<Session>>,
    version: OnceLock<i32>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Server {
    /// The database of the side called `name`. Connects to nothing.
    pub fn new(
        name: &SideName,
        options: &PostgresOptions,
        resolve: Resolve<'_>,
    ) -> Result<Self, PostgresError> {
        let side = options.sides.get(name.as_str()).ok_or(PostgresError::Sides(options.sides.len()))?;
        let limits = Limits { connect: options.connect_timeout.0, statement: options.statement_timeout.0 };
        Self::of_side(name, side, limits, resolve)
    }

    /// The same for a provider that is built on this one and has options of its own.
    ///
    /// Fails when a value is none, when both users are one, or when a secret or the certificates cannot be had.
    pub fn of_side(
        name: &SideName,
        side: &PostgresSide,
        limits: Limits,
        resolve: Resolve<'_>,
    ) -> Result<Self, PostgresError> {
        let text = name.as_str();
        side.refuse_bad_values(text)?;
        let login = |user: &PostgresUser| login(text, &user.user, user.password.as_ref(), resolve);
        let (admin, application) = (login(&side.admin)?, login(&side.application)?);
        let replication = match (&side.replication.user, &side.replication.password) {
            (None, None) => admin.clone(),
            (user, password) => login_or(&admin, text, user.as_deref(), password.as_ref(), resolve)?,
        };
        let tls = tls::config(side.sslmode, side.root_certificate.as_deref())
            .map_err(|why| PostgresError::Certificate { side: text.to_owned(), why })?;
        Ok(Self {
            name: name.clone(),
            place: place(side),
            side: side.clone(),
            admin,
            application,
            replication,
            tls,
            limits,
            idle: Mutex::default(),
            version: OnceLock::new(),
        })
    }

    /// The same server and logins, another database.
    #[must_use]
    pub fn beside(&self, database: &str) -> Self {
        let side = PostgresSide { database: database.to_owned(), ..self.side.clone() };
        Self { version: self.version.clone(), ..self.with(side) }
    }

    /// The same database and logins, another server: where one is not known before it is looked up. Connects to nothing.
    #[must_use]
    pub fn at(&self, host: &str, port: u16) -> Self {
        self.with(PostgresSide { host: host.to_owned(), port, ..self.side.clone() })
    }

    fn with(&self, side: PostgresSide) -> Self {
        Self {
            name: self.name.clone(),
            place: place(&side),
            side,
            admin: self.admin.clone(),
            application: self.application.clone(),
            replication: self.replication.clone(),
            tls: self.tls.clone(),
            limits: self.limits,
            version: OnceLock::new(),
            idle: Mutex::default(),
        }
    }

    /// The side's name.
    pub fn name(&self) -> &SideName {
        &self.name
    }

    /// Where it is, as people know it: `host:port/database`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the configuration says of it.
    pub fn side(&self) -> &PostgresSide {
        &self.side
    }

    /// Who copies, freezes and thaws.
    pub fn admin_login(&self) -> &Login {
        &self.admin
    }

    /// Who the other side's server logs in as.
    pub fn replication_login(&self) -> &Login {
        &self.replication
    }

    /// A connection as the admin: an idle one, or a new one. Give it back with [`Self::keep`] when its last statement is done.
    pub async fn admin(&self) -> Result<Session, DataError> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|session| !session.is_closed());
            idle.pop()
        };
        match idle {
            Some(session) => Ok(session),
            None => self.admin_in(&self.side.database).await,
        }
    }

    /// Keeps a connection of [`Self::admin`] for the next one who asks.
    pub fn keep(&self, session: Session) {
        if !session.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
    }

    /// Closes every idle connection.
    pub fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The server's version as a number (150018 is 15.18), asked once.
    pub async fn version(&self, session: &Session) -> Result<i32, DataError> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let query = "SELECT pg_catalog.current_setting('server_version_num')::int";
        let row = session.query_typed_one(query, &[]).await.map_err(|error| self.told(&error))?;
        Ok(*self.version.get_or_init(|| row.get(0)))
    }

    /// A new connection as the admin, to another database of the same server.
    pub async fn admin_in(&self, database: &str) -> Result<Session, DataError> {
        let session = self.open(&self.admin, database).await?;
        let settings = format!(
            "{SETTINGS}; SET statement_timeout = {}; SET lock_timeout = {}",
            self.limits.statement.as_millis(),
            LOCK_TIMEOUT.as_millis()
        );
        session.batch_execute(&settings).await.map_err(|error| self.told(&error))?;
        Ok(session)
    }

    /// A new connection as the application makes one. It may lead through a pool: nothing is set on it.
    pub async fn application(&self) -> Result<Session, DataError> {
        self.open(&self.application, &self.side.database).await
    }

    /// Says what a failure means, with this side's place.
    pub fn told(&self, error: &tokio_postgres::Error) -> DataError {
        told(&self.place, error)
    }

    /// As [`Self::told`], where a lost answer leaves open what was done.
    pub fn told_of_act(&self, error: &tokio_postgres::Error) -> DataError {
        told_of_act(&self.place, error)
    }

    /// An error about this side: it cannot be done as things are.
    pub(crate) fn unfit(&self, why: impl Into<String>, advice: impl Into<String>) -> DataError {
        DataError::Unfit { place: self.place.clone(), why: why.into(), advice: Some(advice.into()) }
    }

    /// An error about this side: it was begun and not finished.
    pub(crate) fn failed(&self, why: impl Into<String>) -> DataError {
        DataError::Failed { place: self.place.clone(), why: why.into() }
    }

    async fn open(&self, login: &Login, database: &str) -> Result<Session, DataError> {
        match tokio::time::timeout(self.limits.connect, self.connect(login, database)).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(self.told(&error)),
            Err(_) => Err(DataError::Unreachable {
                place: self.place.clone(),
                why: format!("no answer within {:?}", self.limits.connect),
            }),
        }
    }

    async fn connect(&self, login: &Login, database: &str) -> Result<Session, tokio_postgres::Error> {
        let mut config = Config::new();
        config
            .host(&self.side.host)
            .port(self.side.port)
            .dbname(database)
            .user(&login.user)
            .application_name("switchover")
            .tcp_user_timeout(Duration::from_secs(30))
            .keepalives_idle(Duration::from_secs(10));
        let wanted =
            passfile::Wanted { host: &self.side.host, port: self.side.port, database, user: &login.user };
        if let Some(password) = login.password.clone().or_else(|| passfile::look_up(wanted)) {
            config.password(password.expose_secret());
        }
        match &self.tls {
            None => {
                config.ssl_mode(config::SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await?;
                Ok(Session::new(client, tokio::spawn(async { drop(connection.await) })))
            }
            Some(tls) => {
                config.ssl_mode(config::SslMode::Require);
                let tls = MakeRustlsConnect::new(ClientConfig::clone(tls));
                let (client, connection) = config.connect(tls).await?;
                Ok(Session::new(client, tokio::spawn(async { drop(connection.await) })))
            }
        }
    }

    /// How the other side's server is to encrypt its connection to this one.
    pub fn replication_mode(&self) -> SslMode {
        self.side.replication.sslmode.unwrap_or(self.side.sslmode)
    }
}

fn place(side: &PostgresSide) -> String {
    format!("{}:{}/{}", side.host, side.port, side.database)
}

fn login(
    side: &str,
    user: &str,
    password: Option<&SecretRef>,
    resolve: Resolve<'_>,
) -> Result<Login, PostgresError> {
    let password = password
        .map(resolve)
        .transpose()
        .map_err(|why| PostgresError::Secret { side: side.to_owned(), why })?;
    Ok(Login { user: user.to_owned(), password })
}

/// A login of its own; only the password is the admin's where the user is.
fn login_or(
    admin: &Login,
    side: &str,
    user: Option<&str>,
    password: Option<&SecretRef>,
    resolve: Resolve<'_>,
) -> Result<Login, PostgresError> {
    let mut made = login(side, user.unwrap_or(&admin.user), password, resolve)?;
    if made.password.is_none() && made.user == admin.user {
        made.password.clone_from(&admin.password);
    }
    Ok(made)
}
