//! A folder to run the programs in, and what they said there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex_lite::Regex;
use tempfile::TempDir;

/// The programs.
pub(crate) const SWITCHOVER: &str = env!("CARGO_BIN_EXE_switchover");
pub(crate) const SWAP_ROLES: &str = env!("CARGO_BIN_EXE_swap-roles");
pub(crate) const SYNC_DATA: &str = env!("CARGO_BIN_EXE_sync-data");

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder with nothing of the person who runs the tests in it or around it.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// A folder with a configuration.
    pub(crate) fn with(text: &str) -> Self {
        let home = Self::new();
        home.file("switchover.toml", text);
        home
    }

    pub(crate) fn set(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let program = match words.next() {
            Some("switchover") => SWITCHOVER,
            Some("swap-roles") => SWAP_ROLES,
            Some("sync-data") => SYNC_DATA,
            other => panic!("no such program: {other:?}"),
        };
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder.path()).env_clear().env("USER", "operator");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran::of(line, &self.command(line).output().unwrap())
    }
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Ran {
    line: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(line: &str, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let ran = Self {
            line: line.to_owned(),
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        ran.keep();
        ran
    }

    /// Keeps it where `tests/canary` looks for secrets, if this is one of all suites.
    fn keep(&self) {
        if let Some(kept) = std::env::var_os("SWITCHOVER_KEPT") {
            let file = std::path::Path::new(&kept).join(format!("cli-{}", std::process::id()));
            let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
            std::io::Write::write_all(&mut file, self.transcript().as_bytes()).unwrap();
        }
    }

    /// Holds the exit code, and says everything if it is another.
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.transcript());
        self
    }

    /// Everything as a person saw it.
    pub(crate) fn transcript(&self) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let mut text = format!("$ {}\n[exit {code}]\n", self.line);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                write!(text, "--- {name}\n{stream}").unwrap();
            }
        }
        text
    }

    /// The same without what differs from run to run.
    pub(crate) fn golden(&self) -> String {
        scrub(&self.transcript())
    }
}

/// Replaces what differs from run to run: ports, times, keys, counts of what was fetched meanwhile.
pub(crate) fn scrub(text: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut text = text.replace(&format!("operator on {}", host.trim()), "operator on HOST");
    for (pattern, replacement) in [
        (r"(127\.0\.\d+\.\d+):\d+", "$1:PORT"),
        (r"(\.org|\.host):\d+/", "$1:PORT/"),
        (r"\bport = \d+", "port = PORT"),
        (r"\bdevice \d+:\d+, inode \d+", "device N, inode N"),
        (r"\b[0-9a-f]{64}\b", "DIGEST"),
        (r"\b\d{8}T\d{6}Z?-[0-9a-z]+\b", "RUN"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
        (r"\b\d\d:\d\d:\d\d\.\d{3}\b", "TIME"),
        (r"\b[0-9a-f]{12}\b", "SHORT-DIGEST"),
        (r#""nonce": ?"[0-9a-f]+""#, r#""nonce": "NONCE""#),
        (
            r#""(at|requests|after_ms|took_ms|swapped_in_ms|slowest_ms|longest_gap_ms|process|elapsed_ms)": ?\d+"#,
            r#""$1": N"#,
        ),
        (r"\bprocess \d+", "process N"),
        (r"\bpid \d+", "pid N"),
        (r" *\d+\.\d+ s\b", " N s"),
        (r"\b\d+ ms\b", "N ms"),
        (r"\b\d+ requests\b", "N requests"),
        (r"\b\d+ fetches\b", "N fetches"),
        (r"\d+ in all\b", "N in all"),
        (r"\b\d+ entries\b", "N entries"),
        (r"the slowest, [^,]+,", "the slowest, NAME,"),
        (r"-{3,}", "---"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    // Columns are as wide as what was replaced in them.
    Regex::new(r"(\S) {2,}").unwrap().replace_all(&text, "$1  ").into_owned()
}
