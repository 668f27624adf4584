//! Swap the roles of hot-standby pairs.

pub mod action;
pub mod config;
pub mod execute;
pub mod journal;
pub mod model;
pub mod observe;
pub mod plan;
pub mod port;
pub mod report;
