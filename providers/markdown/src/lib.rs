//! The role table in a Markdown document, between two marker comments:
//!
//! ```markdown
//! <!-- switchover:roles gigadb -->
//!
//! | project | current role |
//! | -- | -- |
//! | gigadb-website | current production |
//! | alt-gigadb-website | hot stand-by |
//!
//! <!-- /switchover:roles -->
//! ```
//!
//! [`markers`] finds the place, [`table`] makes the text, and [`MarkdownTable`] reads and writes the file. Several pairs may have a place
//! in one document. Whatever stands around the markers stays byte for byte.
//!
//! Needs a tokio runtime.

mod document;
pub mod markers;
pub mod table;

pub use document::{MarkdownOptions, MarkdownTable};
