//! Runs a program: without a shell, in a process group of its own, to its end or to the end of its time.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use switchover::model::{EnvironmentName, SideName};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The end of what a program prints that is kept.
const KEPT: usize = 16 << 10;
/// How long what a program left behind may hold its output open after the program's own end.
const GRACE: Duration = Duration::from_millis(500);

/// What every program of a side finds in its environment. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) side: SideName,
    pub(crate) secrets: Arc<BTreeMap<String, SecretString>>,
}

impl Surroundings {
    /// A command that is ready to run, or why it is none.
    pub(crate) fn command(&self, argv: &[String], environment: &EnvironmentName) -> Result<Command, Failure> {
        let (program, arguments) = argv.split_first().ok_or(Failure::Missing)?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).kill_on_drop(false);
        command.envs(self.secrets.iter().map(|(name, secret)| (name, secret.expose_secret())));
        command.env("SWITCHOVER_SIDE", self.side.as_str());
        command.env("SWITCHOVER_ENVIRONMENT", environment.as_str());
        Ok(command)
    }
}

/// Why a program has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// None is configured.
    Missing,
    /// It could not be started.
    NotStarted(String),
    /// It ended badly; how, and the end of what it said.
    Ended(String),
    /// Its time was over, and it was ended.
    TimedOut(Duration),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("no such program is configured"),
            Self::NotStarted(why) => write!(f, "it cannot be started: {why}"),
            Self::Ended(how) => f.write_str(how),
            Self::TimedOut(limit) => write!(f, "it took longer than {limit:?} and was ended"),
        }
    }
}

/// What becomes of a child when nobody waits for it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forsaken {
    /// It is killed: its result is of no use to anybody.
    Killed,
    /// It goes on: half a deployment is worse than one that nobody watches.
    GoesOn,
}

/// A child with whatever it started.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    leader: Option<Pid>,
    forsaken: Forsaken,
}

impl Group {
    pub(crate) fn start(command: &mut Command, forsaken: Forsaken) -> Result<Self, Failure> {
        let child = command.spawn().map_err(|error| Failure::NotStarted(error.to_string()))?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, leader, forsaken })
    }

    /// Waits for the child's end; `None`: the time is over.
    pub(crate) async fn wait(&mut self, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
        timeout(limit, self.child.wait()).await.ok().transpose()
    }

    /// Ends everything in the group, at once. The child's id is not used again before it was waited for, and while anything else of the
    /// group lives its number is not either.
    pub(crate) fn kill(&mut self) {
        if let Some(leader) = self.leader.take() {
            // Everything may have ended meanwhile.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        match self.forsaken {
            Forsaken::Killed => self.kill(),
            Forsaken::GoesOn => {}
        }
    }
}

/// How a program ended, in words.
pub(crate) fn told(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Runs a short program to its end and gives what it printed.
pub(crate) async fn run(mut command: Command, limit: Duration) -> Result<String, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(&mut command, Forsaken::Killed)?;
    let (out, err) = (group.child.stdout.take(), group.child.stderr.take());
    let (out, err) = (tokio::spawn(tail(out)), tokio::spawn(tail(err)));
    let status = group.wait(limit).await.map_err(|error| Failure::Ended(error.to_string()))?;
    // What it left behind would hold its output open.
    group.kill();
    let heard = |reader: tokio::task::JoinHandle<Vec<u8>>| async {
        let bytes = timeout(GRACE, reader).await.ok().and_then(Result::ok).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (out, err) = (heard(out).await, heard(err).await);
    match status {
        None => Err(Failure::TimedOut(limit)),
        Some(status) if status.success() => Ok(out),
        Some(status) => {
            let said = if err.trim().is_empty() { &out } else { &err };
            let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let line: String = line.chars().take(300).flat_map(char::escape_debug).collect();
            Err(Failure::Ended(format!("{}: {line}", told(status))))
        }
    }
}

/// Reads to the end and keeps the end of it.
async fn tail(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return kept };
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
    kept
}
