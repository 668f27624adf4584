//! Backups on S3, at moto. `tests/moto/run -- cargo test -p switchover-backups --features moto --test moto` starts it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail; clippy counts only functions marked as tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use jiff::Timestamp;
use switchover::model::{BackupKey, BackupState, EnvironmentName, PairName, SideName, StoreName, StoreRef};
use switchover::port::DataError;
use switchover_backups::{About, Depot, Draft, LocationOptions, Opened, Owner, Progress, Replace, S3Options};
use tempfile::TempDir;

fn endpoint() -> String {
    let dir = std::env::var("SWITCHOVER_MOTO").expect("tests/moto/run sets SWITCHOVER_MOTO");
    let pair = fs::read(Path::new(&dir).join("pair.json")).unwrap();
    let pair: serde_json::Value = serde_json::from_slice(&pair).unwrap();
    pair["endpoint"].as_str().unwrap().to_owned()
}

/// moto takes requests without a signature. Returns the answer's first line.
fn http(request: &str) -> String {
    let endpoint = endpoint();
    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "{request}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn request(method: &str, path: &str, body: &str) -> String {
    http(&format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential={}/20261121/us-east-1/s3/aws4_request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        access_key(),
        body.len()
    ))
}

/// The key of profile Upstream, by which moto knows the account.
fn access_key() -> String {
    let path = std::env::var("AWS_SHARED_CREDENTIALS_FILE").unwrap();
    let text = fs::read_to_string(path).unwrap();
    let profile = text.split("[Upstream]").nth(1).unwrap();
    let line = profile.lines().find(|line| line.starts_with("aws_access_key_id")).unwrap();
    line.split('=').nth(1).unwrap().trim().to_owned()
}

fn depot(bucket: &str, store: &str, scratch: &Path) -> Depot {
    let options = S3Options {
        bucket: bucket.into(),
        prefix: Some("live/data".into()),
        region: Some("us-east-1".into()),
        profile: Some("Upstream".into()),
        endpoint: Some(endpoint()),
        scratch: Some(scratch.to_owned()),
    };
    let owner = Owner {
        pair: PairName::new("gigadb").unwrap(),
        store: StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new(store).unwrap(),
        },
    };
    Depot::new(&LocationOptions::S3(options), owner).unwrap()
}

fn bucket(name: &str) -> String {
    let answer = request("PUT", &format!("/{name}"), "");
    assert!(answer.contains("200"), "{answer}");
    name.to_owned()
}

fn key(text: &str) -> BackupKey {
    BackupKey::new(text).unwrap()
}

fn about() -> About {
    About {
        source: SideName::new("hongkong").unwrap(),
        place: "db.example.net:5432/gigadb".into(),
        as_of: Timestamp::UNIX_EPOCH,
        items: BTreeMap::from([("public.file".into(), 3)]),
        digests: BTreeMap::new(),
        versions: BTreeMap::new(),
    }
}

