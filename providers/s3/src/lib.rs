//! The journal of a pair in a bucket of S3: for pairs that are run from several machines by teams that want to run no server for it.
//!
//! ```text
//!   S3Store ──► log ──► objects ──► PUT If-None-Match: *, GET, LIST
//! ```
//!
//! `log` says where things stand and what is asked, `objects` sends it and tries again while that may help.
//!
//! # Who has a pair, and how another takes it over
//!
//! An entry is an object that is written under `If-None-Match: *`: only where there is none
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>). To take a pair over is to write a claim, with the
//! next epoch, at the next position; whoever had it finds its next position taken (412) and stops, however long it slept. No clock and no lease
//! guards anything. Signs of life ([`Beat`]) are replaced under `If-Match`; they carry their writer's time, only tell a second
//! operator to wait, and may be lost.
//!
//! # A 412 that is none, and a 200 that is none
//!
//! A write whose answer was lost is sent again, and is then refused because it is there already. So after every refusal the object is
//! read: our own entry, byte for byte with its nonce, means that it is done; another means that the position is taken; none means that another
//! write is under way (409 `ConditionalRequestConflict`), and it is tried again.
//!
//! A service that only resembles S3 may ignore the condition, and would answer 200 to two writers. [`S3Store::prove`] writes one object twice, and
//! refuses a service that takes both. Reads and lists are strongly consistent at S3 (<https://aws.amazon.com/s3/consistency/>); where a list
//! lags all the same, entries after its end are looked for one by one.

mod log;
mod objects;
mod options;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::ObjectStore;
use switchover::journal::{Entry, Seq};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, Clock, StateError, StateStore};
use switchover_bucket::{Bucket, Limits};

pub use options::{S3Options, SetupError};

use log::Log;
use objects::Objects;

/// Journals in a bucket. One may hold those of many pairs.
///
/// Must be used inside a tokio runtime. A call whose future is dropped may still be carried out, so that an append which is not awaited to
/// its end may stand or not, as after a crash.
#[derive(Debug)]
pub struct S3Store {
    log: Log,
}

impl S3Store {
    /// Checks the options and reads the AWS files. Asks S3 nothing.
    ///
    /// # Errors
    ///
    /// [`SetupError`], in words for whoever wrote the file.
    pub async fn connect(options: &S3Options, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        options::checked(options)?;
        let bucket = Bucket {
            name: &options.bucket,
            region: options.region.as_deref(),
            profile: options.profile.as_deref(),
            endpoint: options.endpoint.as_deref(),
        };
        // Never again inside the client: it would hide whether a refusal may be our own.
        let limits = Limits {
            timeout: options.timeout.0,
            connect_timeout: options.timeout.0,
            retries: 0,
            retry_timeout: Duration::ZERO,
        };
        let store = switchover_bucket::connect(&bucket, &limits).await.map_err(SetupError::Aws)?;
        Self::over(store, options, clock)
    }

    /// As [`S3Store::connect`], over a client that is there already. It must not send requests again by itself.
    ///
    /// # Errors
    ///
    /// [`SetupError`], of the options that are not about the client.
    pub fn over(
        store: Arc<dyn ObjectStore>,
        options: &S3Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let prefix = options::checked(options)?;
        let place = format!("s3://{}/{prefix}", options.bucket);
        let objects = Objects::new(store, place, options.patience.0, clock);
        Ok(Self { log: Log::new(objects, prefix) })
    }

    /// Proves that the credentials may write, and that the service refuses to write an object that is there. Leaves one object, `probe`, below the
    /// prefix; may be repeated.
    ///
    /// # Errors
    ///
    /// [`StateError::Unusable`] if either is not so, or there is no such bucket; [`StateError::Unavailable`] if nothing answers within
    /// `patience`.
    pub async fn prove(&self) -> Result<(), StateError> {
        self.log.prove().await
    }
}

#[async_trait]
impl StateStore for S3Store {
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
