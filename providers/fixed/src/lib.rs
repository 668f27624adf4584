//! Addresses written in the configuration, as a side's address book.
//!
//! For sides whose addresses no API hands out: a rack, a provider without an API, a test on loopback. The file says
//! which address each name stands for, and [`FixedAddresses`] answers from it. It asks nobody, so it costs no request
//! and cannot be down; for the same reason it cannot know whether anything answers at an address
//! ([`Attachment::Unknown`]), and it has no identity that the other side could share.
//!
//! ```toml
//! [pair.gigadb.side.hongkong]
//! addresses = { provider = "fixed", addresses = { "eip-gigadb-live-gigadb" = "127.0.1.1", web = ["192.0.2.1", "2001:db8::1"] } }
//! ```
//!
//! The key `provider` chooses this crate and is gone before [`FixedOptions`] is read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::model::{AddressName, IdError};
use switchover::port::{AddressBook, AddressError, Attachment, Identity, Listing, NamedAddress};

/// What the file says about a side with fixed addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedOptions {
    /// The address behind each name, or the addresses: one IPv4 and one IPv6 address at most.
    #[schemars(with = "BTreeMap<String, OneOrMany<String>>")]
    pub addresses: BTreeMap<String, OneOrMany<IpAddr>>,
}

/// A value, or a list of values: `"192.0.2.1"` or `["192.0.2.1", "2001:db8::1"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an IP address such as \"192.0.2.1\", or a list of IP addresses")]
pub enum OneOrMany<T> {
    /// One value.
    One(T),
    /// A list of values.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Why the addresses in the file are no address book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FixedError {
    /// A key of the table is no address name.
    #[error("addresses: {0}")]
    Name(#[from] IdError),
    /// A name has an empty list. A name that leads nowhere must be left out, so that it is reported as missing.
    #[error("addresses: `{0}` has no address; give it one, or leave the name out")]
    Empty(AddressName),
}

/// The addresses of one side, from the file.
#[derive(Debug, Clone)]
pub struct FixedAddresses {
    book: BTreeMap<AddressName, Vec<NamedAddress>>,
}

impl FixedAddresses {
    /// Checks the options and makes them an address book.
    ///
    /// Two addresses of one family under one name are let through: core reports them as found twice, as it does for every
    /// other book.
    pub fn new(options: FixedOptions) -> Result<Self, FixedError> {
        let book = options.addresses.into_iter().map(|(name, addresses)| entry(name, &addresses));
        Ok(Self { book: book.collect::<Result<_, _>>()? })
    }
}

fn entry(
    name: String,
    addresses: &OneOrMany<IpAddr>,
) -> Result<(AddressName, Vec<NamedAddress>), FixedError> {
    let name = AddressName::new(name)?;
    let addresses: Vec<NamedAddress> = addresses.as_slice().iter().copied().map(fixed).collect();
    if addresses.is_empty() { Err(FixedError::Empty(name)) } else { Ok((name, addresses)) }
}

fn fixed(address: IpAddr) -> NamedAddress {
    NamedAddress { id: address.to_string(), address, attachment: Attachment::Unknown }
}

#[async_trait]
impl AddressBook for FixedAddresses {
    /// Never fails, and always tells the other names: asking costs nothing.
    async fn look_up(&self, wanted: &BTreeSet<AddressName>) -> Result<Listing, AddressError> {
        let (found, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.book.clone().into_iter().partition(|(name, _)| wanted.contains(name));
        Ok(Listing { found, others: others.into_keys().collect() })
    }

    /// Always `None`: a file has no credentials.
    async fn identity(&self) -> Result<Option<Identity>, AddressError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const FILE: &str = r#"
        [addresses]
        "eip-gigadb-live-gigadb" = "127.0.1.1"
        web = ["192.0.2.1", "2001:db8::1"]
        twice = ["192.0.2.2", "192.0.2.3"]
    "#;

    fn book(file: &str) -> FixedAddresses {
        FixedAddresses::new(toml::from_str(file).unwrap()).unwrap()
    }

    fn names(names: &[&str]) -> BTreeSet<AddressName> {
        names.iter().map(|name| AddressName::new(*name).unwrap()).collect()
    }

    fn look_up(wanted: &[&str]) -> Listing {
        book(FILE).look_up(&names(wanted)).now_or_never().unwrap().unwrap()
    }

    #[test]
    fn wanted_names_are_found_with_every_address_and_the_others_are_told() {
        let listing = look_up(&["web", "eip-gigadb-live-gigad"]);
        let web: Vec<String> = listing.found[&AddressName::new("web").unwrap()]
            .iter()
            .map(|one| format!("{} {:?}", one.address, one.attachment))
            .collect();
        assert_eq!(web, ["192.0.2.1 Unknown", "2001:db8::1 Unknown"]);
        assert_eq!(listing.found.len(), 1, "a name not found has no entry");
        assert_eq!(listing.others, names(&["eip-gigadb-live-gigadb", "twice"]));
    }

    #[test]
    fn a_name_with_two_addresses_of_one_family_keeps_both_so_that_core_sees_the_duplicate() {
        assert_eq!(look_up(&["twice"]).found[&AddressName::new("twice").unwrap()].len(), 2);
    }

    #[test]
    fn there_is_no_identity_to_share() {
        assert_eq!(book(FILE).identity().now_or_never().unwrap(), Ok(None));
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected() {
        for file in ["[addresses]\nweb = \"192.0.2\"", "[addresses]\nweb = [\"192.0.2.1\", \"web.example\"]"]
        {
            let error = toml::from_str::<FixedOptions>(file).unwrap_err().to_string();
            assert!(error.contains("expected an IP address such as \"192.0.2.1\""), "{error}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = toml::from_str::<FixedOptions>("adresses = {}").unwrap_err().to_string();
        assert!(error.contains("unknown field `adresses`, expected `addresses`"), "{error}");
    }

    #[test]
    fn a_name_without_an_address_and_a_name_that_is_none_are_refused() {
        let options = |file| toml::from_str::<FixedOptions>(file).unwrap();
        assert_eq!(
            FixedAddresses::new(options("[addresses]\nweb = []")).unwrap_err().to_string(),
            "addresses: `web` has no address; give it one, or leave the name out"
        );
        assert_eq!(
            FixedAddresses::new(options("[addresses]\n\"\" = \"192.0.2.1\"")).unwrap_err().to_string(),
            "addresses: an address name must have 1 to 256 characters, not 0"
        );
    }

    #[test]
    fn the_schema_names_the_key_and_refuses_others() {
        let schema = serde_json::to_value(schemars::schema_for!(FixedOptions)).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], serde_json::json!(["addresses"]));
    }
}
