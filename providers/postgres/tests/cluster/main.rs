//! Against two real clusters; `tests/postgres/run` starts them and runs this. Tests run one at a time: each clears away what the last left.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod alone;
mod by_hand;
mod contract;
mod copying;
mod dropping;
mod dump;
mod encrypting;
mod escapes;
mod freezing;
mod handing;
mod proxy;
mod streaming;
mod support;
