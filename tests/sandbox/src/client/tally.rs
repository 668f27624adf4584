//! What a client remembers of its uploads, and what it says at the end.

use std::fmt;
use std::time::{Duration, Instant};

use super::Written;

/// What became of all uploads so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The names of those that were acknowledged.
    pub acknowledged: Vec<String>,
    /// How many writes were refused.
    pub refused: u64,
    /// How many had no answer, or another one.
    pub unasked: u64,
    /// The longest time between the first refusal and the acknowledgement after it.
    pub longest: Duration,
    since: Option<Instant>,
}

/// The end of it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What became of the uploads.
    pub tally: Tally,
    /// Those that were acknowledged and are not there, or not as they were written.
    pub lost: Vec<String>,
}

impl Tally {
    /// Counts one attempt.
    pub fn count(&mut self, name: &str, written: &Written, now: Instant) {
        match written {
            Written::Acknowledged => {
                self.over(now);
                self.acknowledged.push(name.to_owned());
            }
            Written::Refused(_) => {
                self.refused += 1;
                self.since.get_or_insert(now);
            }
            Written::Unasked(_) => self.unasked += 1,
        }
    }

    /// A time of refusals ends, if there is one.
    pub fn over(&mut self, now: Instant) {
        let lasted = self.since.take().map(|since| now.saturating_duration_since(since));
        self.longest = self.longest.max(lasted.unwrap_or_default());
    }
}

impl Verdict {
    /// Whether something was written and all of it is there.
    pub fn is_good(&self) -> bool {
        self.lost.is_empty() && !self.tally.acknowledged.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { acknowledged, refused, unasked, longest, since: _ } = &self.tally;
        write!(f, "{} uploads acknowledged, {refused} refused while writes were frozen", acknowledged.len())?;
        if *refused > 0 {
            write!(f, " (longest {:.1} s)", longest.as_secs_f64())?;
        }
        if *unasked > 0 {
            write!(f, ", {unasked} without an answer")?;
        }
        write!(f, ", {} lost", self.lost.len())?;
        match &self.lost[..] {
            [] => Ok(()),
            [first, ..] => write!(f, ", the first of them {first}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_refusals_lasts_until_the_next_acknowledgement_and_the_longest_is_told() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let refused = Written::Refused("frozen".into());
        let mut tally = Tally::default();
        for (ms, written) in [
            (0, Written::Acknowledged),
            (100, refused.clone()),
            (200, Written::Unasked("gone".into())),
            (300, refused.clone()),
            (1_300, Written::Acknowledged),
            (2_000, refused),
            (2_500, Written::Acknowledged),
        ] {
            tally.count(&ms.to_string(), &written, at(ms));
        }
        let verdict = Verdict { tally, lost: Vec::new() };
        assert_eq!(
            verdict.to_string(),
            "3 uploads acknowledged, 3 refused while writes were frozen (longest 1.2 s), 1 without an answer, 0 lost"
        );
        assert!(verdict.is_good());
        let lost = Verdict { lost: vec!["0".into()], ..verdict };
        assert!(!lost.is_good() && lost.to_string().ends_with("1 lost, the first of them 0"));
        let nothing = Verdict { tally: Tally::default(), lost: Vec::new() };
        assert!(!nothing.is_good(), "who wrote nothing has shown nothing");
    }
}
