//! Exit codes, and the errors that lead to them.

use std::process::ExitCode;

use switchover::config::Period;
use switchover::execute::RunError;
use switchover::journal::{JournalError, Outcome};
use switchover::model::PairError;
use switchover::plan::{PlanError, to_accept};
use switchover::port::DataError;

/// How a program ends. The numbers are documented in `docs/exit-codes.md` and are promised to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed; nothing was changed.
    Failed = 1,
    /// Changes are pending (only with `--detailed-exitcode`).
    Pending = 2,
    /// Failed; what was done was undone.
    Undone = 3,
    /// Stopped part-way: `--resume` or `--abort`.
    PartWay = 4,
    /// Somebody said no.
    Declined = 5,
    /// Refused by a safety gate.
    Refused = 6,
    /// Another run holds the pair.
    Busy = 7,
    /// What became of a change is not known.
    Unknown = 8,
    /// The command line is wrong.
    Usage = 64,
    /// The configuration is wrong.
    Config = 78,
    /// Interrupted at a safe point.
    Interrupted = 130,
}

impl Exit {
    /// Every way, in the order of the numbers.
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::Failed,
        Self::Pending,
        Self::Undone,
        Self::PartWay,
        Self::Declined,
        Self::Refused,
        Self::Busy,
        Self::Unknown,
        Self::Usage,
        Self::Config,
        Self::Interrupted,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it says, in the words of the documentation.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing to do",
            Self::Failed => "failed, nothing changed",
            Self::Pending => "changes pending",
            Self::Undone => "failed, undone",
            Self::PartWay => "stopped part-way",
            Self::Declined => "declined",
            Self::Refused => "refused by a safety gate",
            Self::Busy => "another run holds the pair",
            Self::Unknown => "outcome unknown",
            Self::Usage => "usage",
            Self::Config => "configuration",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command stops before its end: what a person reads, what to do next, and the exit code.
#[derive(Debug)]
pub struct Stop {
    /// The code.
    pub exit: Exit,
    /// What is wrong and where; empty if it was said already.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Stop {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// Everything was said already.
    pub(crate) fn said(exit: Exit) -> Self {
        Self::new(exit, String::new())
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        let message = error.to_string();
        match error {
            JournalError::Taken { .. } => {
                Self::new(Exit::Busy, message).hint("wait for the other run; `switchover status` shows it")
            }
            JournalError::Broken { .. } => Self::new(Exit::Failed, message).hint(
                "the journal was changed by something else; bring it back from a backup, or move the file away and \
                 compare `switchover status` with what you know before you go on",
            ),
            JournalError::Store(_) | JournalError::Illegal(_) => Self::new(Exit::Failed, message),
        }
    }
}

impl From<DataError> for Stop {
    fn from(error: DataError) -> Self {
        let exit = match error {
            DataError::Guarded { .. } | DataError::Lost | DataError::Lapsed { .. } => Exit::Refused,
            DataError::Unknown { .. } => Exit::Unknown,
            DataError::Unreachable { .. }
            | DataError::Unauthorized { .. }
            | DataError::Unfit { .. }
            | DataError::NotFrozen { .. }
            | DataError::Failed { .. }
            | DataError::BadBackup { .. } => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Journal(error) => error.into(),
            RunError::Busy { .. } => Self::new(Exit::Busy, error.to_string())
                .hint("wait for it; `switchover status` shows how far it is"),
            RunError::NothingOpen => Self::new(Exit::Done, "no run is open: there is nothing to do"),
            RunError::PastPivot { .. } => Self::new(Exit::Refused, error.to_string()).hint(
                "`swap-roles --resume` goes on; `swap-roles --abort` closes the run and plans the way back",
            ),
            RunError::BeforePivot { .. } => {
                Self::new(Exit::Refused, error.to_string()).hint("`swap-roles --abort` takes it back")
            }
            RunError::Id(error) => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

/// The side or environment that was probably meant.
fn meant(unknown: &PairError) -> Option<String> {
    let (asked, known) = match unknown {
        PairError::UnknownSide { side, known, .. } => (side.as_str(), known),
        PairError::UnknownEnvironment { environment, known, .. } => (environment.as_str(), known),
    };
    let near = known.split(", ").map(|name| (strsim::damerau_levenshtein(asked, name), name)).min()?;
    (near.0 <= (asked.chars().count() / 3).max(1)).then(|| format!("did you mean `{}`?", near.1))
}

impl From<PlanError> for Stop {
    fn from(error: PlanError) -> Self {
        let message = error.to_string();
        match error {
            PlanError::Unknown(unknown) => {
                let stop = Self::new(Exit::Usage, message);
                Self { hint: meant(&unknown), ..stop }
            }
            PlanError::RunOpen(_) => Self::new(Exit::PartWay, message)
                .hint("go on with `swap-roles --resume`, or take it back with `--abort`"),
            PlanError::NoSuchStore(_) => {
                Self::new(Exit::Usage, message).hint("`switchover timers` lists the stores")
            }
            PlanError::NoWindow(_) => {
                Self::new(Exit::Refused, message).hint("`--skip-window` waits for none; it needs `--reason`")
            }
            PlanError::NoSuchGroup { .. } => Self::new(Exit::Usage, message),
            PlanError::Unfit(_)
            | PlanError::NothingToRevert(_)
            | PlanError::NoProduction(_)
            | PlanError::NoReleases(_)
            | PlanError::Owed(_) => Self::new(Exit::Refused, message),
            PlanError::NothingToFinalize => {
                Self::new(Exit::Done, format!("{message}: there is nothing to do"))
            }
            PlanError::ReleasesDiffer { .. } => {
                Self::new(Exit::Refused, message).hint("for example `--environment live`")
            }
            PlanError::ReleaseOpen { .. } => Self::new(Exit::Refused, message)
                .hint("`swap-roles --finalize` ends the release, `swap-roles --revert` takes it back"),
            PlanError::NotRehearsed { ref on, .. } => {
                let hint = format!("do the same there first: `swap-roles --environment {on}`");
                Self::new(Exit::Refused, message).hint(hint)
            }
            PlanError::StillLost { .. } => Self::new(Exit::Refused, message)
                .hint("what is owed stays written down; `switchover status` shows it"),
            PlanError::LostUnclear(_) => Self::new(Exit::Refused, message)
                .hint("`--to` with the name of the side that shall be production"),
            PlanError::NoCopy(_) => Self::new(Exit::Refused, message)
                .hint("restore a backup there by hand first, or wait for production"),
            PlanError::Unfinished(_) => Self::new(Exit::Refused, message)
                .hint("`--accept-unfinished-copy` takes it over as it is; it needs `--reason`"),
            PlanError::LossNotAccepted { losses, .. } => {
                let enough = Period(to_accept(&losses));
                Self::new(Exit::Refused, message)
                    .hint(format!("`--accept-data-loss '{enough}'` accepts that; it needs `--reason`"))
            }
            PlanError::RolesDiffer(_) => Self::new(Exit::Refused, message)
                .hint("for example `--environment staging`, or `--to` with a side's name"),
            PlanError::Unsafe(_) => {
                Self::new(Exit::Failed, message).hint("this is a fault of the program; please report it")
            }
        }
    }
}

/// The exit code of a finished run.
pub(crate) fn of_outcome(outcome: Outcome, undid_something: bool) -> Exit {
    match outcome {
        Outcome::Completed | Outcome::CompletedWithExceptions => Exit::Done,
        Outcome::Undone if undid_something => Exit::Undone,
        Outcome::Undone => Exit::Failed,
        Outcome::Abandoned | Outcome::Superseded => Exit::PartWay,
    }
}
