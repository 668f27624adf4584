//! The dump method: core's contracts, what arrives, and what happens when things break.

mod contract;
mod faults;
mod fidelity;
mod flowing;
mod harness;
mod proxy;
