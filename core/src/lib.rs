//! Swap the roles of hot-standby pairs, and prove what was done.
//!
//! Many teams run one service on two identical, independent infrastructures: one is the *current production*, the other a *hot
//! stand-by*. At every release and at every incident the two swap roles. This library models such pairs and performs the swap:
//! it looks, plans, checks the plan, executes it from a journal, and reports.
//!
//! ```text
//! switchover.toml ──► Pair ──► Snapshot ──► Plan ──► Run ──► Report
//!     config         model     observe      plan    execute   report
//!                              (reads)     (pure)  (journal)  (from the journal)
//! ```
//!
//! Data goes one way. [`observe`] only reads. [`plan`] is pure and synchronous, and so is the checker that looks every plan over.
//! [`execute`] makes no choices: it walks a finished plan, and every fact it learns goes into the [`journal`] first. [`report`] is a
//! fold over the journal; nothing else remembers anything.
//!
//! # Where to look
//!
//! | you want to | start at |
//! | -- | -- |
//! | read a configuration file | [`config::parse`] |
//! | know the words | [`model`] |
//! | connect an outside system | the traits of [`port`] |
//! | see who is production, and what is wrong | [`execute::Engine::preflight`], [`observe::Snapshot`] |
//! | make a plan | [`plan::plan`] |
//! | run, resume or take back a run | [`execute::Engine`] |
//! | add a kind of action | one file in `src/action`, one variant of [`action::Action`] |
//!
//! # A swap in another program
//!
//! Core knows no provider and no executor: time, sleep and randomness come through [`port::Clock`] and [`port::Entropy`], and it
//! never spawns a task. With the [`port::Ports`] of a pair in hand, a swap is this; `examples/embed` runs it.
//!
//! ```
//! use switchover::{execute::Engine, journal::Holder, model::Pair, plan, port::Ports, report::Report};
//!
//! async fn swap(pair: Pair, ports: Ports, me: Holder) -> Result<Report, Box<dyn std::error::Error>> {
//!     let engine = Engine::new(pair.clone(), ports, me);
//!     let journal = engine.journal().await?;
//!     let snapshot = engine.preflight(&pair.environments, journal.state()).await;
//!
//!     let request = plan::Request::new(plan::Intent::Switchover);
//!     let plan = plan::plan(&pair, &snapshot, journal.state(), &request)?;
//!     println!("plan {} has {} stages", plan.digest(), plan.stages.len());
//!
//!     let end = engine.start(journal, plan, Some("release 4.4".into())).await?;
//!     let journal = engine.journal().await?;
//!     Ok(Report::of(journal.state().run(&end.run).ok_or("the run stands in the journal")?))
//! }
//! ```
//!
//! # What is promised
//!
//! * Every error leaves the pair in a state with a name, and a second run continues from it: [`execute::Engine::resume`].
//! * Nothing is done because a call returned, and nothing is repeated because one did not: a step is done when looking says so,
//!   and a call without an answer is waited out before anybody looks again.
//! * Up to the first step that lets users onto the new side (the *pivot*) a failure undoes what was done; from there on a run goes
//!   forward, or is closed and a new plan leads back.
//! * The log is the lock: a controller whose next entry finds its position taken has lost the pair and stops.

pub mod action;
pub mod config;
pub mod execute;
pub mod journal;
pub mod model;
mod near;
pub mod observe;
pub mod plan;
pub mod port;
pub mod report;
pub mod retention;
pub mod schedule;
