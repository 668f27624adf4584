//! An HTTP server on loopback that is told what to answer, and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answer with a status and a body.
    Answer(u16, String),
    /// Send these bytes instead of HTTP.
    Raw(String),
    /// Never answer.
    Hang,
    /// Close the connection without an answer.
    Close,
}

impl Reply {
    pub(crate) fn body(&self) -> String {
        match self {
            Self::Answer(_, body) | Self::Raw(body) => body.clone(),
            Self::Hang | Self::Close => String::new(),
        }
    }
}

/// One request: which one it is, counted from 1, its form fields, and how it was signed.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) number: usize,
    fields: BTreeMap<String, String>,
    /// `AKIA…/20261121/ap-east-1/ec2/aws4_request`.
    scope: String,
}

impl Asked {
    pub(crate) fn value(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    pub(crate) fn key(&self) -> &str {
        self.scope.split('/').next().unwrap()
    }

    pub(crate) fn region(&self) -> &str {
        self.scope.split('/').nth(2).unwrap()
    }
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The server. Its tasks end with the test's runtime.
pub(crate) struct Server {
    at: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, seen): (Arc<Script>, _) = (Arc::new(script), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), seen.clone()));
            }
        });
        Self { at, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, seen: Arc<Mutex<Vec<Asked>>>) {
    while let Some((head, body)) = read(&mut stream).await {
        let asked = {
            let mut seen = seen.lock().unwrap();
            let scope = head.split("Credential=").nth(1).unwrap_or("unsigned").split(',').next().unwrap();
            let number = seen.len() + 1;
            seen.push(Asked { number, fields: form(&body), scope: scope.to_owned() });
            seen.last().unwrap().clone()
        };
        let bytes = match script(&asked) {
            Reply::Answer(status, body) => format!(
                "HTTP/1.1 {status} Scripted\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            Reply::Raw(bytes) => bytes,
            Reply::Hang => std::future::pending().await,
            Reply::Close => return,
        };
        if stream.write_all(bytes.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn form(body: &str) -> BTreeMap<String, String> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |so_far, part| {
        let code = u8::from_str_radix(&part[..2], 16).unwrap();
        so_far + &char::from(code).to_string() + &part[2..]
    })
}

/// An Elastic IP as `DescribeAddresses` tells it.
pub(crate) struct Eip {
    name: String,
    ip: String,
    more: String,
}

pub(crate) fn address(name: &str, ip: &str) -> Eip {
    Eip { name: name.to_owned(), ip: ip.to_owned(), more: String::new() }
}

impl Eip {
    pub(crate) fn instance(mut self, id: &str) -> Self {
        self.more = format!("<instanceId>{id}</instanceId><associationId>eipassoc-1</associationId>");
        self
    }

    pub(crate) fn interface(mut self, id: &str) -> Self {
        self.more = format!("<instanceId/><networkInterfaceId>{id}</networkInterfaceId>");
        self
    }
}

pub(crate) fn addresses(all: &[Eip]) -> Reply {
    let item = |(number, eip): (usize, &Eip)| {
        let Eip { name, ip, more } = eip;
        let name = name.replace('\u{7}', "&#x7;");
        format!(
            "<item><publicIp>{ip}</publicIp><allocationId>eipalloc-{number}</allocationId><domain>vpc</domain>{more}\
             <tagSet><item><key>Owner</key><value>x</value></item>\
             <item><key>Name</key><value>{name}</value></item></tagSet></item>"
        )
    };
    let items: String = all.iter().enumerate().map(item).collect();
    Reply::Answer(
        200,
        format!(
            "<DescribeAddressesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
             <requestId>r-1</requestId><addressesSet>{items}</addressesSet></DescribeAddressesResponse>"
        ),
    )
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::Answer(
        status,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
             <Message>{message}</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
        ),
    )
}

pub(crate) fn caller(account: &str, arn: &str) -> Reply {
    Reply::Answer(
        200,
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{account}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        ),
    )
}

pub(crate) fn role(key: &str) -> Reply {
    Reply::Answer(
        200,
        format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>very-secret-role</SecretAccessKey>\
             <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
        ),
    )
}

pub(crate) fn sts_error(status: u16, code: &str, message: &str) -> Reply {
    Reply::Answer(
        status,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
        ),
    )
}
