//! Mail, over SMTP with TLS.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use switchover::config::{Period, SecretRef};
use switchover::model::Announcement;
use switchover::port::{AnnounceError, Announcer};
use switchover::report::subject;

use crate::http::{innermost, is_loopback, timeout_of};
use crate::{LONGEST_TIMEOUT, PROOF, TIMEOUT, Texts};

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314), port 465.
    #[default]
    Tls,
    /// In clear first, and by STARTTLS before anything is said; a server without it is refused. Port 587.
    StartTls,
    /// Not at all: to this machine only, port 25.
    None,
}

/// What mail is set up from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpOptions {
    /// The server.
    pub host: String,
    /// Its port; 465 if left out, 587 with `starttls`, 25 with `none`.
    pub port: Option<u16>,
    /// How the connection is encrypted; `tls` if left out.
    #[serde(default)]
    #[schemars(default)]
    pub encryption: Encryption,
    /// Who it is from: `switchover@example.org`, or `Switchover <switchover@example.org>`.
    pub from: String,
    /// Who gets it.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
    /// Where the user's name is to be found, if the server wants one.
    pub user: Option<SecretRef>,
    /// Where the user's password is to be found.
    pub password: Option<SecretRef>,
    /// A file of PEM certificates to trust besides the system's.
    #[schemars(with = "Option<String>")]
    pub ca_file: Option<PathBuf>,
    /// How long one try may take; 5s if left out, 10s at most.
    pub timeout: Option<Period>,
    /// Texts in place of those that come with the program.
    #[serde(default)]
    #[schemars(default)]
    pub template: Texts,
}

/// Why options make no mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// An address is none.
    #[error("`{0}` is no mail address")]
    Address(String),
    /// Nobody gets it.
    #[error("`to` is empty: nobody would get the mail")]
    Nobody,
    /// Mail would go over the network in clear.
    #[error("`encryption = \"none\"` is for this machine only, and {0} is another; use `tls` or `starttls`")]
    Clear(String),
    /// Half of a credential.
    #[error("`user` and `password` belong together; one is missing")]
    HalfCredential,
    /// The certificates could not be read.
    #[error("ca_file {}: {why}", file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The timeout is zero, or longer than a try may take.
    #[error("`timeout` must be more than 0s and at most {}s", LONGEST_TIMEOUT.as_secs())]
    Timeout,
    /// The machine's certificates are unusable.
    #[error("no TLS: {0}")]
    Tls(String),
}

/// Sends a plain text mail, with a connection of its own.
///
/// Its `Message-ID` is made of the announcement's key, so that a repeated mail is known again, and `Auto-Submitted` keeps
/// out-of-office answers away (RFC 3834). What the server puts off (4xx) may be repeated; what it refuses (5xx) not.
pub struct Smtp {
    transport: SmtpTransport,
    place: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
    texts: Texts,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Smtp {
    /// Checks the options. Reads `ca_file`, and sends nothing.
    pub fn new(
        options: SmtpOptions,
        user: Option<&SecretString>,
        password: Option<&SecretString>,
    ) -> Result<Self, SmtpError> {
        let timeout = timeout_of(options.timeout.unwrap_or(Period(TIMEOUT))).ok_or(SmtpError::Timeout)?;
        if options.to.is_empty() {
            return Err(SmtpError::Nobody);
        }
        let (tls, usual) = tls(&options)?;
        let port = options.port.unwrap_or(usual);
        let transport =
            SmtpTransport::builder_dangerous(&options.host).port(port).tls(tls).timeout(Some(timeout));
        let transport = match (user, password) {
            (Some(user), Some(password)) => {
                let (user, password) = (user.expose_secret().to_owned(), password.expose_secret().to_owned());
                transport.credentials(Credentials::new(user, password))
            }
            (None, None) => transport,
            (Some(_), None) | (None, Some(_)) => return Err(SmtpError::HalfCredential),
        };
        Ok(Self {
            transport: transport.build(),
            place: format!("{}:{port}", options.host),
            from: mailbox(&options.from)?,
            to: options.to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?,
            timeout,
            texts: options.template,
        })
    }

    fn message(&self, announcement: &Announcement) -> Result<Message, lettre::error::Error> {
        let id = format!("<{}@{}>", announcement.key, self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject(announcement))
            .date(SystemTime::from(announcement.at))
            .message_id(Some(id))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.body(self.texts.text(announcement, str::to_owned) + "\n")
    }

    fn failed(&self, error: &lettre::transport::smtp::Error) -> AnnounceError {
        let (place, why) = (self.place.clone(), words(error));
        if error.is_permanent() || error.is_client() {
            AnnounceError::Refused { place, why }
        } else {
            AnnounceError::Unavailable { place, why }
        }
    }

    /// Does work that blocks, in a thread of its own: the end of the program does not wait for one that hangs. It ends by itself, since
    /// every read and write has a timeout.
    async fn apart<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&SmtpTransport) -> Result<T, lettre::transport::smtp::Error> + Send + 'static,
    ) -> Result<T, AnnounceError> {
        let (done, wait) = tokio::sync::oneshot::channel();
        let transport = self.transport.clone();
        // Nobody may be waiting any more.
        std::thread::spawn(move || drop(done.send(work(&transport))));
        if let Ok(Ok(done)) = tokio::time::timeout(limit, wait).await {
            return done.map_err(|error| self.failed(&error));
        }
        let why = format!("no answer within {} ms", limit.as_millis());
        Err(AnnounceError::Unavailable { place: self.place.clone(), why })
    }
}

