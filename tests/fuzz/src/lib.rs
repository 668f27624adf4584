//! What the targets share: time that jumps, and a server on loopback that answers what the fuzzer wrote.
//!
//! A target is one file in `targets/`. It takes bytes from libFuzzer, gives them to a public function of the project, and asserts what
//! must hold of whatever comes back. Providers are fuzzed from outside: they send their requests to a server of ours, and the input is what
//! it answers, so that statuses, headers, pages and repeated tries are part of it.

#![forbid(unsafe_code)]

mod clock;
mod web;

pub use clock::JumpingClock;
pub use web::{Request, Web};

use std::fmt::{Debug, Display};
use std::future::Future;

/// The secret that every provider under test is given. It must be in nothing that a provider says.
pub const CANARY: &str = "canary-5f1c-canary-5f1c-canary-5f1c-cana";

/// What a seed writes where the server shall answer with [`CANARY`].
pub const CANARY_MARK: &str = "@TOKEN@";

/// Runs one conversation with a provider to its end.
pub fn run<F: Future>(conversation: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    }
    RUNTIME.with(|runtime| runtime.block_on(conversation))
}

/// Asserts what must hold of every message that a person reads: it says something, and nothing to the terminal.
pub fn assert_legible<E: Display + Debug>(error: &E) {
    let shown = error.to_string();
    assert!(!shown.is_empty(), "{error:?} says nothing");
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "it could speak to a terminal: {error:?}");
}

/// Asserts that nothing of what a provider says holds its secret.
pub fn assert_discreet<E: Debug>(said: &E) {
    let debugged = format!("{said:?}");
    assert!(!debugged.contains(CANARY), "a secret is told: {debugged}");
}

/// Looks at the error of an outcome, as [`assert_legible`] does. Returns what came where it is none.
pub fn told<T, E: Display + Debug>(outcome: Result<T, E>) -> Option<T> {
    outcome.inspect_err(assert_legible).ok()
}

/// As [`told`], of a provider that was given [`CANARY`].
pub fn discreet<T, E: Display + Debug>(outcome: Result<T, E>) -> Option<T> {
    told(outcome.inspect_err(assert_discreet))
}
