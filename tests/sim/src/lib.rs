//! A deterministic simulation: the real core on virtual time, with people, clients, faults and crashes, all chosen by a seed.
//!
//! ```text
//!   seed ─► Scenario ─► play ─► Verdict
//!             │           │
//!             │           ├─ close      ends what is open, and looks whether the pair is whole
//!             │           ├─ judge      looks at the rules after every event
//!             │           ├─ clients    write to both sides, and remember what was acknowledged
//!             │           └─ link       each process has a network and a clock of its own; Life: it may die or sleep
//!             └─ draw     from a seed to plain data, which can be shown and cut down
//! ```
//!
//! Nothing but the seed decides: the executor has one thread, time is virtual, and the order in which tasks go on comes from the seed.
//! So a seed that fails fails again, and [`Timeline`] tells its story.
//!
//! ```
//! use switchover_sim::{Scenario, Timeline, judged};
//!
//! let verdict = judged(&Scenario::of(1), None, &Timeline::none());
//! assert!(verdict.is_ok(), "{verdict:?}");
//! ```

#![expect(
    clippy::expect_used,
    reason = "everything in this crate runs inside tests, where a panic is a failure"
)]

mod clients;
mod close;
#[cfg(feature = "cross-check")]
mod cross_check;
mod dice;
mod draw;
mod every;
mod executor;
mod judge;
mod life;
mod link;
mod many;
mod plant;
mod play;
mod regressions;
mod scenario;
mod shrink;
mod stage;
mod timeline;
mod verdict;

pub use dice::Dice;
pub use every::{
    Case, CaseError, Ended, Kind, Next, Outcome, Sort, Strike, Sweep, Swept, broken_by, judged_case, sweep,
};
pub use executor::{Executor, Task};
pub use life::{Fate, Life, Moment, Mortal};
pub use many::{Failed, Tally, first_to_find, play_many};
pub use plant::Plant;
pub use play::{Played, Under, play};
pub use regressions::{REGRESSIONS, Regression};
pub use scenario::{Command, Cut, Errand, Fault, Person, Scenario, Shape, Target, Trouble, Way};
pub use shrink::shrunk;
pub use timeline::Timeline;
pub use verdict::{Violation, judged, judged_under};
