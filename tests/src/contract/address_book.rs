//! The contract of [`AddressBook`]: everything under the wanted names, and enough of the rest for a suggestion.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use switchover::model::AddressName;
use switchover::port::{AddressBook, Listing};

/// A book under test, with a way round it to its addresses.
#[async_trait]
pub trait AddressBookHarness: Send + Sync {
    /// The provider under test. Called after every [`AddressBookHarness::set`].
    fn book(&self) -> Arc<dyn AddressBook>;

    /// Whether one name can stand at two addresses of one family (tags can, keys of a file cannot).
    fn allows_duplicates(&self) -> bool;

    /// Makes the book hold one IPv4 address under each of these names, in order, and says which.
    async fn set(&self, names: &[AddressName]) -> Vec<IpAddr>;
}

/// Makes a test of every part of the contract: `address_book_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! address_book_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, address_book:
            wanted_names_are_found_with_their_addresses
            a_name_that_is_missing_has_no_entry_and_the_others_are_told
            a_name_that_stands_twice_has_two_addresses
            names_are_compared_exactly
            nothing_wanted_is_nothing_found
            an_identity_is_steady_and_shows_no_whole_key
        );
    };
}

fn names<const N: usize>(texts: [&str; N]) -> [AddressName; N] {
    texts.map(|text| AddressName::new(text).expect("an address name"))
}

async fn look_up(harness: &impl AddressBookHarness, wanted: &[AddressName]) -> Listing {
    let wanted: BTreeSet<AddressName> = wanted.iter().cloned().collect();
    let listing = harness.book().look_up(&wanted).await.expect("a book that can be read");
    assert!(
        listing.found.keys().all(|name| wanted.contains(name)),
        "only wanted names are found: {listing:?}"
    );
    assert!(listing.others.is_disjoint(&wanted), "others are other names: {listing:?}");
    listing
}

fn addresses(listing: &Listing, name: &AddressName) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> =
        listing.found.get(name).into_iter().flatten().map(|found| found.address).collect();
    found.sort();
    found
}

/// Each wanted name leads to its address.
pub async fn wanted_names_are_found_with_their_addresses(harness: &impl AddressBookHarness) {
    let all = names(["eip-web", "eip-files", "eip bastion"]);
    let set = harness.set(&all).await;
    let listing = look_up(harness, &all).await;
    for (name, address) in all.iter().zip(set) {
        assert_eq!(addresses(&listing, name), [address], "{name}");
    }
    assert!(listing.found.values().flatten().all(|found| !found.id.is_empty()), "{listing:?}");
    assert_eq!(look_up(harness, &all).await.found, listing.found, "it may be repeated");
    let one = look_up(harness, &all[..1]).await;
    assert_eq!(one.found.len(), 1);
}

/// What is not there is not found, and what is there can be suggested in its stead.
pub async fn a_name_that_is_missing_has_no_entry_and_the_others_are_told(harness: &impl AddressBookHarness) {
    let held = names(["eip-gigadb-live-gigadb", "eip-files"]);
    let wanted = names(["eip-gigadb-live-gigad", "eip-files"]);
    harness.set(&held).await;
    let listing = look_up(harness, &wanted).await;
    assert!(!listing.found.contains_key(&wanted[0]));
    assert!(listing.found.contains_key(&wanted[1]));
    assert!(listing.others.contains(&held[0]), "{listing:?}");
}

/// A duplicate is seen, so that it can be refused.
pub async fn a_name_that_stands_twice_has_two_addresses(harness: &impl AddressBookHarness) {
    if !harness.allows_duplicates() {
        return;
    }
    let [twice, once] = names(["eip-web", "eip-files"]);
    let mut set = harness.set(&[twice.clone(), once.clone(), twice.clone()]).await;
    let listing = look_up(harness, &[twice.clone(), once.clone()]).await;
    let single = set.remove(1);
    set.sort();
    assert_eq!(addresses(&listing, &twice), set);
    assert_eq!(addresses(&listing, &once), [single]);
}

/// No prefix, no other case, no pattern: `*` and `?` mean themselves.
pub async fn names_are_compared_exactly(harness: &impl AddressBookHarness) {
    let held = names(["eip-web-2", "EIP-WEB", "eip-webs"]);
    harness.set(&held).await;
    let listing = look_up(harness, &names(["eip-web", "eip-*", "eip-web?2"])).await;
    assert!(listing.found.is_empty(), "{listing:?}");
}

/// A side without endpoints asks for nothing, and does not get everything.
pub async fn nothing_wanted_is_nothing_found(harness: &impl AddressBookHarness) {
    harness.set(&names(["eip-web"])).await;
    assert!(look_up(harness, &[]).await.found.is_empty());
}

/// Asked twice it is the same; what is shown of the key is not the key; its hash is a SHA-256.
pub async fn an_identity_is_steady_and_shows_no_whole_key(harness: &impl AddressBookHarness) {
    harness.set(&names(["eip-web"])).await;
    let book = harness.book();
    let first = book.identity().await.expect("an identity, or none");
    assert_eq!(book.identity().await, Ok(first.clone()));
    if let Some(identity) = first {
        let hexadecimal = identity.fingerprint.chars().all(|digit| digit.is_ascii_hexdigit());
        assert!(identity.fingerprint.len() == 64 && hexadecimal, "{identity:?}");
        assert!(!identity.account.is_empty() && !identity.principal.is_empty(), "{identity:?}");
        // An access key id of AWS has 16 to 128 characters.
        assert!(identity.credential.chars().count() < 16, "shortened: {identity:?}");
    }
}

/// An address of the block for documentation, for harnesses that choose addresses themselves.
pub fn documentation_address(place: usize) -> IpAddr {
    let last = u8::try_from(place + 1).expect("fewer than 255 addresses");
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}
