//! A freeze as SQL that a person can run with `psql`, for when Switchover is not there: the same objects, the same functions, the same order.
//!
//! What is frozen so is frozen to Switchover too, by a run of the name that was given.

use super::install;
use super::wait::WRITERS;
use crate::text::literal;

/// Texts for `psql`, which holds `ON_ERROR_STOP`. None of them holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// Puts what a freeze needs into the database, and a guard at every table. As the admin; refuses nobody; may be repeated.
    pub install: String,
    /// Refuses clients, ends the connections of those who are still writing after `grace` seconds, and makes the freeze lasting. As the admin; the last
    /// line that it shows must be `held`. May be repeated.
    pub freeze: String,
    /// Tries a write, and is refused: the only proof. As the application.
    pub prove: String,
    /// Lets clients write again. As the admin; may be repeated.
    pub thaw: String,
}

/// The longest time between refusing clients and making that lasting, in microseconds: a person may look at what is shown meanwhile.
const SHORT: u64 = 600_000_000;

impl ByHand {
    /// For a database whose admin and run are named so. A run must not have frozen the database before with a lease that ran out.
    pub fn new(admin: &str, run: &str, grace_seconds: u64) -> Self {
        Self {
            install: install::text(admin),
            freeze: freeze(admin, run, grace_seconds),
            prove: PROVE.to_owned(),
            thaw: THAW.to_owned(),
        }
    }
}

const PROVE: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE;\nCREATE SCHEMA switchover_attempt;\nROLLBACK;\n";

const THAW: &str = "SET lock_timeout = '5s';\nSELECT switchover.open();\nSELECT switchover.release();\n";

fn freeze(admin: &str, run: &str, grace: u64) -> String {
    let (admin, run) = (literal(admin), literal(run));
    let writers = bare(WRITERS).replace("$1", "NULL::text[]").replace("$2", &admin);
    let tables = bare(install::TABLES);
    let guards = install::guards();
    format!(
        "-- `taken` (or `renewed`):\n\
         SELECT outcome FROM switchover.take({run}, NULL);\n\
         -- `armed`: from here on clients are refused.\n\
         SELECT switchover.arm({run}, {SHORT});\n\
         -- Those who were writing before get {grace} s to end; then their connections are ended.\n\
         SELECT pg_catalog.pg_sleep({grace});\n\
         SELECT w.pid, w.who, w.application, pg_catalog.pg_terminate_backend(w.pid) FROM ({writers}) w;\n\
         SELECT pg_catalog.pg_sleep(1);\n\
         -- A table that somebody was writing to may have no guard yet.\n\
         SET lock_timeout = '500ms';\n\
         {guards};\n\
         -- `held`:\n\
         SELECT CASE WHEN EXISTS ({writers}) THEN 'NOT FROZEN: somebody is writing; repeat all of this' \
         WHEN EXISTS ({tables}) THEN 'NOT FROZEN: a table has no guard; repeat all of this' \
         ELSE switchover.hold({run}, NULL, false) END;\n"
    )
}

/// A statement on one line, without comments.
fn bare(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("--")).map(str::trim);
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_nothing_is_left_to_fill_in() {
        let by_hand = ByHand::new("o'brien", "by-hand-1", 5);
        assert!(by_hand.freeze.contains("IS DISTINCT FROM 'o''brien'"), "{}", by_hand.freeze);
        assert!(by_hand.install.contains("session_user = 'o''brien'"));
        for text in [&by_hand.install, &by_hand.freeze, &by_hand.prove, &by_hand.thaw] {
            for left in ["$1", "$2", "{admin}", "{version}", "{tables}"] {
                assert!(!text.contains(left), "{left}: {text}");
            }
        }
    }
}
