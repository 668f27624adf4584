//! The named addresses of one side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::AddressName;

/// Whether something on the side answers at an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    /// It is attached to this resource (an instance or a network interface).
    Attached(String),
    /// It is attached to nothing: traffic sent there is lost.
    Detached,
    /// The book cannot know (addresses from a file).
    Unknown,
}

/// One address under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedAddress {
    /// The provider's own key of the address (an allocation id), for messages.
    pub id: String,
    /// The address.
    pub address: IpAddr,
    /// Whether something answers there.
    pub attachment: Attachment,
}

/// What a book holds under the names that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Every address found under each wanted name. A name found twice has two addresses of one family; a name not found
    /// has no entry.
    pub found: BTreeMap<AddressName, Vec<NamedAddress>>,
    /// Other names that the book holds, for suggestions. May be empty where asking would cost a request of its own and
    /// every wanted name was found.
    pub others: BTreeSet<AddressName>,
}

/// Whose credentials a book uses. Two sides must not share any of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account, as the provider names it.
    pub account: String,
    /// Who asks, as the provider names it (an ARN).
    pub principal: String,
    /// The public half of the credential (an access key id), shortened so that it can be shown; compared in full by
    /// its hash.
    pub credential: String,
    /// The SHA-256 of the public half of the credential, in hexadecimal.
    pub fingerprint: String,
}

/// Why a book could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There are no credentials, or they are incomplete.
    #[error("{whose}: no usable credentials: {why}")]
    NoCredentials {
        /// Whose book it is (profile and region).
        whose: String,
        /// What is missing.
        why: String,
    },
    /// The book's settings cannot be used: a profile that is not there, no region, a setting that is no value.
    #[error("{whose}: {why}")]
    Misconfigured {
        /// Whose book it is.
        whose: String,
        /// What is wrong.
        why: String,
    },
    /// The credentials were refused.
    #[error("{whose}: the credentials were refused ({code}): {message}")]
    Unauthorized {
        /// Whose book it is.
        whose: String,
        /// The provider's code.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// The provider refused the question.
    #[error("{whose}: refused ({code}): {message}")]
    Rejected {
        /// Whose book it is.
        whose: String,
        /// The provider's code.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// The provider did not answer in time, or not in a way that can be understood.
    #[error("{whose}: no usable answer: {why}")]
    Unavailable {
        /// Whose book it is.
        whose: String,
        /// What happened.
        why: String,
    },
}

/// The named addresses of one side. Every method only reads and may be repeated.
#[async_trait]
pub trait AddressBook: Debug + Send + Sync {
    /// Looks the wanted names up, in as few requests as the provider allows.
    ///
    /// Promises every address under each wanted name, so that a duplicate is seen, and enough other names for a
    /// suggestion when a wanted name is missing.
    async fn look_up(&self, wanted: &BTreeSet<AddressName>) -> Result<Listing, AddressError>;

    /// Says whose credentials are used; `None` where there are none (addresses from a file).
    async fn identity(&self) -> Result<Option<Identity>, AddressError>;
}
