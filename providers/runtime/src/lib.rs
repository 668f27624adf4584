//! Core's clock and randomness on tokio and the operating system.
