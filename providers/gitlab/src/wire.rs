//! What GitLab's API says, as far as it is used.

use jiff::Timestamp;
use serde::Deserialize;

/// <https://docs.gitlab.com/api/project_level_variables/>. Fields that older servers do not have are off.
#[derive(Clone, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the API")]
pub(crate) struct Variable {
    pub(crate) key: String,
    /// Absent for a hidden one.
    pub(crate) value: Option<String>,
    #[serde(default, rename = "variable_type")]
    pub(crate) kind: VariableType,
    #[serde(default)]
    pub(crate) protected: bool,
    #[serde(default)]
    pub(crate) masked: bool,
    #[serde(default)]
    pub(crate) hidden: bool,
    #[serde(default)]
    pub(crate) raw: bool,
    #[serde(default = "everywhere")]
    pub(crate) environment_scope: String,
}

fn everywhere() -> String {
    "*".to_owned()
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VariableType {
    #[default]
    EnvVar,
    File,
}

/// <https://docs.gitlab.com/api/tags/>.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Tag {
    pub(crate) name: String,
}

/// <https://docs.gitlab.com/api/pipelines/>.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pipeline {
    pub(crate) id: u64,
    pub(crate) status: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) username: String,
}

/// <https://docs.gitlab.com/api/jobs/>.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) status: String,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) failure_reason: Option<String>,
    pub(crate) user: Option<User>,
    pub(crate) web_url: Option<String>,
    pub(crate) pipeline: Option<Pipeline>,
}

/// <https://docs.gitlab.com/api/deployments/>.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: u64,
    #[serde(rename = "ref")]
    pub(crate) reference: String,
    pub(crate) status: String,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) user: Option<User>,
    /// Absent where a program reports its own deployments.
    pub(crate) deployable: Option<Job>,
}

/// <https://docs.gitlab.com/api/freeze_periods/>.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FreezePeriod {
    pub(crate) id: u64,
    pub(crate) freeze_start: String,
    pub(crate) freeze_end: String,
    #[serde(default)]
    pub(crate) cron_timezone: String,
    pub(crate) updated_at: Option<Timestamp>,
}

/// <https://docs.gitlab.com/api/pipeline_schedules/>.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PipelineSchedule {
    pub(crate) id: u64,
    pub(crate) description: Option<String>,
    pub(crate) cron: String,
    #[serde(rename = "ref")]
    pub(crate) reference: String,
    pub(crate) active: bool,
    pub(crate) owner: Option<User>,
}

/// <https://docs.gitlab.com/api/projects/#get-a-single-project>: what the token's user may do. Absent for administrators.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Project {
    pub(crate) permissions: Option<Permissions>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Permissions {
    pub(crate) project_access: Option<Access>,
    pub(crate) group_access: Option<Access>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Access {
    pub(crate) access_level: u32,
}

impl Project {
    /// The user's role as a number (<https://docs.gitlab.com/api/members/#roles>), where it is told.
    pub(crate) fn access_level(&self) -> Option<u32> {
        let permissions = self.permissions.as_ref()?;
        let levels = [&permissions.project_access, &permissions.group_access];
        levels.into_iter().flatten().map(|access| access.access_level).max()
    }
}
