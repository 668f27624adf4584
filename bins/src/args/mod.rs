//! The command lines, as types.

mod gates;
mod sync;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use switchover::config::Period;
use switchover::model::{
    AnnouncerName, EnvironmentName, GroupName, PairName, ReleaseName, RunId, SideName, ZoneName,
};
use switchover::plan::PlanDigest;

use crate::commands::SideWish;

pub use gates::Gates;
pub(crate) use gates::flag_of;
pub use sync::{SyncData, Task};

const EXIT_CODES: &str = "\
Exit codes: 0 done, or nothing to do · 1 failed, nothing changed ·
  2 changes pending (--detailed-exitcode) · 3 failed, undone · 4 stopped part-way: --resume or --abort ·
  5 declined · 6 refused by a safety gate · 7 another run holds the pair · 8 outcome unknown ·
  64 usage · 78 configuration · 130 interrupted";

/// In which form data goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
    /// Markdown.
    Markdown,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set; everywhere if `CLICOLOR_FORCE` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The configuration file
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "SWITCHOVER_CONFIG",
        default_value = "switchover.toml",
        global = true
    )]
    pub config: PathBuf,
    /// How data is written to standard output
    #[arg(short, long, value_enum, default_value_t = Output::Table, global = true)]
    pub output: Output,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true)]
    pub color: Color,
}

/// Swap the roles of a hot-standby pair.
///
/// Shows the plan with its real values, asks, and swaps: DNS records move between the two sides' addresses, every
/// authoritative server is read back, and the old side is held until the old TTL has passed.
#[derive(Debug, Parser)]
#[command(
    name = "swap-roles",
    version,
    after_help = EXIT_CODES,
    after_long_help = concat!(
        "Examples:\n",
        "  swap-roles --dry-run                  show what would be done, and the plan's digest\n",
        "  swap-roles --prepare                  lower the TTLs ahead of a swap\n",
        "  swap-roles gigadb -e staging          swap one environment\n",
        "  swap-roles gigadb --to sydney --yes   make sydney production; nothing to do if it is\n",
        "  swap-roles --release v4.4.0           deploy to the stand-by, wait for approvals, swap\n",
        "  swap-roles --finalize                 end that release: the former production gets it too\n",
        "  swap-roles --plan-digest 3f9a1c0b72de --yes\n",
        "                                        run exactly the plan that was reviewed\n",
        "  swap-roles --drill                    try all that moves nobody, and see how long it takes\n",
        "  swap-roles --resume                   go on with a run that was cut off\n",
        "  swap-roles --revert                   take the latest swap back\n",
        "  swap-roles --failover --accept-data-loss 14h --reason \"region is down\"\n",
        "                                        make the stand-by production, production or no\n",
        "  swap-roles --reprotect                make the side that was lost the stand-by\n\n",
        "Exit codes:\n",
        "  0 done, or nothing to do        5 declined                        8 outcome unknown\n",
        "  1 failed, nothing changed       6 refused by a safety gate       64 usage\n",
        "  2 changes pending (--detailed-exitcode)                          78 configuration\n",
        "  3 failed, undone                7 another run holds the pair    130 interrupted\n",
        "  4 stopped part-way: --resume or --abort"
    )
)]
#[expect(clippy::struct_excessive_bools, reason = "command-line flags")]
pub struct SwapRoles {
    /// The pair; may be left out if the file has one
    pub pair: Option<PairName>,
    /// What to do
    #[command(flatten)]
    pub mode: Mode,
    /// What to swap
    #[command(flatten)]
    pub scope: Scope,
    /// Rehearse everything that moves nobody, and report what works and how long each step takes
    #[arg(long, conflicts_with_all = ["mode", "at", "to"])]
    pub drill: bool,
    /// Deploy this release to the stand-by first, and take it into production; with --drill, only look whether that could be done
    #[arg(long, value_name = "RELEASE", conflicts_with = "mode")]
    pub release: Option<ReleaseName>,
    /// Move nobody before this moment, such as 2026-12-01T02:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "mode")]
    pub at: Option<Timestamp>,
    /// The safety gates that are opened by name
    #[command(flatten)]
    pub gates: Gates,
    /// Show the plan and do nothing
    #[arg(short = 'n', long, conflicts_with_all = ["resume", "abort"])]
    pub dry_run: bool,
    /// Write the same as commands for people into this file before the run begins, for when this program is not there; `-` or no FILE:
    /// to standard output, with --dry-run instead of the plan
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", conflicts_with_all = ["resume", "abort", "drill"])]
    pub fallback: Option<PathBuf>,
    /// Answer the question with yes; opens no safety gate
    #[arg(short, long)]
    pub yes: bool,
    /// Run only the plan with this digest (at least its first 12 digits)
    #[arg(long, value_name = "DIGEST")]
    pub plan_digest: Option<PlanDigest>,
    /// Why, for the journal and the report
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// With --dry-run: end with code 2 if there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// What every command takes
    #[command(flatten)]
    pub common: Common,
}

