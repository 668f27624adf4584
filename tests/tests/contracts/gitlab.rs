//! The GitLab provider keeps the contracts on the emulated server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use switchover::model::{
    EnvironmentName, ReleaseName, SettingAttributes, SettingKind, SettingName, SettingValue,
};
use switchover::port::{Embargo, Meter, Releases, Schedules, Settings};
use switchover_gitlab::{GitLab, GitLabOptions};
use switchover_runtime::TokioClock;
use switchover_sandbox::gitlab::{Ends, GitLab as Server, Press, Script};
use switchover_sandbox::{Fault, FaultRule, Sandbox, Seed};
use switchover_tests::contract::embargo::EmbargoHarness;
use switchover_tests::contract::releases::{Ending, ReleasesHarness, Sight};
use switchover_tests::contract::schedules::SchedulesHarness;
use switchover_tests::contract::settings::{HeldSetting, SettingsHarness};
use tokio::runtime::Runtime;

pub(crate) const PROJECT: &str = "gigadb/gigadb-website";
pub(crate) const DEPLOY: &str = "deploy_live";

const SEED: &str = r#"
[api]
listen = "127.0.0.1:0"

[[gitlab]]
name = "gitlab"
listen = "127.0.0.1:0"

[[gitlab.tokens]]
name = "maintainer"
value = "glpat-maintainer-0000000000"
user = "switchover"
role = "maintainer"

[[gitlab.tokens]]
name = "reader"
value = "glpat-reader-00000000000000"
user = "switchover"
role = "maintainer"
scope = "read-api"

[[gitlab.tokens]]
name = "reporter"
value = "glpat-reporter-000000000000"
user = "reporter"
role = "reporter"

[[gitlab.tokens]]
name = "outsider"
value = "glpat-outsider-000000000000"
user = "outsider"
role = "maintainer"
projects = []

[[gitlab.tokens]]
name = "expired"
value = "glpat-expired-0000000000000"
user = "switchover"
role = "maintainer"
state = "expired"

# The harnesses' own, so that what they ask is not in the provider's log.
[[gitlab.tokens]]
name = "harness"
value = "glpat-harness-0000000000000"
user = "harness"
role = "maintainer"

[[gitlab.projects]]
path = "gigadb/gigadb-website"
tags = ["v4.3.3", "v4.4.0"]
bare_tags = ["v4.5.0"]
jobs = [
  { name = "build", stage = "build" },
  { name = "deploy_live", environment = "live", manual = true, takes_ms = 100, log = "Deploying\n" },
  { name = "deploy_staging", environment = "staging", manual = true, takes_ms = 100 },
]
schedules = [
  { description = "nightly sync", cron = "0 3 * * *", ref = "main", owner = "switchover" },
  { description = "weekly report", cron = "0 4 * * 1", ref = "main", owner = "somebody", active = false },
]
"#;

/// The provider beside a server.
pub(crate) struct Emulated {
    runtime: Runtime,
    _sandbox: Sandbox,
    pub(crate) server: Server,
    http: reqwest::Client,
}

