//! Lay or lift the change embargo of an environment on one side.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::perform::doubling;
use super::remote::{failed, unseen};
use super::{Acted, Context, Look, Perform};
use crate::model::{EnvironmentName, SideName};
use crate::port::Embargo;

/// Whether an embargo shall lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nothing shall be deployed.
    Imposed,
    /// Switchover's own embargo shall not lie; others stay.
    Lifted,
}

/// A change of the embargo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetEmbargo {
    /// The side.
    pub side: SideName,
    /// The environment.
    pub environment: EnvironmentName,
    /// What shall hold.
    pub rule: Rule,
}

impl SetEmbargo {
    /// What takes it back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let rule = match self.rule {
            Rule::Imposed => Rule::Lifted,
            Rule::Lifted => Rule::Imposed,
        };
        Self { rule, ..self.clone() }
    }
}

#[derive(Debug)]
pub(super) struct Setting<'a> {
    action: &'a SetEmbargo,
}

impl<'a> Setting<'a> {
    pub(super) fn new(action: &'a SetEmbargo) -> Self {
        Self { action }
    }

    fn embargo<'p>(&self, context: &Context<'p>) -> Result<&'p Arc<dyn Embargo>, String> {
        let delivery = context.ports.deliveries.get(&self.action.side);
        let embargo = delivery.and_then(|delivery| delivery.embargo.as_ref());
        embargo.ok_or_else(|| format!("side {} has no embargo", self.action.side))
    }
}

#[async_trait]
impl Perform for Setting<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let embargo = match self.embargo(context) {
            Ok(embargo) => embargo,
            Err(why) => return Look::Refused(why),
        };
        match embargo.read(&self.action.environment).await {
            Ok(view) if view.imposed.is_some() == (self.action.rule == Rule::Imposed) => {
                Look::Done(Vec::new())
            }
            Ok(_) => Look::Ready { partial: false },
            Err(error) => unseen(&error),
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let embargo = match self.embargo(context) {
            Ok(embargo) => embargo,
            Err(why) => return Acted::Refused(why),
        };
        let changed = match self.action.rule {
            Rule::Imposed => embargo.impose(&self.action.environment).await,
            Rule::Lifted => embargo.lift(&self.action.environment).await,
        };
        match changed {
            Ok(()) => Acted::Accepted(Vec::new()),
            Err(error) => failed(&error, embargo.in_flight()),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(500), Duration::from_secs(8), looks)
    }

    fn in_flight(&self, context: &Context<'_>) -> Duration {
        self.embargo(context).map(|embargo| embargo.in_flight()).unwrap_or_default()
    }
}