/// What `swap-roles` is to do; a swap if nothing is named.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "mode", multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "command-line flags, resolved into one enum at once")]
pub struct Mode {
    /// Lower the TTLs ahead of a swap, and wait until the old ones have passed
    #[arg(long)]
    pub prepare: bool,
    /// Set lowered TTLs back without a swap
    #[arg(long)]
    pub restore_ttl: bool,
    /// Take the latest swap back
    #[arg(long)]
    pub revert: bool,
    /// End the latest release: deploy it to the former production too, and let data flow there again
    #[arg(long)]
    pub finalize: bool,
    /// Make the stand-by production while production may be gone: nothing waits for it, and what may be lost must be accepted
    #[arg(long)]
    pub failover: bool,
    /// Make the side that a failover gave up the stand-by: freeze it, keep what diverged there, bring it up to date
    #[arg(long)]
    pub reprotect: bool,
    /// Go on with a run that was cut off
    #[arg(long)]
    pub resume: bool,
    /// Take a run back that was cut off; past its point of no return, close it and plan the way back
    #[arg(long)]
    pub abort: bool,
}

/// What to swap.
#[derive(Debug, Clone, Default, Args)]
pub struct Scope {
    /// Only this environment; may be given several times
    #[arg(short, long = "environment", value_name = "NAME")]
    pub environments: Vec<EnvironmentName>,
    /// The side that shall be production; the other one than now if left out
    #[arg(
        long,
        value_name = "SIDE",
        conflicts_with_all = ["prepare", "restore_ttl", "revert", "finalize", "reprotect", "resume", "abort"]
    )]
    pub to: Option<SideName>,
}

impl Scope {
    /// The environments as a set.
    pub fn environments(&self) -> BTreeSet<EnvironmentName> {
        self.environments.iter().cloned().collect()
    }
}

/// Look at hot-standby pairs: who is production, what is wrong, what was done.
#[derive(Debug, Parser)]
#[command(name = "switchover", version, after_help = EXIT_CODES, subcommand_required = true, arg_required_else_help = true)]
pub struct Switchover {
    /// The command
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes
    #[command(flatten)]
    pub common: Common,
}

/// The commands of `switchover`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented configuration file from a few questions, or from what is there
    Init(Init),
    /// Preflight: check the file, both sides, every record and every credential; change nothing
    Check {
        /// The pair; may be left out if the file has one
        pair: Option<PairName>,
        /// Check the file only, without asking any system
        #[arg(long)]
        offline: bool,
    },
    /// Show who is production, where every name leads, and what is wrong
    Status {
        /// The pair; all of the file if left out
        pair: Option<PairName>,
        /// Show it again every few seconds until interrupted
        #[arg(long)]
        watch: bool,
        /// The role table in a document
        #[command(flatten)]
        document: Document,
    },
    /// Send the announcers of a pair a message that says that it is a test
    Announce(Announce),
    /// Show the plan of a swap and its digest, as `swap-roles --dry-run`
    Plan {
        /// The pair; may be left out if the file has one
        pair: Option<PairName>,
        /// What to swap
        #[command(flatten)]
        scope: PlanScope,
        /// End with code 2 if there is something to do
        #[arg(long)]
        detailed_exitcode: bool,
        /// Show the same as commands that a person can follow without Switchover, as Markdown
        #[arg(long)]
        fallback: bool,
    },
    /// List the runs of a pair
    History {
        /// The pair; may be left out if the file has one
        pair: Option<PairName>,
        /// List every entry of the journal instead
        #[arg(long)]
        entries: bool,
    },
    /// Report one run from the journal
    Report {
        /// The run; the latest if left out
        run: Option<RunId>,
        /// The pair; may be left out if the file has one
        #[arg(long)]
        pair: Option<PairName>,
    },
    /// Check the hash chain of a pair's journal
    Verify {
        /// The pair; may be left out if the file has one
        pair: Option<PairName>,
    },
    /// Approve the run that waits, for a group that you belong to; or take your approval back
    Approve(Approve),
    /// Say that the run that waits must not happen: it is undone
    Reject(Reject),
    /// List the backups of a pair's stores, and say why each is kept
    Backups {
        /// The pair; may be left out if the file has one
        pair: Option<PairName>,
    },
    /// Show when each store is synced next and how the last time went; or write lines for cron and systemd
    Timers(Timers),
    /// About the configuration file
    Config {
        /// What about it
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Write shell completions to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
        /// The program to complete
        #[arg(long, value_enum, default_value_t = Program::Switchover)]
        program: Program,
    },
    /// Write a manual page to standard output
    Man {
        /// The program
        #[arg(value_enum, default_value_t = Program::Switchover)]
        program: Program,
    },
}

