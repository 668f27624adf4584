//! Runs one of PostgreSQL's programs: in a process group of its own that dies with us, its words kept.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::ExposeSecret as _;
use switchover::port::DataError;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::tools::Tool;
use crate::connect::{Server, full, says_full};
use crate::options::SslMode;

/// Lines of a program's standard error that are kept to say why it failed.
const KEPT: usize = 40;
/// The longest line that is looked at: a statement with its values can stand in one.
const LINE: u64 = 8 * 1024;

/// Where Debian keeps the system's root certificates; libpq knew no name for them before 16 (`sslrootcert=system`).
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A program that runs. Dropped, it is killed with everything that it started.
#[derive(Debug)]
struct Group {
    child: Child,
}

impl Drop for Group {
    fn drop(&mut self) {
        // `id` is `None` once the program was waited for: its number may be another's then.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = id {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// One call of a program.
#[derive(Debug)]
pub(super) struct Call {
    command: Command,
    tool: Tool,
    /// What it works on, as people know it.
    place: String,
}

impl Call {
    /// A call that needs no database.
    pub(super) fn local(tool: &Tool, place: String) -> Self {
        let mut command = Command::new(&tool.path);
        for (name, _) in std::env::vars_os().filter(|(name, _)| foreign(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        // Its words are looked at, so they must be English.
        command.env("LC_MESSAGES", "C").env_remove("LC_ALL").env_remove("LANGUAGE");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        Self { command, tool: tool.clone(), place }
    }

    /// A call that connects to a database of a server. The password goes by the environment: arguments can be seen by everybody.
    pub(super) fn on(tool: &Tool, server: &Server, database: &str, settings: &str) -> Self {
        let side = server.side();
        let mut call = Self::local(tool, server.place().to_owned());
        let command = &mut call.command;
        command
            .env("PGHOST", &side.host)
            .env("PGPORT", side.port.to_string())
            .env("PGUSER", &server.admin_login().user)
            .env("PGSSLMODE", side.sslmode.as_str())
            .env("PGAPPNAME", "switchover")
            .env("PGCONNECT_TIMEOUT", "10")
            .env("PGOPTIONS", settings);
        if let Some(password) = &server.admin_login().password {
            command.env("PGPASSWORD", password.expose_secret());
        }
        if side.sslmode == SslMode::VerifyFull {
            match &side.root_certificate {
                Some(path) => command.env("PGSSLROOTCERT", path),
                None => command.env("PGSSLROOTCERT", ROOTS),
            };
        }
        // A dead network is noticed after half a minute, not after two hours.
        command.arg(format!(
            "--dbname=dbname='{}' keepalives_idle=10 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=30000",
            database.replace('\\', "\\\\").replace('\'', "\\'")
        ));
        call
    }

    /// Adds arguments.
    pub(super) fn args<S: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Gives it a file as its standard input: the lock of what it writes.
    pub(super) fn holding(mut self, lock: File) -> Self {
        self.command.stdin(lock);
        self
    }

    /// Has it run in a directory. It stays in it when the directory gets another name.
    pub(super) fn inside(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it to its end. `heard` gets each line of its standard error.
    pub(super) async fn run(self, heard: impl FnMut(&str) + Send) -> Result<(), DataError> {
        self.start()?.end(heard).await
    }

    /// Starts it.
    pub(super) fn start(mut self) -> Result<Running, DataError> {
        Ok(Running { group: self.spawn()?, call: self })
    }

    /// Runs it to its end; `heard` gets each line of its standard output.
    pub(super) async fn lines(mut self, mut heard: impl FnMut(&str) + Send) -> Result<(), DataError> {
        self.command.stdout(Stdio::piped());
        let mut group = self.spawn()?;
        let (Some(stdout), Some(stderr)) = (group.child.stdout.take(), group.child.stderr.take()) else {
            return Err(self.failed("it has no output"));
        };
        let read = async {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                heard(&line);
            }
        };
        let mut unheard = |_: &str| {};
        let ((), said) = futures_util::join!(read, listen(stderr, &mut unheard));
        self.end(group, &said).await
    }

    fn spawn(&mut self) -> Result<Group, DataError> {
        match self.command.spawn() {
            Ok(child) => Ok(Group { child }),
            Err(error) => Err(DataError::Unfit {
                place: self.tool.path.display().to_string(),
                why: format!("it cannot be run: {error}"),
                advice: None,
            }),
        }
    }

    async fn end(&self, mut group: Group, said: &Said) -> Result<(), DataError> {
        match group.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(said.failure(&self.tool, &self.place, status)),
            Err(error) => Err(self.failed(&format!("waiting for it failed: {error}"))),
        }
    }

    fn failed(&self, why: &str) -> DataError {
        DataError::Failed { place: self.place.clone(), why: format!("{}: {why}", self.tool.program) }
    }
}

/// A call that was started. Dropped, the program is killed.
#[derive(Debug)]
pub(super) struct Running {
    group: Group,
    call: Call,
}

impl Running {
    /// Waits for its end. `heard` gets each line of its standard error.
    pub(super) async fn end(mut self, mut heard: impl FnMut(&str) + Send) -> Result<(), DataError> {
        let Some(stderr) = self.group.child.stderr.take() else {
            return Err(self.call.failed("it has no standard error"));
        };
        let said = listen(stderr, &mut heard).await;
        self.call.end(self.group, &said).await
    }
}

/// Variables that would change what a program does: the operator's own connection, options and service file.
fn foreign(name: &str) -> bool {
    name.starts_with("PG") && name != "PGPASSFILE"
}

async fn listen(stderr: ChildStderr, heard: &mut (impl FnMut(&str) + Send)) -> Said {
    let mut reader = BufReader::new(stderr);
    let mut said = Said::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return said,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                heard(text);
                said.note(text);
            }
        }
    }
}

