//! The application that keeps files, and its clients.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use switchover_sandbox::client::{Target, Verdict, upload};
use switchover_sandbox::{Kind, Sandbox, Seed, SiteSeed};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::support::{http, seed};

const CLIENT: &str = env!("CARGO_BIN_EXE_sandbox-client");
const FLAG: &str = "maintenance.json";

/// A sandbox whose sides keep files in two directories, with two sites on the eastern side.
struct Files {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Files {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut seed = seed();
        for site in &mut seed.sites {
            let tree = folder.path().join(&site.side);
            fs::create_dir(&tree).unwrap();
            site.files = Some(tree);
        }
        let second = SiteSeed {
            name: "second".into(),
            listen: "127.0.1.2:0".parse().unwrap(),
            files: None,
            ..seed.sites[0].clone()
        };
        seed.sites.push(second);
        Self { sandbox: Sandbox::start(seed).await.unwrap(), folder }
    }

    fn tree(&self, side: &str) -> std::path::PathBuf {
        self.folder.path().join(side)
    }

    fn at(&self, name: &str) -> SocketAddr {
        self.sandbox.sites().iter().find(|site| site.name == name).unwrap().address
    }

    async fn put(&self, name: &str, file: &str, content: &str) -> (u16, String) {
        let url = format!("http://{}/files/{file}", self.at(name));
        let answer = http(Duration::from_secs(2)).put(url).body(content.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn get(&self, name: &str, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.at(name));
        let answer = http(Duration::from_secs(2)).get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn flag(&self, side: &str, until: &str) {
        let flag = format!(
            "{{\n  \"format\": 1,\n  \"run\": \"20261121-1502-3f\",\n  \"since\": \"2026-11-21T15:02:07Z\",\n  \"until\": {until},\n  \"renew_by\": null\n}}\n"
        );
        let part = self.tree(side).join(".switchover-part-1");
        fs::write(&part, flag).unwrap();
        fs::rename(part, self.tree(side).join(FLAG)).unwrap();
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn files_are_kept_given_back_and_shared_by_the_sites_of_a_side() {
    let files = Files::start().await;
    assert_eq!(files.put("web", "b.txt", "two").await, (201, "kept\n".into()));
    assert_eq!(files.put("second", "a.txt", "one").await.0, 201);
    assert_eq!(files.put("web", "a.txt", "one again").await.0, 201);
    assert_eq!(files.get("second", "/files").await, (200, "[\"a.txt\",\"b.txt\"]".into()));
    assert_eq!(files.get("second", "/files/a.txt").await, (200, "one again".into()));
    assert_eq!(files.get("web", "/files/c.txt").await.0, 404);
    assert_eq!(entries(&files.tree("east")), ["a.txt", "b.txt"]);
    assert!(entries(&files.tree("west")).is_empty());
    assert!(files.get("web", "/health").await.1.contains("\"status\":\"ok\""), "the site is still a site");
}

#[tokio::test]
async fn names_that_lead_elsewhere_or_mean_something_are_refused() {
    let files = Files::start().await;
    for name in ["maintenance.json", ".switchover.json", "a%2Fb", "a/b", ""] {
        assert_eq!(files.put("web", name, "x").await.0, 400, "{name}");
    }
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(files.put("web", "large", &large).await.0, 413);
    assert!(entries(&files.tree("east")).is_empty());
}

#[tokio::test]
async fn a_site_without_files_answers_as_ever_and_a_missing_directory_takes_nothing() {
    let sandbox = super::support::start().await;
    let url = format!("http://{}/files", sandbox.sites()[0].address);
    let text = http(Duration::from_secs(2)).get(url).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\"side\":\"east\""), "{text}");
    let files = Files::start().await;
    fs::remove_dir(files.tree("east")).unwrap();
    let (status, words) = files.put("web", "a", "x").await;
    assert!(status == 500 && words.contains("the disk failed"), "{status} {words}");
    assert!(!files.tree("east").exists(), "nobody mounts a missing disk by writing to it");
}

#[tokio::test]
async fn writes_are_refused_while_the_flag_lies_there_and_its_end_has_not_come() {
    let files = Files::start().await;
    files.flag("east", "null");
    let (status, words) = files.put("web", "a", "x").await;
    assert_eq!((status, words.as_str()), (503, "writes are frozen; try again later\n"));
    assert_eq!(files.put("second", "a", "x").await.0, 503);
    assert_eq!(entries(&files.tree("east")), [FLAG], "a refused write leaves no trace");
    assert_eq!(files.get("web", "/files").await, (200, "[]".into()), "reads go on");
    let soon = Timestamp::now() + SignedDuration::from_millis(400);
    files.flag("east", &format!("\"{soon}\""));
    assert_eq!(files.put("web", "a", "x").await.0, 503);
    while Timestamp::now() < soon {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(files.put("web", "a", "x").await.0, 201, "a freeze ends by itself");
    files.flag("east", "null");
    fs::remove_file(files.tree("east").join(FLAG)).unwrap();
    assert_eq!(files.put("web", "b", "x").await.0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_one_write_ends_as_a_probe_must() {
    let files = Files::start().await;
    let run = |url: String| {
        let probe = files.tree("east").join(".switchover-probe-0");
        let mut client = Command::new(CLIENT);
        let output = client.args(["write", &url]).env("SWITCHOVER_PROBE", probe).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let url = format!("http://{}/files", files.at("web"));
    assert_eq!(run(url.clone()).0, 0);
    assert_eq!(entries(&files.tree("east")), [".switchover-probe-0"], "where the store removes it");
    files.flag("east", "null");
    let (code, said) = run(url.clone());
    assert!(code == 1 && said.contains("writes are frozen"), "{code} {said}");
    fs::remove_dir_all(files.tree("east")).unwrap();
    assert_eq!(run(url).0, 126, "an error is no refusal");
    assert_eq!(run("http://127.0.1.9:9/files".into()).0, 126, "nobody there");
}

/// Uploads to `short.pro.test`, which leads to the eastern side at first, while `meanwhile` goes on.
async fn uploaded(files: &Files, meanwhile: impl Future<Output = ()>) -> Verdict {
    assert!(files.sandbox.edit_record("short.pro.test", Kind::A, "127.0.1.1"));
    let target = Target {
        name: "short.pro.test".into(),
        port: files.at("web").port(),
        resolver: files.sandbox.resolvers()[0].address,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let told = async {
        let _ = stopped.await;
    };
    let script = async {
        meanwhile.await;
        drop(stop);
    };
    tokio::join!(upload(&target, Duration::from_millis(5), told), script).0.unwrap()
}

/// Waits until that many files are in a directory.
async fn has(folder: &Path, wanted: usize) {
    for _ in 0..2_000 {
        if entries(folder).iter().filter(|name| name.starts_with("upload-")).count() >= wanted {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("no {wanted} uploads in {}: {:?}", folder.display(), entries(folder));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_uploading_client_follows_its_name_and_finds_everything_on_the_other_side() {
    let files = Files::start().await;
    let (east, west) = (files.tree("east"), files.tree("west"));
    let verdict = uploaded(&files, async {
        has(&east, 10).await;
        files.flag("east", "null");
        sleep(Duration::from_millis(200)).await;
        let copied = entries(&east);
        for name in copied.iter().filter(|name| name.starts_with("upload-")) {
            fs::copy(east.join(name), west.join(name)).unwrap();
        }
        assert!(files.sandbox.edit_record("short.pro.test", Kind::A, "127.0.2.1"));
        has(&west, entries(&east).len() + 10).await;
    })
    .await;
    assert!(verdict.is_good(), "{verdict}");
    assert!(verdict.tally.refused > 0 && verdict.tally.unasked == 0, "{verdict}");
    assert!(verdict.tally.longest >= Duration::from_millis(200), "{verdict}");
    let hosts = files.sandbox.sites()[1].hosts.clone();
    assert!(hosts.contains_key("short.pro.test"), "{hosts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_uploading_client_names_what_was_lost() {
    let files = Files::start().await;
    let east = files.tree("east");
    let verdict = uploaded(&files, async {
        has(&east, 10).await;
        let names = entries(&east);
        fs::remove_file(east.join(&names[3])).unwrap();
        fs::write(east.join(&names[5]), "something else").unwrap();
    })
    .await;
    assert!(!verdict.is_good());
    assert_eq!(verdict.lost.len(), 2, "{verdict}");
    assert!(verdict.to_string().contains("2 lost, the first of them upload-"), "{verdict}");
}

#[test]
fn directories_start_from_the_folder_of_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    let text = "[api]\nlisten = \"127.0.0.1:0\"\n[[sites]]\nside = \"east\"\nenvironment = \"live\"\nname = \"web\"\nlisten = \"127.0.1.1:0\"\nfiles = \"trees/east\"\n";
    fs::write(&file, text).unwrap();
    assert_eq!(Seed::read(&file).unwrap().sites[0].files, Some(folder.path().join("trees/east")));
    assert_eq!(Seed::parse(text).unwrap().sites[0].files, Some("trees/east".into()));
}
