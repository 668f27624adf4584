//! Errors of libraries, in words.

use std::error::Error;

/// An error with what caused it, each told once: `error sending request: connection refused`. For what a provider says of a library's error.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn every_cause_is_told_once() {
        let inner = || Some(Box::new(Told("refused", None)));
        assert_eq!(causes(&Told("refused", None)), "refused");
        assert_eq!(causes(&Told("sending", inner())), "sending: refused");
        assert_eq!(causes(&Told("sending: refused", inner())), "sending: refused");
    }
}
