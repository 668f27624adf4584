//! Every boundary × every outcome, singly and in pairs, where a seed only draws some of them.
//!
//! ```text
//!   Kind ─► a play without faults lists its boundaries ─► Case: which of them is struck, and how ─► played ─► judged as a seed is
//! ```
//!
//! A *boundary* is a moment at which a process leaves itself: a call that changes something, an entry of the journal, a look whose answer decides.
//! At each, each [`Outcome`] that is possible there is played. The next process then goes on with the run or takes it back, as [`Next`] says, and
//! at the end everything must be whole. A pair strikes a second time, at any later boundary of the first process or of the next one.
//!
//! Order and time are those of one seed, so that a case is a word that plays the same each time: `switchover/resume/12:refused,30:dies-after`.

mod case;
mod kind;
mod list;
mod perform;
mod strike;
mod wire_data;
mod wire_delivery;
mod wire_names;

pub use case::{Case, CaseError};
pub use kind::{Kind, Next};
pub use list::{Sweep, Swept, broken_by, sweep};
pub use perform::{Ended, judged_case};
pub(crate) use strike::Strikes;
pub use strike::{Outcome, Sort, Strike};
