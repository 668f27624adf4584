//! One side's project: what all its ports share.

use std::sync::Arc;

use secrecy::SecretString;
use switchover::port::{Clock, Meter, RemoteError};

use crate::answer::Failure;
use crate::client::Client;
use crate::options::{GitLabOptions, Resolved, SetupError};
use crate::refusal::{Attempt, Effect, remote};
use crate::wire::Project;

/// A GitLab project as one side: its settings, releases, embargo and schedules.
///
/// Needs a tokio runtime with time and I/O for the network; everything else is timed by the [`Clock`]. `Debug` never shows the token.
///
/// ```
/// # use std::sync::Arc;
/// # use switchover::port::{Clock, Meter, Releases, Settings};
/// use switchover_gitlab::{GitLab, GitLabOptions};
///
/// # fn build(clock: Arc<dyn Clock>, options: GitLabOptions) -> Result<(), Box<dyn std::error::Error>> {
/// let token = secrecy::SecretString::from("a token with the scope api");
/// # let token = secrecy::SecretString::from("token");
/// let side = Arc::new(GitLab::new(&options, token, Meter::default(), clock)?);
/// let settings: Arc<dyn Settings> = side.clone();
/// let releases: Arc<dyn Releases> = side;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GitLab {
    pub(crate) client: Client,
    pub(crate) options: Resolved,
}

impl GitLab {
    /// Checks the options and makes a side of them. Sends nothing: a wrong token shows at the first request.
    ///
    /// Every request that is sent is counted by `meter`.
    pub fn new(
        options: &GitLabOptions,
        token: SecretString,
        meter: Meter,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let options = Resolved::try_from(options)?;
        Ok(Self { client: Client::new(&options, token, meter, clock)?, options })
    }

    pub(crate) fn place(&self) -> String {
        self.options.place.clone()
    }

    /// The error for a request that was to change nothing, or is known not to have.
    pub(crate) fn unchanged(&self, failure: Failure, what: &str, act: &str) -> RemoteError {
        remote(failure, Attempt { place: &self.options.place, what, act }, Effect::None)
    }

    /// The error for a change.
    pub(crate) fn changed(&self, failure: Failure, what: &str, act: &str) -> RemoteError {
        remote(failure, Attempt { place: &self.options.place, what, act }, Effect::Possible)
    }

    /// The role of the token's user in the project, where the server tells it.
    pub(crate) async fn access_level(&self) -> Result<Option<u32>, RemoteError> {
        let project: Result<Project, Failure> = self.client.get(&[], &[]).await;
        let project = project.map_err(|failure| self.unchanged(failure, "the project", "see the project"))?;
        Ok(project.access_level())
    }
}
