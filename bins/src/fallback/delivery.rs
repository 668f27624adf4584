//! Releases, embargoes, schedules and settings of a side.

use switchover::action::{ChangeSettings, Deploy, PlannedSetting, Rule, SetEmbargo, SwitchSchedules};
use switchover::config::{ProviderSpec, ValueSource};
use switchover::model::{Role, SideName};

use super::Hand;
use super::page::quoted;

impl<'a> Hand<'a> {
    fn delivery(&self, side: &SideName) -> Option<&'a ProviderSpec> {
        self.config.deliveries.get(side)
    }

    pub(super) fn deploy(&mut self, deploy: &Deploy) {
        let Some(spec) = self.delivery(&deploy.side) else { return };
        self.page.say(&format!(
            "Only while nothing is deployed to side {} in {}: never both at once.",
            deploy.other, deploy.environment
        ));
        match spec.kind.as_str() {
            "gitlab" => self.deploy_gitlab(spec, deploy),
            "command" => self.deploy_command(spec, deploy),
            _ => self.unknown(
                &format!("deploy {} to {} in {}", deploy.release, deploy.side, deploy.environment),
                spec,
            ),
        }
    }

    pub(super) fn embargo(&mut self, set: &SetEmbargo) {
        let Some(spec) = self.delivery(&set.side) else { return };
        self.page.say(&match set.rule {
            Rule::Imposed => format!("Nobody may deploy to side {} in {}.", set.side, set.environment),
            Rule::Lifted => format!("Side {} may be deployed to again in {}.", set.side, set.environment),
        });
        match spec.kind.as_str() {
            "gitlab" => self.embargo_gitlab(spec, set),
            "command" => self.embargo_command(spec, set),
            _ => self.unknown("say so to everybody who deploys", spec),
        }
    }

    pub(super) fn schedules(&mut self, switch: &SwitchSchedules) {
        let Some(spec) = self.delivery(&switch.side) else { return };
        match spec.kind.as_str() {
            "gitlab" => self.schedules_gitlab(spec, switch),
            _ => self.unknown("pause or resume what starts by the clock", spec),
        }
    }

    pub(super) fn settings(&mut self, change: &ChangeSettings) {
        let Some(spec) = self.delivery(&change.side) else { return };
        self.page
            .say(&format!("The settings of side {} get the values of the {}.", change.side, change.role));
        match spec.kind.as_str() {
            "gitlab" => self.settings_gitlab(spec, change),
            _ => self.unknown("change the settings", spec),
        }
    }

    /// What a setting is to say, as a word of a shell: a secret one is fetched from where it is.
    pub(super) fn value(&mut self, setting: &PlannedSetting, role: Role) -> Option<String> {
        let spec = self.config.settings.get(&setting.setting)?;
        let source = match role {
            Role::Production => &spec.production,
            Role::Standby => &spec.standby,
        };
        Some(match source {
            ValueSource::Plain(text) => quoted(text),
            ValueSource::Secret(reference) => format!("\"{}\"", self.page.secret(reference)),
        })
    }
}
