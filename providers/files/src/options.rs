//! What the configuration says about directory trees.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;

/// A directory tree on each side, both reachable from where this runs (local disks, mounted EFS or NFS).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesOptions {
    /// The two trees, by the names of the sides.
    pub sides: BTreeMap<String, FilesSide>,
    /// How writes are refused on a side. Without it there is no freeze, and what clients write during a swap can be lost.
    #[serde(default)]
    pub freeze: FreezeOptions,
    /// How many deletions one sync may make.
    #[serde(default)]
    pub deletions: DeletionLimit,
    /// Whether each path must be a mount point, so that a disk that is not mounted is noticed before anything else is.
    #[serde(default)]
    pub require_mount: bool,
    /// How many operations may be under way at once. What takes milliseconds on a network file system takes them side by side.
    #[serde(default = "threads")]
    pub threads: u16,
    /// Whether a copy is on the disk, and not only in memory, before it is called one.
    #[serde(default = "yes")]
    pub durable: bool,
    /// Whether owner and group are kept. Only root can do that; by default they are kept if this runs as root.
    #[serde(default)]
    pub ownership: Option<bool>,
    /// How long a side may take to answer a look.
    #[serde(default = "ten_seconds")]
    pub timeout: Period,
}

/// One side's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesSide {
    /// The directory at the top. It must exist.
    pub path: PathBuf,
    /// How writes are refused on this side, if it is done in another way than on the other one.
    #[serde(default)]
    pub freeze: Option<FreezeOptions>,
}

/// How clients are kept from writing files. `flag` and `command` may be combined.
///
/// Commands are run without a shell. In their arguments `{side}` and `{path}` stand for the side's name and its path, and they find
/// `SWITCHOVER_SIDE`, `SWITCHOVER_PATH` and `SWITCHOVER_RUN` in their environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeOptions {
    /// A file that the application looks for before it writes, relative to the side's path. While it is there and the time that it
    /// names as `until` (RFC 3339; `null`: no end) has not passed, the application must refuse writes. So a freeze ends by itself.
    #[serde(default)]
    pub flag: Option<PathBuf>,
    /// A command that makes the side refuse writes (`["mount", "-o", "remount,ro", "{path}"]`). May be run again. What a command froze
    /// stays frozen until it is thawed: nothing but the engine ends it.
    #[serde(default)]
    pub command: Vec<String>,
    /// The command that lets clients write again. May be run again, also when nothing is frozen.
    #[serde(default)]
    pub thaw: Vec<String>,
    /// A command that tries to write as the application does. Exit code 0 means that the write went through, 126 and 127 that it could not
    /// be tried, and every other one that it was refused. It should write the file named in `SWITCHOVER_PROBE`, which is removed afterwards;
    /// what else it writes it must remove itself.
    #[serde(default)]
    pub probe: Vec<String>,
    /// How long each of these commands may take.
    #[serde(default = "thirty_seconds")]
    pub timeout: Period,
    /// How long a write that was under way when a freeze began may still take.
    #[serde(default = "one_second")]
    pub settle: Period,
    /// For how long, at least, nothing may change before a side counts as frozen.
    #[serde(default = "one_second")]
    pub still: Period,
    /// How far the application's clock may be behind this machine's: so much longer than the lease the flag holds.
    #[serde(default = "two_seconds")]
    pub clock_margin: Period,
}

impl FreezeOptions {
    /// Whether there is any means to refuse writes.
    pub fn guards(&self) -> bool {
        self.flag.is_some() || !self.command.is_empty()
    }
}

impl Default for FreezeOptions {
    fn default() -> Self {
        Self {
            flag: None,
            command: Vec::new(),
            thaw: Vec::new(),
            probe: Vec::new(),
            timeout: thirty_seconds(),
            settle: one_second(),
            still: one_second(),
            clock_margin: two_seconds(),
        }
    }
}

/// How many files one sync may delete at the stand-by. Beyond that it is refused before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeletionLimit {
    /// At most this share of the stand-by's files, in percent.
    #[serde(default = "thirty")]
    pub percent: u8,
    /// At most so many, whatever the share.
    #[serde(default)]
    pub files: Option<u64>,
    /// So many are always allowed, so that small trees do not trip over the percentage.
    #[serde(default = "fifty")]
    pub allowed: u64,
}

impl Default for DeletionLimit {
    fn default() -> Self {
        Self { percent: thirty(), files: None, allowed: fifty() }
    }
}

/// Why options make no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A store has two sides.
    #[error("sides names {0} sides; a store has the two of its pair")]
    Sides(usize),
    /// A side's name is none.
    #[error("sides: {0}")]
    Name(#[from] switchover::model::IdError),
    /// A flag must lie within the tree.
    #[error("flag `{}` must be a path within the side's tree, such as `maintenance.json`", .0.display())]
    Flag(PathBuf),
    /// A command that freezes without one that thaws would leave production read-only.
    #[error("freeze has a `command` and no `thaw`: what it freezes could not be opened again")]
    NoThaw,
    /// No thread, no work.
    #[error("threads must be 1 to 1024, not {0}")]
    Threads(u16),
}

fn yes() -> bool {
    true
}

fn threads() -> u16 {
    64
}

fn thirty() -> u8 {
    30
}

fn fifty() -> u64 {
    50
}

fn ten_seconds() -> Period {
    Period(Duration::from_secs(10))
}

fn thirty_seconds() -> Period {
    Period(Duration::from_secs(30))
}

fn one_second() -> Period {
    Period(Duration::from_secs(1))
}

fn two_seconds() -> Period {
    Period(Duration::from_secs(2))
}
