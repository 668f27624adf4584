//! A server that takes mail (RFC 5321), with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4954) where a test wants them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Mood;
use crate::world::lock;

/// How a server is spoken to.
#[derive(Clone, Debug)]
pub enum Encrypted {
    /// In clear.
    No,
    /// In TLS from the first byte, with a chain of certificates and a key in PEM.
    AtOnce(String, String),
    /// In clear until STARTTLS, the same.
    ByStartTls(String, String),
}

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who sends it, from the envelope.
    pub from: String,
    /// Who gets it, from the envelope.
    pub to: Vec<String>,
    /// Headers and body as they came, with lines that end in `\n`.
    pub text: String,
    /// Whether it came in TLS.
    pub encrypted: bool,
    /// Who had signed in.
    pub user: Option<String>,
}

impl Mail {
    /// The value of a header on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.text.lines().take_while(|line| !line.is_empty());
        let (_, value) = lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name)?;
        Some(value)
    }
}

#[derive(Debug)]
struct Inner {
    address: SocketAddr,
    mood: Mutex<Mood>,
    taken: Mutex<Vec<Mail>>,
    /// What AUTH PLAIN must send, in base64; nobody signs in if `None`.
    credential: Option<String>,
}

/// A server that takes mail. Clones are one server; it serves as long as its executor runs.
#[derive(Clone, Debug)]
pub struct MailSink(Arc<Inner>);

/// What was said so far.
#[derive(Default)]
struct Talk {
    from: String,
    to: Vec<String>,
    user: Option<String>,
}

impl MailSink {
    /// Starts one on a free port. `credential` is what AUTH PLAIN must send, in base64 (`\0user\0password`); without it nobody has to
    /// sign in.
    pub async fn start(encrypted: Encrypted, credential: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let inner = Inner {
            address: listener.local_addr()?,
            mood: Mutex::new(Mood::Takes),
            taken: Mutex::default(),
            credential,
        };
        let own = Self(Arc::new(inner));
        let server = own.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, encrypted) = (server.clone(), encrypted.clone());
                tokio::spawn(async move { server.serve(stream, encrypted).await });
            }
        });
        Ok(own)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.address.port()
    }

    /// How it behaves from now on.
    pub fn set(&self, mood: Mood) {
        *lock(&self.0.mood) = mood;
    }

    /// The mails that were taken, in order.
    pub fn taken(&self) -> Vec<Mail> {
        lock(&self.0.taken).clone()
    }

    async fn serve(&self, stream: TcpStream, encrypted: Encrypted) -> io::Result<()> {
        match encrypted {
            Encrypted::No => self.talk(BufReader::new(stream), false, false).await.map(drop),
            Encrypted::AtOnce(chain, key) => {
                let stream = acceptor(&chain, &key)?.accept(stream).await?;
                self.talk(BufReader::new(stream), false, true).await.map(drop)
            }
            Encrypted::ByStartTls(chain, key) => {
                let Some(stream) = self.talk(BufReader::new(stream), true, false).await? else {
                    return Ok(());
                };
                let stream = acceptor(&chain, &key)?.accept(stream).await?;
                self.answer(BufReader::new(stream), false, true).await.map(drop)
            }
        }
    }

    /// Greets and answers; returns the connection if it is to be encrypted from here on.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: BufReader<S>,
        starttls: bool,
        encrypted: bool,
    ) -> io::Result<Option<S>> {
        let mood = *lock(&self.0.mood);
        match mood {
            Mood::Hangs => std::future::pending().await,
            Mood::Slow(ms) => sleep(Duration::from_millis(ms)).await,
            Mood::Takes | Mood::Fails | Mood::Throttles(_) | Mood::Refuses => {}
        }
        say(&mut stream, "220 sink.sandbox.test").await?;
        self.answer(stream, starttls, encrypted).await
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: BufReader<S>,
        starttls: bool,
        encrypted: bool,
    ) -> io::Result<Option<S>> {
        let mut talk = Talk::default();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            let said = line.trim_end();
            let verb = said.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "STARTTLS" if starttls => {
                    say(&mut stream, "220 go on").await?;
                    return Ok(Some(stream.into_inner()));
                }
                "QUIT" => {
                    say(&mut stream, "221 bye").await?;
                    return Ok(None);
                }
                "DATA" => self.data(&mut stream, &mut talk, encrypted).await?,
                _ => {
                    let answer = self.reply(&verb, said, &mut talk, starttls);
                    say(&mut stream, &answer).await?;
                }
            }
        }
    }

    fn reply(&self, verb: &str, said: &str, talk: &mut Talk, starttls: bool) -> String {
        let mood = *lock(&self.0.mood);
        match verb {
            "EHLO" | "HELO" => {
                let mut lines = vec!["250-sink.sandbox.test"];
                lines.extend(starttls.then_some("250-STARTTLS"));
                lines.extend((self.0.credential.is_some() && !starttls).then_some("250-AUTH PLAIN"));
                lines.push("250 8BITMIME");
                lines.join("\r\n")
            }
            "AUTH" => match (&self.0.credential, said.strip_prefix("AUTH PLAIN ")) {
                (Some(wanted), Some(given)) if wanted == given => {
                    talk.user = Some(given.to_owned());
                    "235 welcome".to_owned()
                }
                _ => "535 5.7.8 authentication credentials invalid".to_owned(),
            },
            "NOOP" | "RSET" => "250 ok".to_owned(),
            "MAIL" if self.0.credential.is_some() && talk.user.is_none() => {
                "530 5.7.0 authentication required".to_owned()
            }
            "MAIL" => match mood {
                Mood::Fails | Mood::Throttles(_) => "451 4.3.0 try again later".to_owned(),
                Mood::Refuses => "550 5.7.1 not from you".to_owned(),
                Mood::Takes | Mood::Slow(_) | Mood::Hangs => {
                    talk.from = address(said);
                    "250 ok".to_owned()
                }
            },
            "RCPT" => {
                talk.to.push(address(said));
                "250 ok".to_owned()
            }
            _ => "500 5.5.1 what?".to_owned(),
        }
    }

    async fn data<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        talk: &mut Talk,
        encrypted: bool,
    ) -> io::Result<()> {
        say(stream, "354 end with a dot").await?;
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line == "." {
                break;
            }
            // A dot at the start of a line was doubled (RFC 5321 section 4.5.2).
            text.push_str(line.strip_prefix('.').unwrap_or(line));
            text.push('\n');
        }
        let Talk { from, to, user } = std::mem::take(talk);
        lock(&self.0.taken).push(Mail { from, to, text, encrypted, user: user.clone() });
        talk.user = user;
        say(stream, "250 taken").await
    }
}

/// The address in `MAIL FROM:<…>` or `RCPT TO:<…>`.
fn address(said: &str) -> String {
    let (_, rest) = said.split_once('<').unwrap_or_default();
    rest.split('>').next().unwrap_or_default().to_owned()
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, line: &str) -> io::Result<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.get_mut().flush().await
}

fn acceptor(chain: &str, key: &str) -> io::Result<TlsAcceptor> {
    let wrong = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong(&error))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    Ok(TlsAcceptor::from(Arc::new(config.map_err(|error| wrong(&error))?)))
}
