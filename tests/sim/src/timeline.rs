//! What happened, in order, for whoever reads why a seed failed. Kept only when somebody wants to read it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happened, and when.
type Lines = Mutex<Vec<(Duration, String)>>;

/// What happened. Clones are one timeline.
#[derive(Debug, Clone, Default)]
pub struct Timeline(Option<Arc<Lines>>);

impl Timeline {
    /// One that keeps nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// One that keeps everything.
    pub fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// Takes note; the words are only made if they are kept.
    pub fn note(&self, at: Duration, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push((at, what()));
        }
    }

    /// One line for each event.
    pub fn lines(&self) -> Vec<String> {
        let Some(lines) = &self.0 else { return Vec::new() };
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|(at, what)| format!("{:>10.3} s  {what}", at.as_secs_f64())).collect()
    }
}