/// What a program said on its standard error, but for its progress.
#[derive(Debug, Default)]
struct Said {
    lines: VecDeque<String>,
}

impl Said {
    /// The first lines count: what follows is mostly the others' dying.
    fn note(&mut self, line: &str) {
        let about = |word: &str| line.contains(word);
        if self.lines.len() < KEPT
            && (about("error: ")
                || about("detail: ")
                || about("hint: ")
                || about("ERROR:")
                || about("FATAL:")
                || about("DETAIL:")
                || about("HINT:")
                || about("No space left"))
        {
            self.lines.push_back(line.to_owned());
        }
    }

    /// The first error with its details.
    fn why(&self) -> Option<String> {
        let first = self.lines.iter().position(|line| line.contains("error: "))?;
        let more = self.lines.iter().skip(first + 1).take_while(|line| !line.contains("error: "));
        let words: Vec<&str> =
            std::iter::once(&self.lines[first]).chain(more).map(|line| plain(line)).collect();
        Some(words.join("; "))
    }

    fn failure(&self, tool: &Tool, place: &str, status: ExitStatus) -> DataError {
        let why = match self.why().or_else(|| self.lines.front().cloned()) {
            Some(why) => format!("{}: {why}", tool.program),
            None => format!("{} ended with {status} and said nothing", tool.program),
        };
        let any = |words: &[&str]| words.iter().any(|word| self.lines.iter().any(|line| line.contains(word)));
        let place = place.to_owned();
        if self.lines.iter().any(|line| says_full(line)) {
            return full(place, &why);
        }
        if any(&["server version mismatch", "unsupported version"]) {
            return DataError::Unfit { place, why, advice: Some("install a newer postgresql-client".into()) };
        }
        if any(&[
            "server closed the connection",
            "could not connect",
            "connection to server",
            "terminating connection",
            "connection not open",
            "could not receive data",
            "could not send data",
            "SSL connection has been closed",
            "the database system is",
            "Connection reset",
            "lost synchronization",
            "timed out",
        ]) {
            return DataError::Unreachable { place, why };
        }
        if any(&["permission denied", "must be owner", "must be superuser", "must be member"]) {
            return DataError::Unauthorized { place, why };
        }
        DataError::Failed { place, why }
    }
}

/// A line without the program's name at its start.
fn plain(line: &str) -> &str {
    line.split_once("error: ")
        .or_else(|| line.split_once("detail: "))
        .or_else(|| line.split_once("hint: "))
        .map_or(line, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::super::tools::Program;
    use super::*;

    fn failure(lines: &[&str]) -> DataError {
        let mut said = Said::default();
        for line in lines {
            said.note(line);
        }
        let tool = Tool {
            program: Program::Dump,
            path: "/usr/bin/pg_dump".into(),
            major: 15,
            version: "15.18".into(),
        };
        said.failure(&tool, "db:5432/gigadb", ExitStatus::from_raw(256))
    }

    #[test]
    fn the_first_error_is_told_with_its_details() {
        let error = failure(&[
            "pg_dump: last built-in OID is 16383",
            "pg_dump: error: Dumping the contents of table \"file\" failed: PQgetCopyData() failed.",
            "pg_dump: detail: Error message from server: server closed the connection unexpectedly",
            "pg_dump: error: a worker process died unexpectedly",
        ]);
        assert_eq!(
            error.to_string(),
            "db:5432/gigadb: pg_dump: Dumping the contents of table \"file\" failed: PQgetCopyData() failed.; \
             Error message from server: server closed the connection unexpectedly"
        );
        assert!(matches!(error, DataError::Unreachable { .. }));
    }

    #[test]
    fn a_full_disk_and_an_old_tool_are_named() {
        let full = failure(&["pg_dump: error: could not write to file: No space left on device"]);
        assert!(full.to_string().contains("the disk is full"), "{full}");
        let old = failure(&[
            "pg_dump: error: server version: 16.1; pg_dump version: 15.18",
            "pg_dump: error: aborting because of server version mismatch",
        ]);
        assert!(matches!(old, DataError::Unfit { .. }), "{old}");
        assert!(failure(&[]).to_string().contains("ended with exit status: 1 and said nothing"));
    }
}
