//! Releases and the embargo of a side by programs of one's own, for teams that deploy without GitLab.
//!
//! ```text
//!  Releases ─► releases ─► ledger      one folder: a lock, a record and a log of each deployment
//!                 └──────► supervise   starts `deploy`, ends it with everything it started when its time is over
//!  Embargo  ─► embargo ──► program     runs the short ones to their end
//! ```
//!
//! # The programs
//!
//! Each is a list of arguments that no shell looks at. It finds `SWITCHOVER_SIDE` and `SWITCHOVER_ENVIRONMENT` in its environment, and
//! whatever secrets are configured under the names that are configured: secrets are never arguments, which every user of the machine could
//! read.
//!
//! | program | finds besides | does | exit code |
//! | -- | -- | -- | -- |
//! | `current_release` | | prints the release that runs there, or nothing if none does | 0, or it failed |
//! | `deploy` | `SWITCHOVER_RELEASE`, `SWITCHOVER_DEPLOYMENT` (a number) | deploys, and returns when that is done | 0 well, anything else badly |
//! | `embargo` | `SWITCHOVER_EMBARGO`: `impose`, `lift` or `read` | does that; for `read` prints `on` or `off` | 0, or it failed |
//!
//! Each has a process group of its own, which is killed as a whole when its time is over. What they print is kept: the end of it, for
//! messages and the report.
//!
//! # A deployment that outlives Switchover
//!
//! While `deploy` runs, it holds the lock of its environment as its standard input: an open file that it inherits, and everything that it
//! starts. It goes on when the Switchover that started it ends or is killed, and its
//! time is then nobody's to watch. A Switchover that is started again sees that the deployment is under way, and starts no second one. When such a
//! deployment ends, nobody saw how: it counts as failed, unless `current_release` names the release.

mod embargo;
mod ledger;
mod options;
mod program;
mod releases;
mod supervise;

pub use options::{CommandOptions, SetupError};
pub use releases::Command;
