//! The command line of `sync-data`.

use std::path::PathBuf;

use clap::{Args, Parser};
use switchover::config::Period;
use switchover::model::{BackupKey, EnvironmentName, SideName};

use super::{Common, EXIT_CODES};

/// Bring the data of the stand-by up to date.
///
/// Data flows from the side that is production at the moment of the run, by what DNS says, to the other one; never back. Without a
/// terminal nothing is written unless something is wrong, so that the line may stand in a crontab, on both sides for good.
#[derive(Debug, Parser)]
#[command(
    name = "sync-data",
    version,
    after_help = EXIT_CODES,
    after_long_help = concat!(
        "Examples:\n",
        "  sync-data --dry-run                   show what would be done\n",
        "  sync-data gigadb files                sync one store of one pair\n",
        "  sync-data gigadb live/metadata --key 202611211430\n",
        "                                        make the backup of that key if there is none, and restore it\n",
        "  sync-data --side sydney --scheduled   for sydney's crontab: does nothing while sydney is production\n",
        "  sync-data --schedules                 run every schedule of the file until interrupted\n",
        "  sync-data --list                      list the backups\n",
        "  sync-data --verify 20261121           read a backup and compare it with its manifest\n",
        "  sync-data --prune --dry-run           say which backups would be removed, and why\n\n",
        "Exit codes:\n",
        "  0 done, or nothing to do        5 declined                        8 outcome unknown\n",
        "  1 failed, old data untouched    6 refused by a safety gate       64 usage\n",
        "                                  7 another run holds the pair     78 configuration\n",
        "  4 a swap stopped part-way                                       130 interrupted"
    )
)]
#[expect(clippy::struct_excessive_bools, reason = "command-line flags")]
pub struct SyncData {
    /// The pair, which may be left out if the file has one, and then the stores: `files` or `live/files`; all if left out
    #[arg(value_name = "PAIR] [STORE")]
    pub names: Vec<String>,
    /// What to do
    #[command(flatten)]
    pub task: Task,
    /// Only this environment; may be given several times
    #[arg(short, long = "environment", value_name = "NAME")]
    pub environments: Vec<EnvironmentName>,
    /// Only while this side is the stand-by: otherwise end quietly with 0
    #[arg(long, value_name = "SIDE")]
    pub side: Option<SideName>,
    /// The key of the backup: `YYYYMMDD` or `YYYYMMDDHHMM`; the minute of the run (UTC) if left out
    #[arg(long, value_name = "KEY", conflicts_with_all = ["scheduled", "schedules", "list", "verify", "prune"])]
    pub key: Option<BackupKey>,
    /// Take the key from the schedule: the day, in its time zone
    #[arg(long, conflicts_with_all = ["schedules", "list", "verify", "prune"])]
    pub scheduled: bool,
    /// Compare all content afterwards, due or not; with --verify, restore the backup beside the data to do so
    #[arg(long)]
    pub content: bool,
    /// Write over the stand-by's data even where it holds what production does not (needs --reason)
    #[arg(long, requires = "reason")]
    pub overwrite: bool,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Say what would be done and change nothing
    #[arg(short = 'n', long, conflicts_with_all = ["list", "verify", "schedules"])]
    pub dry_run: bool,
    /// How long to wait for another run of the pair to end
    #[arg(long, value_name = "PERIOD", default_value = "10m")]
    pub wait: Period,
    /// Write figures for Prometheus into this file, for the textfile collector of its node exporter
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// What every command takes
    #[command(flatten)]
    pub common: Common,
}

/// What `sync-data` is to do; one sync if nothing is named.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub struct Task {
    /// Run every schedule of the file in this process, until interrupted
    #[arg(long)]
    pub schedules: bool,
    /// List the backups
    #[arg(long)]
    pub list: bool,
    /// Read a backup and compare it with its manifest
    #[arg(long, value_name = "KEY")]
    pub verify: Option<BackupKey>,
    /// Remove the backups that `keep` does not keep
    #[arg(long)]
    pub prune: bool,
}
