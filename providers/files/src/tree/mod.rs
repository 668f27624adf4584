//! Two directory trees, walked in step by many threads.
//!
//! ```text
//!   root    a tree, its folders by descriptor, its entries' metadata
//!   pool    threads and the jobs that they share
//!   walk    one pass over both trees: compare, copy, delete or compare again
//!   copy    one file, link or folder put in its place
//! ```
//!
//! No list of the whole tree is ever held: one folder's names at a time and thread, and of what differs the folders alone, up to a bound.
//! Crates that walk one tree (`walkdir`, `ignore`, `jwalk`) hand out entries of one folder one after another; on a network file
//! system it is the look at each *entry* that takes milliseconds, and that is what is done side by side here.

mod copy;
mod pool;
mod root;
mod walk;

pub(crate) use root::{Root, fault, there};
pub(crate) use walk::{Plan, Settings, applied, compared, deleted, scanned, verified};
