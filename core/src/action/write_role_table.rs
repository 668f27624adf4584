//! Make the role table in a document true.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::{Acted, Context, Look, Perform};
use crate::model::RoleRow;
use crate::port::{RoleTable, RoleTableError, TableVersion};

/// How long writing the role table may take, changes by others in between included.
pub(crate) const ROLE_TABLE_DEADLINE: Duration = Duration::from_secs(30);

/// The role table as it shall stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteRoleTable {
    /// Its rows.
    pub rows: Vec<RoleRow>,
}

/// Writes what the last look did not find.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    action: &'a WriteRoleTable,
    seen: Option<TableVersion>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(action: &'a WriteRoleTable) -> Self {
        Self { action, seen: None }
    }
}

fn table<'c>(context: &'c Context<'_>) -> Result<&'c dyn RoleTable, String> {
    context.ports.role_table.as_deref().ok_or_else(|| "the role table was not connected".to_owned())
}

#[async_trait]
impl Perform for Writing<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let table = match table(context) {
            Ok(table) => table,
            Err(why) => return Look::Refused(why),
        };
        match table.read().await {
            Ok(view) if view.text == table.rendered(&self.action.rows) => Look::Done(Vec::new()),
            Ok(view) => {
                self.seen = Some(view.version);
                Look::Ready { partial: false }
            }
            Err(error) => Look::Refused(error.to_string()),
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let (table, seen) = match (table(context), self.seen.take()) {
            (Ok(table), Some(seen)) => (table, seen),
            (Err(why), _) => return Acted::Refused(why),
            (Ok(_), None) => return Acted::Later("it was not looked at".to_owned()),
        };
        match table.write(&self.action.rows, &seen).await {
            Ok(()) => Acted::Accepted(Vec::new()),
            // What stands around the table is theirs, and is kept: the next look reads it.
            Err(error @ RoleTableError::Changed { .. }) => Acted::Later(error.to_string()),
            Err(
                error @ (RoleTableError::Unreadable { .. }
                | RoleTableError::NoPlace { .. }
                | RoleTableError::Unwritable { .. }),
            ) => Acted::Refused(error.to_string()),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(200), Duration::from_secs(2), looks)
    }

    /// A write is on disk when its call returns, and a process that is gone writes no more.
    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
