//! One side at EFS: what is asked there, and what is told to be done there.

use std::fmt;
use std::time::Duration;

use aws_sdk_efs::Client;
use aws_sdk_efs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_efs::types::{
    DestinationToCreate, FileSystemDescription, ReplicationOverwriteProtection, ReplicationStatus, Tag,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde_json::Value;
use switchover::model::SideName;
use switchover::port::{DataError, Meter};
use switchover_aws::{Account, Connection, Failure, Marks, Patience, Seen, plain};

use crate::error::{failed, unfit};
use crate::options::EfsSide;

/// One side at EFS.
pub(crate) struct Home {
    pub(crate) side: SideName,
    pub(crate) options: EfsSide,
    pub(crate) account: Account,
    efs: Client,
    in_flight: Duration,
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Home").field(&self.side).field(&self.account).finish()
    }
}

/// A replication that a file system is part of.
#[derive(Debug, Clone)]
pub(crate) struct Replication {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) status: ReplicationStatus,
    pub(crate) message: Option<String>,
    /// Up to when everything of the source is at the target.
    pub(crate) last: Option<Timestamp>,
}

impl Replication {
    /// Its state, with EFS's reason where it gives one.
    pub(crate) fn state(&self) -> String {
        let message = self.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        format!("{}{message}", self.status.as_str())
    }
}

impl Home {
    /// Reads the AWS files; sends nothing.
    pub(crate) async fn connect(
        side: &SideName,
        options: EfsSide,
        connection: Connection,
        meter: Meter,
    ) -> Result<Self, DataError> {
        let in_flight = connection.operation_timeout;
        let account = Account::connect(side, connection, meter)
            .await
            .map_err(|failure| failure.of_reading(&options.file_system))?;
        let conf = aws_sdk_efs::config::Builder::from(account.sdk()).interceptor(account.watch()).build();
        Ok(Self { side: side.clone(), options, efs: Client::from_conf(conf), account, in_flight })
    }

    /// The id of the file system.
    pub(crate) fn id(&self) -> &str {
        &self.options.file_system
    }

    /// The file system, as people know it.
    pub(crate) fn place(&self) -> String {
        format!("{} in {}", self.id(), self.account.region())
    }

    fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.account.failures().of(error)
    }

    /// The file system.
    pub(crate) async fn system(&self) -> Result<FileSystemDescription, DataError> {
        let missing = || {
            unfit(
                &self.place(),
                "there is no such file system",
                "look at the side's `file_system`, `region` and `profile`",
            )
        };
        match self.efs.describe_file_systems().file_system_id(self.id()).send().boxed().await {
            Ok(answer) => answer.file_systems().first().cloned().ok_or_else(missing),
            Err(error) => match self.failure(&error) {
                failure if failure.code() == Some("FileSystemNotFound") => Err(missing()),
                failure => Err(failure.of_reading(&self.place())),
            },
        }
    }

    /// The policy that somebody wrote; `None` while the default is in effect.
    pub(crate) async fn policy(&self) -> Result<Option<Value>, DataError> {
        match self.efs.describe_file_system_policy().file_system_id(self.id()).send().boxed().await {
            Ok(answer) => {
                let text = answer.policy().unwrap_or_default();
                let policy = serde_json::from_str(text)
                    .map_err(|error| failed(&self.place(), &format!("its policy cannot be read: {error}")))?;
                Ok(Some(policy))
            }
            Err(error) => match self.failure(&error) {
                failure if failure.code() == Some("PolicyNotFound") => Ok(None),
                failure => Err(failure.of_reading(&self.place())),
            },
        }
    }

    /// Writes the policy, or removes it. May be repeated.
    pub(crate) async fn set_policy(&self, policy: Option<&Value>) -> Result<(), DataError> {
        let answer = if let Some(policy) = policy {
            let call = self.efs.put_file_system_policy().file_system_id(self.id()).policy(policy.to_string());
            call.send().boxed().await.map(|_| ()).map_err(|error| self.failure(&error))
        } else {
            let call = self.efs.delete_file_system_policy().file_system_id(self.id());
            call.send().boxed().await.map(|_| ()).map_err(|error| self.failure(&error))
        };
        answer.map_err(|failure| failure.of_acting(&self.place()))
    }

    /// The replication that the file system is part of, if it is of one.
    pub(crate) async fn replication(&self) -> Result<Option<Replication>, DataError> {
        let call = self.efs.describe_replication_configurations().file_system_id(self.id());
        let answer = match call.send().boxed().await {
            Ok(answer) => answer,
            Err(error) => {
                return match self.failure(&error) {
                    failure if failure.code() == Some("ReplicationNotFound") => Ok(None),
                    failure => Err(failure.of_reading(&self.place())),
                };
            }
        };
        let described = answer.replications().first();
        Ok(described.and_then(|found| {
            let target = found.destinations().first()?;
            Some(Replication {
                source: found.source_file_system_id().to_owned(),
                target: target.file_system_id().to_owned(),
                status: target.status().clone(),
                message: target.status_message().map(plain),
                last: target.last_replicated_timestamp().and_then(|at| {
                    let nanoseconds = i32::try_from(at.subsec_nanos()).ok()?;
                    Timestamp::new(at.secs(), nanoseconds).ok()
                }),
            })
        }))
    }

    /// Lets the file system be the destination of a replication, which overwrites what it holds.
    pub(crate) async fn unprotect(&self, patience: &Patience<'_>) -> Result<(), DataError> {
        let call = self.efs.update_file_system_protection().file_system_id(self.id());
        let off = ReplicationOverwriteProtection::Disabled;
        let Err(error) = call.replication_overwrite_protection(off).send().boxed().await else {
            return Ok(());
        };
        let failure = self.failure(&error);
        if failure.code() == Some("ReplicationAlreadyExists") {
            return Ok(());
        }
        let shows = || async { Ok(protection(&self.system().await?) == Protection::Off) };
        patience.settle(self.in_flight, &self.place(), failure, shows).await
    }

    /// Begins to replicate to the other side's file system.
    pub(crate) async fn replicate(&self, patience: &Patience<'_>, target: &Self) -> Result<(), DataError> {
        let (own, theirs) = (self.system().await?, target.system().await?);
        let across = own.owner_id() != theirs.owner_id();
        let id = if across { theirs.file_system_arn().unwrap_or_else(|| target.id()) } else { target.id() };
        let destination = DestinationToCreate::builder()
            .file_system_id(id)
            .region(target.account.region())
            .set_role_arn(self.options.role_arn.clone());
        let call = self.efs.create_replication_configuration().source_file_system_id(self.id());
        let Err(error) = call.destinations(destination.build()).send().boxed().await else { return Ok(()) };
        // The SDK's own second try finds what the first one made.
        let shows =
            || async { Ok(self.replication().await?.is_some_and(|found| self.flows(&found, target))) };
        match self.failure(&error) {
            failure if failure.code() == Some("ConflictException") && shows().await? => Ok(()),
            failure => patience.settle(self.in_flight, &self.place(), failure, shows).await,
        }
    }

    /// Whether a replication flows from here to there.
    pub(crate) fn flows(&self, found: &Replication, target: &Self) -> bool {
        found.source == self.id() && found.target == target.id()
    }

    /// Ends a replication, from whichever side this is, and waits until it is gone and this side's file system is writable.
    pub(crate) async fn end(&self, patience: &Patience<'_>, source: &str) -> Result<(), DataError> {
        if let Err(error) =
            self.efs.delete_replication_configuration().source_file_system_id(source).send().boxed().await
        {
            let failure = self.failure(&error);
            // The SDK's own second try finds it gone, or going.
            let going = || async {
                let found = self.replication().await?;
                Ok(found.is_none_or(|found| found.status == ReplicationStatus::Deleting))
            };
            if !matches!(failure.code(), Some("ReplicationNotFound" | "BadRequest")) || !going().await? {
                patience.settle(self.in_flight, &self.place(), failure, going).await?;
            }
        }
        patience
            .until(&self.place(), "ending the replication", || async {
                if let Some(found) = self.replication().await? {
                    return Ok(Seen::coming(found.state()));
                }
                Ok(match protection(&self.system().await?) {
                    Protection::Replicating => Seen::coming("read-only"),
                    Protection::On | Protection::Off => Seen::There(()),
                })
            })
            .await
    }

    /// Writes marks on the file system.
    pub(crate) async fn mark(&self, marks: &Marks) -> Result<(), DataError> {
        let tags = marks
            .tags()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed(&self.place(), &error.to_string()))?;
        let answer = self.efs.tag_resource().resource_id(self.id()).set_tags(Some(tags)).send().boxed().await;
        answer.map(|_| ()).map_err(|error| self.failure(&error).of_acting(&self.place()))
    }
}

/// What Switchover wrote on a file system.
pub(crate) fn marks(system: &FileSystemDescription) -> Marks {
    Marks::read(system.tags().iter().map(|tag| (tag.key(), tag.value())))
}

/// Whether a file system may be overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// It may not.
    On,
    /// It may become a destination.
    Off,
    /// It is one: read-only.
    Replicating,
}

/// Whether a file system may be overwritten. A file system of which EFS says nothing is protected:
/// <https://docs.aws.amazon.com/efs/latest/ug/API_FileSystemProtectionDescription.html>.
pub(crate) fn protection(system: &FileSystemDescription) -> Protection {
    let told = system.file_system_protection().and_then(|told| told.replication_overwrite_protection());
    match told {
        Some(ReplicationOverwriteProtection::Disabled) => Protection::Off,
        Some(ReplicationOverwriteProtection::Replicating) => Protection::Replicating,
        _ => Protection::On,
    }
}
