//! Looks at both sides and at what flows between them.

use std::collections::BTreeMap;

use switchover::model::SideName;
use switchover::port::{DataError, Depth, Inspection, Method, StoreProblem, StoreSide, Stream};

use super::Streaming;
use super::look::Half;
use crate::connect::{Server, Session};
use crate::facts::Facts;
use crate::freeze::{self, Freezer, Seen, moment};
use crate::lsn::Lsn;
use crate::schema;
use crate::tables::Content;

/// Slots that a copy of many tables may take beside the stream's own.
const SPARE_SLOTS: i64 = 4;

const ROOM: &str = "SELECT pg_catalog.current_setting('max_replication_slots')::bigint - (SELECT count(*) FROM pg_catalog.pg_replication_slots), \
    pg_catalog.current_setting('max_wal_senders')::bigint - (SELECT count(*) FROM pg_catalog.pg_stat_replication), \
    pg_catalog.current_setting('max_slot_wal_keep_size') = '-1', \
    EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata), \
    (SELECT pg_catalog.string_agg(pg_catalog.format('%s.%s', schemaname, matviewname), ', ') FROM pg_catalog.pg_matviews)";

/// What was read of one side.
struct Looked {
    facts: Facts,
    seen: Seen,
    half: Half,
    content: Option<Content>,
    problems: Vec<StoreProblem>,
    session: Session,
}

impl Streaming {
    pub(super) async fn look(&self, depth: Depth) -> Inspection {
        let [one, other] = &self.sides;
        let (here, there) = futures_util::future::join(
            self.look_at(&one.0, &one.1, other.0.name(), depth),
            self.look_at(&other.0, &other.1, one.0.name(), depth),
        )
        .await;
        let mut inspection = Inspection {
            method: Method::Streaming,
            sides: BTreeMap::new(),
            unread: BTreeMap::new(),
            stream: None,
            problems: vec![],
        };
        if let (Ok(here), Ok(there)) = (&here, &there) {
            self.remember(one.0.name(), &here.half);
            self.remember(other.0.name(), &there.half);
            inspection.stream = self.stream(one.0.name(), &here.half, &there.half);
            let back = self.stream(other.0.name(), &there.half, &here.half);
            if inspection.stream.as_ref().is_none_or(|stream| !stream.running) {
                inspection.stream = back.filter(|stream| stream.running).or(inspection.stream);
            }
            inspection.problems.extend(differences((&one.0, here), (&other.0, there)).await);
        }
        // A side that the other one got a copy from was production once: what was written to it since may never have arrived there.
        let gave: Vec<SideName> = [&here, &there]
            .into_iter()
            .filter_map(|looked| Some(looked.as_ref().ok()?.seen.copied.as_ref()?.from.clone()))
            .collect();
        for (server, looked) in [(&one.0, here), (&other.0, there)] {
            match looked {
                Ok(looked) => {
                    inspection
                        .sides
                        .insert(server.name().clone(), side(server, &looked, gave.contains(server.name())));
                    inspection.problems.extend(looked.problems);
                    server.keep(looked.session);
                }
                Err(error) => {
                    inspection.unread.insert(server.name().clone(), error.to_string());
                }
            }
        }
        inspection
    }

    async fn look_at(
        &self,
        server: &Server,
        _: &Freezer,
        other: &SideName,
        depth: Depth,
    ) -> Result<Looked, DataError> {
        let session = server.admin().await?;
        let (away, here) = (self.names.stream_to(other), self.names.stream_to(server.name()));
        let publication = self.names.publication();
        let facts = Facts::read(server, &session).await?;
        let seen = Seen::read(server, &session).await?;
        let half = Half::read(server, &session, [&away, &here, &publication]).await?;
        let (mut content, mut problems) = (None, vec![]);
        if depth == Depth::Preflight {
            let found = Content::read(server, &session).await?;
            problems = self.problems(server, &session, &facts, &seen, &half, &found).await?;
            content = Some(found);
        }
        Ok(Looked { facts, seen, half, content, problems, session })
    }

