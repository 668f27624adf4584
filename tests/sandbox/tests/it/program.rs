//! The program.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_switchover-sandbox");
const SEED: &str = "[api]\nlisten = \"127.0.0.1:0\"\n[[tokens]]\nname = \"t\"\nvalue = \"tttttttttttttttttttttttttttttttttttttttt\"\nuser = \"u\"\n";

fn seed(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn run(seed_text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = seed(seed_text);
    let output = Command::new(PROGRAM).arg(file.path()).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_command_gets_the_environment_and_its_exit_code_comes_back() {
    let (code, stdout, _) = run(SEED, &["--", "sh", "-c", "echo $SANDBOX_API $CLOUDFLARE_API_TOKEN; exit 7"]);
    assert_eq!(code, Some(7));
    assert!(stdout.starts_with("http://127.0.0.1:"), "{stdout}");
    assert!(stdout.trim().ends_with(&format!("/client/v4 {}", "t".repeat(40))), "{stdout}");
    let (code, _, _) = run(SEED, &["--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(code, Some(137));
    let (code, _, stderr) = run(SEED, &["--", "/does/not/exist"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/does/not/exist"), "{stderr}");
}

#[test]
fn signals_go_on_to_the_command() {
    let file = seed(SEED);
    let script = "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = Command::new(PROGRAM)
        .arg(file.path())
        .args(["--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
    assert!(kill.success());
    assert_eq!(lines.next().unwrap().unwrap(), "told");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn it_runs_until_it_is_told_to_stop() {
    let file = seed(SEED);
    let mut child = Command::new(PROGRAM).arg(file.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("API "));
    Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_wrong_with_the_seed_is_said() {
    let (code, _, stderr) = run(&format!("{SEED}colour = 1\n"), &[]);
    assert_eq!(code, Some(78));
    assert!(stderr.contains("unknown field `colour`"), "{stderr}");
    let short = SEED.replace("tttt", "t");
    assert!(run(&short, &[]).2.contains("token t: its value must be 40 to 80"));
    let zone = "[[zones]]\nname = \"a.test\"\n[[zones.records]]\nname = \"b.test\"\ntype = \"A\"\ncontent = \"127.0.0.1\"\n";
    let (code, _, stderr) = run(&format!("{SEED}{zone}"), &[]);
    assert_eq!(code, Some(78));
    assert!(stderr.contains("name b.test is not in the zone a.test"), "{stderr}");
    let output = Command::new(PROGRAM).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn the_gigadb_seed_is_whole() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/gigadb.toml");
    let seed = switchover_sandbox::Seed::read(path.as_ref()).unwrap();
    let swapping = |zone: &switchover_sandbox::ZoneSeed| {
        zone.records
            .iter()
            .filter(|record| record.tags.as_deref().unwrap_or_default().contains(&"pair:gigadb".into()))
            .count()
    };
    assert_eq!(seed.zones.iter().map(swapping).collect::<Vec<_>>(), [8, 8]);
    assert_eq!(seed.sites.len(), 12);
}
