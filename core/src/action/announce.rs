//! Tell people of a moment of the run.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::{Acted, Context, Look, Perform};
use crate::model::{Announcement, AnnouncerName, Moment, ReleaseName};
use crate::port::{AnnounceError, Announcer};

/// How long an announcement is tried for.
pub(crate) const ANNOUNCE_DEADLINE: Duration = Duration::from_secs(60);
/// How long one try may take, whatever the provider promises.
const ONE_TRY: Duration = Duration::from_secs(15);
/// The longest wait that a service may ask for and still be asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The time between two glances at whether somebody is in a hurry.
const GLANCE: Duration = Duration::from_millis(100);

/// An announcement of one moment to one announcer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announce {
    /// What people are told.
    pub moment: Moment,
    /// By which way.
    pub to: AnnouncerName,
    /// The release that the run brings, if it brings one.
    pub release: Option<ReleaseName>,
}

/// Tells once a look, until it was taken.
#[derive(Debug)]
pub(super) struct Announcing<'a> {
    action: &'a Announce,
    taken: bool,
    asked_to_wait: Option<Duration>,
}

impl<'a> Announcing<'a> {
    pub(super) fn new(action: &'a Announce) -> Self {
        Self { action, taken: false, asked_to_wait: None }
    }

    fn failed(&mut self, error: &AnnounceError) -> Acted {
        match error {
            AnnounceError::Throttled { retry_after: Some(wait), .. } if *wait > LONGEST_WAIT => {
                Acted::Refused(error.to_string())
            }
            AnnounceError::Throttled { retry_after, .. } => {
                self.asked_to_wait = *retry_after;
                Acted::Later(error.to_string())
            }
            AnnounceError::Unavailable { .. } => Acted::Later(error.to_string()),
            AnnounceError::Refused { .. } | AnnounceError::Unready { .. } => {
                Acted::Refused(error.to_string())
            }
        }
    }
}

/// Tells, and gives up when the time for one try is over or somebody is in a hurry.
async fn one_try(
    announcer: &dyn Announcer,
    announcement: &Announcement,
    context: &Context<'_>,
) -> Result<(), AnnounceError> {
    let patience = std::pin::pin!(async {
        let mut left = ONE_TRY;
        while !left.is_zero() && !context.stop.is_stopped() && !context.hurry.is_stopped() {
            context.ports.clock.sleep(GLANCE).await;
            left = left.saturating_sub(GLANCE);
        }
    });
    match select(announcer.announce(announcement), patience).await {
        Either::Left((told, _)) => told,
        Either::Right(((), _)) => {
            let why = "given up before it answered".to_owned();
            Err(AnnounceError::Unavailable { place: "the announcer".to_owned(), why })
        }
    }
}

#[async_trait]
impl Perform for Announcing<'_> {
    async fn look(&mut self, _: &Context<'_>) -> Look {
        // Nobody can look whether people were told: what counts is whether this call, or its repetition, was taken.
        if self.taken { Look::Done(Vec::new()) } else { Look::Ready { partial: false } }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let Some(announcer) = context.ports.announcers.get(&self.action.to) else {
            return Acted::Refused(format!("the announcer {} was not connected", self.action.to));
        };
        let Some(announcement) = &context.announcement else {
            return Acted::Refused("there is nothing to announce".to_owned());
        };
        self.asked_to_wait = None;
        match one_try(announcer.as_ref(), announcement, context).await {
            Ok(()) => {
                self.taken = true;
                Acted::Accepted(Vec::new())
            }
            Err(error) => self.failed(&error),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        let own = doubling(Duration::from_secs(1), Duration::from_secs(8), looks);
        self.asked_to_wait.map_or(own, |wait| wait.clamp(Duration::from_secs(1), LONGEST_WAIT))
    }

    /// A call of an earlier process that still arrives does no harm: its repetition carries the same key.
    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
