//! This test binary again, as another process that works on one journal and can be killed.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use switchover::journal::Seq;
use switchover::port::{Appended, StateStore as _};
use switchover_sqlite::{SqliteOptions, SqliteStore};
use switchover_tests::contract::state_store::{entry, pair};
use switchover_tests::fake::VirtualClock;

const JOURNAL: &str = "SWITCHOVER_TEST_JOURNAL";
const WRITER: &str = "SWITCHOVER_TEST_WRITER";
const PAUSE: &str = "SWITCHOVER_TEST_PAUSE_MS";

/// Runs only inside a process that [`Writer::start`] started: appends for ever, and says which entries were done.
#[test]
#[ignore = "is started by other tests, as a process of its own"]
fn writes_for_ever() {
    let (Some(path), Ok(writer)) = (std::env::var_os(JOURNAL), std::env::var(WRITER)) else { return };
    let pause = Duration::from_millis(std::env::var(PAUSE).unwrap().parse().unwrap());
    let clock = VirtualClock::default();
    let read =
        |store: &SqliteStore, from| clock.run(store.read(&pair("gigadb"), Seq(from))).unwrap().len() as u64;
    let store = SqliteStore::open(&SqliteOptions { path: path.into() }).unwrap();
    let mut said = std::io::stdout();
    writeln!(said, "\nready").unwrap();
    let mut seq = read(&store, 0);
    loop {
        // Long enough for several pages.
        let entry = entry(seq, &writer.repeat(3000));
        match clock.run(store.append_at(&pair("gigadb"), Seq(seq), &entry)).unwrap() {
            Appended::Done => {
                writeln!(said, "done {seq}").unwrap();
                seq += 1;
                std::thread::sleep(pause);
            }
            Appended::Taken => seq += read(&store, seq),
            Appended::Unknown => panic!("SQLite always knows"),
        }
    }
}

/// A process that writes to a journal until it is dropped, which kills it (`SIGKILL`).
pub(crate) struct Writer {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    /// Starts a process under this umask, which leaves the journal to others for so long after each of its entries, and returns when it
    /// has opened the journal.
    pub(crate) fn start(journal: &Path, writer: &str, umask: &str, pause: Duration) -> Self {
        let mut child = Command::new("sh")
            .args([
                "-c",
                &format!("umask {umask}; exec \"$0\" --exact child::writes_for_ever --ignored --nocapture"),
            ])
            .arg(std::env::current_exe().unwrap())
            .env(JOURNAL, journal)
            .env(WRITER, writer)
            .env(PAUSE, pause.as_millis().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap() == "ready"), "the other process could not open the journal");
        Self { child, said }
    }

    /// The next entry that it was told is done.
    pub(crate) fn next_done(&mut self) -> u64 {
        done(&self.said.next().unwrap().unwrap()).unwrap()
    }

    /// Kills it in whatever it is doing, and gives every entry that it was told is done and that was not asked for yet.
    pub(crate) fn kill(&mut self) -> Vec<u64> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // A line is written at once, so none is cut off.
        self.said.by_ref().map_while(Result::ok).filter_map(|line| done(&line)).collect()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Dead already, if the test got so far.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn done(line: &str) -> Option<u64> {
    line.strip_prefix("done ")?.parse().ok()
}
