//! The edge: everything between a terminal and the library `switchover`.
//!
//! ```text
//! arguments ──► config file ──► registry (providers) ──► engine ──► what people and machines read, exit code
//!   args          load            registry               commands      render, exit
//! ```
//!
//! The programs in `src/bin` are a few lines each. Hints, colours, prompts and exit codes live here and nowhere else; core and the
//! providers know nothing of terminals, files or the environment.

pub mod args;
mod commands;
mod exit;
mod fallback;
mod load;
pub mod metrics;
mod prompt;
mod registry;
mod render;
mod secret;
mod session;
mod signals;
mod timetable;
pub mod units;

pub use commands::{swap_roles, switchover, sync_data};
pub use exit::{Exit, Stop};
