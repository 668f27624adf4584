//! Copies everything anew, and lets the stream go on from there.

use switchover::port::{DataError, Overseer};
use tokio_postgres::types::Type;

use super::work::Work;
use crate::schema::Tools;
use crate::tables::{Content, Name};

/// What a table's first copy left on the source, where the subscription that it was for is gone. The number at the end is the receiver's
/// (<https://www.postgresql.org/docs/current/logical-replication-subscription.html#LOGICAL-REPLICATION-SUBSCRIPTION-SLOT>).
const LEFT: &str = "SELECT slot_name::text FROM pg_catalog.pg_replication_slots WHERE database = pg_catalog.current_database() AND NOT active \
    AND slot_name ~ ('^pg_[0-9]+_sync_[0-9]+_' || $1 || '$')";

impl Work<'_> {
    /// Copies everything into a database that holds no row. Whoever calls has made sure that the source is fit.
    pub(super) async fn build(&self, tools: &Tools<'_>, overseer: &dyn Overseer) -> Result<(), DataError> {
        let (source, standby) = self.contents().await?;
        overseer.permit().await?;
        self.patient().await?;
        self.source.freezer.prepare(&self.source.session).await?;
        self.drop_stream(&self.halves().await?).await?;
        self.drop_left().await?;
        let standby = if standby.tables.is_empty() && standby.sequences.is_empty() {
            tools.copy(self.from(), self.to()).await?;
            // The tables that have just come need their guards.
            self.standby.freezer.prepare(&self.standby.session).await?;
            Content::read(self.standby.server, &self.standby.session).await?
        } else {
            standby
        };
        self.refuse_different(&source, &standby)?;
        overseer.permit().await?;
        self.clear(&standby).await?;
        self.publish(self.from(), &source).await?;
        self.make_slot(self.from(), &self.stream()).await?;
        self.subscribe(true).await
    }

    /// Empties the stand-by, and says so in the same transaction: from now on it holds nothing that anybody could miss.
    async fn clear(&self, content: &Content) -> Result<(), DataError> {
        let mut tables: Vec<String> = content.tables.keys().map(Name::quoted).collect();
        tables.push("switchover.mark".to_owned());
        let (server, session) = self.to();
        let statement = format!(
            "BEGIN; TRUNCATE {}; UPDATE switchover.state SET copied = NULL, handed = NULL, opened = false; COMMIT",
            tables.join(", ")
        );
        match session.batch_execute(&statement).await {
            Ok(()) => Ok(()),
            Err(error) => {
                drop(session.batch_execute("ROLLBACK").await);
                Err(server.told_of_act(&error))
            }
        }
    }

    async fn drop_left(&self) -> Result<(), DataError> {
        let (server, session) = self.to();
        let query = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";
        let receiver: String =
            session.query_typed_one(query, &[]).await.map_err(|error| server.told(&error))?.get(0);
        let (server, session) = self.from();
        let rows = session
            .query_typed(LEFT, &[(&receiver, Type::TEXT)])
            .await
            .map_err(|error| server.told(&error))?;
        for row in rows {
            self.drop_slot((server, session), row.get(0)).await?;
        }
        Ok(())
    }

    /// Refuses what cannot stream.
    pub(super) fn refuse_unfit(&self, source: &Content) -> Result<(), DataError> {
        let tables = source.unidentified();
        if tables.is_empty() {
            return Ok(());
        }
        Err(self.source.server.unfit(
            format!(
                "these tables have no replica identity, so that no update or deletion in them can stream: {}",
                tables.join(", ")
            ),
            "give each a primary key, or ALTER TABLE … REPLICA IDENTITY FULL",
        ))
    }

    /// Refuses a stand-by that cannot take what the source sends.
    pub(super) fn refuse_different(&self, source: &Content, standby: &Content) -> Result<(), DataError> {
        let found = source.missing_at(standby);
        if found.is_empty() {
            return Ok(());
        }
        Err(self.standby.server.unfit(
            format!("it differs from {}: {}", self.source.server.place(), found.join("; ")),
            "run the same migration there, as the admin",
        ))
    }

    /// An empty source never replaces what a stand-by holds.
    pub(super) async fn refuse_empty(&self, source: &Content, standby: &Content) -> Result<(), DataError> {
        let (from, to) = (self.from(), self.to());
        let empty = source.tables.is_empty() || source.first_filled(from.0, from.1).await?.is_none();
        if !empty || self.order.overwrite {
            return Ok(());
        }
        let why = match standby.first_filled(to.0, to.1).await? {
            Some(table) => format!("it holds nothing, while {} has rows in {table}", to.0.place()),
            None if source.tables.is_empty() => "it has no tables".to_owned(),
            None => return Ok(()),
        };
        Err(DataError::Guarded {
            place: from.0.place().to_owned(),
            why,
            advice: Some("check that this is the right database".to_owned()),
        })
    }
}
