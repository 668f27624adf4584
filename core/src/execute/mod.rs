//! Walking a finished plan. Makes no choices: every fact goes into the journal first, and what is not there did not happen.

mod approach;
mod aside;
mod engine;
mod lease;
mod oversee;
mod probe;
mod remark;
mod run;
mod step;
mod supersede;
mod watch;

pub use engine::{Engine, HOLD, RunEnd, RunError};
pub use remark::{Remark, RemarkError};
pub use watch::{Progress, StopSignal, Unwatched, Watcher};
