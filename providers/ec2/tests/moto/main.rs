//! The address book against moto, which plays EC2, STS and IAM: two accounts, two regions, plain AWS files.
//!
//! `tests/moto/run -- cargo nextest run -p switchover-ec2 --features moto`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail; clippy counts only functions marked as tests"
)]

mod contract;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use switchover::model::{AddressName, SideName};
use switchover::port::{AddressBook, AddressError, Attachment, Identity, Listing, Meter};
use switchover_ec2::{Ec2Addresses, Ec2Options};
use tempfile::TempDir;

const LIVE: &str = "eip-gigadb-live-gigadb";

/// What `tests/moto/seed` says it made.
#[derive(Debug, Deserialize)]
struct Seeded {
    endpoint: String,
    python: PathBuf,
    config_file: PathBuf,
    credentials_file: PathBuf,
    sides: BTreeMap<String, SeededSide>,
}

#[derive(Debug, Deserialize)]
struct SeededSide {
    account: String,
    principal: String,
    addresses: BTreeMap<AddressName, Vec<String>>,
}

/// The pair that `tests/moto/run` made.
fn pair() -> Seeded {
    let dir =
        std::env::var("SWITCHOVER_MOTO").expect("run this by tests/moto/run, which sets SWITCHOVER_MOTO");
    serde_json::from_slice(&std::fs::read(Path::new(&dir).join("pair.json")).unwrap()).unwrap()
}

/// Another pair, in two accounts of its own, with something wrong.
fn flawed(accounts: &str, flaw: &[&str]) -> (Seeded, TempDir) {
    let (usual, dir) = (pair(), TempDir::new().unwrap());
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/moto/seed");
    let output = Command::new(usual.python)
        .arg(seed)
        .args(["--endpoint", &usual.endpoint, "--accounts", accounts])
        .arg("--into")
        .arg(dir.path())
        .args(flaw)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (serde_json::from_slice(&output.stdout).unwrap(), dir)
}

impl Seeded {
    async fn book(&self, side: &str, meter: Meter) -> Ec2Addresses {
        let options = Ec2Options {
            profile: Some(side.to_owned()),
            config_file: Some(self.config_file.clone()),
            credentials_file: Some(self.credentials_file.clone()),
            ..Ec2Options::default()
        };
        Ec2Addresses::connect(&SideName::new(side).unwrap(), options, meter).await.unwrap()
    }

    async fn look_up(&self, side: &str, wanted: &[&str]) -> Result<Listing, AddressError> {
        let wanted = wanted.iter().map(|name| AddressName::new(*name).unwrap()).collect();
        self.book(side, Meter::default()).await.look_up(&wanted).await
    }

    async fn identity(&self, side: &str) -> Identity {
        self.book(side, Meter::default()).await.identity().await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn each_side_finds_its_own_addresses_under_the_same_names_in_one_request() {
    let pair = pair();
    for (side, seeded) in &pair.sides {
        let (wanted, meter): (BTreeSet<_>, _) =
            (seeded.addresses.keys().cloned().collect(), Meter::default());
        assert_eq!(wanted.len(), 6);
        let listing = pair.book(side, meter.clone()).await.look_up(&wanted).await.unwrap();
        assert_eq!(meter.total(), 1, "{side}");
        let found: BTreeMap<_, Vec<_>> = listing
            .found
            .iter()
            .map(|(name, all)| (name.clone(), all.iter().map(|one| one.address.to_string()).collect()))
            .collect();
        assert_eq!(found, seeded.addresses, "{side}");
        for address in listing.found.values().flatten() {
            assert!(address.id.starts_with("eipalloc-"), "{address:?}");
            assert!(
                matches!(&address.attachment, Attachment::Attached(id) if id.starts_with("i-")),
                "{address:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_name_that_is_not_there_leaves_the_names_that_are() {
    let listing = pair().look_up("Upstream", &["eip-gigadb-live-gigad"]).await.unwrap();
    assert!(listing.found.is_empty());
    assert_eq!(listing.others.len(), 6);
    assert!(listing.others.contains(&AddressName::new(LIVE).unwrap()));
}

#[tokio::test]
async fn a_wildcard_is_a_character_of_the_name() {
    let listing = pair().look_up("Upstream", &["eip-gigadb-live-*", "eip-gigadb-live-gigad?"]).await.unwrap();
    assert!(listing.found.is_empty(), "{:?}", listing.found);
}

#[tokio::test]
async fn all_names_are_listed() {
    let pair = pair();
    let all = pair.book("UpstreamAlt", Meter::default()).await.list_all().await.unwrap();
    assert!(all.iter().eq(pair.sides["UpstreamAlt"].addresses.keys()));
}

#[tokio::test]
async fn two_accounts_have_nothing_in_common() {
    let pair = pair();
    let (a, b) = (pair.identity("Upstream").await, pair.identity("UpstreamAlt").await);
    for (identity, side) in [(&a, "Upstream"), (&b, "UpstreamAlt")] {
        let seeded = &pair.sides[side];
        assert_eq!((&identity.account, &identity.principal), (&seeded.account, &seeded.principal));
    }
    assert!(a.account != b.account && a.principal != b.principal && a.fingerprint != b.fingerprint);
}

#[tokio::test]
async fn two_profiles_with_one_key_are_seen_to_share_it() {
    let (pair, _dir) = flawed("333333333333,444444444444", &["--one-key"]);
    let (a, b) = (pair.identity("Upstream").await, pair.identity("UpstreamAlt").await);
    assert_eq!(a, b);
    assert!(pair.look_up("UpstreamAlt", &[LIVE]).await.unwrap().found.len() == 1, "it works, all the same");
}

#[tokio::test]
async fn unassociated_doubled_and_missing_addresses_are_told_apart() {
    let (bastion, files) = ("eip-gigadb-bastion-live-gigadb", "eip-gigadb-files-live-gigadb");
    let (unassociated, duplicate, missing) =
        (format!("{LIVE}@Upstream"), format!("{bastion}@Upstream"), format!("{files}@Upstream"));
    let flaws = ["--unassociated", &unassociated, "--duplicate", &duplicate, "--missing", &missing]
        .map(AsRef::as_ref);
    let (pair, _dir) = flawed("555555555555,666666666666", &flaws);
    let listing = pair.look_up("Upstream", &[LIVE, bastion, files]).await.unwrap();
    let told: Vec<(&str, usize, bool)> = listing
        .found
        .iter()
        .map(|(name, all)| (name.as_str(), all.len(), all[0].attachment == Attachment::Detached))
        .collect();
    assert_eq!(told, [(bastion, 2, false), (LIVE, 1, true)]);
    let other = pair.look_up("UpstreamAlt", &[LIVE, bastion, files]).await.unwrap();
    assert!(
        other.found.len() == 3 && other.found.values().all(|all| all.len() == 1),
        "only one side is flawed"
    );
}
