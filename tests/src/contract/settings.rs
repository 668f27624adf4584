//! The contract of [`Settings`]: whole reads, one value changed at a time and nothing beside it, and no value in any message.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{
    EnvironmentName, FingerprintSalt, PairName, SettingAttributes, SettingKind, SettingName, SettingValue,
};
use switchover::port::{
    Found, Reading, RemoteError, SettingChange, SettingError, SettingOutcome, SettingView, Settings,
};

pub use crate::fake::HeldSetting;

/// Settings under test, with a way round the provider to what they hold.
#[async_trait]
pub trait SettingsHarness: Send + Sync {
    /// The provider under test.
    fn settings(&self) -> Arc<dyn Settings>;

    /// Two environments that the provider may read and write.
    fn environments(&self) -> [EnvironmentName; 2];

    /// Defines a setting in an environment's scope, or for all environments (`*`), in place of what stood there.
    async fn define(&self, environment: Option<&EnvironmentName>, name: &SettingName, held: &HeldSetting);

    /// What stands in an environment's scope now, past the provider under test.
    async fn held(&self, environment: &EnvironmentName, name: &SettingName) -> Option<HeldSetting>;

    /// The same settings with credentials that may read them and not write.
    fn reader(&self) -> Arc<dyn Settings>;

    /// The same settings with credentials that nobody knows.
    fn stranger(&self) -> Arc<dyn Settings>;

    /// The provider with an address at which nobody listens.
    fn unreachable(&self) -> Arc<dyn Settings>;

    /// Lets the service carry out the next change and lose its answer.
    async fn lose_next_answer(&self);

    /// Lets the next change be lost on its way, with its answer.
    async fn lose_next_change(&self);

    /// Lets time pass.
    async fn pass(&self, time: Duration);
}

/// Makes a test of every part of the contract: `settings_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! settings_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, settings:
            a_read_answers_for_every_name_with_its_attributes
            a_read_is_fresh
            many_settings_are_read_whole
            a_setting_of_another_scope_is_missing_and_told
            a_slip_of_a_name_is_told
            a_write_is_there_when_it_is_answered_and_changes_nothing_else
            a_write_keeps_every_attribute
            a_write_of_what_stands_there_is_already_done
            a_stale_write_is_a_conflict_and_changes_nothing
            a_write_to_a_setting_that_is_missing_makes_none
            a_hidden_setting_is_not_written_over
            a_value_that_masking_refuses_changes_nothing
            proving_a_write_changes_nothing
            credentials_that_may_only_read_change_nothing
            credentials_that_nobody_knows_are_unauthorized
            where_nobody_listens_nothing_is_unknown
            a_write_whose_answer_is_lost_is_done_once
            a_write_that_is_lost_is_unknown_and_can_be_repeated
            nothing_shows_a_value
        );
    };
}

const OLD: &str = "https://gigadb.org";
const NEW: &str = "http://alt-live.gigadb.host";
const OTHER: &str = "http://somewhere-else.test";

fn name(text: &str) -> SettingName {
    SettingName::new(text).expect("a setting's name")
}

fn change(environment: &EnvironmentName, name: &SettingName, from: &str, to: &str) -> SettingChange {
    let pair = PairName::new("gigadb").expect("a pair's name");
    let salt = FingerprintSalt::of(&pair, environment, name);
    let expected = SettingValue::new(from).fingerprint(&salt);
    SettingChange {
        environment: environment.clone(),
        name: name.clone(),
        expected,
        to: SettingValue::new(to),
    }
}

/// A bench with `HOME_URL` reading [`OLD`] in the first environment.
struct Bench<'a, H> {
    harness: &'a H,
    settings: Arc<dyn Settings>,
    live: EnvironmentName,
    staging: EnvironmentName,
    home: SettingName,
}

impl<'a, H: SettingsHarness> Bench<'a, H> {
    async fn new(harness: &'a H) -> Self {
        let [live, staging] = harness.environments();
        let home = name("HOME_URL");
        harness.define(Some(&live), &home, &HeldSetting::plain(OLD)).await;
        Self { harness, settings: harness.settings(), live, staging, home }
    }

    async fn home(&self) -> Option<String> {
        let held = self.harness.held(&self.live, &self.home).await;
        held.map(|held| held.value.expose().to_owned())
    }