/// What is approved.
#[derive(Debug, Clone, Args)]
pub struct Approve {
    /// The pair; may be left out if the file has one
    pub pair: Option<PairName>,
    /// The group; may be left out if you belong to one of those that are asked
    #[arg(long, value_name = "GROUP")]
    pub group: Option<GroupName>,
    /// Approve only the plan with this digest (at least its first 12 digits)
    #[arg(long, value_name = "DIGEST", conflicts_with = "withdraw")]
    pub plan_digest: Option<PlanDigest>,
    /// For how long the approval counts; as long as the run waits if left out
    #[arg(long, value_name = "PERIOD", conflicts_with = "withdraw")]
    pub expires: Option<Period>,
    /// Take your approval back
    #[arg(long)]
    pub withdraw: bool,
    /// What you looked at, for the report
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
}

/// What is rejected.
#[derive(Debug, Clone, Args)]
pub struct Reject {
    /// The pair; may be left out if the file has one
    pub pair: Option<PairName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// What becomes of the role table in a document.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct Document {
    /// Make the role table between the pair's two markers of this Markdown document true, instead of showing anything
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    pub write: Option<PathBuf>,
    /// Show how the role table of this Markdown document differs from what is so, and end with code 1 if it does
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    pub check: Option<PathBuf>,
}

impl Document {
    /// Whether one was named.
    pub fn is_wanted(&self) -> bool {
        self.write.is_some() || self.check.is_some()
    }
}

/// Whom `switchover announce` tells what.
#[derive(Debug, Clone, Args)]
pub struct Announce {
    /// The pair; may be left out if the file has one
    pub pair: Option<PairName>,
    /// Say that it is a test; people are told of swaps by the swaps themselves
    #[arg(long, required = true)]
    pub test: bool,
    /// Only this announcer; may be given several times
    #[arg(long, value_name = "NAME")]
    pub to: Vec<AnnouncerName>,
}

/// What `switchover timers` shows or writes.
#[derive(Debug, Clone, Args)]
pub struct Timers {
    /// The pair; all of the file if left out
    pub pair: Option<PairName>,
    /// Write what makes cron or systemd run the schedules, instead of the table
    #[arg(long, value_enum, value_name = "WHAT")]
    pub units: Option<UnitsFor>,
    /// With --units: the side that the machine belongs to; it does nothing while that side is production
    #[arg(long, value_name = "SIDE", requires = "units")]
    pub side: Option<SideName>,
    /// With --units: the user that runs it; root if left out of a unit, and the crontab's owner if left out of a line for cron
    #[arg(long, value_name = "USER", requires = "units")]
    pub user: Option<String>,
    /// With --units systemd: a file of `NAME=value` lines with the secrets that the configuration takes from the environment
    #[arg(long, value_name = "FILE", requires = "units")]
    pub environment_file: Option<PathBuf>,
    /// With --units systemd: a folder that a sync writes to (the journal's, the backups', the stand-by's files); if some are named, all
    /// else is read-only to it
    #[arg(long, value_name = "DIR", requires = "units")]
    pub writable: Vec<PathBuf>,
}

/// Who is to run the schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UnitsFor {
    /// Debian's and Ubuntu's cron, which knows no time zone but the machine's.
    Cron,
    /// cronie, which takes `CRON_TZ`.
    Cronie,
    /// systemd: a service and a timer for each schedule.
    Systemd,
}

/// What `switchover plan` swaps.
#[derive(Debug, Clone, Args)]
pub struct PlanScope {
    /// Only this environment; may be given several times
    #[arg(short, long = "environment", value_name = "NAME")]
    pub environments: Vec<EnvironmentName>,
    /// The side that shall be production; the other one than now if left out
    #[arg(long, value_name = "SIDE")]
    pub to: Option<SideName>,
    /// The release that the stand-by gets first
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<ReleaseName>,
}

/// About the configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write the JSON Schema of the file, for editors and checks
    Schema,
}

/// The programs that have completions and a manual page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    /// The operator's view.
    Switchover,
    /// The one-shot swap.
    SwapRoles,
    /// The sync.
    SyncData,
}

/// What `switchover init` needs to know; what is left out is asked for on a terminal.
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// Where to write the file; `-` for standard output
    #[arg(value_name = "FILE", default_value = "switchover.toml")]
    pub file: PathBuf,
    /// The name of the pair
    #[arg(long)]
    pub pair: Option<PairName>,
    /// A side: its name alone, or with the AWS profile and region of its Elastic IPs, as `hongkong=Upstream/ap-east-1`, or with
    /// its networks, as `hongkong=192.0.2.0/24,198.51.100.7`; give two
    #[arg(long = "side", value_name = "SIDE[=PROFILE/REGION|=NETWORKS]")]
    pub sides: Vec<SideWish>,
    /// A zone at Cloudflare; may be given several times. Its records are read if `CLOUDFLARE_API_TOKEN` is set
    #[arg(long = "zone", value_name = "ZONE")]
    pub zones: Vec<ZoneName>,
    /// The address of Cloudflare's API, for a sandbox
    #[arg(long, value_name = "URL")]
    pub cloudflare_url: Option<String>,
    /// Overwrite a file that is there
    #[arg(long)]
    pub force: bool,
}