impl Emulated {
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(Seed::parse(SEED).unwrap())).unwrap();
        let server = sandbox.gitlab("gitlab").unwrap().clone();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { runtime, _sandbox: sandbox, server, http }
    }

    pub(crate) fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    pub(crate) fn options(&self) -> GitLabOptions {
        let options = json!({
            "project": PROJECT,
            "url": self.server.url(),
            "connect_timeout": "1s",
            "timeout": "2s",
            "in_flight": "2s",
            "environments": {
                "live": { "deploy_job": DEPLOY },
                "staging": { "deploy_job": "deploy_staging" },
            },
        });
        serde_json::from_value(options).unwrap()
    }

    pub(crate) fn made(options: &GitLabOptions, token: SecretString, meter: &Meter) -> Arc<GitLab> {
        Arc::new(GitLab::new(options, token, meter.clone(), Arc::new(TokioClock::new())).unwrap())
    }

    /// The provider with a token of the seed.
    pub(crate) fn with(&self, token: &str) -> Arc<GitLab> {
        Self::made(&self.options(), self.server.token(token).unwrap(), &Meter::default())
    }

    fn nobody(&self) -> Arc<GitLab> {
        Self::made(&self.options(), SecretString::from("glpat-nobody"), &Meter::default())
    }

    fn nowhere(&self) -> Arc<GitLab> {
        let options = GitLabOptions { url: "http://127.0.53.9:1".to_owned(), ..self.options() };
        Self::made(&options, self.server.token("maintainer").unwrap(), &Meter::default())
    }

    pub(crate) fn project(&self) -> Value {
        self.server.project(PROJECT).unwrap()
    }

    /// The jobs that deploy a release to live and were started.
    pub(crate) fn attempts(&self, release: &ReleaseName) -> usize {
        let project = self.project();
        let own = |job: &&Value| {
            job["name"] == DEPLOY && job["ref"] == release.as_str() && job["status"] != "manual"
        };
        project["jobs"].as_array().unwrap().iter().filter(own).count()
    }

    pub(crate) fn press(release: &ReleaseName) -> Press {
        Press { project: PROJECT.to_owned(), tag: release.to_string(), job: DEPLOY.to_owned() }
    }

    pub(crate) fn script(&self, ends: Ends, takes_ms: u64) {
        let log = "Deploying\n".to_owned();
        self.server.script(&Script { job: DEPLOY.to_owned(), pending_ms: 50, takes_ms, ends, log });
    }

    /// The next request of this kind goes wrong.
    pub(crate) fn fault(&self, fault: Fault, method: &str, below_project: &str) {
        let path = format!("/projects/*/{below_project}");
        self.server.add_fault(FaultRule::new(fault).on(method, &path).times(1));
    }

    /// Asks as the harness; the status.
    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> u16 {
        let url = format!("{}/projects/gigadb%2Fgigadb-website/{path}", self.server.api_url());
        let token = self.server.token("harness").unwrap();
        let mut request = self.http.request(method, url).header("private-token", token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap().status().as_u16()
    }
}

fn environments() -> [EnvironmentName; 2] {
    ["live", "staging"].map(|name| EnvironmentName::new(name).unwrap())
}

fn held(shown: &Value) -> HeldSetting {
    let flag = |name: &str| shown[name] == true;
    let kind = if shown["variable_type"] == "file" { SettingKind::File } else { SettingKind::Variable };
    HeldSetting {
        value: SettingValue::new(shown["value"].as_str().unwrap()),
        attributes: SettingAttributes {
            kind,
            masked: flag("masked"),
            hidden: flag("hidden"),
            protected: flag("protected"),
            raw: flag("raw"),
        },
    }
}

#[async_trait]
impl SettingsHarness for Emulated {
    fn settings(&self) -> Arc<dyn Settings> {
        self.with("maintainer")
    }

    fn environments(&self) -> [EnvironmentName; 2] {
        environments()
    }

    async fn define(&self, environment: Option<&EnvironmentName>, name: &SettingName, held: &HeldSetting) {
        let scope = environment.map_or("*", EnvironmentName::as_str);
        let path = format!("variables/{name}?filter[environment_scope]={scope}");
        self.ask(reqwest::Method::DELETE, &path, None).await;
        let attributes = held.attributes;
        let mut body = json!({
            "key": name.as_str(),
            "value": held.value.expose(),
            "environment_scope": scope,
            "variable_type": if attributes.kind == SettingKind::File { "file" } else { "env_var" },
            "protected": attributes.protected,
            "raw": attributes.raw,
        });
        let masked = if attributes.hidden { "masked_and_hidden" } else { "masked" };
        body[masked] = attributes.masked.into();
        assert_eq!(self.ask(reqwest::Method::POST, "variables", Some(&body)).await, 201, "{body}");
    }