fn write(draft: &Draft, files: &[(&str, &[u8])]) {
    for (name, content) in files {
        let path = draft.dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

async fn make(depot: &Depot, replace: Replace, files: &[(&str, &[u8])]) -> Result<Opened, DataError> {
    let draft = depot.begin(&key("20261121"), replace, None).await?;
    write(&draft, files);
    draft.commit(about(), &Progress::default(), Timestamp::UNIX_EPOCH).await
}

async fn states(depot: &Depot) -> Vec<BackupState> {
    depot.list().await.unwrap().into_iter().map(|backup| backup.state).collect()
}

fn empty(dir: &TempDir) -> bool {
    fs::read_dir(dir.path()).unwrap().next().is_none()
}

#[tokio::test]
async fn a_backup_goes_to_s3_and_comes_back_as_it_was() {
    let scratch = TempDir::new().unwrap();
    let depot = depot(&bucket("whole"), "metadata", scratch.path());
    assert_eq!(states(&depot).await, []);
    // More than two parts of an upload, and not a multiple of their size.
    let large: Vec<u8> =
        (0..12_345_678_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let exact = vec![7; 5 * 1024 * 1024];
    let files: [(&str, &[u8]); 4] =
        [("dump/toc.dat", b"toc"), ("dump/1.dat.gz", &large), ("dump/2.dat", &exact), ("dump/empty", b"")];
    let made = make(&depot, Replace::No, &files).await.unwrap();
    assert_eq!(fs::read(made.dir().join("dump/toc.dat")).unwrap(), b"toc", "the files are still here");
    assert_eq!(depot.clear().await.unwrap(), Vec::<String>::new(), "what is in use is not cleared");
    drop(made);
    assert!(empty(&scratch), "nothing is left in the scratch directory");
    assert_eq!(states(&depot).await, [BackupState::Complete]);

    let opened = depot.open(&key("20261121"), &Progress::default()).await.unwrap();
    for (name, content) in files {
        assert!(fs::read(opened.dir().join(name)).unwrap() == content, "{name}");
    }
    drop(opened);
    assert!(empty(&scratch));
    depot.remove(&key("20261121")).await.unwrap();
    depot.remove(&key("20261121")).await.unwrap();
    assert_eq!(states(&depot).await, []);
}

#[tokio::test]
async fn files_without_a_manifest_are_partial_and_a_changed_file_is_refused() {
    let scratch = TempDir::new().unwrap();
    let name = bucket("partial");
    let depot = depot(&name, "metadata", scratch.path());
    let made = make(&depot, Replace::No, &[("dump/1.dat", b"abcdef"), ("about.json", b"{}")]).await.unwrap();
    let file = made.manifest().files.keys().find(|name| name.ends_with("1.dat")).unwrap().clone();
    let at = |path: &str| format!("/{name}/live/data/20261121/{path}");

    assert!(request("PUT", &at(&file), "abcdeF").contains("200"));
    let error = depot.open(&key("20261121"), &Progress::default()).await.unwrap_err();
    assert!(error.to_string().contains("its SHA-256 differs"), "{error}");
    assert!(request("DELETE", &at(&file), "").contains("204"));
    assert!(matches!(&states(&depot).await[0], BackupState::Damaged { why } if why.contains("missing")));

    assert!(request("DELETE", &at("manifest.json"), "").contains("204"));
    assert_eq!(states(&depot).await, [BackupState::Partial]);
    assert!(depot.open(&key("20261121"), &Progress::default()).await.is_err());
    assert_eq!(depot.clear().await.unwrap(), Vec::<String>::new(), "it may still be written");
    make(&depot, Replace::No, &[("dump/1.dat", b"anew")]).await.unwrap();
    assert_eq!(states(&depot).await, [BackupState::Complete]);
}

#[tokio::test]
async fn one_of_two_that_write_one_key_wins_and_nothing_is_mixed() {
    let scratch = TempDir::new().unwrap();
    let depot = depot(&bucket("two"), "metadata", scratch.path());
    let first = depot.begin(&key("20261121"), Replace::No, None).await.unwrap();
    let second = depot.begin(&key("20261121"), Replace::No, None).await.unwrap();
    write(&first, &[("dump/1.dat", b"first")]);
    write(&second, &[("dump/1.dat", b"second")]);
    first.commit(about(), &Progress::default(), Timestamp::UNIX_EPOCH).await.unwrap();
    let error = second.commit(about(), &Progress::default(), Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert!(matches!(error, DataError::BadBackup { .. }), "{error}");
    let opened = depot.open(&key("20261121"), &Progress::default()).await.unwrap();
    assert_eq!(fs::read(opened.dir().join("dump/1.dat")).unwrap(), b"first");

    make(&depot, Replace::Yes, &[("dump/1.dat", b"third")]).await.unwrap();
    let opened = depot.open(&key("20261121"), &Progress::default()).await.unwrap();
    assert_eq!(fs::read(opened.dir().join("dump/1.dat")).unwrap(), b"third");
}

#[tokio::test]
async fn another_stores_backup_is_never_used_overwritten_or_removed() {
    let scratch = TempDir::new().unwrap();
    let name = bucket("foreign");
    let other = depot(&name, "orders", scratch.path());
    make(&other, Replace::No, &[("dump/1.dat", b"theirs")]).await.unwrap();
    let mine = depot(&name, "metadata", scratch.path());
    assert!(matches!(&states(&mine).await[0], BackupState::Damaged { why } if why.contains("live/orders")));
    for error in [
        mine.open(&key("20261121"), &Progress::default()).await.map(drop).unwrap_err(),
        mine.remove(&key("20261121")).await.unwrap_err(),
        make(&mine, Replace::Yes, &[]).await.map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("live/orders"), "{error}");
    }
    assert_eq!(states(&other).await, [BackupState::Complete]);
}

#[tokio::test]
async fn a_bucket_a_profile_or_a_server_that_is_not_there_is_named() {
    let scratch = TempDir::new().unwrap();
    let error = depot("no-such-bucket", "metadata", scratch.path()).list().await.unwrap_err();
    assert!(error.to_string().contains("no-such-bucket"), "{error}");

    let at = |profile: &str, endpoint: &str| {
        let options = S3Options {
            bucket: "b".into(),
            prefix: None,
            region: Some("us-east-1".into()),
            profile: Some(profile.into()),
            endpoint: Some(endpoint.into()),
            scratch: None,
        };
        let store = StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new("metadata").unwrap(),
        };
        Depot::new(&LocationOptions::S3(options), Owner { pair: PairName::new("gigadb").unwrap(), store })
            .unwrap()
    };
    let error = at("NoSuchProfile", &endpoint()).list().await.unwrap_err();
    assert!(matches!(error, DataError::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("NoSuchProfile"), "{error}");
}
