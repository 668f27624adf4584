//! What brings releases and settings to a side: one arm a kind; and the values of settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use switchover::config::{Kind, PairConfig, PortKind, ProviderSpec, SettingSpec, ValueSource};
use switchover::model::{RoleValues, SettingRef, SettingValue, SideName};
use switchover::port::Delivery;
use switchover_command::{Command, CommandOptions};
use switchover_gitlab::{GitLab, GitLabOptions, TOKEN_VARIABLE};

use super::{Fault, Setting, text};

/// The kinds of delivery that the file may name.
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind::of::<GitLabOptions>(PortKind::Delivery, "gitlab"),
        Kind::of::<CommandOptions>(PortKind::Delivery, "command"),
    ]
}

impl Setting<'_> {
    pub(super) fn delivery(&self, side: &SideName, spec: &ProviderSpec) -> Result<Delivery, String> {
        match spec.kind.as_str() {
            "gitlab" => self.gitlab(&spec.options().map_err(text)?),
            "command" => self.command(side, spec.options().map_err(text)?),
            other => Err(format!("{side}: this program was built without the provider `{other}`")),
        }
    }

    fn gitlab(&self, options: &GitLabOptions) -> Result<Delivery, String> {
        let default = switchover::config::SecretRef::Env(TOKEN_VARIABLE.to_owned());
        let token = self.secret(options.token.as_ref().unwrap_or(&default))?;
        let made = GitLab::new(options, token, self.meter.clone(), Arc::clone(&self.clock)).map_err(text)?;
        let gitlab = Arc::new(made);
        Ok(Delivery {
            releases: Some(Arc::clone(&gitlab) as _),
            embargo: Some(Arc::clone(&gitlab) as _),
            settings: Some(Arc::clone(&gitlab) as _),
            schedules: Some(gitlab),
        })
    }

    fn command(&self, side: &SideName, mut options: CommandOptions) -> Result<Delivery, String> {
        options.state = self.folder.join(&options.state);
        let secrets =
            options.secrets.iter().map(|(name, reference)| Ok((name.clone(), self.secret(reference)?)));
        let secrets = secrets.collect::<Result<BTreeMap<_, _>, String>>()?;
        let has_embargo = !options.embargo.is_empty();
        let made = Command::new(options, side.clone(), secrets, Arc::clone(&self.clock)).map_err(text)?;
        let command = Arc::new(made);
        let embargo = has_embargo.then(|| Arc::clone(&command) as _);
        Ok(Delivery { releases: Some(command), embargo, settings: None, schedules: None })
    }

    /// What each setting of a pair says, by role, with secrets fetched.
    pub(super) fn values(
        &self,
        pair: &PairConfig,
        faults: &mut Vec<Fault>,
    ) -> BTreeMap<SettingRef, RoleValues> {
        let mut values = BTreeMap::new();
        for (setting, SettingSpec { production, standby, path }) in &pair.settings {
            match (self.value(production), self.value(standby)) {
                (Ok(production), Ok(standby)) => {
                    values.insert(setting.clone(), RoleValues { production, standby });
                }
                (production, standby) => {
                    let named = [("production", production), ("standby", standby)];
                    let wrong =
                        named.into_iter().filter_map(|(key, value)| Some((path.key(key), value.err()?)));
                    faults.extend(wrong);
                }
            }
        }
        values
    }

    fn value(&self, source: &ValueSource) -> Result<SettingValue, String> {
        match source {
            ValueSource::Plain(text) => Ok(SettingValue::new(text.as_str())),
            ValueSource::Secret(reference) => {
                use secrecy::ExposeSecret as _;
                Ok(SettingValue::new(self.secret(reference)?.expose_secret()))
            }
        }
    }
}