    async fn problems(
        &self,
        server: &Server,
        session: &Session,
        facts: &Facts,
        seen: &Seen,
        half: &Half,
        content: &Content,
    ) -> Result<Vec<StoreProblem>, DataError> {
        let mut found = freeze::problems(server, session).await?;
        let mut tell = |fatal: bool, message: String, advice: &str| {
            found.push(StoreProblem {
                side: Some(server.name().clone()),
                fatal,
                message: format!("{}: {message}", server.place()),
                advice: Some(advice.to_owned()),
            });
        };
        if facts.version < 140_000 {
            let message = format!("version {} is too old to stream", facts.major());
            tell(true, message, "PostgreSQL 14 or later is needed; or choose `method = \"dump\"`");
        }
        if facts.wal_level != "logical" {
            let message = format!("wal_level is `{}`", facts.wal_level);
            tell(true, message, "set wal_level = logical (on RDS: rds.logical_replication = 1) and restart");
        }
        let bare = content.unidentified();
        if !bare.is_empty() {
            let message = format!("no replica identity: {}", bare.join(", "));
            tell(true, message, "give each a primary key, or ALTER TABLE … REPLICA IDENTITY FULL");
        }
        let unlogged = content.unlogged();
        if !unlogged.is_empty() {
            let message = format!("unlogged tables do not stream: {}", unlogged.join(", "));
            tell(false, message, "ALTER TABLE … SET LOGGED if their rows are needed after a swap");
        }
        let row = session.query_typed_one(ROOM, &[]).await.map_err(|error| server.told(&error))?;
        if row.get::<_, i64>(0) < 2 && half.slot.is_none() {
            tell(true, "no replication slot is free".into(), "raise max_replication_slots and restart");
        } else if row.get::<_, i64>(0) < SPARE_SLOTS {
            tell(
                false,
                "few replication slots are free; a first copy takes some".into(),
                "raise max_replication_slots",
            );
        }
        if row.get::<_, i64>(1) < 2 && half.slot.as_ref().is_none_or(|slot| !slot.active) {
            tell(true, "no WAL sender is free".into(), "raise max_wal_senders and restart");
        }
        if row.get(2) {
            let message =
                "max_slot_wal_keep_size has no limit: a stand-by that stays away fills the disk".to_owned();
            tell(
                false,
                message,
                "set it to what the disk can spare; a slot that is lost is made anew by a routine sync",
            );
        }
        if row.get(3) {
            let message =
                "the database holds large objects, which logical replication does not carry".to_owned();
            tell(true, message, "move them into a bytea column, or choose `method = \"dump\"`");
        }
        if let Some(views) = row.get::<_, Option<String>>(4) {
            let message = format!("materialized views do not stream: {views}");
            tell(false, message, "a routine sync refreshes the stand-by's; refresh them after a swap");
        }
        if half.slot.as_ref().is_some_and(|slot| slot.lost) {
            tell(false, "the stream's slot is lost".into(), "the next routine sync copies everything anew");
        }
        if seen.is_frozen() {
            let unguarded = freeze::unguarded(server, session).await?;
            if !unguarded.is_empty() {
                let message =
                    format!("it is frozen, and has tables without a guard: {}", unguarded.join(", "));
                tell(true, message, "freeze it again");
            }
        }
        Ok(found)
    }

    /// What flows from one side to the other.
    fn stream(&self, from: &SideName, source: &Half, standby: &Half) -> Option<Stream> {
        let subscription = standby.subscription.as_ref()?;
        let confirmed = source.slot.as_ref().and_then(|slot| slot.confirmed).max(subscription.applied);
        let lag = confirmed.map(|confirmed| source.position.ahead_of(confirmed));
        let state = match &source.slot {
            None => "its slot is missing",
            Some(slot) if slot.lost => "its slot is lost",
            Some(_) if !subscription.enabled => "paused",
            Some(_) if subscription.copying > 0 => "copying",
            Some(slot) if !slot.active || !subscription.working => "not connected",
            Some(_) if subscription.errors > 0 && lag.is_some_and(|lag| lag > 0) => "streaming, after errors",
            Some(_) => "streaming",
        };
        let running = state.starts_with("streaming") || state == "copying";
        let reached = if state == "copying" {
            None
        } else {
            confirmed.and_then(|lsn| self.time_of(from, lsn)).max(standby.mark)
        };
        Some(Stream {
            from: from.clone(),
            running,
            state: state.to_owned(),
            lag_bytes: lag,
            caught_up_to: reached.and_then(moment),
        })
    }
}

fn side(server: &Server, looked: &Looked, gave: bool) -> StoreSide {
    let seen = &looked.seen;
    StoreSide {
        place: server.place().to_owned(),
        identity: looked.facts.identity.clone(),
        access: seen.access(),
        copied: seen.copied.clone(),
        diverged: (gave || seen.copied.is_some() || seen.handed.is_some()) && seen.has_opened(),
        bytes: Some(looked.facts.bytes),
    }
}

/// What one side lacks of the other. Which of them is production is not known here; where one is empty, nothing is said.
async fn differences(one: (&Server, &Looked), other: (&Server, &Looked)) -> Vec<StoreProblem> {
    let mut found = Vec::new();
    for ((from, source), (to, standby)) in [(one, other), (other, one)] {
        let (Some(content), Some(own)) = (&source.content, &standby.content) else { continue };
        let mut tell = |message: String, advice: &str| {
            let message = format!("{}: {message}", to.place());
            let advice = Some(advice.to_owned());
            found.push(StoreProblem { side: Some(to.name().clone()), fatal: true, message, advice });
        };
        if own.tables.is_empty() {
            match schema::absent_roles((from, &source.session), (to, &standby.session)).await {
                Ok(roles) if !roles.is_empty() => {
                    tell(format!("roles are missing: {}", roles.join(", ")), "create them there");
                }
                Ok(_) | Err(_) => {}
            }
        } else {
            let missing = content.missing_at(own);
            if !missing.is_empty() {
                tell(
                    missing.join("; "),
                    "run the same migrations on both sides, on the stand-by as the admin",
                );
            }
        }
    }
    found
}

/// Positions of a side and the moments when they were seen, for as long as the process lives.
pub(super) type Positions = BTreeMap<SideName, Vec<(Lsn, i64)>>;

/// As many as are remembered of each side.
const REMEMBERED: usize = 600;

impl Streaming {
    fn remember(&self, side: &SideName, half: &Half) {
        let mut positions = self.positions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = positions.entry(side.clone()).or_default();
        known.push((half.position, half.now));
        if known.len() > REMEMBERED {
            known.drain(..REMEMBERED / 2);
        }
    }

    /// The latest moment at which a side had not yet come further than a position.
    fn time_of(&self, side: &SideName, reached: Lsn) -> Option<i64> {
        let positions = self.positions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        positions.get(side)?.iter().filter(|(lsn, _)| *lsn <= reached).map(|(_, time)| *time).max()
    }
}
