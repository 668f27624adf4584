//! What the GitLab provider sends and understands beyond its contracts: few requests, faults of the server, plain words.

use std::collections::BTreeSet;
use std::time::Duration;

use switchover::model::{
    Activity, DeploymentState, EnvironmentName, FingerprintSalt, PairName, ReleaseName, SettingName,
    SettingValue,
};
use switchover::port::{
    DeployOrder, Deploying, Embargo as _, Meter, Obstacle, Releases as _, RemoteError, Schedules as _,
    SettingChange, SettingOutcome, SettingView, Settings as _, Switched,
};
use switchover_gitlab::GitLabOptions;
use switchover_sandbox::gitlab::{Edit, Ends, Script};
use switchover_sandbox::{Fault, FaultRule};
use switchover_tests::contract::settings::{HeldSetting, SettingsHarness as _};

use crate::gitlab::{DEPLOY, Emulated, PROJECT};

fn live() -> EnvironmentName {
    EnvironmentName::new("live").unwrap()
}

fn release() -> ReleaseName {
    ReleaseName::new("v4.4.0").unwrap()
}

fn order() -> DeployOrder {
    DeployOrder { environment: live(), release: release(), after: None }
}

fn home() -> SettingName {
    SettingName::new("HOME_URL").unwrap()
}

const OLD: &str = "https://gigadb.org";
const NEW: &str = "http://alt-live.gigadb.host";

fn swap() -> SettingChange {
    let salt = FingerprintSalt::of(&PairName::new("gigadb").unwrap(), &live(), &home());
    let expected = SettingValue::new(OLD).fingerprint(&salt);
    SettingChange { environment: live(), name: home(), expected, to: SettingValue::new(NEW) }
}

/// What the provider sent, in order.
fn sent(bench: &Emulated) -> Vec<String> {
    let own = bench.server.requests().into_iter().filter(|entry| entry.token.as_deref() != Some("harness"));
    own.map(|entry| format!("{} {}", entry.method, entry.path.rsplit('/').next().unwrap_or_default()))
        .collect()
}

#[test]
fn reading_is_one_request_and_changing_two() {
    let bench = Emulated::new();
    bench.run(async {
        bench.define(Some(&live()), &home(), &HeldSetting::plain(OLD)).await;
        let meter = Meter::default();
        let side = Emulated::made(&bench.options(), bench.server.token("maintainer").unwrap(), &meter);
        side.read_settings(&["HOME_URL", "REMOTE_HOME_URL"]).await;
        assert_eq!(sent(&bench), ["GET variables"]);
        bench.server.clear_requests();
        assert_eq!(side.write(&swap()).await, Ok(SettingOutcome::Done));
        assert_eq!(sent(&bench), ["GET HOME_URL", "PUT HOME_URL"]);
        assert_eq!(meter.total(), 3);
        bench.server.clear_requests();
        switchover::port::Releases::read(&*side, &live()).await.unwrap();
        assert_eq!(sent(&bench).len(), 3);
        bench.server.clear_requests();
        assert!(matches!(side.deploy(&order()).await, Ok(Deploying::Started(_))));
        assert_eq!(sent(&bench).len(), 6, "{:?}", sent(&bench));
    });
}

/// A short way to read settings, and to ignore what comes.
trait ReadSettings {
    async fn read_settings(&self, names: &[&str]);
}

impl ReadSettings for switchover_gitlab::GitLab {
    async fn read_settings(&self, names: &[&str]) {
        let names: BTreeSet<SettingName> =
            names.iter().map(|name| SettingName::new(*name).unwrap()).collect();
        let views = switchover::port::Settings::read(self, &live(), &names).await.unwrap();
        assert_eq!(views.len(), names.len());
    }
}