    fn swap(&self) -> SettingChange {
        change(&self.live, &self.home, OLD, NEW)
    }

    async fn view(&self, name: &SettingName) -> SettingView {
        let mut views =
            self.settings.read(&self.live, &BTreeSet::from([name.clone()])).await.expect("a read");
        assert_eq!(views.len(), 1, "{views:?}");
        views.remove(name).expect("an entry for the name")
    }

    async fn value(&self, name: &SettingName) -> SettingValue {
        match self.view(name).await {
            SettingView::There(setting) => match setting.value {
                Reading::Shown(value) => value,
                Reading::Hidden => panic!("{name} is hidden"),
            },
            SettingView::Missing(absence) => panic!("{name}: {absence}"),
        }
    }
}

fn all_attributes() -> Vec<SettingAttributes> {
    let plain = HeldSetting::plain("").attributes;
    vec![
        plain,
        SettingAttributes { masked: true, ..plain },
        SettingAttributes { protected: true, ..plain },
        SettingAttributes { raw: true, ..plain },
        SettingAttributes { kind: SettingKind::File, ..plain },
        SettingAttributes { masked: true, protected: true, raw: true, ..plain },
    ]
}

/// Whatever a setting is, it is read with it; a hidden one has no value.
pub async fn a_read_answers_for_every_name_with_its_attributes(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    for (place, attributes) in all_attributes().into_iter().enumerate() {
        let name = name(&format!("SETTING_{place}"));
        let held = HeldSetting { value: SettingValue::new(NEW), attributes };
        harness.define(Some(&bench.live), &name, &held).await;
        let SettingView::There(found) = bench.view(&name).await else { panic!("{name} is missing") };
        assert_eq!((found.value, found.attributes), (Reading::Shown(held.value), attributes), "{name}");
    }
    let attributes = SettingAttributes { masked: true, hidden: true, ..HeldSetting::plain("").attributes };
    let held = HeldSetting { value: SettingValue::new("hunter2-hunter2"), attributes };
    harness.define(Some(&bench.live), &name("SECRET"), &held).await;
    let SettingView::There(found) = bench.view(&name("SECRET")).await else { panic!("it is missing") };
    assert_eq!((found.value, found.attributes.hidden), (Reading::Hidden, true));
    assert_eq!(bench.settings.read(&bench.live, &BTreeSet::new()).await.map(|views| views.len()), Ok(0));
}

/// A read shows what somebody else did since the last one.
pub async fn a_read_is_fresh(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    assert_eq!(bench.value(&bench.home).await.expose(), OLD);
    harness.define(Some(&bench.live), &bench.home, &HeldSetting::plain(OTHER)).await;
    assert_eq!(bench.value(&bench.home).await.expose(), OTHER);
}

/// More settings than fit on a page of some services.
pub async fn many_settings_are_read_whole(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let names: BTreeSet<SettingName> = (0..130).map(|number| name(&format!("MANY_{number}"))).collect();
    for name in &names {
        harness.define(Some(&bench.live), name, &HeldSetting::plain(name.as_str())).await;
    }
    let views = bench.settings.read(&bench.live, &names).await.expect("a read");
    let there = views.values().filter(|view| matches!(view, SettingView::There(_))).count();
    assert_eq!(there, names.len());
}

/// One for all environments, or for another one, is not the environment's own.
pub async fn a_setting_of_another_scope_is_missing_and_told(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let url = name("REMOTE_HOME_URL");
    harness.define(None, &url, &HeldSetting::plain(OLD)).await;
    harness.define(Some(&bench.staging), &url, &HeldSetting::plain(OTHER)).await;
    let SettingView::Missing(absence) = bench.view(&url).await else { panic!("another scope's was taken") };
    assert_eq!(absence.elsewhere.len(), 2, "{absence}");
    assert!(absence.elsewhere.contains(&"*".to_owned()), "{absence}");
    let SettingView::Missing(absence) = bench.view(&name("NOWHERE_AT_ALL")).await else { panic!("found") };
    assert!(absence.elsewhere.is_empty(), "{absence}");
}

/// What was probably meant is named.
pub async fn a_slip_of_a_name_is_told(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let SettingView::Missing(absence) = bench.view(&name("HOME_URI")).await else { panic!("found") };
    assert_eq!(absence.near, std::slice::from_ref(&bench.home), "{absence}");
}

