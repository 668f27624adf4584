//! CI/CD variables of a project (<https://docs.gitlab.com/api/project_level_variables/>).

use serde_json::{Value, json};

use super::error::ApiError;
use super::params::Params;
use super::seed::VariableSeed as Variable;
use super::state::Project;
use crate::api::reply::Reply;

/// A variable as the API shows it: nobody reads a hidden value.
pub(super) fn show(variable: &Variable) -> Value {
    let value = if variable.hidden { Value::Null } else { Value::from(variable.value.clone()) };
    json!({
        "variable_type": if variable.file { "file" } else { "env_var" },
        "key": variable.key,
        "value": value,
        "hidden": variable.hidden,
        "protected": variable.protected,
        "masked": variable.masked,
        "raw": variable.raw,
        "environment_scope": variable.environment_scope,
        "description": variable.description,
    })
}

pub(super) fn list(project: &Project) -> Vec<Value> {
    project.variables.iter().map(show).collect()
}

/// The one that key and filter lead to (`lib/api/helpers/variables_helpers.rb`).
fn find(project: &Project, key: &str, params: &Params) -> Result<usize, ApiError> {
    let scope = params.scope_filter();
    let fits =
        |own: &Variable| own.key == key && scope.as_ref().is_none_or(|scope| *scope == own.environment_scope);
    let found: Vec<usize> = (0..project.variables.len()).filter(|at| fits(&project.variables[*at])).collect();
    match found[..] {
        [] => Err(ApiError::not_found("Variable")),
        [one] => Ok(one),
        [_, _, ..] => Err(ApiError::message(
            409,
            "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'",
        )),
    }
}

pub(super) fn get(project: &Project, key: &str, params: &Params) -> Result<Reply, ApiError> {
    Ok(Reply::json(200, &show(&project.variables[find(project, key, params)?])))
}

pub(super) fn delete(project: &mut Project, key: &str, params: &Params) -> Result<Reply, ApiError> {
    let at = find(project, key, params)?;
    project.variables.remove(at);
    Ok(Reply { status: 204, headers: Vec::new(), content_type: "application/json", body: Vec::new() })
}

/// Fields that are not named keep their values.
fn merged(mut variable: Variable, params: &Params) -> Result<Variable, ApiError> {
    variable.value = params.text("value")?.unwrap_or(variable.value);
    variable.environment_scope = params.text("environment_scope")?.unwrap_or(variable.environment_scope);
    variable.description = params.text("description")?.or(variable.description);
    variable.protected = params.flag("protected")?.unwrap_or(variable.protected);
    variable.raw = params.flag("raw")?.unwrap_or(variable.raw);
    if let Some(kind) = params.word("variable_type", &["env_var", "file"])? {
        variable.file = kind == "file";
    }
    let masked = params.flag("masked")?.unwrap_or(variable.masked);
    if variable.hidden && !masked {
        return Err(ApiError::invalid("masked", "A hidden variable must stay masked"));
    }
    variable.masked = masked;
    check(&variable)?;
    Ok(variable)
}

/// Keys have 255 letters, digits and `_`; masked values the form of `Ci::Maskable`
/// (<https://docs.gitlab.com/ci/variables/#mask-a-cicd-variable>).
fn check(variable: &Variable) -> Result<(), ApiError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if variable.key.is_empty() || variable.key.len() > 255 || !variable.key.bytes().all(word) {
        return Err(ApiError::invalid("key", "can contain only letters, digits and '_'."));
    }
    let base64 = |c: char| c.is_ascii_alphanumeric() || "_+=/@:.~-".contains(c);
    let allowed = |c: char| if variable.raw { !c.is_whitespace() } else { base64(c) };
    if variable.masked && (variable.value.chars().count() < 8 || !variable.value.chars().all(allowed)) {
        return Err(ApiError::invalid("value", "is invalid"));
    }
    Ok(())
}

pub(super) fn update(project: &mut Project, key: &str, params: &Params) -> Result<Reply, ApiError> {
    let at = find(project, key, params)?;
    let variable = merged(project.variables[at].clone(), params)?;
    let shown = show(&variable);
    project.variables[at] = variable;
    Ok(Reply::json(200, &shown))
}

pub(super) fn create(project: &mut Project, params: &Params) -> Result<Reply, ApiError> {
    let hidden = params.flag("masked_and_hidden")?.unwrap_or(false);
    let fresh = Variable {
        key: params.required("key")?,
        value: params.required("value")?,
        environment_scope: "*".to_owned(),
        masked: hidden,
        hidden,
        protected: false,
        raw: false,
        file: false,
        description: None,
    };
    let variable = merged(fresh, params)?;
    let same =
        |own: &Variable| own.key == variable.key && own.environment_scope == variable.environment_scope;
    if project.variables.iter().any(same) {
        return Err(ApiError::invalid("key", &format!("({}) has already been taken", variable.key)));
    }
    let shown = show(&variable);
    project.variables.push(variable);
    Ok(Reply::json(201, &shown))
}
