//! An address book in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{AddressName, SideName};
use switchover::port::{
    AddressBook, AddressError, Attachment, Clock as _, Identity, Listing, Meter, NamedAddress,
};

use super::script::Script;
use super::{VirtualClock, lock};

/// How a question goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFault {
    /// [`AddressError::NoCredentials`].
    NoCredentials,
    /// [`AddressError::Unauthorized`].
    Unauthorized,
    /// [`AddressError::Rejected`].
    Rejected,
    /// [`AddressError::Unavailable`].
    Unavailable,
    /// No answer for five minutes.
    Silent,
    /// An answer that is not true: another address under every name.
    Nonsense,
    /// An answer without any address.
    Nothing,
}

#[derive(Debug)]
struct Inner {
    held: BTreeMap<AddressName, Vec<NamedAddress>>,
    identity: Option<Identity>,
    latency: Duration,
    script: Script<(), AddressFault>,
}

/// The named addresses of one side. Clones are one book. A request takes 100 ms of virtual time.
#[derive(Debug, Clone)]
pub struct FakeAddresses {
    side: SideName,
    clock: VirtualClock,
    meter: Meter,
    inner: Arc<Mutex<Inner>>,
}

impl FakeAddresses {
    /// An empty book of a side, with an identity of its own.
    pub fn new(side: &SideName, clock: &VirtualClock, meter: &Meter) -> Self {
        let inner = Inner {
            held: BTreeMap::new(),
            identity: Some(identity(side)),
            latency: Duration::from_millis(100),
            script: Script::default(),
        };
        Self {
            side: side.clone(),
            clock: clock.clone(),
            meter: meter.clone(),
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Makes the next question go wrong.
    pub fn fail_next(&self, fault: AddressFault) {
        lock(&self.inner).script.plan((), fault);
    }

    /// Makes every question go wrong, as if the side's region were gone, until [`FakeAddresses::heal`].
    pub fn fail_always(&self, fault: AddressFault) {
        lock(&self.inner).script.keep((), fault);
    }

    /// Takes all faults back that have not happened yet.
    pub fn heal(&self) {
        lock(&self.inner).script.lift();
    }

    /// Adds an attached address under a name, beside those that stand there.
    pub fn add(&self, name: &AddressName, address: IpAddr) {
        let mut inner = lock(&self.inner);
        let of_name = inner.held.entry(name.clone()).or_default();
        of_name.push(NamedAddress {
            id: format!("eipalloc-{}-{}", self.side, address),
            address,
            attachment: Attachment::Attached(format!("i-{}-{name}", self.side)),
        });
    }

    /// Detaches every address of a name from whatever answers there.
    pub fn detach(&self, name: &AddressName) {
        let mut inner = lock(&self.inner);
        let of_name = inner.held.get_mut(name).expect("the book holds the name");
        for address in of_name {
            address.attachment = Attachment::Detached;
        }
    }

    /// Takes a name out of the book.
    pub fn remove(&self, name: &AddressName) {
        lock(&self.inner).held.remove(name);
    }

    /// Says whose credentials the book uses from now on.
    pub fn set_identity(&self, identity: Option<Identity>) {
        lock(&self.inner).identity = identity;
    }

    /// The addresses under a name.
    pub fn of(&self, name: &AddressName) -> BTreeSet<IpAddr> {
        let inner = lock(&self.inner);
        inner.held.get(name).into_iter().flatten().map(|address| address.address).collect()
    }

    async fn request(&self) -> Result<Option<AddressFault>, AddressError> {
        self.clock.alive().await;
        self.meter.count();
        let (fault, latency) = {
            let mut inner = lock(&self.inner);
            (inner.script.take(&[()]), inner.latency)
        };
        self.clock.sleep(latency).await;
        if fault == Some(AddressFault::Silent) {
            self.clock.sleep(Duration::from_secs(300)).await;
        }
        match fault {
            None | Some(AddressFault::Nonsense | AddressFault::Nothing) => Ok(fault),
            Some(fault) => Err(self.error(fault)),
        }
    }

    fn error(&self, fault: AddressFault) -> AddressError {
        let whose = self.side.to_string();
        let message = "the test said so".to_owned();
        match fault {
            AddressFault::NoCredentials => AddressError::NoCredentials { whose, why: message },
            AddressFault::Unauthorized => {
                AddressError::Unauthorized { whose, code: "AuthFailure".to_owned(), message }
            }
            AddressFault::Rejected => {
                AddressError::Rejected { whose, code: "UnauthorizedOperation".to_owned(), message }
            }
            AddressFault::Unavailable
            | AddressFault::Silent
            | AddressFault::Nonsense
            | AddressFault::Nothing => AddressError::Unavailable { whose, why: message },
        }
    }
}

fn identity(side: &SideName) -> Identity {
    let number = side.as_str().bytes().fold(0_u64, |sum, byte| sum * 31 % 1_000_000_007 + u64::from(byte));
    Identity {
        account: format!("{number:012}"),
        principal: format!("arn:aws:iam::{number:012}:user/{side}"),
        credential: format!("AKIA…{:04}", number % 10_000),
        fingerprint: format!("{number:064x}"),
    }
}

#[async_trait]
impl AddressBook for FakeAddresses {
    async fn look_up(&self, wanted: &BTreeSet<AddressName>) -> Result<Listing, AddressError> {
        let fault = self.request().await?;
        let mut held = lock(&self.inner).held.clone();
        match fault {
            Some(AddressFault::Nothing) => held.clear(),
            Some(AddressFault::Nonsense) => {
                for named in held.values_mut().flatten() {
                    named.address = [203, 0, 113, 250].into();
                }
            }
            Some(_) | None => {}
        }
        let (found, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            held.into_iter().partition(|(name, _)| wanted.contains(name));
        // Only where they are needed for a suggestion: nobody may rely on more.
        let all_found = found.len() == wanted.len();
        let others = if all_found { BTreeSet::new() } else { rest.into_keys().collect() };
        Ok(Listing { found, others })
    }

    async fn identity(&self) -> Result<Option<Identity>, AddressError> {
        self.request().await?;
        Ok(lock(&self.inner).identity.clone())
    }
}
