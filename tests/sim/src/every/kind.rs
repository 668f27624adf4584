//! The kinds of run, each with its pair, what must happen before it, and who comes after it.

use std::time::Duration;

use switchover::port::Method;
use switchover_tests::fake::Absence;

use crate::scenario::{Command, Shape};

/// What is run while it is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The roles swap.
    Switchover,
    /// The roles swap with a release.
    Release,
    /// The end of a release.
    Finalize,
    /// The roles swap back.
    Revert,
    /// Production is gone.
    Failover,
    /// Production answers and is given up all the same.
    Deposed,
    /// The lost side becomes the stand-by.
    Reprotect,
    /// Data flows to the stand-by.
    Sync,
    /// Everything is tried that moves nobody.
    Drill,
    /// TTLs are lowered.
    Prepare,
}

/// What happens before a kind is run, or around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Somebody types this, and nothing goes wrong.
    Typed(Command),
    /// Production is lost in this way.
    Lost(Absence),
    /// Whatever was lost answers again.
    Back,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Switchover,
        Self::Release,
        Self::Finalize,
        Self::Revert,
        Self::Failover,
        Self::Deposed,
        Self::Reprotect,
        Self::Sync,
        Self::Drill,
        Self::Prepare,
    ];

    /// Its word in a case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Switchover => "switchover",
            Self::Release => "release",
            Self::Finalize => "finalize",
            Self::Revert => "revert",
            Self::Failover => "failover",
            Self::Deposed => "deposed",
            Self::Reprotect => "reprotect",
            Self::Sync => "sync",
            Self::Drill => "drill",
            Self::Prepare => "prepare",
        }
    }

    pub(crate) fn command(self) -> Command {
        match self {
            Self::Switchover => Command::Switchover,
            Self::Release => Command::Release,
            Self::Finalize => Command::Finalize,
            Self::Revert => Command::Revert,
            Self::Failover | Self::Deposed => Command::Failover,
            Self::Reprotect => Command::Reprotect,
            Self::Sync => Command::Sync,
            Self::Drill => Command::Drill,
            Self::Prepare => Command::Prepare,
        }
    }

    pub(crate) fn before(self) -> &'static [Before] {
        match self {
            Self::Switchover | Self::Release | Self::Deposed | Self::Sync | Self::Prepare => &[],
            Self::Finalize => &[Before::Typed(Command::Release)],
            Self::Revert => &[Before::Typed(Command::Switchover)],
            Self::Failover => &[Before::Lost(Absence::Gone)],
            Self::Reprotect => &[Before::Lost(Absence::Gone), Before::Typed(Command::Failover), Before::Back],
            Self::Drill => &[Before::Typed(Command::Sync)],
        }
    }

    pub(crate) fn shape(self) -> Shape {
        let stores = match self {
            Self::Switchover | Self::Failover | Self::Reprotect | Self::Deposed => {
                vec![Method::Snapshot, Method::Streaming]
            }
            Self::Release | Self::Finalize => vec![Method::Streaming],
            Self::Revert => vec![Method::Mirror],
            Self::Sync => vec![Method::Snapshot, Method::Mirror, Method::Streaming],
            Self::Drill => vec![Method::Snapshot],
            Self::Prepare => vec![],
        };
        Shape {
            staging: false,
            endpoints: 1,
            ttl: if self == Self::Prepare { 120 } else { 60 },
            latency: Duration::from_millis(100),
            in_flight: Duration::from_secs(5),
            stores,
            delivery: matches!(self, Self::Release | Self::Finalize),
            beat: Duration::from_millis(510),
        }
    }
}

/// What whoever comes next types, once the process that was struck is gone or has given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Next {
    /// `--resume`, at once.
    Resume,
    /// `--resume`, when every lease has run out.
    Late,
    /// `--abort`: taken back, or closed and reverted where it has moved somebody.
    Abort,
}

impl Next {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Resume, Self::Late, Self::Abort];

    /// Its word in a case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Late => "late",
            Self::Abort => "abort",
        }
    }

    /// How long after.
    pub(crate) fn after(self) -> Duration {
        match self {
            Self::Resume | Self::Abort => Duration::from_secs(1),
            Self::Late => Duration::from_secs(200),
        }
    }
}
