//! The fakes of one side's services keep the contracts that they are used to check others by.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{
    Activity, DeploymentState, EnvironmentName, ReleaseName, Schedule, ScheduleId, SettingName, SideName,
};
use switchover::port::{Clock, Embargo, Meter, Obstacle, Releases, Schedules, Settings};
use switchover_tests::contract::embargo::EmbargoHarness;
use switchover_tests::contract::releases::{Ending, ReleasesHarness, Sight};
use switchover_tests::contract::schedules::SchedulesHarness;
use switchover_tests::contract::settings::{HeldSetting, SettingsHarness};
use switchover_tests::fake::{
    FakeReleases, FakeSchedules, FakeSettings, Going, RemoteCall, RemoteFault, VirtualClock,
};

const CHANGES: [RemoteCall; 2] = [RemoteCall::Change, RemoteCall::Prove];
const ALL: [RemoteCall; 3] = [RemoteCall::Read, RemoteCall::Change, RemoteCall::Prove];

/// One of each fake, on one clock.
struct Side {
    clock: VirtualClock,
    settings: FakeSettings,
    releases: FakeReleases,
    schedules: FakeSchedules,
}

fn release(text: &str) -> ReleaseName {
    ReleaseName::new(text).unwrap()
}

fn environments() -> [EnvironmentName; 2] {
    ["live", "staging"].map(|name| EnvironmentName::new(name).unwrap())
}

impl Side {
    fn new() -> Self {
        Self::on(&VirtualClock::default())
    }

    fn on(clock: &VirtualClock) -> Self {
        let (name, meter) = (SideName::new("hongkong").unwrap(), Meter::default());
        let side = Self {
            settings: FakeSettings::new(&name, clock, &meter),
            releases: FakeReleases::new(&name, clock, &meter),
            schedules: FakeSchedules::new(&name, clock, &meter),
            clock: clock.clone(),
        };
        side.releases.offer(&release("v4.3.3"), None);
        side.releases.offer(&release("v4.4.0"), None);
        let nothing = Obstacle::NothingToDeploy { why: "it has no pipeline".to_owned() };
        side.releases.offer(&release("v4.5.0"), Some(nothing));
        for (id, activity) in [("1", Activity::Active), ("2", Activity::Paused)] {
            let (id, name) = (ScheduleId::new(id).unwrap(), format!("nightly {id}"));
            side.schedules.add(Schedule { id, name, activity, what: "a sync".to_owned(), owner: None });
        }
        side
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.clock.run(contract)
    }

    /// Another side, some of whose calls always go wrong.
    fn broken(&self, calls: &[RemoteCall], fault: &RemoteFault) -> Self {
        let side = Self::on(&self.clock);
        for call in calls {
            side.settings.fail_always(*call, fault.clone());
            side.releases.fail_always(*call, fault.clone());
            side.schedules.fail_always(*call, fault.clone());
        }
        side
    }
}

#[async_trait]
impl SettingsHarness for Side {
    fn settings(&self) -> Arc<dyn Settings> {
        Arc::new(self.settings.clone())
    }

    fn environments(&self) -> [EnvironmentName; 2] {
        environments()
    }

    async fn define(&self, environment: Option<&EnvironmentName>, name: &SettingName, held: &HeldSetting) {
        self.settings.define(environment, name, held.clone());
    }

    async fn held(&self, environment: &EnvironmentName, name: &SettingName) -> Option<HeldSetting> {
        self.settings.held(environment, name)
    }

    fn reader(&self) -> Arc<dyn Settings> {
        Arc::new(self.broken(&CHANGES, &RemoteFault::Forbidden).settings)
    }

    fn stranger(&self) -> Arc<dyn Settings> {
        Arc::new(self.broken(&ALL, &RemoteFault::Unauthorized).settings)
    }

    fn unreachable(&self) -> Arc<dyn Settings> {
        Arc::new(self.broken(&ALL, &RemoteFault::Unavailable).settings)
    }

    async fn lose_next_answer(&self) {
        self.settings.fail_next(RemoteCall::Change, RemoteFault::AppliedUnknown);
    }

    async fn lose_next_change(&self) {
        self.settings.fail_next(RemoteCall::Change, RemoteFault::LostUnknown);
    }

    async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }
}

#[async_trait]
impl EmbargoHarness for Side {
    fn embargo(&self) -> Arc<dyn Embargo> {
        Arc::new(self.releases.clone())
    }

    fn environments(&self) -> [EnvironmentName; 2] {
        environments()
    }

