//! What people are told of a swap, the role table in their document, and what vendors' status pages mean.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use serde_json::Value;
use switchover_sandbox::receiver::{Mood, Receiver};
use switchover_sandbox::{Fault, FaultRule};
use tokio::runtime::{Builder, Runtime};

use crate::stand::Stand;
use crate::support::{Home, Ran, scrub};

/// What must never be shown.
pub(crate) const PATH: &str = "/services/T000/B000/s3cretpath";
const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

const DOCUMENT: &str = "# How we run GigaDB\n\nWhich side is which:\n\n<!-- switchover:roles gigadb -->\n<!-- /switchover:roles -->\n\nAsk in #ops.\n";

pub(crate) const TOLD: &str = r#"
[announce.channel]
provider = "slack"
url = { env = "SLACK_WEBHOOK_URL" }
template = { swapped = "<!here> *{pair}*: {moves}. {reason}" }

[pair.gigadb]
announce = ["channel"]

[pair.gigadb.role_table]
provider = "markdown"
file = "SOP.md"
environments = ["live"]

[pair.gigadb.sides.hongkong.columns]
"AWS profile" = "Upstream"
"AWS region" = "ap-east-1"

[pair.gigadb.sides.sydney.columns]
"AWS profile" = "UpstreamAlt"
"AWS region" = "ap-southeast-2"
"#;

/// The pair, and somebody who is told.
pub(crate) struct People {
    pub(crate) stand: Stand,
    pub(crate) receiver: Receiver,
    _runtime: Runtime,
}

impl People {
    pub(crate) fn new(more: &str) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let receiver = runtime.block_on(Receiver::start()).unwrap();
        let home = Home::new().set("SLACK_WEBHOOK_URL", &format!("{}{PATH}", receiver.url()));
        let home = home.set("WEBHOOK_KEY", KEY);
        home.file("SOP.md", DOCUMENT);
        let more = more.replace("RECEIVER", &receiver.url());
        Self { stand: Stand::names_and(&more, home), receiver, _runtime: runtime }
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        let ran = self.stand.run(line);
        for secret in ["s3cretpath", &KEY[6..]] {
            assert!(!ran.transcript().contains(secret), "a secret was shown by {line}");
        }
        ran
    }

    fn swap(&self) -> Ran {
        let mut command = self.stand.home.command("swap-roles -e live --yes");
        command.args(["--reason", "release 4.4"]);
        Ran::of("swap-roles -e live --yes --reason 'release 4.4'", &command.output().unwrap())
    }

    /// What was posted and taken, without what differs from run to run.
    pub(crate) fn texts(&self) -> Vec<String> {
        let taken = self.receiver.deliveries().into_iter().filter(|delivery| delivery.taken);
        let texts = taken.map(|delivery| {
            let body: Value = serde_json::from_str(&delivery.body).unwrap();
            scrub(body["text"].as_str().or(body["data"]["text"].as_str()).unwrap())
        });
        texts.collect()
    }
}

#[test]
fn a_swap_tells_people_and_leaves_a_role_table_that_is_true() {
    let people = People::new(TOLD);
    assert_snapshot!("people_check", people.run("switchover check").ends(0).golden());
    assert_snapshot!("people_plan", people.run("switchover plan -e live").ends(0).golden());
    people.swap().ends(0);
    assert_snapshot!("people_texts", people.texts().join("\n"));
    assert_snapshot!("people_document", people.stand.home.read("SOP.md"));
    people.run("swap-roles --revert --yes").ends(0);
    let document = people.stand.home.read("SOP.md");
    assert!(
        document.contains("| gigadb-website | Upstream | ap-east-1 | current production |"),
        "{document}"
    );
    assert_eq!(people.texts().len(), 6);
}

#[test]
fn a_channel_that_is_gone_is_an_exception_that_is_named() {
    let people = People::new(TOLD);
    people.receiver.set(Mood::Refuses);
    people.swap().ends(0);
    let report = people.run("switchover report").ends(0);
    assert!(report.stdout.contains("completed with exceptions"), "{}", report.transcript());
    let named = report
        .stdout
        .lines()
        .filter(|line| line.contains("announce to channel") && line.contains("no_service"));
    assert_eq!(named.count(), 3, "{}", report.transcript());
    assert!(people.stand.home.read("SOP.md").contains("| hot stand-by |"));
}

#[test]
fn a_swap_that_is_undone_is_told_and_what_cannot_be_told_is_a_warning() {
    let people = People::new(TOLD);
    let refuse = || FaultRule {
        method: Some("POST".to_owned()),
        path: Some("/zones/*/dns_records/batch".to_owned()),
        // Two trial batches of the preflight pass.
        after: 2,
        times: None,
        fault: Fault::Status { status: 403, applied: false },
    };
    people.stand.sandbox.add_fault(refuse());
    let ran = people.swap();
    assert!(matches!(ran.code, Some(1 | 3)), "{}", ran.transcript());
    let texts = people.texts();
    assert!(
        texts
            .last()
            .unwrap()
            .starts_with("gigadb: switchover was undone. live: hongkong is production, as before."),
        "{texts:?}"
    );
    people.receiver.set(Mood::Refuses);
    people.stand.sandbox.clear_faults();
    people.stand.sandbox.add_fault(refuse());
    let ran = people.swap();
    let warning = "warning: channel was not told that the run was undone: 127.0.0.1:";
    assert!(ran.stderr.contains(warning) && ran.stderr.contains("no_service"), "{}", ran.transcript());
}

