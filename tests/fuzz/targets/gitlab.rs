//! What GitLab answers: every list is read to its end or not at all, and no error tells the token.
//!
//! Input: a line that says which of its ports is asked, then as [`switchover_fuzz::Web::tell`] reads it.

#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use switchover::model::{EnvironmentName, ReleaseName, SettingName};
use switchover::port::{Embargo, Meter, Releases, Schedules as _, Settings};
use switchover_fuzz::{CANARY, JumpingClock, Web, assert_discreet, discreet, run};
use switchover_gitlab::{GitLab, GitLabOptions};

static WEB: LazyLock<Web> = LazyLock::new(Web::start);

fuzz_target!(|input: &str| {
    let (port, answers) = input.split_once('\n').unwrap_or((input, ""));
    WEB.tell(answers);
    let options = serde_json::json!({
        "project": "gigadb/gigadb-website", "url": WEB.url(), "environments": { "live": { "deploy_job": "deploy_live" } },
    });
    let options: GitLabOptions = serde_json::from_value(options).expect("the options are good");
    let clock = Arc::new(JumpingClock::default());
    let side = GitLab::new(&options, CANARY.into(), Meter::default(), clock).expect("the options are good");
    run(ask(&side, port));
    assert_discreet(&side);
    assert!(WEB.requests().iter().all(|request| request.header("private-token") == Some(CANARY)));
});

async fn ask(side: &GitLab, port: &str) {
    let live = EnvironmentName::new("live").expect("it is a word");
    match port {
        "settings" => settings(side, &live).await,
        "releases" => {
            let release = ReleaseName::new("v4.4.0").expect("it is printable");
            discreet(Releases::read(side, &live).await);
            discreet(side.find(&live, &release).await);
        }
        "embargo" => {
            discreet(Embargo::read(side, &live).await);
        }
        _ => {
            let Some(schedules) = discreet(side.list().await) else { return };
            let ids: BTreeSet<_> = schedules.iter().map(|schedule| &schedule.id).collect();
            assert_eq!(ids.len(), schedules.len(), "a schedule came twice: {schedules:?}");
        }
    }
}

async fn settings(side: &GitLab, live: &EnvironmentName) {
    let names = BTreeSet::from(
        ["HOME_URL", "REMOTE_HOSTNAME"].map(|name| SettingName::new(name).expect("it is a word")),
    );
    let Some(read) = discreet(Settings::read(side, live, &names).await) else { return };
    assert!(read.keys().eq(&names), "an entry for every name was asked for, and no other: {read:?}");
}
