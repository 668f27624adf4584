//! A document with a role table, in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::RoleRow;
use switchover::port::{Clock as _, RoleTable, RoleTableError, TableVersion, TableView};

use super::script::Script;
use super::{VirtualClock, lock};

/// How the document goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableFault {
    /// It says nowhere where the table belongs.
    NoPlace,
    /// It cannot be written; reading goes on.
    ReadOnly,
    /// Somebody writes something else in it between the read and the write.
    EditedMeanwhile,
}

#[derive(Debug, Default)]
struct Inner {
    script: Script<(), TableFault>,
    text: String,
    version: u64,
    writes: usize,
}

/// A document. Clones are one.
#[derive(Debug, Clone)]
pub struct FakeTable {
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
}

impl FakeTable {
    /// A document whose table is empty.
    pub fn new(clock: &VirtualClock) -> Self {
        Self { clock: clock.clone(), inner: Arc::default() }
    }

    /// The next call that can go wrong in this way does.
    pub fn fail_next(&self, fault: TableFault) {
        lock(&self.inner).script.plan((), fault);
    }

    /// Every such call goes wrong from now on.
    pub fn fail_always(&self, fault: TableFault) {
        lock(&self.inner).script.keep((), fault);
    }

    /// What stands in the document.
    pub fn text(&self) -> String {
        lock(&self.inner).text.clone()
    }

    /// How often it was written.
    pub fn writes(&self) -> usize {
        lock(&self.inner).writes
    }

    fn place() -> String {
        "SOP.md".to_owned()
    }
}

#[async_trait]
impl RoleTable for FakeTable {
    async fn read(&self) -> Result<TableView, RoleTableError> {
        self.clock.sleep(Duration::from_millis(1)).await;
        let mut inner = lock(&self.inner);
        if inner.script.peek(&()) == Some(TableFault::NoPlace) {
            inner.script.take(&[()]);
            return Err(RoleTableError::NoPlace {
                place: Self::place(),
                why: "it has no markers".to_owned(),
            });
        }
        Ok(TableView { text: inner.text.clone(), version: TableVersion(inner.version.to_string()) })
    }

    fn rendered(&self, rows: &[RoleRow]) -> String {
        let rows = rows.iter().map(|row| format!("{} {}: {}\n", row.environment, row.side, row.holding));
        rows.collect()
    }

    async fn write(&self, rows: &[RoleRow], seen: &TableVersion) -> Result<(), RoleTableError> {
        self.clock.alive().await;
        let text = self.rendered(rows);
        let mut inner = lock(&self.inner);
        match inner.script.take(&[()]) {
            None | Some(TableFault::NoPlace) => {}
            Some(TableFault::ReadOnly) => {
                let why = "permission denied".to_owned();
                return Err(RoleTableError::Unwritable { place: Self::place(), why });
            }
            Some(TableFault::EditedMeanwhile) => inner.version += 1,
        }
        if seen.0 != inner.version.to_string() {
            return Err(RoleTableError::Changed { place: Self::place() });
        }
        inner.text = text;
        inner.version += 1;
        inner.writes += 1;
        Ok(())
    }

    async fn prove(&self) -> Result<(), RoleTableError> {
        self.read().await.map(drop)
    }
}