    async fn embargo_of_others(&self) -> bool {
        self.releases.embargo_of_others("the weekend");
        true
    }

    fn reader(&self) -> Option<Arc<dyn Embargo>> {
        Some(Arc::new(self.broken(&CHANGES, &RemoteFault::Forbidden).releases))
    }

    async fn lose_next_answer(&self) -> bool {
        self.releases.fail_next(RemoteCall::Change, RemoteFault::AppliedUnknown);
        true
    }

    async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }
}

#[async_trait]
impl SchedulesHarness for Side {
    fn schedules(&self) -> Arc<dyn Schedules> {
        Arc::new(self.schedules.clone())
    }

    fn reader(&self) -> Arc<dyn Schedules> {
        Arc::new(self.broken(&CHANGES, &RemoteFault::Forbidden).schedules)
    }

    async fn lose_next_answer(&self) {
        self.schedules.fail_next(RemoteCall::Change, RemoteFault::AppliedUnknown);
    }

    async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }
}

#[async_trait]
impl ReleasesHarness for Side {
    fn releases(&self) -> Arc<dyn Releases> {
        Arc::new(self.releases.clone())
    }

    fn sight(&self) -> Sight {
        Sight { releases: true, others: true, remote: true }
    }

    fn environment(&self) -> EnvironmentName {
        let [live, _] = environments();
        live
    }

    fn offered(&self) -> ([ReleaseName; 2], ReleaseName) {
        (["v4.4.0", "v4.3.3"].map(release), release("v4.5.0"))
    }

    async fn ending(&self, ending: Ending) {
        let ends = match ending {
            Ending::Well => Some(DeploymentState::Succeeded),
            Ending::Badly => Some(DeploymentState::Failed { why: "script failure".to_owned() }),
            Ending::Never => None,
        };
        self.releases.going(Going { takes: Duration::from_secs(2), ends });
    }

    async fn by_hand(&self, release: &ReleaseName) {
        self.releases.by_hand(&self.environment(), release);
    }

    async fn cancel(&self, _release: &ReleaseName) {
        self.releases.cancel(&self.environment());
    }

    async fn started(&self, release: &ReleaseName) -> usize {
        self.releases.started(&self.environment(), release)
    }

    fn reader(&self) -> Arc<dyn Releases> {
        Arc::new(self.broken(&CHANGES, &RemoteFault::Forbidden).releases)
    }

    fn stranger(&self) -> Arc<dyn Releases> {
        Arc::new(self.broken(&ALL, &RemoteFault::Unauthorized).releases)
    }

    fn unreachable(&self) -> Arc<dyn Releases> {
        Arc::new(self.broken(&ALL, &RemoteFault::Unavailable).releases)
    }

    async fn lose_next_answer(&self) {
        self.releases.fail_next(RemoteCall::Change, RemoteFault::AppliedUnknown);
    }

    async fn lose_next_start(&self) {
        self.releases.fail_next(RemoteCall::Change, RemoteFault::LostUnknown);
    }

    async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }
}

switchover_tests::settings_contract!(settings, Side::new());
switchover_tests::releases_contract!(releases, Side::new());
switchover_tests::embargo_contract!(embargo, Side::new());
switchover_tests::schedules_contract!(schedules, Side::new());

#[test]
#[should_panic(expected = "may still be on its way")]
fn an_order_that_is_repeated_too_early_fails_the_test() {
    let side = Side::new();
    side.releases.fail_next(RemoteCall::Change, RemoteFault::LostUnknown);
    side.run(async {
        let [environment, _] = environments();
        let order = switchover::port::DeployOrder { environment, release: release("v4.4.0"), after: None };
        assert!(side.releases.deploy(&order).await.is_err());
        drop(side.releases.deploy(&order).await);
    });
}

#[test]
fn a_late_start_happens_when_its_time_has_come() {
    let side = Side::new();
    side.releases.fail_next(RemoteCall::Change, RemoteFault::LateUnknown(Duration::from_secs(30)));
    side.run(async {
        let [environment, _] = environments();
        let release = release("v4.4.0");
        let order = switchover::port::DeployOrder { environment, release: release.clone(), after: None };
        assert!(side.releases.deploy(&order).await.is_err());
        assert_eq!(side.releases.started(&order.environment, &release), 0);
        side.clock.sleep(Duration::from_secs(30)).await;
        assert_eq!(side.releases.started(&order.environment, &release), 1);
    });
}
