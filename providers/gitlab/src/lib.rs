//! A GitLab project as one side of a pair: its role-dependent CI/CD variables, its deployments, its change embargo and its pipeline
//! schedules.
//!
//! ```text
//!  Settings   ─► settings ─► masking (pure)      what a masked variable may hold
//!  Releases   ─► releases ─► attempt, deploy     the manual job of a tag's pipeline, played once and followed
//!  Embargo    ─► embargo  ─► period (pure)       a freeze period that covers now, and how it is recognised
//!  Schedules  ─► schedules
//!                   └──────► client ─► answer (pure) ─► refusal (pure)     one token, timeouts, pages, retries
//! ```
//!
//! One [`GitLab`] is one project, with a token of its own; the two sides of a pair are two of them, and may be on two servers.
//!
//! # What the token needs
//!
//! A project access token (or a personal one) with the scope `api` and the role Maintainer: variables and freeze periods are the
//! maintainers'. To see and to play jobs Developer would do.
//!
//! # What is known after a failure
//!
//! | what happened to a change | what is reported |
//! | --- | --- |
//! | no connection was made | `Unavailable`: nothing was sent |
//! | 429 for longer than `max_wait` | `Throttled`: nothing was changed |
//! | 401, 403, 404, 400 | in GitLab's words; a 404 may mean that the token may not see it, because GitLab does not tell which |
//! | 5xx, timeout, reset, an answer nobody can read | one look: done if it shows, else `Unknown` |
//!
//! # The embargo
//!
//! It is a deploy freeze period (<https://docs.gitlab.com/user/project/releases/#prevent-unintentional-releases-by-setting-a-deploy-freeze>). All that GitLab
//! does with one is to set `CI_DEPLOY_FREEZE` in pipelines that are *created* while it lasts, in the whole project: a job is kept from
//! running only by rules that heed it, and jobs of older pipelines can still be played.
//!
//! ```yaml
//! deploy_live:
//!   environment: live
//!   rules:
//!     - if: $CI_DEPLOY_FREEZE
//!       when: never
//!     - when: manual
//! ```
//!
//! Therefore whoever lays the embargo looks afterwards that nothing is under way, and goes on looking.
//!
//! # How many requests
//!
//! Reading any number of variables is one request (of 100 variables each); changing one is two. Looking at an environment is three side by
//! side. Starting a deployment is six, following it two each time.

mod answer;
mod attempt;
mod client;
mod deploy;
mod embargo;
mod masking;
mod options;
mod period;
mod refusal;
mod releases;
mod schedules;
mod settings;
mod side;
mod wire;

pub use options::{GitLabEnvironment, GitLabOptions, SetupError, TOKEN_VARIABLE};
pub use side::GitLab;
