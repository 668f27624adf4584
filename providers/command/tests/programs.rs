//! The programs of a side, as real ones: the contracts, and what happens when they hang, print, leave children behind or are missing.

#![expect(
    clippy::unwrap_used,
    reason = "everything in this binary runs inside tests, where a panic is a failure"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::config::Period;
use switchover::model::{DeploymentState, EnvironmentName, ReleaseName, SideName};
use switchover::port::{DeployOrder, Deploying, Embargo, Obstacle, ReleaseError, Releases};
use switchover_command::{Command, CommandOptions, SetupError};
use switchover_runtime::TokioClock;
use switchover_tests::contract::embargo::EmbargoHarness;
use switchover_tests::contract::releases::{Ending, ReleasesHarness, Sight};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CURRENT: &str = r#"cat "$WORLD/current-$SWITCHOVER_ENVIRONMENT" 2>/dev/null || true"#;
const DEPLOY: &str = r#"
echo "$SWITCHOVER_SIDE $SWITCHOVER_ENVIRONMENT $SWITCHOVER_RELEASE $SWITCHOVER_DEPLOYMENT" >> "$WORLD/started"
echo "Deploying $SWITCHOVER_RELEASE"
. "$WORLD/ending"
"#;
const EMBARGO: &str = r#"
flag="$WORLD/embargo-$SWITCHOVER_ENVIRONMENT"
case $SWITCHOVER_EMBARGO in
impose) touch "$flag" ;;
lift) rm -f "$flag" ;;
read) if [ -e "$flag" ]; then echo on; else echo off; fi ;;
esac
"#;

struct Stand {
    runtime: Runtime,
    folder: TempDir,
    side: Arc<Command>,
}

fn release(text: &str) -> ReleaseName {
    ReleaseName::new(text).unwrap()
}

fn environments() -> [EnvironmentName; 2] {
    ["live", "staging"].map(|name| EnvironmentName::new(name).unwrap())
}

