//! Elastic IPs keep the contract of an address book, each part in an account of its own.

use std::net::IpAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use switchover::model::AddressName;
use switchover::port::{AddressBook, Meter};
use switchover_ec2::Ec2Addresses;
use switchover_tests::contract::address_book::AddressBookHarness;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Seeded, flawed};

const SIDE: &str = "Upstream";

/// Releases every address and makes one for each name that is given; says which.
const SET: &str = "
import sys, boto3
profile, endpoint, *names = sys.argv[1:]
ec2 = boto3.Session(profile_name=profile).client('ec2', endpoint_url=endpoint)
for held in ec2.describe_addresses()['Addresses']:
    ec2.release_address(AllocationId=held['AllocationId'])
for name in names:
    tags = [{'ResourceType': 'elastic-ip', 'Tags': [{'Key': 'Name', 'Value': name}]}]
    print(ec2.allocate_address(Domain='vpc', TagSpecifications=tags)['PublicIp'])
";

/// An account without addresses.
struct Moto {
    runtime: Runtime,
    pair: Seeded,
    book: Arc<Ec2Addresses>,
    _folder: TempDir,
}

impl Moto {
    fn new() -> Self {
        let nothing = nothing();
        let (pair, folder) = flawed(&accounts(), &nothing.iter().map(String::as_str).collect::<Vec<_>>());
        let runtime = Runtime::new().unwrap();
        let book = Arc::new(runtime.block_on(pair.book(SIDE, Meter::default())));
        Self { runtime, pair, book, _folder: folder }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }
}

/// Two accounts that no other test has, be it in this process or in another.
fn accounts() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let first = 700_000_000_000
        + u64::from(std::process::id()) % 10_000_000 * 1_000
        + NEXT.fetch_add(2, Ordering::Relaxed);
    format!("{first},{}", first + 1)
}

/// The seed's options for two sides without addresses.
fn nothing() -> Vec<String> {
    let parts = ["", "-bastion", "-files"];
    let environments = ["live", "staging"].into_iter();
    let names = environments
        .flat_map(|environment| parts.map(|part| format!("eip-gigadb{part}-{environment}-gigadb")));
    let names = names.flat_map(|name| ["Upstream", "UpstreamAlt"].map(|side| format!("{name}@{side}")));
    names.flat_map(|name| ["--missing".to_owned(), name]).collect()
}

#[async_trait]
impl AddressBookHarness for Moto {
    fn book(&self) -> Arc<dyn AddressBook> {
        self.book.clone()
    }

    fn allows_duplicates(&self) -> bool {
        true
    }

    async fn set(&self, names: &[AddressName]) -> Vec<IpAddr> {
        let output = Command::new(&self.pair.python)
            .args(["-c", SET, SIDE, &self.pair.endpoint])
            .args(names.iter().map(AddressName::as_str))
            .env("AWS_CONFIG_FILE", &self.pair.config_file)
            .env("AWS_SHARED_CREDENTIALS_FILE", &self.pair.credentials_file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }
}

switchover_tests::address_book_contract!(contract, Moto::new());