/// The value is there, and the same name in other scopes is as it was.
pub async fn a_write_is_there_when_it_is_answered_and_changes_nothing_else(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    harness.define(None, &bench.home, &HeldSetting::plain(OLD)).await;
    harness.define(Some(&bench.staging), &bench.home, &HeldSetting::plain(OLD)).await;
    assert_eq!(bench.settings.write(&bench.swap()).await, Ok(SettingOutcome::Done));
    assert_eq!(bench.home().await.as_deref(), Some(NEW));
    assert_eq!(bench.value(&bench.home).await.expose(), NEW);
    let elsewhere = harness.held(&bench.staging, &bench.home).await.expect("staging's");
    assert_eq!(elsewhere.value.expose(), OLD);
}

/// Masked stays masked, a file stays a file.
pub async fn a_write_keeps_every_attribute(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    for (place, attributes) in all_attributes().into_iter().enumerate() {
        let name = name(&format!("SETTING_{place}"));
        let held = HeldSetting { value: SettingValue::new(OLD), attributes };
        harness.define(Some(&bench.live), &name, &held).await;
        let outcome = bench.settings.write(&change(&bench.live, &name, OLD, NEW)).await;
        assert_eq!(outcome, Ok(SettingOutcome::Done), "{name}");
        let expected = HeldSetting { value: SettingValue::new(NEW), attributes };
        assert_eq!(harness.held(&bench.live, &name).await, Some(expected), "{name}");
    }
}

/// Twice is as once.
pub async fn a_write_of_what_stands_there_is_already_done(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    assert_eq!(bench.settings.write(&bench.swap()).await, Ok(SettingOutcome::Done));
    assert_eq!(bench.settings.write(&bench.swap()).await, Ok(SettingOutcome::Already));
    assert_eq!(bench.home().await.as_deref(), Some(NEW));
}

