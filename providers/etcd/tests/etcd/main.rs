//! The provider on three real members, as `tests/etcd/run` starts them: the contract, rights, and what becomes of a journal while members
//! are killed, stopped, cut off and slowed down.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "everything in this binary runs inside tests, where a panic is a failure"
)]

mod contract;
mod faults;
mod full;
mod rights;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::SecretString;
use switchover::port::StateStore;
use switchover_etcd::{EtcdFiles, EtcdOptions, EtcdStore};
use switchover_runtime::TokioClock;

pub(crate) fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run this by tests/etcd/run"))
}

/// Does something to the members; what it said.
pub(crate) fn ctl(arguments: &[&str]) -> String {
    let done = Command::new(env("SWITCHOVER_ETCD_CTL")).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// The cluster, below a prefix that no other test has.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) endpoints: Vec<String>,
    pub(crate) prefix: String,
    pub(crate) user: Option<&'static str>,
    pub(crate) password: String,
    pub(crate) certificate: &'static str,
    pub(crate) patience: &'static str,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            endpoints: env("SWITCHOVER_ETCD_ENDPOINTS").split(',').map(str::to_owned).collect(),
            prefix: format!("switchover/{}-{number}", std::process::id()),
            user: Some("switchover"),
            password: env("SWITCHOVER_ETCD_PASSWORD"),
            certificate: "client",
            patience: "15s",
        }
    }

    /// As seen by somebody who knows one member only.
    pub(crate) fn only(&self, member: usize) -> Self {
        Self { endpoints: vec![self.endpoints[member - 1].clone()], ..self.clone() }
    }

    pub(crate) fn options(&self) -> EtcdOptions {
        let list = |items: &[String]| {
            items.iter().map(|item| format!("'{item}'")).collect::<Vec<String>>().join(", ")
        };
        let user =
            self.user.map_or(String::new(), |user| format!("user = '{user}'\npassword = {{ env = 'P' }}"));
        let text = format!(
            "endpoints = [{}]\nprefix = '{}'\nca_file = 'ca.pem'\ncertificate_file = 'client.pem'\n\
             key = {{ file = 'client.key' }}\ntimeout = '2s'\npatience = '{}'\n{user}",
            list(&self.endpoints),
            self.prefix,
            self.patience
        );
        toml::from_str(&text).unwrap()
    }

    pub(crate) fn files(&self) -> EtcdFiles {
        let read = |name: String| std::fs::read(PathBuf::from(env("SWITCHOVER_ETCD")).join(name)).unwrap();
        EtcdFiles {
            ca: Some(read("ca.pem".to_owned())),
            certificate: Some(read(format!("{}.pem", self.certificate))),
            key: Some(SecretString::from(
                String::from_utf8(read(format!("{}.key", self.certificate))).unwrap(),
            )),
            password: self.user.map(|_| SecretString::from(self.password.clone())),
        }
    }

    pub(crate) fn etcd(&self) -> EtcdStore {
        EtcdStore::new(&self.options(), self.files(), Arc::new(TokioClock::new())).unwrap()
    }

    pub(crate) fn store(&self) -> Arc<dyn StateStore> {
        Arc::new(self.etcd())
    }
}

/// Runs a test on an executor of its own.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}
