//! The embargo: a freeze period of ours in the project.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use switchover::model::EnvironmentName;
use switchover::port::{Embargo, EmbargoView, Imposed, Reach, RemoteError};

use crate::answer::{Failure, legible};
use crate::period::{Mark, ZONE, covering, is_in_force, is_of_switchover, is_ours};
use crate::refusal::is_missing;
use crate::side::GitLab;
use crate::wire::FreezePeriod;

const READ: &str = "read freeze periods (role Reporter, scope read_api)";
const CHANGE: &str = "make and delete freeze periods (role Maintainer, scope api)";
const WHAT: &str = "the list of freeze periods";
/// No period has it: ids count from 1.
const NO_PERIOD: &str = "0";

fn words(period: &FreezePeriod) -> String {
    let text = format!(
        "freeze period {} from `{}` to `{}` ({})",
        period.id, period.freeze_start, period.freeze_end, period.cron_timezone
    );
    legible(&text)
}

impl GitLab {
    async fn periods(&self) -> Result<Vec<FreezePeriod>, RemoteError> {
        let all = self.client.list(&["freeze_periods"], &[]).await;
        all.map_err(|failure| self.unchanged(failure, WHAT, READ))
    }

    /// Makes a period, or brings one of ours that ran out up to now.
    async fn freeze(&self, stale: Option<&FreezePeriod>, mark: Mark) -> Result<FreezePeriod, Failure> {
        let written = covering(self.client.clock().now(), mark);
        let body = json!({ "freeze_start": written.start, "freeze_end": written.end, "cron_timezone": ZONE });
        match stale {
            None => self.client.change(Method::POST, &["freeze_periods"], &[], Some(&body)).await,
            Some(stale) => {
                let path = ["freeze_periods", &stale.id.to_string()];
                self.client.change(Method::PUT, &path, &[], Some(&body)).await
            }
        }
    }

    async fn is_imposed(&self, mark: Mark) -> bool {
        let now = self.client.clock().now();
        let in_force = |period: &FreezePeriod| is_ours(period, mark) && is_in_force(period, now);
        self.periods().await.is_ok_and(|all| all.iter().any(in_force))
    }
}

#[async_trait]
impl Embargo for GitLab {
    async fn read(&self, environment: &EnvironmentName) -> Result<EmbargoView, RemoteError> {
        let (mark, now) = (Mark::of(environment), self.client.clock().now());
        let (ours, others): (Vec<_>, Vec<_>) =
            self.periods().await?.into_iter().partition(|period| is_ours(period, mark));
        let in_force = ours.iter().find(|period| is_in_force(period, now));
        Ok(EmbargoView {
            imposed: in_force.map(|period| Imposed { since: period.updated_at, reach: Reach::Project }),
            others: others.iter().filter(|period| !is_of_switchover(period)).map(words).collect(),
        })
    }

    async fn impose(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        let (mark, now) = (Mark::of(environment), self.client.clock().now());
        let periods = self.periods().await?;
        let ours: Vec<&FreezePeriod> = periods.iter().filter(|period| is_ours(period, mark)).collect();
        if ours.iter().any(|period| is_in_force(period, now)) {
            return Ok(());
        }
        let made = self.freeze(ours.first().copied(), mark).await;
        let made = made.and_then(|period| {
            if is_ours(&period, mark) && is_in_force(&period, now) {
                Ok(())
            } else {
                Err(Failure::Garbled("the answer does not show the freeze period as it was to be".to_owned()))
            }
        });
        match made.map_err(|failure| self.changed(failure, WHAT, CHANGE)) {
            Err(RemoteError::Unknown { .. }) if self.is_imposed(mark).await => Ok(()),
            outcome => outcome,
        }
    }

    async fn lift(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        let mark = Mark::of(environment);
        for period in self.periods().await?.iter().filter(|period| is_ours(period, mark)) {
            match self.client.delete(&["freeze_periods", &period.id.to_string()]).await {
                Ok(()) => {}
                Err(failure) if is_missing(&failure) => {}
                Err(failure) => {
                    let error = self.changed(failure, WHAT, CHANGE);
                    let lost = matches!(error, RemoteError::Unknown { .. });
                    let gone = |all: Vec<FreezePeriod>| all.iter().all(|own| own.id != period.id);
                    if !(lost && self.periods().await.is_ok_and(gone)) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Deletes a period that there cannot be: GitLab checks the token and the role first, and then finds no such period.
    async fn prove_write(&self, _environment: &EnvironmentName) -> Result<(), RemoteError> {
        match self.client.delete(&["freeze_periods", NO_PERIOD]).await {
            Err(failure) if is_missing(&failure) => Ok(()),
            Err(failure) => Err(self.unchanged(failure, WHAT, CHANGE)),
            Ok(()) => {
                let why = "it deletes a freeze period that cannot exist; its answers cannot be trusted";
                Err(RemoteError::Rejected { place: self.place(), why: why.to_owned() })
            }
        }
    }

    fn in_flight(&self) -> Duration {
        self.options.in_flight
    }
}