/// Somebody edited it since the plan was made.
pub async fn a_stale_write_is_a_conflict_and_changes_nothing(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    harness.define(Some(&bench.live), &bench.home, &HeldSetting::plain(OTHER)).await;
    let swap = bench.swap();
    match bench.settings.write(&swap).await {
        Ok(SettingOutcome::Conflict(Found::Other(print))) => {
            assert!(print.matches(&SettingValue::new(OTHER)), "{print:?}");
            assert_eq!(print.salt(), swap.expected.salt());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.home().await.as_deref(), Some(OTHER));
}

/// It was removed, or stands in another scope.
pub async fn a_write_to_a_setting_that_is_missing_makes_none(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let url = name("REMOTE_HOME_URL");
    harness.define(None, &url, &HeldSetting::plain(OLD)).await;
    match bench.settings.write(&change(&bench.live, &url, OLD, NEW)).await {
        Ok(SettingOutcome::Conflict(Found::Missing(absence))) => assert_eq!(absence.elsewhere, ["*"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(harness.held(&bench.live, &url).await, None);
}

/// What cannot be read cannot be compared.
pub async fn a_hidden_setting_is_not_written_over(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let attributes = SettingAttributes { masked: true, hidden: true, ..HeldSetting::plain("").attributes };
    let held = HeldSetting { value: SettingValue::new(OLD), attributes };
    harness.define(Some(&bench.live), &bench.home, &held).await;
    let outcome = bench.settings.write(&bench.swap()).await;
    assert!(matches!(outcome, Err(SettingError::Hidden { .. })), "{outcome:?}");
    assert_eq!(harness.held(&bench.live, &bench.home).await, Some(held));
}

/// It is known before anything is sent, and refused all the same.
pub async fn a_value_that_masking_refuses_changes_nothing(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let attributes = SettingAttributes { masked: true, ..HeldSetting::plain("").attributes };
    let held = HeldSetting { value: SettingValue::new(OLD), attributes };
    harness.define(Some(&bench.live), &bench.home, &held).await;
    for unfit in ["short", "with a space"] {
        assert!(bench.settings.objection(&attributes, &SettingValue::new(unfit)).is_some(), "{unfit}");
        let outcome = bench.settings.write(&change(&bench.live, &bench.home, OLD, unfit)).await;
        assert!(matches!(outcome, Err(SettingError::Unfit { .. })), "{outcome:?}");
    }
    assert_eq!(bench.settings.objection(&attributes, &held.value), None);
    assert_eq!(harness.held(&bench.live, &bench.home).await, Some(held));
}

/// It can be proved again and again.
pub async fn proving_a_write_changes_nothing(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    for environment in harness.environments() {
        for _ in 0..2 {
            assert_eq!(bench.settings.prove_write(&environment).await, Ok(()));
        }
    }
    assert_eq!(bench.home().await.as_deref(), Some(OLD));
}

/// The proof finds out before anything is done.
pub async fn credentials_that_may_only_read_change_nothing(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let reader = harness.reader();
    let forbidden = |outcome: &Result<(), SettingError>| {
        matches!(outcome, Err(SettingError::Remote(RemoteError::Forbidden { .. })))
    };
    let proof = reader.prove_write(&bench.live).await;
    assert!(forbidden(&proof), "{proof:?}");
    let written = reader.write(&bench.swap()).await.map(|_| ());
    assert!(forbidden(&written), "{written:?}");
    assert_eq!(bench.home().await.as_deref(), Some(OLD));
}

/// Whatever is asked.
pub async fn credentials_that_nobody_knows_are_unauthorized(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let stranger = harness.stranger();
    let unauthorized = |outcome: Result<(), SettingError>| {
        let right = matches!(outcome, Err(SettingError::Remote(RemoteError::Unauthorized { .. })));
        assert!(right, "{outcome:?}");
    };
    unauthorized(stranger.read(&bench.live, &BTreeSet::from([bench.home.clone()])).await.map(|_| ()));
    unauthorized(stranger.prove_write(&bench.live).await);
    unauthorized(stranger.write(&bench.swap()).await.map(|_| ()));
}

/// What was never sent was never done.
pub async fn where_nobody_listens_nothing_is_unknown(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    let outcome = harness.unreachable().write(&bench.swap()).await;
    assert!(matches!(outcome, Err(SettingError::Remote(RemoteError::Unavailable { .. }))), "{outcome:?}");
}

/// It shows when it is looked for; if nobody looked, it shows when it is repeated.
pub async fn a_write_whose_answer_is_lost_is_done_once(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    harness.lose_next_answer().await;
    match bench.settings.write(&bench.swap()).await {
        Ok(SettingOutcome::Done) => {}
        Err(SettingError::Remote(RemoteError::Unknown { .. })) => {
            harness.pass(bench.settings.in_flight()).await;
            assert_eq!(bench.settings.write(&bench.swap()).await, Ok(SettingOutcome::Already));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.home().await.as_deref(), Some(NEW));
}

/// Nothing shows, so nobody can tell yet; later it can be done.
pub async fn a_write_that_is_lost_is_unknown_and_can_be_repeated(harness: &impl SettingsHarness) {
    let bench = Bench::new(harness).await;
    harness.lose_next_change().await;
    let outcome = bench.settings.write(&bench.swap()).await;
    assert!(matches!(outcome, Err(SettingError::Remote(RemoteError::Unknown { .. }))), "{outcome:?}");
    assert_eq!(bench.home().await.as_deref(), Some(OLD));
    let in_flight = bench.settings.in_flight();
    assert!(in_flight > Duration::ZERO && in_flight < Duration::from_secs(3600), "{in_flight:?}");
    harness.pass(in_flight).await;
    assert_eq!(bench.settings.write(&bench.swap()).await, Ok(SettingOutcome::Done));
}

/// Neither in `Debug` nor in an error's words.
pub async fn nothing_shows_a_value(harness: &impl SettingsHarness) {
    const SECRET: &str = "hunter2-hunter2";
    let bench = Bench::new(harness).await;
    harness.define(Some(&bench.live), &bench.home, &HeldSetting::plain(SECRET)).await;
    let stale = bench.settings.write(&bench.swap()).await;
    let attributes = SettingAttributes { masked: true, ..HeldSetting::plain("").attributes };
    let held = HeldSetting { value: SettingValue::new(OLD), attributes };
    harness.define(Some(&bench.live), &bench.home, &held).await;
    let spaced = format!("{SECRET} {SECRET}");
    let unfit = bench.settings.write(&change(&bench.live, &bench.home, OLD, &spaced)).await;
    let shown = format!("{stale:?} {unfit:?} {} {:?}", unfit.as_ref().expect_err("unfit"), bench.settings);
    assert!(!shown.contains("hunter2"), "{shown}");
}
