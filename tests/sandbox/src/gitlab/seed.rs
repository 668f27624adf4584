//! What a GitLab server of the sandbox holds at first.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use secrecy::SecretString;
use serde::Deserialize;

use super::job::Ends;

/// One server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitLabSeed {
    /// The name by which the sandbox knows it.
    pub name: String,
    /// Address and port; a port of 0 is replaced by a free one.
    pub listen: SocketAddr,
    /// The tokens that open it. The first is the one a command run by the program gets.
    #[serde(default)]
    pub tokens: Vec<GitLabTokenSeed>,
    /// Its projects.
    #[serde(default)]
    pub projects: Vec<ProjectSeed>,
}

/// What somebody may do in a project (<https://docs.gitlab.com/user/permissions/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May look at little.
    Guest,
    /// May look.
    Reporter,
    /// May deploy where it is not protected.
    Developer,
    /// May change variables, freeze periods and schedules.
    Maintainer,
}

/// What a token opens (<https://docs.gitlab.com/user/profile/personal_access_tokens/#personal-access-token-scopes>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything that its user may do.
    #[default]
    Api,
    /// Everything that its user may read.
    ReadApi,
}

/// Whether a token works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// It does.
    #[default]
    Active,
    /// Its day is over.
    Expired,
    /// Somebody took it back.
    Revoked,
}

/// A token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitLabTokenSeed {
    /// The name by which logs and controls know it.
    pub name: String,
    /// What the client sends.
    pub value: SecretString,
    /// The user it belongs to.
    pub user: String,
    /// What that user may do in the projects.
    pub role: Role,
    /// What it opens.
    #[serde(default)]
    pub scope: Scope,
    /// Whether it works.
    #[serde(default)]
    pub state: TokenState,
    /// The paths of the projects that its user is a member of; all, if not said.
    pub projects: Option<Vec<String>>,
}

/// A project.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSeed {
    /// Its path with its group, such as `gigadb/gigadb-website`.
    pub path: String,
    /// Its variables.
    #[serde(default)]
    pub variables: Vec<VariableSeed>,
    /// The jobs of each pipeline, in their order.
    #[serde(default)]
    pub jobs: Vec<JobSeed>,
    /// Tags with a pipeline each, oldest first.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Tags without a pipeline.
    #[serde(default)]
    pub bare_tags: Vec<String>,
    /// The tag that was deployed to each environment.
    #[serde(default)]
    pub deployed: BTreeMap<String, String>,
    /// Its pipeline schedules.
    #[serde(default)]
    pub schedules: Vec<ScheduleSeed>,
}

/// A variable (<https://docs.gitlab.com/api/project_level_variables/>).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the API")]
pub struct VariableSeed {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its scope.
    #[serde(default = "everywhere")]
    pub environment_scope: String,
    /// Whether logs hide it.
    #[serde(default)]
    pub masked: bool,
    /// Whether nobody reads it back.
    #[serde(default)]
    pub hidden: bool,
    /// Whether only protected refs get it.
    #[serde(default)]
    pub protected: bool,
    /// Whether `$` means itself.
    #[serde(default)]
    pub raw: bool,
    /// Whether it is a file.
    #[serde(default)]
    pub file: bool,
    /// What people wrote about it.
    pub description: Option<String>,
}

fn everywhere() -> String {
    "*".to_owned()
}

/// A job of every pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSeed {
    /// Its name.
    pub name: String,
    /// Its stage.
    #[serde(default = "deploy")]
    pub stage: String,
    /// The environment it deploys to.
    pub environment: Option<String>,
    /// Whether somebody has to play it; one that runs by itself has run when the sandbox starts.
    #[serde(default)]
    pub manual: bool,
    /// Whether only maintainers may play it.
    #[serde(default)]
    pub protected: bool,
    /// How long it waits for a runner.
    #[serde(default)]
    pub pending_ms: u64,
    /// How long it runs.
    #[serde(default)]
    pub takes_ms: u64,
    /// How it ends.
    #[serde(default)]
    pub ends: Ends,
    /// What it writes, from its start on.
    #[serde(default)]
    pub log: String,
}

fn deploy() -> String {
    "deploy".to_owned()
}

/// A pipeline schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSeed {
    /// What people call it.
    pub description: String,
    /// When it starts.
    pub cron: String,
    /// Its branch or tag.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The user whose rights it uses.
    pub owner: String,
    /// Whether it starts anything.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}