    async fn held(&self, environment: &EnvironmentName, name: &SettingName) -> Option<HeldSetting> {
        let project = self.project();
        let own = |shown: &&Value| {
            shown["key"] == name.as_str() && shown["environment_scope"] == environment.as_str()
        };
        project["variables"].as_array().unwrap().iter().find(own).map(held)
    }

    fn reader(&self) -> Arc<dyn Settings> {
        self.with("reader")
    }

    fn stranger(&self) -> Arc<dyn Settings> {
        self.nobody()
    }

    fn unreachable(&self) -> Arc<dyn Settings> {
        self.nowhere()
    }

    async fn lose_next_answer(&self) {
        self.fault(Fault::DropAfter, "PUT", "variables/*");
    }

    async fn lose_next_change(&self) {
        self.fault(Fault::DropBefore, "PUT", "variables/*");
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl EmbargoHarness for Emulated {
    fn embargo(&self) -> Arc<dyn Embargo> {
        self.with("maintainer")
    }

    fn environments(&self) -> [EnvironmentName; 2] {
        environments()
    }

    async fn embargo_of_others(&self) -> bool {
        let body = json!({ "freeze_start": "0 23 * * 5", "freeze_end": "0 7 * * 1", "cron_timezone": "UTC" });
        self.ask(reqwest::Method::POST, "freeze_periods", Some(&body)).await == 201
    }

    fn reader(&self) -> Option<Arc<dyn Embargo>> {
        Some(self.with("reader"))
    }

    async fn lose_next_answer(&self) -> bool {
        self.fault(Fault::DropAfter, "POST", "freeze_periods");
        self.fault(Fault::DropAfter, "DELETE", "freeze_periods/*");
        true
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl SchedulesHarness for Emulated {
    fn schedules(&self) -> Arc<dyn Schedules> {
        self.with("maintainer")
    }

    fn reader(&self) -> Arc<dyn Schedules> {
        self.with("reader")
    }

    async fn lose_next_answer(&self) {
        self.fault(Fault::DropAfter, "PUT", "pipeline_schedules/*");
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl ReleasesHarness for Emulated {
    fn releases(&self) -> Arc<dyn Releases> {
        self.with("maintainer")
    }

    fn sight(&self) -> Sight {
        Sight { releases: true, others: true, remote: true }
    }

    fn environment(&self) -> EnvironmentName {
        let [live, _] = environments();
        live
    }

    fn offered(&self) -> ([ReleaseName; 2], ReleaseName) {
        let release = |text| ReleaseName::new(text).unwrap();
        ([release("v4.4.0"), release("v4.3.3")], release("v4.5.0"))
    }

    async fn ending(&self, ending: Ending) {
        let ends = match ending {
            Ending::Well => Ends::Success,
            Ending::Badly => Ends::Failed,
            Ending::Never => Ends::Hangs,
        };
        self.script(ends, 100);
    }

    async fn by_hand(&self, release: &ReleaseName) {
        assert!(self.server.play(&Self::press(release)).is_some());
    }

    async fn cancel(&self, release: &ReleaseName) {
        assert!(self.server.cancel(&Self::press(release)).is_some());
    }

    async fn started(&self, release: &ReleaseName) -> usize {
        self.attempts(release)
    }

    fn reader(&self) -> Arc<dyn Releases> {
        self.with("reader")
    }

    fn stranger(&self) -> Arc<dyn Releases> {
        self.nobody()
    }

    fn unreachable(&self) -> Arc<dyn Releases> {
        self.nowhere()
    }

    async fn lose_next_answer(&self) {
        self.fault(Fault::DropAfter, "POST", "jobs/*");
    }

    async fn lose_next_start(&self) {
        self.fault(Fault::DropBefore, "POST", "jobs/*");
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

switchover_tests::settings_contract!(settings, Emulated::new());
switchover_tests::releases_contract!(releases, Emulated::new());
switchover_tests::embargo_contract!(embargo, Emulated::new());
switchover_tests::schedules_contract!(schedules, Emulated::new());