#[test]
fn the_document_is_written_and_checked_from_a_live_look() {
    let people = People::new(TOLD);
    assert_snapshot!(
        "people_stale",
        people.run("switchover status -o markdown --check SOP.md").ends(1).golden()
    );
    assert_snapshot!(
        "people_written",
        people.run("switchover status -o markdown --write SOP.md").ends(0).golden()
    );
    assert_snapshot!("people_true", people.run("switchover status --check SOP.md").ends(0).golden());
    people.run("switchover status --write SOP.md").ends(0);
    people.run("switchover status -o json --write SOP.md").ends(64);
    people.run("switchover status --check SOP.md --write SOP.md").ends(64);
}

#[test]
fn a_document_that_cannot_hold_the_table_is_told_with_what_to_do() {
    let people = People::new(TOLD);
    let mut text = String::new();
    for document in [
        "# How we run GigaDB\n".to_owned(),
        format!("{DOCUMENT}{DOCUMENT}"),
        DOCUMENT.replace("<!-- /switchover:roles -->\n", ""),
    ] {
        people.stand.home.file("SOP.md", &document);
        text += &people.run("switchover status --write SOP.md").ends(1).golden();
        assert_eq!(people.stand.home.read("SOP.md"), document);
    }
    text += &people.run("switchover check").ends(0).golden();
    people.stand.home.file("SOP.md", DOCUMENT);
    let read_only = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(people.stand.home.path("SOP.md"), read_only).unwrap();
    text += &people.run("switchover status --write SOP.md").ends(1).golden();
    text += &people.run("switchover status --check NONE.md").ends(1).golden();
    assert_snapshot!("people_no_place", text);
    people.swap().ends(0);
    let report = people.run("switchover report").ends(0);
    assert!(report.stdout.contains("completed with exceptions"), "{}", report.transcript());
    assert_eq!(people.stand.home.read("SOP.md"), DOCUMENT);
}

#[test]
fn a_test_says_that_it_is_one() {
    let people = People::new(
        &format!("{TOLD}\n[announce.robot]\nprovider = \"webhook\"\nurl = \"RECEIVER/hook\"\nsecret = {{ env = \"WEBHOOK_KEY\" }}\n")
            .replace("announce = [\"channel\"]", "announce = [\"channel\", \"robot\"]"),
    );
    let mut text = people.run("switchover announce --test").ends(0).golden();
    assert_eq!(
        people.texts(),
        ["gigadb: this is a test of the announcements of Switchover. Nothing happens, and nothing is to be done.";
            2]
    );
    people.receiver.set(Mood::Fails);
    for line in [
        "switchover announce --test gigadb --to robot",
        "switchover announce --test --to chanel",
        "switchover announce",
    ] {
        let wanted = if line.ends_with("robot") { 1 } else { 64 };
        text += &people.run(line).ends(wanted).golden();
    }
    assert_snapshot!("people_test", text);
}

#[test]
fn an_announcer_without_its_secret_is_a_warning_and_the_swap_goes_on() {
    let people = People::new(&TOLD.replace("SLACK_WEBHOOK_URL", "SLACK_URL_OF_NOBODY"));
    assert_snapshot!("people_no_secret", people.run("switchover check").ends(0).golden());
    people.swap().ends(0);
}

#[test]
fn trouble_at_a_vendor_is_a_warning_or_keeps_from_a_swap() {
    let page = "[status_pages.vendor]\nprovider = \"statuspage\"\nurl = \"RECEIVER\"\n";
    let pair = "\n[pair.gigadb]\nstatus_pages = [\"vendor\"]\n";
    let advisory = People::new(&format!("{page}{pair}"));
    advisory.receiver.set_trouble("major", "Partial System Outage");
    let mut text = advisory.run("switchover check").ends(0).golden();
    advisory.run("switchover plan -e live").ends(0);
    let gate = People::new(&format!("{page}gate = true\n{pair}"));
    gate.run("switchover check").ends(0);
    gate.receiver.set_trouble("major", "Partial System Outage");
    text += &gate.swap().ends(6).golden();
    assert_snapshot!("people_trouble", text);
}

#[test]
fn what_is_wrong_in_the_file_is_shown_at_its_place() {
    let wrong = TOLD
        .replace("announce = [\"channel\"]", "announce = [\"chanel\"]\nstatus_pages = [\"vendor\"]")
        .replace("{moves}", "{move}")
        .replace("environments = [\"live\"]", "environments = [\"life\"]")
        .replace("\"AWS region\" = \"ap-east-1\"", "\"status\" = \"OK\"")
        .replace("provider = \"markdown\"", "provider = \"markdwon\"");
    let example = include_str!("../../../examples/gigadb/sandbox.toml");
    let names = example.split_once("\n# Data.").map_or(example, |(names, _)| names);
    let home = Home::with(&format!("{names}\n{wrong}"));
    assert_snapshot!("people_mistakes", home.run("switchover check --offline").ends(78).golden());
}