#[test]
fn an_edit_between_plan_and_write_is_a_conflict() {
    let bench = Emulated::new();
    bench.run(async {
        bench.define(Some(&live()), &home(), &HeldSetting::plain(OLD)).await;
        let edit = Edit {
            project: PROJECT.to_owned(),
            key: "HOME_URL".to_owned(),
            environment_scope: "live".to_owned(),
            value: Some("http://edited.test".to_owned()),
        };
        assert!(bench.server.edit_variable(&edit));
        let outcome = bench.with("maintainer").write(&swap()).await;
        assert!(matches!(outcome, Ok(SettingOutcome::Conflict(_))), "{outcome:?}");
        assert!(!sent(&bench).iter().any(|request| request.starts_with("PUT")), "{:?}", sent(&bench));
    });
}

/// Every fault of a write, and what is known afterwards.
#[test]
fn faults_of_a_write_are_told_apart() {
    let status = |applied| Fault::Status { status: 502, applied };
    let html = |applied| Fault::Html { status: 200, applied };
    for (fault, done, known) in [
        (status(false), false, false),
        (status(true), true, true),
        (html(false), false, false),
        (html(true), true, true),
        (Fault::ApplyThenHang, true, true),
        (Fault::Hang, false, false),
        (Fault::TruncatedJson, true, true),
        (Fault::RateLimited { retry_after: Some(1) }, true, true),
        (Fault::RateLimited { retry_after: Some(3600) }, false, true),
    ] {
        let bench = Emulated::new();
        bench.run(async {
            bench.define(Some(&live()), &home(), &HeldSetting::plain(OLD)).await;
            bench.fault(fault.clone(), "PUT", "variables/*");
            let outcome = bench.with("maintainer").write(&swap()).await;
            let value = bench.held(&live(), &home()).await.unwrap().value;
            assert_eq!(value.expose(), if done { NEW } else { OLD }, "{fault:?}: {outcome:?}");
            match outcome {
                Ok(SettingOutcome::Done) => assert!(done, "{fault:?}"),
                Ok(other) => panic!("{fault:?}: {other:?}"),
                Err(error) => {
                    let unknown = error.to_string().contains("unknown");
                    assert_eq!((done, !unknown), (false, known), "{fault:?}: {error}");
                }
            }
        });
    }
}

/// A read is tried again; never part of a list is taken for all of it.
#[test]
fn faults_of_a_read_are_waited_out_or_told() {
    let bench = Emulated::new();
    bench.run(async {
        for number in 0..130 {
            let name = SettingName::new(format!("MANY_{number}")).unwrap();
            bench.define(Some(&live()), &name, &HeldSetting::plain("value")).await;
        }
        let side = bench.with("maintainer");
        let names = BTreeSet::from([SettingName::new("MANY_129").unwrap()]);
        let read = async || switchover::port::Settings::read(&*side, &live(), &names).await;
        for fault in [
            Fault::Status { status: 503, applied: false },
            Fault::DropBefore,
            Fault::RateLimited { retry_after: Some(1) },
        ] {
            bench.fault(fault.clone(), "GET", "variables");
            let views = read().await.unwrap();
            assert!(matches!(views.values().next(), Some(SettingView::There(_))), "{fault:?}");
        }
        let rule = FaultRule::new(Fault::Status { status: 500, applied: false });
        bench.server.add_fault(rule.on("GET", "/projects/*/variables").after(1));
        let error = read().await.unwrap_err().to_string();
        assert!(error.contains("out of order (HTTP 500)"), "{error}");
        bench.server.clear_faults();
        bench.fault(Fault::Html { status: 200, applied: true }, "GET", "variables");
        let error = read().await.unwrap_err().to_string();
        assert!(error.contains("login page"), "{error}");
    });
}

#[test]
fn refusals_are_told_in_plain_words() {
    let bench = Emulated::new();
    bench.run(async {
        for (token, words) in [
            ("outsider", "the project is not there, or these credentials may not see it"),
            ("expired", "the credentials were not accepted: HTTP 401: invalid_token: Token is expired"),
            ("reporter", "may not change variables (role Maintainer, scope api): HTTP 403 Forbidden"),
            ("reader", "may not change variables (role Maintainer, scope api): HTTP 403: insufficient_scope"),
        ] {
            let error = bench.with(token).prove_write_settings().await;
            assert!(error.contains(words), "{token}: {error}");
            assert!(error.starts_with("GitLab 127.0.0.1, project gigadb/gigadb-website"), "{error}");
        }
        let reporter = bench.with("reporter").find(&live(), &release()).await.unwrap();
        assert!(
            matches!(&reporter.obstacles[..], [Obstacle::NotPermitted { why }] if why.contains("Developer"))
        );
    });
}

