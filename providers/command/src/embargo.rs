//! The embargo by a program.

use std::time::Duration;

use async_trait::async_trait;
use switchover::model::EnvironmentName;
use switchover::port::{Embargo, EmbargoView, Imposed, Reach, RemoteError};

use crate::program::{Failure, run};
use crate::releases::Command;

impl Command {
    async fn ask(&self, environment: &EnvironmentName, act: &str) -> Result<String, Failure> {
        let mut command = self.surroundings.command(&self.options.embargo, environment)?;
        command.env("SWITCHOVER_EMBARGO", act);
        run(command, self.options.timeout.0).await
    }

    async fn is_on(&self, environment: &EnvironmentName) -> Result<bool, RemoteError> {
        let told = |why: String| RemoteError::Unavailable { place: self.place(&self.options.embargo), why };
        let printed = self.ask(environment, "read").await.map_err(|failure| told(failure.to_string()))?;
        match printed.trim() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(told("for SWITCHOVER_EMBARGO=read it must print `on` or `off`".to_owned())),
        }
    }

    /// Asks for a change, and looks that it shows.
    async fn turn(&self, environment: &EnvironmentName, on: bool) -> Result<(), RemoteError> {
        if self.is_on(environment).await? == on {
            return Ok(());
        }
        let outcome = self.ask(environment, if on { "impose" } else { "lift" }).await;
        let place = self.place(&self.options.embargo);
        let shows = self.is_on(environment).await;
        match (outcome, shows) {
            (_, Ok(is)) if is == on => Ok(()),
            (Err(failure @ (Failure::Missing | Failure::NotStarted(_) | Failure::Ended(_))), Ok(_)) => {
                Err(RemoteError::Rejected { place, why: failure.to_string() })
            }
            (Ok(_), Ok(_)) => {
                let why = "it reports success, and the embargo does not show".to_owned();
                Err(RemoteError::Unknown { place, why })
            }
            (Err(failure), _) => Err(RemoteError::Unknown { place, why: failure.to_string() }),
            (Ok(_), Err(error)) => Err(RemoteError::Unknown { place, why: error.to_string() }),
        }
    }
}

#[async_trait]
impl Embargo for Command {
    async fn read(&self, environment: &EnvironmentName) -> Result<EmbargoView, RemoteError> {
        let imposed = self.is_on(environment).await?;
        let own = Imposed { since: None, reach: Reach::Environment };
        Ok(EmbargoView { imposed: imposed.then_some(own), others: Vec::new() })
    }

    async fn impose(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        self.turn(environment, true).await
    }

    async fn lift(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        self.turn(environment, false).await
    }

    /// That the program answers is all that can be known without changing anything.
    async fn prove_write(&self, environment: &EnvironmentName) -> Result<(), RemoteError> {
        self.is_on(environment).await.map(|_| ())
    }

    /// A program whose time is over has been ended, with everything it started.
    fn in_flight(&self) -> Duration {
        Duration::ZERO
    }
}
