//! Seeds that once broke a rule, each with what it found. They are played first, always.
//!
//! A seed tells another story when the way scenarios are drawn changes. What it found is held by a test of its own then, which is
//! named here too.

/// One seed, and what it found when it was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regression {
    /// The seed.
    pub seed: u64,
    /// What it found, and what became of it.
    pub found: &'static str,
}

/// All of them.
pub const REGRESSIONS: &[Regression] = &[
    Regression {
        seed: 212,
        found: "a process that had lost the pair went on renewing its freezes: production that another process had thawed was \
                frozen anew (fixed in core: whoever renews asks the journal first)",
    },
    Regression {
        seed: 471,
        found: "as above: such a renewal turned the fence of a failover into a freeze that ran out a minute later, and the lost side took \
                writes again while the report called it fenced",
    },
    Regression {
        seed: 20_991,
        found: "a fence waited for a renewal that production kept for five minutes, and was then made although the pair had been lost \
                (fixed in core: who waited long looks and asks the journal again)",
    },
    Regression {
        seed: 21_650,
        found: "as above: a thaw that waited for another one while its process slept was made after the pair had been lost",
    },
    Regression {
        seed: 281,
        found: "a run that had not crossed its pivot could be closed, after a wait of 85 s, with a fault of the program as its answer \
                (fixed in core: it is refused at once, and can be taken back)",
    },
    Regression {
        seed: 82_186,
        found: "a run whose step had failed with an unknown outcome could not be gone on with: when the step failed again, the program tried to \
                write what cannot follow (fixed in core: it is begun in the journal before)",
    },
    Regression { seed: 60_715, found: "as above, where the undo of such a step could not be done" },
    Regression {
        seed: 90_562,
        found: "nothing in core: the judge took an entry for written that was refused, by a process that slept between its claim and the \
                turning back",
    },
];