/// The words of a proof that fails.
trait ProveSettings {
    async fn prove_write_settings(&self) -> String;
}

impl ProveSettings for switchover_gitlab::GitLab {
    async fn prove_write_settings(&self) -> String {
        switchover::port::Settings::prove_write(self, &live()).await.unwrap_err().to_string()
    }
}

#[test]
fn a_start_that_is_out_of_order_is_looked_for() {
    for (fault, started) in [
        (Fault::Status { status: 500, applied: true }, true),
        (Fault::Status { status: 500, applied: false }, false),
        (Fault::ApplyThenHang, true),
        (Fault::TruncatedJson, true),
        (Fault::Html { status: 200, applied: false }, false),
    ] {
        let bench = Emulated::new();
        bench.run(async {
            bench.script(Ends::Hangs, 0);
            bench.fault(fault.clone(), "POST", "jobs/*");
            let outcome = bench.with("maintainer").deploy(&order()).await;
            assert_eq!(matches!(outcome, Ok(Deploying::Started(_))), started, "{fault:?}: {outcome:?}");
            assert_eq!(bench.attempts(&release()), usize::from(started), "{fault:?}");
        });
    }
}

/// A server that carries a request out long after its answer was lost.
#[test]
fn a_late_start_is_found_by_the_next_order() {
    let bench = Emulated::new();
    bench.run(async {
        bench.script(Ends::Success, 50);
        bench.fault(Fault::ApplyLate { ms: 3_000 }, "POST", "jobs/*");
        let side = bench.with("maintainer");
        let outcome = side.deploy(&order()).await;
        assert!(outcome.unwrap_err().to_string().contains("unknown"));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(matches!(side.deploy(&order()).await, Ok(Deploying::Found(_))));
        assert_eq!(bench.attempts(&release()), 1);
    });
}

/// A second look and a second order at the same moment start one deployment: the server refuses what runs already.
#[test]
fn two_orders_at_once_start_one_deployment() {
    let bench = Emulated::new();
    bench.run(async {
        bench.script(Ends::Hangs, 0);
        bench.server.set_latency(Duration::from_millis(50));
        let (first, second) = (bench.with("maintainer"), bench.with("maintainer"));
        let (order, again) = (order(), order());
        let (first, second) = tokio::join!(first.deploy(&order), second.deploy(&again));
        assert_eq!(first.unwrap().deployment().id, second.unwrap().deployment().id);
        assert_eq!(bench.attempts(&release()), 1);
    });
}

#[test]
fn a_deploy_job_that_there_is_not_is_named_with_the_one_meant() {
    let bench = Emulated::new();
    bench.run(async {
        let mut options = bench.options();
        options.environments.get_mut("live").unwrap().deploy_job = Some("deploy_liv".to_owned());
        let side = Emulated::made(&options, bench.server.token("maintainer").unwrap(), &Meter::default());
        let candidate = side.find(&live(), &release()).await.unwrap();
        let words = candidate.obstacles[0].to_string();
        let meant = format!("has no job `deploy_liv`; is `{DEPLOY}` or");
        assert!(words.contains(&meant), "{words}");
    });
}

/// It has no state of its own among deployments; a job that nobody played is none.
#[test]
fn a_deployment_that_waits_for_a_runner_is_seen() {
    let bench = Emulated::new();
    bench.run(async {
        let log = String::new();
        let waits =
            Script { job: DEPLOY.to_owned(), pending_ms: 60_000, takes_ms: 0, ends: Ends::Success, log };
        bench.server.script(&waits);
        let side = bench.with("maintainer");
        let read = async || switchover::port::Releases::read(&*side, &live()).await.unwrap().under_way;
        assert_eq!(read().await, []);
        assert!(bench.server.play(&Emulated::press(&release())).is_some());
        let under_way = read().await;
        assert!(matches!(&under_way[..], [own] if own.state == DeploymentState::Pending), "{under_way:?}");
    });
}

