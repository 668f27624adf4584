//! Two directory trees, walked in step by many threads.
//!
//! ```text
//!   root    a tree, its folders by descriptor, its entries' metadata
//!   pool    threads and the jobs that they share
//!   passes  compare, copy, delete, compare again
//!     walk    one pass: folder by folder, entry by entry
//!     act     what is done about an entry that differs
//!   keep    all of one tree by other names, before it is written over
//!     copy    one file, link or folder put in its place
//!     counts  what is counted
//! ```
//!
//! No list of the whole tree is ever held: one folder's names at a time and thread, and of what differs the folders alone, up to a bound.
//! Crates that walk one tree (`walkdir`, `ignore`, `jwalk`) hand out entries of one folder one after another; on a network file
//! system it is the look at each *entry* that takes milliseconds, and that is what is done side by side here.

mod act;
mod copy;
mod counts;
mod keep;
mod passes;
mod pool;
mod root;
mod walk;

pub(crate) use keep::kept;
pub(crate) use passes::{applied, compared, deleted, scanned, verified};
pub(crate) use root::{Root, fault, there};
pub(crate) use walk::{Plan, Settings};