fn mailbox(text: &str) -> Result<Mailbox, SmtpError> {
    text.parse().map_err(|_| SmtpError::Address(text.escape_debug().to_string()))
}

/// How the connection is encrypted, and the port that goes with it.
fn tls(options: &SmtpOptions) -> Result<(Tls, u16), SmtpError> {
    match options.encryption {
        Encryption::Tls => Ok((Tls::Wrapper(parameters(options)?), 465)),
        Encryption::StartTls => Ok((Tls::Required(parameters(options)?), 587)),
        Encryption::None if is_loopback(&options.host) => Ok((Tls::None, 25)),
        Encryption::None => Err(SmtpError::Clear(options.host.clone())),
    }
}

fn parameters(options: &SmtpOptions) -> Result<TlsParameters, SmtpError> {
    let mut builder = TlsParameters::builder(options.host.clone());
    if let Some(file) = &options.ca_file {
        let fault = |why: String| SmtpError::CaFile { file: file.clone(), why };
        let pem = std::fs::read(file).map_err(|error| fault(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| fault(innermost(&error)))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| SmtpError::Tls(innermost(&error)))
}

/// What the server said, or what happened on the way to it.
fn words(error: &lettre::transport::smtp::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    match error.status() {
        Some(code) => format!("it answered {code}: {}", innermost(error)),
        None => innermost(error),
    }
}

#[async_trait]
impl Announcer for Smtp {
    async fn announce(&self, announcement: &Announcement) -> Result<(), AnnounceError> {
        let message = self.message(announcement).map_err(|error| AnnounceError::Refused {
            place: self.place.clone(),
            why: format!("the mail cannot be written: {error}"),
        })?;
        self.apart(self.timeout, move |transport| transport.send(&message)).await.map(drop)
    }

    /// Connects, encrypts and signs in, and sends no mail. Not proved: that the server takes mail from this sender to these receivers.
    async fn prove(&self) -> Result<(), AnnounceError> {
        if self.apart(PROOF, SmtpTransport::test_connection).await? {
            return Ok(());
        }
        let why = "it ended the connection".to_owned();
        Err(AnnounceError::Unavailable { place: self.place.clone(), why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> SmtpOptions {
        SmtpOptions {
            host: "mail.example.org".to_owned(),
            port: None,
            encryption: Encryption::Tls,
            from: "Switchover <switchover@example.org>".to_owned(),
            to: vec!["ops@example.org".to_owned()],
            user: None,
            password: None,
            ca_file: None,
            timeout: None,
            template: Texts::default(),
        }
    }

    fn refused(options: SmtpOptions) -> SmtpError {
        Smtp::new(options, None, None).unwrap_err()
    }

    #[test]
    fn mail_goes_in_clear_to_this_machine_only() {
        let clear = || SmtpOptions { encryption: Encryption::None, ..options() };
        assert_eq!(refused(clear()), SmtpError::Clear("mail.example.org".to_owned()));
        assert!(Smtp::new(SmtpOptions { host: "127.0.0.1".to_owned(), ..clear() }, None, None).is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let from = "nobody".to_owned();
        assert_eq!(
            refused(SmtpOptions { from: from.clone(), ..options() }),
            SmtpError::Address(from.clone())
        );
        assert_eq!(refused(SmtpOptions { to: vec![from.clone()], ..options() }), SmtpError::Address(from));
        assert_eq!(refused(SmtpOptions { to: vec![], ..options() }), SmtpError::Nobody);
    }

    #[test]
    fn a_password_without_a_user_is_refused_and_none_is_shown() {
        let (user, password) = (SecretString::from("ada"), SecretString::from("s3cret"));
        let half = Smtp::new(options(), None, Some(&password));
        assert_eq!(half.unwrap_err(), SmtpError::HalfCredential);
        let shown = format!("{:?}", Smtp::new(options(), Some(&user), Some(&password)).unwrap());
        assert!(!shown.contains("s3cret") && !shown.contains("ada"), "{shown}");
    }
}
