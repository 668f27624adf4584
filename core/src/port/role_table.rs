//! The role table in a document that people read.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::model::RoleRow;

/// What a document was when it was read, so that a write can tell whether somebody changed it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableVersion(pub String);

/// The role table as it stands in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableView {
    /// What stands in the table's place, in the document's own format.
    pub text: String,
    /// What the whole document was.
    pub version: TableVersion,
}

/// Why a role table was not read or written. Every variant promises that the document is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleTableError {
    /// The document cannot be read.
    #[error("{place} cannot be read: {why}")]
    Unreadable {
        /// Which document.
        place: String,
        /// Why.
        why: String,
    },
    /// The document does not say where the table belongs, or says so twice.
    #[error("{place}: {why}")]
    NoPlace {
        /// Which document.
        place: String,
        /// What is missing or too much, and what to write.
        why: String,
    },
    /// The document cannot be written.
    #[error("{place} cannot be written: {why}")]
    Unwritable {
        /// Which document.
        place: String,
        /// Why.
        why: String,
    },
    /// Somebody changed the document since it was read.
    #[error("{place} was changed since it was read")]
    Changed {
        /// Which document.
        place: String,
    },
}

/// The role table of one pair in one document. Every method may be repeated.
#[async_trait]
pub trait RoleTable: Debug + Send + Sync {
    /// Reads what stands in the table's place. Changes nothing.
    async fn read(&self) -> Result<TableView, RoleTableError>;

    /// The rows as they would stand there. Pure: the same rows are the same text.
    fn rendered(&self, rows: &[RoleRow]) -> String;

    /// Writes the rows if the document is still what it was (compare-and-set), all at once: whoever reads meanwhile reads the old
    /// document or the new one. Everything around the table stays byte for byte.
    ///
    /// Ok promises that the document is on disk as a read shows it.
    async fn write(&self, rows: &[RoleRow], seen: &TableVersion) -> Result<(), RoleTableError>;

    /// Proves that the document can be read, has a place for the table, and can be written. Changes nothing.
    async fn prove(&self) -> Result<(), RoleTableError>;
}
