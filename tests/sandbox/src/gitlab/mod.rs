//! A GitLab server: the parts of its REST API (v4) that deploy releases and hold role-dependent variables.
//!
//! ```text
//!  client ──HTTP──►  serve (faults, log)  ──►  dispatch (token, role, project)  ──►  variables │ pipelines │ jobs
//!                                                                                    deployments │ periods │ schedules
//! ```
//!
//! It follows <https://docs.gitlab.com/api/rest/> and the page of each resource, and where these say nothing, what GitLab's published
//! source does; the place is named beside each rule. Below `/sandbox/` on the same port are the controls:
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET`, `DELETE /sandbox/requests` | the log of requests; forgets it |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | the [faults](crate::Fault), with paths below `/api/v4`; sets one; takes all back |
//! | `POST /sandbox/latency` | `{"ms":100}` for every request |
//! | `POST /sandbox/script` | `{"job":"deploy_live","ends":"failed","takes_ms":500}`: how jobs of that name go from now on, in every project |
//! | `POST /sandbox/variable` | `{"project":"a/b","key":"HOME_URL","environment_scope":"live","value":"x"}`: an edit behind everybody's back |
//! | `POST /sandbox/play` | `{"project":"a/b","tag":"v1","job":"deploy_live"}`: somebody presses the button; a job that has run is run again |
//! | `POST /sandbox/cancel` | the same, for a job under way |
//! | `GET /sandbox/state` | projects with their variables, jobs, deployments, freeze periods and schedules |
//! | `POST /sandbox/reset` | back to the seed |
//!
//! Knowingly different from GitLab: jobs run by the clock and not on runners; a pipeline has the jobs of its project's seed; projects, tags,
//! pipelines and tokens are not made by the API; groups, approvals and protected environments are missing, but for a job that only
//! maintainers may play.

mod control;
mod deployments;
mod dispatch;
mod error;
mod hand;
mod job;
mod jobs;
mod page;
mod params;
mod periods;
mod pipelines;
mod schedules;
mod seed;
mod server;
mod state;
mod variables;

pub use hand::{Edit, Press, Script};
pub use job::Ends;
pub use seed::{
    GitLabSeed, GitLabTokenSeed, JobSeed, ProjectSeed, Role, ScheduleSeed, Scope, TokenState, VariableSeed,
};
pub use server::GitLab;

/// The path below which the API is served.
pub(crate) const BASE: &str = "/api/v4";
