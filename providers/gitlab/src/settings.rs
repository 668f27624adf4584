//! Settings: the project's CI/CD variables in one scope.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use switchover::model::{EnvironmentName, SettingAttributes, SettingKind, SettingName, SettingValue};
use switchover::port::{
    Absence, Found, Reading, RemoteError, Setting, SettingChange, SettingError, SettingOutcome, SettingView,
    Settings,
};

use crate::answer::Failure;
use crate::masking;
use crate::refusal::is_missing;
use crate::side::GitLab;
use crate::wire::{Variable, VariableType};

const READ: &str = "read variables (role Maintainer, scope api or read_api)";
const CHANGE: &str = "change variables (role Maintainer, scope api)";
const SCOPE: &str = "filter[environment_scope]";

/// Keys are made of letters, digits and `_`, so no variable ever has this one.
const NO_KEY: &str = "switchover-proof";

/// How like two names must be for one to be taken for a slip of the other.
const LIKE: f64 = 0.9;

fn setting(variable: Variable) -> Setting {
    let attributes = attributes(&variable);
    let value = match variable.value {
        Some(value) if !variable.hidden => Reading::Shown(SettingValue::new(value)),
        Some(_) | None => Reading::Hidden,
    };
    Setting { value, attributes }
}

fn attributes(variable: &Variable) -> SettingAttributes {
    SettingAttributes {
        kind: match variable.kind {
            VariableType::EnvVar => SettingKind::Variable,
            VariableType::File => SettingKind::File,
        },
        masked: variable.masked,
        hidden: variable.hidden,
        protected: variable.protected,
        raw: variable.raw,
    }
}

fn view(all: &[Variable], scope: &str, name: &SettingName) -> SettingView {
    let own = |variable: &&Variable| variable.key == name.as_str() && variable.environment_scope == scope;
    match all.iter().find(own) {
        Some(variable) => SettingView::There(setting(variable.clone())),
        None => SettingView::Missing(absence(all, scope, name)),
    }
}

fn absence(all: &[Variable], scope: &str, name: &SettingName) -> Absence {
    let elsewhere = all.iter().filter(|variable| variable.key == name.as_str());
    let like = |key: &str| strsim::jaro_winkler(&key.to_lowercase(), &name.as_str().to_lowercase()) >= LIKE;
    let near = all.iter().filter(|variable| variable.environment_scope == scope && like(&variable.key));
    Absence {
        elsewhere: elsewhere.map(|variable| variable.environment_scope.clone()).collect(),
        near: near.filter_map(|variable| SettingName::new(&variable.key).ok()).take(3).collect(),
    }
}

impl GitLab {
    async fn variables(&self) -> Result<Vec<Variable>, RemoteError> {
        let all = self.client.list(&["variables"], &[]).await;
        all.map_err(|failure| self.unchanged(failure, "the list of variables", READ))
    }

    /// One variable of one scope; `None` if there is none.
    async fn variable(&self, scope: &str, name: &SettingName) -> Result<Option<Variable>, RemoteError> {
        if !is_key(name.as_str()) {
            return Ok(None);
        }
        let found = self.client.get::<Variable>(&["variables", name.as_str()], &[(SCOPE, scope)]).await;
        match found {
            // A server that does not know the filter would answer with another scope's.
            Ok(variable) => Ok(Some(variable).filter(|variable| variable.environment_scope == scope)),
            Err(failure) if is_missing(&failure) => Ok(None),
            Err(failure) => Err(self.unchanged(failure, &format!("the variable {name}"), READ)),
        }
    }

    /// Sends a new value, and checks that the answer shows it with everything else as it was.
    async fn put(&self, scope: &str, change: &SettingChange, before: &Variable) -> Result<(), Failure> {
        let body = json!({ "value": change.to.expose() });
        let path = ["variables", change.name.as_str()];
        let after: Variable = self.client.change(Method::PUT, &path, &[(SCOPE, scope)], Some(&body)).await?;
        let kept = attributes(&after) == attributes(before) && after.environment_scope == scope;
        if after.value.as_deref() == Some(change.to.expose()) && kept {
            Ok(())
        } else {
            Err(Failure::Garbled("the answer does not show the variable as it was to be".to_owned()))
        }
    }

