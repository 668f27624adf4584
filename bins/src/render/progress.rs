//! A run while it goes on: lines that move on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use switchover::execute::{Progress, Watcher};
use switchover::journal::Way;
use switchover::model::StepId;
use switchover::plan::Step;
use switchover::port::{Advance, Unit};
use switchover::report::learnt;

use super::{BAD, BOLD, DIM, GOOD, WARN, say, styled};

/// Elsewhere than on a terminal, a step that goes on says so this often.
const EVERY: Duration = Duration::from_secs(30);

/// Shows a run on standard error.
#[derive(Debug)]
pub(crate) struct Live {
    began: Instant,
    bars: Option<MultiProgress>,
    steps: Mutex<BTreeMap<StepId, Shown>>,
}

#[derive(Debug)]
struct Shown {
    bar: Option<ProgressBar>,
    expected: Option<Duration>,
    began: Instant,
    last_said: Instant,
}

impl Live {
    pub(crate) fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { began: Instant::now(), bars, steps: Mutex::new(BTreeMap::new()) }
    }

    fn steps(&self) -> MutexGuard<'_, BTreeMap<StepId, Shown>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str) {
        let stamp = styled(DIM, format!("{:>7.1} s", self.began.elapsed().as_secs_f64()));
        let line = format!("{stamp}  {text}");
        match &self.bars {
            Some(bars) => bars.suspend(|| say(line)),
            None => say(line),
        }
    }

    fn began(&self, step: &Step, way: Way, expected: Option<Duration>) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(
                ProgressStyle::with_template("           {spinner} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_message(named(step, way));
            bar
        });
        self.steps().insert(
            step.id.clone(),
            Shown { bar, expected, began: Instant::now(), last_said: Instant::now() },
        );
    }

    fn waits(&self, step: &Step, why: &str, elapsed: Duration) {
        let mut steps = self.steps();
        let Some(shown) = steps.get_mut(&step.id) else { return };
        let expected =
            shown.expected.map(|took| format!(", last time {}", seconds(took))).unwrap_or_default();
        let text = format!("{} ({}{expected}): {why}", step.id, seconds(elapsed));
        match &shown.bar {
            Some(bar) => bar.set_message(text),
            None if shown.last_said.elapsed() >= EVERY => {
                shown.last_said = Instant::now();
                self.line(&text);
            }
            None => {}
        }
    }

    fn advances(&self, step: &Step, advance: &Advance) {
        let mut steps = self.steps();
        let Some(shown) = steps.get_mut(&step.id) else { return };
        let text = format!("{} ({}): {}", step.id, seconds(shown.began.elapsed()), advanced(advance));
        match &shown.bar {
            Some(bar) => bar.set_message(text),
            None if shown.last_said.elapsed() >= EVERY => {
                shown.last_said = Instant::now();
                self.line(&text);
            }
            None => {}
        }
    }

    fn ended(&self, step: &Step, text: &str) {
        if let Some(bar) = self.steps().remove(&step.id).and_then(|shown| shown.bar) {
            bar.finish_and_clear();
        }
        self.line(text);
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// How far long work is, in words: `dumping: 1.2 GB of 3.4 GB`.
fn advanced(advance: &Advance) -> String {
    let amount = |count: u64| match advance.unit {
        Unit::Bytes => super::bytes(count),
        Unit::Files => format!("{count} files"),
        Unit::Parts => count.to_string(),
        Unit::Percent => format!("{count} %"),
    };
    match (advance.unit, advance.total) {
        (Unit::Percent, _) | (_, None) => format!("{}: {}", advance.phase, amount(advance.done)),
        (Unit::Bytes | Unit::Files | Unit::Parts, Some(total)) => {
            format!("{}: {} of {}", advance.phase, amount(advance.done), amount(total))
        }
    }
}

fn named(step: &Step, way: Way) -> String {
    match way {
        Way::Forward => step.id.to_string(),
        Way::Back => format!("undo: {}", step.id),
    }
}

impl Watcher for Live {
    fn on(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Run { run, resumed: false, .. } => self.line(&format!("run {run}")),
            Progress::Run { run, resumed: true, .. } => self.line(&format!("run {run} goes on")),
            Progress::Stage { stage, .. } => self.line(&styled(BOLD, &stage.title)),
            Progress::Began { step, way, expected } => self.began(step, *way, *expected),
            Progress::Waits { step, why, elapsed } => self.waits(step, why, *elapsed),
            Progress::Done { step, way, facts, elapsed, requests } => {
                let learnt = learnt(facts);
                let learnt = if learnt.is_empty() { String::new() } else { format!(": {learnt}") };
                let took = styled(DIM, format!("({}, {requests} requests so far)", seconds(*elapsed)));
                self.ended(step, &format!("  {} {}{learnt} {took}", styled(GOOD, "done"), named(step, *way)));
            }
            Progress::Failed { step, way, failure, elapsed } => {
                let text = format!("{}: {}", named(step, *way), failure.message);
                self.ended(step, &format!("  {} {text} ({})", styled(BAD, "failed"), seconds(*elapsed)));
            }
            Progress::Advances { step, advance } => self.advances(step, advance),
            Progress::LeaseAtRisk { store, why } => {
                let head = styled(WARN, "the freeze may run out");
                self.line(&format!("  {head} {store}: {why}"));
            }
            Progress::TurnedBack { why } => self.line(&format!("{}: {why}", styled(WARN, "turning back"))),
            Progress::ProbeFailed { name, why } => {
                self.line(&format!("  {} {name}: {why}", styled(WARN, "probe")));
            }
        }
    }
}
