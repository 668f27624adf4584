//! The journal of a pair in etcd: for pairs that are run from several machines.
//!
//! ```text
//!   EtcdStore ──► log ──► client ──► one member, then the next ──► /v3/kv/txn, /v3/kv/range  (JSON gateway)
//!               keys, wire          deadline, token, cluster id
//! ```
//!
//! `keys` says where things stand, `log` what is asked, `large` how an entry is kept that is larger than a request may be, `wire` has the
//! messages, `failure` says what it means that there was no result, and `client` goes from member to member.
//!
//! # Who has a pair, and how another takes it over
//!
//! The log is the lock, as in every state store: an entry is written by one transaction whose conditions are that nothing stands at its
//! position and that the entry before it does. To take a pair over is to append a claim, with the next epoch, at the next position. From then on
//! every append of the former holder finds its position taken, however late it was sent and however long that process slept; it stops before its
//! next act. There is no lease of etcd's behind that, and no clock of any machine: a lease says who *was* alive when it was looked at,
//! and whoever was stopped between that look and its write writes all the same. Signs of life ([`Beat`]) only tell a second operator to
//! wait. They carry their writer's time, so a clock that is seconds behind makes others wait less, and guards nothing.
//!
//! # Reads and outcomes
//!
//! Every read is linearizable (etcd's default): a member that is cut off from the majority does not answer, rather than answer with
//! what it knew. An append whose answer was lost is sent again, to the next member: it finds its own entry at the position, which the
//! nonce makes like no other, and then it is done; or another's, and then the position is taken. Only if no member answers within
//! `patience` its outcome stays unknown ([`StateError::Unavailable`]).
//!
//! # Why the gateway and not gRPC
//!
//! The crate `etcd-client` needs `protoc` to build, and brings tonic and a second HTTP stack with a few dozen crates. etcd's gateway
//! (<https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/>) does the same transactions over the HTTP client that is here already. Its price: a
//! request is a third larger on the way, and the name in a client certificate does not count as a user (same page), so that rights are
//! given to a user with a password.

mod client;
mod failure;
mod keys;
mod large;
mod log;
mod options;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use switchover::journal::{Entry, Seq};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, Clock, StateError, StateStore};

pub use client::EtcdFiles;
pub use options::{EtcdOptions, SetupError};

use client::Client;
use log::Log;
use options::Resolved;

/// Journals in etcd. One cluster may hold those of many pairs.
///
/// Must be used inside a tokio runtime. A call whose future is dropped may still be carried out, so that an append which is not awaited to
/// its end may stand or not, as after a crash.
#[derive(Debug)]
pub struct EtcdStore {
    log: Log,
}

impl EtcdStore {
    /// Checks the options and sends nothing. `files` are the contents of the files and the secrets that the options name.
    ///
    /// # Errors
    ///
    /// [`SetupError`], in words for whoever wrote the file.
    pub fn new(options: &EtcdOptions, files: EtcdFiles, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let client = Client::new(Resolved::try_from(options)?, files, clock)?;
        Ok(Self { log: Log::new(client) })
    }

    /// Asks the cluster whether the user may read and write below the prefix. Changes nothing; may be repeated.
    ///
    /// # Errors
    ///
    /// [`StateError::Unusable`] if the user may not, or this is no etcd; [`StateError::Unavailable`] if no member answers within
    /// `patience`.
    pub async fn prove(&self) -> Result<(), StateError> {
        self.log.prove().await
    }
}

#[async_trait]
impl StateStore for EtcdStore {
    async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        self.log.read(pair, from).await
    }

    async fn append_at(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        self.log.append_at(pair, at, entry).await
    }

    async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        self.log.beat(pair, beat).await
    }

    async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        self.log.last_beat(pair).await
    }
}