    /// A change whose answer was lost may show already.
    async fn is_there(&self, scope: &str, change: &SettingChange) -> bool {
        let found = self.variable(scope, &change.name).await;
        matches!(found, Ok(Some(variable)) if variable.value.as_deref() == Some(change.to.expose()))
    }

    fn refused(&self, failure: Failure, change: &SettingChange) -> SettingError {
        match failure {
            Failure::Refused(refusal) if refusal.status == 400 => {
                let why = refusal.words.replace(change.to.expose(), "***");
                SettingError::Unfit { place: self.place(), name: change.name.clone(), why }
            }
            Failure::NotSent(_)
            | Failure::Silent(_)
            | Failure::OutOfOrder(_)
            | Failure::Garbled(_)
            | Failure::Throttled(_)
            | Failure::Refused(_) => {
                self.changed(failure, &format!("the variable {}", change.name), CHANGE).into()
            }
        }
    }
}

fn is_key(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[async_trait]
impl Settings for GitLab {
    async fn read(
        &self,
        environment: &EnvironmentName,
        names: &BTreeSet<SettingName>,
    ) -> Result<BTreeMap<SettingName, SettingView>, SettingError> {
        let scope = self.options.stage(environment).scope;
        let all = self.variables().await?;
        Ok(names.iter().map(|name| (name.clone(), view(&all, &scope, name))).collect())
    }

    async fn write(&self, change: &SettingChange) -> Result<SettingOutcome, SettingError> {
        let scope = self.options.stage(&change.environment).scope;
        let Some(before) = self.variable(&scope, &change.name).await? else {
            let found = absence(&self.variables().await?, &scope, &change.name);
            return Ok(SettingOutcome::Conflict(Found::Missing(found)));
        };
        let Setting { value, attributes } = setting(before.clone());
        let Reading::Shown(value) = value else {
            return Err(SettingError::Hidden { place: self.place(), name: change.name.clone() });
        };
        if value == change.to {
            return Ok(SettingOutcome::Already);
        }
        if !change.expected.matches(&value) {
            let found = Found::Other(value.fingerprint(&change.expected.salt()));
            return Ok(SettingOutcome::Conflict(found));
        }
        if let Some(why) = masking::objection(attributes, &change.to) {
            return Err(SettingError::Unfit { place: self.place(), name: change.name.clone(), why });
        }
        match self.put(&scope, change, &before).await.map_err(|failure| self.refused(failure, change)) {
            Ok(()) => Ok(SettingOutcome::Done),
            Err(SettingError::Remote(RemoteError::Unknown { .. })) if self.is_there(&scope, change).await => {
                Ok(SettingOutcome::Done)
            }
            Err(error) => Err(error),
        }
    }

    fn objection(&self, attributes: &SettingAttributes, value: &SettingValue) -> Option<String> {
        masking::objection(*attributes, value)
    }

    /// Changes a variable that there cannot be: GitLab checks the token and the role first, and then finds no such variable.
    async fn prove_write(&self, environment: &EnvironmentName) -> Result<(), SettingError> {
        let scope = self.options.stage(environment).scope;
        let (path, query) = (["variables", NO_KEY], [(SCOPE, scope.as_str())]);
        let proof: Result<Variable, Failure> =
            self.client.change(Method::PUT, &path, &query, Some(&json!({}))).await;
        match proof {
            Err(failure) if is_missing(&failure) => Ok(()),
            Err(failure) => Err(self.unchanged(failure, "the list of variables", CHANGE).into()),
            Ok(_) => {
                let why =
                    "it reports success for a variable that cannot exist; its answers cannot be trusted";
                Err(RemoteError::Rejected { place: self.place(), why: why.to_owned() }.into())
            }
        }
    }

    fn in_flight(&self) -> Duration {
        self.options.in_flight
    }
}