fn order() -> DeployOrder {
    let [environment, _] = environments();
    DeployOrder { environment, release: release("v4.4.0"), after: None }
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("current", CURRENT), ("deploy", DEPLOY), ("embargo", EMBARGO)] {
            let path = folder.path().join(name);
            let world = folder.path().display();
            fs::write(&path, format!("#!/bin/sh\nWORLD='{world}'\n{text}")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let side = made(&folder, |_| {});
        let stand = Self { runtime, folder, side };
        stand.ends("true");
        stand
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    /// What a deployment does after it has begun.
    fn ends(&self, shell: &str) {
        fs::write(self.folder.path().join("ending"), shell).unwrap();
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    async fn state(&self, side: &Command) -> DeploymentState {
        let [live, _] = environments();
        let id = switchover::model::DeploymentId::new("1").unwrap();
        for _ in 0..100 {
            let state = side.look(&live, &id).await.unwrap().deployment.state;
            if !state.is_under_way() {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not end")
    }
}

fn made(folder: &TempDir, change: impl FnOnce(&mut CommandOptions)) -> Arc<Command> {
    let program = |name: &str| vec![folder.path().join(name).display().to_string()];
    let mut options = CommandOptions {
        current_release: program("current"),
        deploy: program("deploy"),
        embargo: program("embargo"),
        state: folder.path().join("state"),
        secrets: BTreeMap::new(),
        deploy_timeout: Period(Duration::from_secs(20)),
        timeout: Period(Duration::from_secs(5)),
    };
    change(&mut options);
    let secrets = BTreeMap::from([("DEPLOY_TOKEN".to_owned(), SecretString::from("hunter2"))]);
    let side = SideName::new("hongkong").unwrap();
    Arc::new(Command::new(options, side, secrets, Arc::new(TokioClock::new())).unwrap())
}

#[async_trait]
impl ReleasesHarness for Stand {
    fn releases(&self) -> Arc<dyn Releases> {
        self.side.clone()
    }

    fn sight(&self) -> Sight {
        Sight { releases: false, others: false, remote: false }
    }

    fn environment(&self) -> EnvironmentName {
        let [live, _] = environments();
        live
    }

    fn offered(&self) -> ([ReleaseName; 2], ReleaseName) {
        (["v4.4.0", "v4.3.3"].map(release), release("v4.5.0"))
    }

    async fn ending(&self, ending: Ending) {
        self.ends(match ending {
            Ending::Well => "sleep 0.1; echo $SWITCHOVER_RELEASE > $WORLD/current-$SWITCHOVER_ENVIRONMENT",
            Ending::Badly => "echo 'no room on the disk' >&2; exit 3",
            // Until the test is over and its folder gone.
            Ending::Never => "while [ -e $WORLD/ending ]; do sleep 0.1; done",
        });
    }

    async fn by_hand(&self, _release: &ReleaseName) {
        unreachable!("nobody else is seen")
    }

    async fn cancel(&self, _release: &ReleaseName) {
        unreachable!("nobody else is seen")
    }

    async fn started(&self, release: &ReleaseName) -> usize {
        let wanted = format!(" {release} ");
        self.file("started").lines().filter(|line| line.contains(&wanted)).count()
    }

    fn reader(&self) -> Arc<dyn Releases> {
        unreachable!("there are no credentials")
    }

    fn stranger(&self) -> Arc<dyn Releases> {
        unreachable!("there are no credentials")
    }

    fn unreachable(&self) -> Arc<dyn Releases> {
        unreachable!("there is no network")
    }

    async fn lose_next_answer(&self) {}

    async fn lose_next_start(&self) {}

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time.min(Duration::from_millis(200))).await;
    }
}

#[async_trait]
impl EmbargoHarness for Stand {
    fn embargo(&self) -> Arc<dyn Embargo> {
        self.side.clone()
    }

    fn environments(&self) -> [EnvironmentName; 2] {
        environments()
    }

    async fn embargo_of_others(&self) -> bool {
        false
    }

    fn reader(&self) -> Option<Arc<dyn Embargo>> {
        None
    }

    async fn lose_next_answer(&self) -> bool {
        false
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

switchover_tests::releases_contract!(releases, Stand::new());
switchover_tests::embargo_contract!(embargo, Stand::new());

#[test]
fn a_deployment_that_takes_too_long_is_ended_with_everything_it_started() {
    let stand = Stand::new();
    let side = made(&stand.folder, |options| options.deploy_timeout = Period(Duration::from_millis(500)));
    stand.ends("sleep 600 & echo $! > $WORLD/child; wait");
    stand.run(async {
        assert!(matches!(side.deploy(&order()).await, Ok(Deploying::Started(_))));
        let state = stand.state(&side).await;
        assert_eq!(state.to_string(), "failed: it took longer than 500ms and was ended");
    });
    let child = PathBuf::from(format!("/proc/{}/cmdline", stand.file("child").trim()));
    // A zombie whose parent has not waited yet has no command line.
    assert!(fs::read(child).unwrap_or_default().is_empty(), "what it started lives on");
}

/// The one that started it is gone, with the task that watched it.
#[test]
fn a_deployment_that_outlives_its_switchover_is_seen_and_not_started_twice() {
    let stand = Stand::new();
    stand.ends("sleep 1; echo $SWITCHOVER_RELEASE > $WORLD/current-$SWITCHOVER_ENVIRONMENT");
    let gone = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    gone.block_on(async {
        assert!(matches!(made(&stand.folder, |_| {}).deploy(&order()).await, Ok(Deploying::Started(_))));
    });
    gone.shutdown_timeout(Duration::from_secs(1));
    stand.run(async {
        let next = made(&stand.folder, |_| {});
        match next.deploy(&order()).await {
            Ok(Deploying::Found(found)) => assert_eq!(found.state, DeploymentState::Running),
            other => panic!("{other:?}"),
        }
        let other = DeployOrder { release: release("v4.3.3"), ..order() };
        let outcome = next.deploy(&other).await;
        let in_the_way =
            matches!(&outcome, Err(ReleaseError::Obstructed { obstacle: Obstacle::UnderWay(_), .. }));
        assert!(in_the_way, "{outcome:?}");
        assert_eq!(stand.state(&next).await, DeploymentState::Succeeded);
    });
    assert_eq!(stand.file("started").lines().count(), 1);
}

#[test]
fn a_program_finds_its_secrets_in_its_environment_and_not_among_its_arguments() {
    let stand = Stand::new();
    stand.ends("echo $DEPLOY_TOKEN > $WORLD/token; tr '\\0' ' ' < /proc/$$/cmdline > $WORLD/cmdline");
    stand.run(async {
        assert!(matches!(stand.side.deploy(&order()).await, Ok(Deploying::Started(_))));
        stand.state(&stand.side).await;
    });
    assert_eq!(stand.file("token").trim(), "hunter2");
    assert!(!stand.file("cmdline").contains("hunter2"));
    assert!(!format!("{:?}", stand.side).contains("hunter2"));
    assert_eq!(stand.file("started").trim(), "hongkong live v4.4.0 1");
}

#[test]
fn a_program_that_is_missing_hangs_or_fails_is_told_in_words() {
    let stand = Stand::new();
    let [live, _] = environments();
    let told = |argv: &[&str]| {
        let argv = argv.iter().map(ToString::to_string).collect();
        let side = made(&stand.folder, |options| {
            options.current_release = argv;
            options.timeout = Period(Duration::from_millis(300));
        });
        stand.run(async { Releases::read(&*side, &live).await.unwrap_err().to_string() })
    };
    assert!(told(&["/no/such/program"]).contains("the program /no/such/program of hongkong"));
    assert!(told(&["sleep", "600"]).contains("took longer than 300ms"));
    assert!(told(&["sh", "-c", "echo out; echo why >&2; exit 7"]).ends_with("exit code 7: why"));
    assert!(told(&["sh", "-c", "kill -9 $$"]).contains("signal 9"));
    assert!(told(&["printf", "a\\001b"]).contains("it prints no release"));
    // Endless output is read and not kept.
    assert!(told(&["sh", "-c", "yes | head -c 5000000; exit 1"]).ends_with("exit code 1: y"));
}

#[test]
fn a_program_that_cannot_be_started_leaves_a_failed_deployment() {
    let stand = Stand::new();
    let side = made(&stand.folder, |options| options.deploy = vec!["/no/such/deploy".to_owned()]);
    stand.run(async {
        let error = side.deploy(&order()).await.unwrap_err().to_string();
        assert!(error.contains("it cannot be started"), "{error}");
        assert!(matches!(stand.state(&side).await, DeploymentState::Failed { .. }));
    });
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let stand = Stand::new();
    let refused = |change: fn(&mut CommandOptions)| {
        let mut options = CommandOptions {
            current_release: vec!["true".to_owned()],
            deploy: Vec::new(),
            embargo: Vec::new(),
            state: stand.folder.path().to_owned(),
            secrets: BTreeMap::new(),
            deploy_timeout: Period(Duration::from_secs(1)),
            timeout: Period(Duration::from_secs(1)),
        };
        change(&mut options);
        let side = SideName::new("hongkong").unwrap();
        Command::new(options, side, BTreeMap::new(), Arc::new(TokioClock::new())).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(|own| own.current_release.clear()), SetupError::Program { option: "current_release" });
    assert_eq!(refused(|own| own.deploy = vec![String::new()]), SetupError::Program { option: "deploy" });
    assert_eq!(refused(|own| own.timeout = Period(Duration::ZERO)), SetupError::Period { option: "timeout" });
    let named = |own: &mut CommandOptions| {
        own.secrets.insert("SWITCHOVER_SIDE".to_owned(), switchover::config::SecretRef::Env("X".to_owned()));
    };
    assert_eq!(refused(named), SetupError::Secret("SWITCHOVER_SIDE".to_owned()));
}
