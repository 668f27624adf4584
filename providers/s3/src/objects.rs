//! The requests that the journal is made of: read an object, create one, replace one that was read, list them. Each is sent again while that may
//! help.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};
use switchover::port::{Clock, StateError};
use switchover_bucket::causes;

/// Pauses between tries: twice as long each time, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The longest that another's words may be in a message: an XML document is no explanation.
const LONGEST_WORDS: usize = 400;

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Option<String>,
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It was made.
    Made,
    /// The condition did not hold (412), or another write of the same object was under way (409).
    Refused,
}

/// A bucket.
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    place: String,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.place).finish()
    }
}

/// The end of the time for one call, and the pauses in it.
pub(crate) struct Pauses {
    until: Duration,
    next: Duration,
}

impl Objects {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        place: String,
        patience: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, place, patience, clock }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn pauses(&self) -> Pauses {
        Pauses { until: self.clock.monotonic() + self.patience, next: FIRST_PAUSE }
    }

    /// Waits before something is tried again; no if there is no time for it.
    pub(crate) async fn pause(&self, pauses: &mut Pauses) -> bool {
        if self.clock.monotonic() + pauses.next >= pauses.until {
            return false;
        }
        self.clock.sleep(pauses.next).await;
        pauses.next = (pauses.next * 2).min(LONGEST_PAUSE);
        true
    }

    /// Reads an object; none if there is none.
    pub(crate) async fn get(&self, path: &Path) -> Result<Option<Object>, StateError> {
        let mut pauses = self.pauses();
        loop {
            match self.get_once(path).await {
                Ok(object) => return Ok(Some(object)),
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => self.again(error, &mut pauses).await?,
            }
        }
    }

    async fn get_once(&self, path: &Path) -> Result<Object, Error> {
        let answer = self.store.get(path).await?;
        let version = answer.meta.e_tag.clone();
        Ok(Object { bytes: answer.bytes().await?.to_vec(), version })
    }

    /// Creates an object. After an answer that was lost it is sent again, so that `Refused` may mean that our own first try made it.
    pub(crate) async fn create(&self, path: &Path, bytes: &[u8]) -> Result<Put, StateError> {
        self.put(path, bytes, &PutMode::Create).await
    }

    /// Replaces an object if it is still the one that was read.
    pub(crate) async fn replace(&self, path: &Path, bytes: &[u8], read: &Object) -> Result<Put, StateError> {
        let version = UpdateVersion { e_tag: read.version.clone(), version: None };
        self.put(path, bytes, &PutMode::Update(version)).await
    }

    async fn put(&self, path: &Path, bytes: &[u8], mode: &PutMode) -> Result<Put, StateError> {
        let mut pauses = self.pauses();
        loop {
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            match self.store.put_opts(path, bytes.to_vec().into(), options).await {
                Ok(_) => return Ok(Put::Made),
                // The client says `AlreadyExists` to a 409, too.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => return Ok(Put::Refused),
                Err(error) => self.again(error, &mut pauses).await?,
            }
        }
    }

    /// The names of all objects below a path, those after `after` only.
    pub(crate) async fn list(&self, below: &Path, after: Option<&Path>) -> Result<Vec<Path>, StateError> {
        let mut pauses = self.pauses();
        loop {
            let listed = match after {
                Some(after) => self.store.list_with_offset(Some(below), after),
                None => self.store.list(Some(below)),
            };
            match listed.map_ok(|object| object.location).try_collect().await {
                Ok(names) => return Ok(names),
                Err(error) => self.again(error, &mut pauses).await?,
            }
        }
    }

    /// Waits before something that failed is tried again; an error if that cannot help, or takes too long.
    async fn again(&self, error: Error, pauses: &mut Pauses) -> Result<(), StateError> {
        if let Some(why) = hopeless(&error) {
            return Err(self.unusable(format!("{why}: {}", words(&error))));
        }
        if self.pause(pauses).await { Ok(()) } else { Err(self.unavailable(words(&error))) }
    }

    pub(crate) fn unusable(&self, why: String) -> StateError {
        StateError::Unusable { place: self.place.clone(), why }
    }

    pub(crate) fn unavailable(&self, why: String) -> StateError {
        StateError::Unavailable { place: self.place.clone(), why }
    }
}

/// Why an error does not pass by itself, if it does not.
fn hopeless(error: &Error) -> Option<&'static str> {
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            Some("the credentials do not allow it; docs/journal.md has the policy that is needed")
        }
        Error::NotFound { .. } => {
            Some("there is no such bucket; create it, or look at `bucket` and `region`")
        }
        Error::NotImplemented { .. } | Error::NotSupported { .. } => Some("the service does not know how"),
        _ => {
            let text = causes(error);
            // As `object_store` words an answer; 501 is how a look-alike says that it knows no conditions.
            let (_, status) = text.split_once("status code: ")?;
            let status: u16 = status.get(..3)?.parse().ok()?;
            let passes = matches!(status, 408 | 409 | 425 | 429) || (status >= 500 && status != 501);
            (!passes).then_some("the service refuses it")
        }
    }
}

fn words(error: &Error) -> String {
    let plain: String = causes(error).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match plain.char_indices().nth(LONGEST_WORDS) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}
