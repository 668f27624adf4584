//! What people do at a server past its API: the buttons they press, the variables they edit, and how jobs go.

use serde::Deserialize;

use super::job::Ends;

/// How the jobs of a name go from now on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The name of the job.
    pub job: String,
    /// How long it waits for a runner.
    #[serde(default)]
    pub pending_ms: u64,
    /// How long it runs.
    #[serde(default)]
    pub takes_ms: u64,
    /// How it ends.
    #[serde(default)]
    pub ends: Ends,
    /// What it writes.
    #[serde(default)]
    pub log: String,
}

/// A variable that somebody else edits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The project's path.
    pub project: String,
    /// The variable's key.
    pub key: String,
    /// Its scope.
    pub environment_scope: String,
    /// Its value from now on; without one the variable is removed.
    pub value: Option<String>,
}

/// A job on which somebody presses a button.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Press {
    /// The project's path.
    pub project: String,
    /// The tag of its pipeline.
    pub tag: String,
    /// Its name.
    pub job: String,
}
