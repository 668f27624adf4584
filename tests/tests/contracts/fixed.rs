//! Addresses from the file keep the contract of an address book.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use switchover::model::AddressName;
use switchover::port::AddressBook;
use switchover_fixed::{FixedAddresses, FixedOptions, OneOrMany};
use switchover_tests::contract::address_book::{AddressBookHarness, documentation_address};
use switchover_tests::fake::VirtualClock;

/// A file that is written anew by each `set`.
#[derive(Default)]
struct Fixed {
    clock: VirtualClock,
    file: Mutex<BTreeMap<String, OneOrMany<IpAddr>>>,
}

impl Fixed {
    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.clock.run(contract)
    }
}

#[async_trait]
impl AddressBookHarness for Fixed {
    fn book(&self) -> Arc<dyn AddressBook> {
        let addresses = self.file.lock().unwrap().clone();
        Arc::new(FixedAddresses::new(FixedOptions { addresses }).unwrap())
    }

    fn allows_duplicates(&self) -> bool {
        true
    }

    async fn set(&self, names: &[AddressName]) -> Vec<IpAddr> {
        let addresses: Vec<IpAddr> = (0..names.len()).map(documentation_address).collect();
        let mut listed: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (name, address) in names.iter().zip(&addresses) {
            listed.entry(name.to_string()).or_default().push(*address);
        }
        let written = listed.into_iter().map(|(name, listed)| match listed[..] {
            [one] => (name, OneOrMany::One(one)),
            _ => (name, OneOrMany::Many(listed)),
        });
        *self.file.lock().unwrap() = written.collect();
        addresses
    }
}

switchover_tests::address_book_contract!(contract, Fixed::default());
