//! One seed, one verdict: what a panic said, and where.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::{Plant, Played, Scenario, Timeline, Under, play};

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What was seen.
    pub what: String,
    /// The place in the source that saw it.
    pub place: String,
}

thread_local! {
    /// What the panic of the play under way said; `None` outside of plays.
    static HEARD: RefCell<Option<Violation>> = const { RefCell::new(None) };
    static PLAYING: RefCell<bool> = const { RefCell::new(false) };
}

/// Keeps panics of plays to themselves, once for the whole program.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !PLAYING.with_borrow(|playing| *playing) {
                return usual(info);
            }
            let what = info.payload_as_str().unwrap_or("something that is no text").to_owned();
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            HEARD.set(Some(Violation { what, place }));
        }));
    });
}

/// Plays a scenario and says what it came to.
///
/// # Errors
///
/// The first rule that was broken.
pub fn judged(scenario: &Scenario, plant: Option<Plant>, timeline: &Timeline) -> Result<Played, Violation> {
    judged_under(scenario, plant, timeline, Under::Seed)
}

/// As [`judged`], by an executor and a clock of this kind.
///
/// # Errors
///
/// The first rule that was broken.
pub fn judged_under(
    scenario: &Scenario,
    plant: Option<Plant>,
    timeline: &Timeline,
    under: Under,
) -> Result<Played, Violation> {
    hear(|| play(scenario, plant, timeline, under))
}

/// Plays something, and hears what its panic says.
pub(crate) fn hear<T>(played: impl FnOnce() -> T) -> Result<T, Violation> {
    listen();
    PLAYING.set(true);
    let end = panic::catch_unwind(AssertUnwindSafe(played));
    PLAYING.set(false);
    end.map_err(|_| {
        let unheard = Violation { what: "a panic that said nothing".to_owned(), place: String::new() };
        HEARD.take().unwrap_or(unheard)
    })
}