#[test]
fn a_deployment_that_a_program_reports_is_seen() {
    let bench = Emulated::new();
    bench.run(async {
        let url = format!("{}/projects/gigadb%2Fgigadb-website/deployments", bench.server.api_url());
        let body = serde_json::json!({ "environment": "live", "sha": "0", "ref": "hotfix", "tag": false, "status": "running" });
        let request = reqwest::Client::new().post(url).header("private-token", "glpat-harness-0000000000000");
        assert_eq!(request.json(&body).send().await.unwrap().status().as_u16(), 201);
        let side = bench.with("maintainer");
        let view = switchover::port::Releases::read(&*side, &live()).await.unwrap();
        assert_eq!(view.under_way.len(), 1);
        let progress = side.look(&live(), &view.under_way[0].id).await.unwrap();
        assert_eq!(progress.deployment.state, DeploymentState::Running);
        let candidate = side.find(&live(), &release()).await.unwrap();
        assert!(matches!(candidate.obstacles[..], [Obstacle::UnderWay(_)]), "{candidate:?}");
    });
}

#[test]
fn a_log_is_shown_without_its_escapes() {
    let bench = Emulated::new();
    bench.run(async {
        bench.script(Ends::Failed, 50);
        let side = bench.with("maintainer");
        let id = side.deploy(&order()).await.unwrap().deployment().id.clone();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let progress = side.look(&live(), &id).await.unwrap();
        let lines = ["Executing \"step_script\"", "Deploying", "ERROR: Job failed: exit code 1"];
        assert_eq!(progress.log.lines(), lines);
        assert_eq!(progress.deployment.state.to_string(), "failed: script failure");
        bench.fault(Fault::Hang, "GET", "jobs/*/trace");
        let blind = side.look(&live(), &id).await.unwrap();
        assert!(blind.log.lines().is_empty() && blind.deployment == progress.deployment);
    });
}

#[test]
fn an_embargo_is_one_freeze_period_that_the_server_takes() {
    let bench = Emulated::new();
    bench.run(async {
        let side = bench.with("maintainer");
        side.impose(&live()).await.unwrap();
        let periods = bench.project()["freeze_periods"].clone();
        assert_eq!(periods.as_array().unwrap().len(), 1);
        assert_eq!(periods[0]["cron_timezone"], "Etc/Zulu");
        side.lift(&live()).await.unwrap();
        assert_eq!(bench.project()["freeze_periods"], serde_json::json!([]));
    });
}

#[test]
fn a_schedule_of_somebody_else_is_taken_over_only_if_allowed() {
    let bench = Emulated::new();
    bench.run(async {
        let side = bench.with("maintainer");
        let of_others = side.list().await.unwrap().remove(1);
        match side.switch(&of_others.id, Activity::Active).await {
            Err(RemoteError::Forbidden { why, .. }) => assert!(why.contains("take_ownership"), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(switchover::port::Schedules::prove_write(&*side, &of_others.id).await.is_err());
        let options = GitLabOptions { take_ownership: true, ..bench.options() };
        let side = Emulated::made(&options, bench.server.token("maintainer").unwrap(), &Meter::default());
        switchover::port::Schedules::prove_write(&*side, &of_others.id).await.unwrap();
        assert_eq!(bench.project()["schedules"][1]["owner"]["username"], "somebody");
        assert_eq!(side.switch(&of_others.id, Activity::Active).await, Ok(Switched::Done));
        assert_eq!(bench.project()["schedules"][1]["owner"]["username"], "switchover");
    });
}

#[test]
fn the_token_is_in_no_words() {
    let bench = Emulated::new();
    bench.run(async {
        let side = bench.with("expired");
        let shown = format!("{side:?} {:?}", switchover::port::Releases::read(&*side, &live()).await);
        assert!(!shown.contains("glpat-"), "{shown}");
    });
}
