//! Where a store keeps its few small files of its own: at the top of each side's tree, with the data.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use switchover::model::SideName;
use switchover::port::DataError;

/// What the names of all of Switchover's own files begin with. Nothing of that name at the top of a tree is ever mirrored, counted or
/// deleted.
pub const OWN: &str = ".switchover";

/// What the names of files begin with that are not yet in their place, in any folder. What is left of them is cleared by the next sync.
pub const UNFINISHED: &str = ".switchover-part-";

/// The file that says what a tree is and what it got.
pub const MARKER: &str = ".switchover.json";

/// The file that says who froze a side, where no `flag` names another.
pub const FREEZE: &str = ".switchover-freeze.json";

/// Small files at the top of one side's tree. Everything blocks.
pub trait Shelf: Debug + Send + Sync {
    /// The side and where it is, as people know it.
    fn place(&self) -> String {
        format!("{} ({})", self.side(), self.path())
    }

    /// The side.
    fn side(&self) -> &SideName;

    /// Where it is, as people know it.
    fn path(&self) -> &str;

    /// The content of a file; `None` if there is none. An error if the side itself is not there.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DataError>;

    /// Puts a file in its place, whole or not at all, readable for its owner alone if `private`.
    fn write(&self, name: &str, content: &[u8], private: bool) -> Result<(), DataError>;

    /// Removes a file. One that is not there is no error.
    fn remove(&self, name: &str) -> Result<(), DataError>;
}

/// Reads a file of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(shelf: &dyn Shelf, name: &str) -> Result<Option<T>, DataError> {
    let Some(content) = shelf.read(name)? else { return Ok(None) };
    serde_json::from_slice(&content).map(Some).map_err(|error| DataError::Unfit {
        place: shelf.place(),
        why: format!("{name} cannot be understood: {error}"),
        advice: Some("it was written by a newer version, or by somebody else; look at it, and remove it if it is none of ours".into()),
    })
}

/// Writes a file of JSON.
pub(crate) fn write_json(
    shelf: &dyn Shelf,
    name: &str,
    value: &impl Serialize,
    private: bool,
) -> Result<(), DataError> {
    let mut content = serde_json::to_vec_pretty(value).map_err(|error| DataError::Failed {
        place: shelf.place(),
        why: format!("{name} cannot be written as JSON: {error}"),
    })?;
    content.push(b'\n');
    shelf.write(name, &content, private)
}
