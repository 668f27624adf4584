//! One side at RDS: what is asked there, and what is told to be done there.

use futures_util::FutureExt as _;
use std::fmt;

use aws_sdk_rds::Client;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rds::types::{DbInstance, DbSnapshot, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use switchover::model::SideName;
use switchover::port::{DataError, Meter};
use switchover_aws::{Account, Connection, Failure, Marks, Patience, Seen, WholeXml};

use crate::error::{failed, unfit};
use crate::options::RdsSide;
use crate::states::{self, Phase};

/// One side at RDS.
pub(crate) struct Home {
    pub(crate) side: SideName,
    pub(crate) options: RdsSide,
    pub(crate) rds: Client,
    pub(crate) account: Account,
    /// How long a call without an answer may still be on its way.
    in_flight: std::time::Duration,
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Home").field(&self.side).field(&self.account).finish()
    }
}

impl Home {
    /// Reads the AWS files; sends nothing.
    pub(crate) async fn connect(
        side: &SideName,
        options: RdsSide,
        connection: Connection,
        meter: Meter,
    ) -> Result<Self, DataError> {
        let in_flight = connection.operation_timeout;
        let account = Account::connect(side, connection, meter)
            .await
            .map_err(|failure| failure.of_reading(&options.instance))?;
        let conf = aws_sdk_rds::config::Builder::from(account.sdk())
            .interceptor(account.watch())
            .interceptor(WholeXml)
            .build();
        Ok(Self { side: side.clone(), options, rds: Client::from_conf(conf), account, in_flight })
    }

    /// The name of the instance that the applications use.
    pub(crate) fn live(&self) -> &str {
        &self.options.instance
    }

    /// Something here, as people know it.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{name} in {}", self.account.region())
    }

    pub(crate) fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.account.failures().of(error)
    }

    /// An instance, if there is one of that name.
    pub(crate) async fn instance(&self, name: &str) -> Result<Option<DbInstance>, DataError> {
        match self.rds.describe_db_instances().db_instance_identifier(name).send().boxed().await {
            Ok(answer) => Ok(answer.db_instances().first().cloned()),
            Err(error) => match self.failure(&error) {
                failure if failure.code() == Some("DBInstanceNotFound") => Ok(None),
                failure => Err(failure.of_reading(&self.place(name))),
            },
        }
    }

    /// Every instance of the region.
    pub(crate) async fn instances(&self) -> Result<Vec<DbInstance>, DataError> {
        let pages = self.rds.describe_db_instances().into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().boxed().await.map_err(|error| self.reading(&error))
    }

    /// A snapshot, if there is one of that name.
    pub(crate) async fn snapshot(&self, name: &str) -> Result<Option<DbSnapshot>, DataError> {
        match self.rds.describe_db_snapshots().db_snapshot_identifier(name).send().boxed().await {
            Ok(answer) => Ok(answer.db_snapshots().first().cloned()),
            Err(error) => match self.failure(&error) {
                failure if failure.code() == Some("DBSnapshotNotFound") => Ok(None),
                failure => Err(failure.of_reading(&self.place(name))),
            },
        }
    }

    /// Every snapshot of the region that was not made by RDS itself.
    pub(crate) async fn snapshots(&self) -> Result<Vec<DbSnapshot>, DataError> {
        let pages = self.rds.describe_db_snapshots().snapshot_type("manual").into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().boxed().await.map_err(|error| self.reading(&error))
    }

    fn reading<E>(&self, error: &SdkError<E, HttpResponse>) -> DataError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.failure(error).of_reading(&self.place(self.live()))
    }

    /// The error for an instance that is not there, with the name that was probably meant.
    pub(crate) async fn no_instance(&self, name: &str) -> DataError {
        let others = match self.instances().await {
            Ok(others) => others,
            Err(error) => return error,
        };
        let names: Vec<&str> = others.iter().filter_map(DbInstance::db_instance_identifier).collect();
        let advice = if names.is_empty() {
            "there is none in that region and account; look at the side's `region` and `profile`".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        unfit(&self.place(name), "there is no such instance", &advice)
    }

    /// The number of the account whose credentials are used, from the ARN of any instance or group of the region; `None` if it holds nothing.
    pub(crate) async fn account_id(&self) -> Result<Option<String>, DataError> {
        let all = self.instances().await?;
        if let Some(arn) = all.iter().find_map(DbInstance::db_instance_arn) {
            return Ok(crate::snapshots::account(Some(arn)).map(str::to_owned));
        }
        let groups = self
            .rds
            .describe_db_parameter_groups()
            .send()
            .boxed()
            .await
            .map_err(|error| self.reading(&error))?;
        let arn = groups.db_parameter_groups().iter().find_map(|group| group.db_parameter_group_arn());
        Ok(crate::snapshots::account(arn).map(str::to_owned))
    }

    /// Makes sure that a call which failed did nothing, or that it did all the same: one whose answer was lost is looked for until it can no
    /// longer be on its way.
    pub(crate) async fn settled<F>(
        &self,
        patience: &Patience<'_>,
        place: &str,
        failure: Failure,
        shows: impl FnMut() -> F + Send,
    ) -> Result<(), DataError>
    where
        F: Future<Output = Result<bool, DataError>> + Send,
    {
        patience.settle(self.in_flight, place, failure, shows).await
    }

    /// Waits until an instance is ready.
    pub(crate) async fn ready(
        &self,
        patience: &Patience<'_>,
        name: &str,
        phase: &str,
    ) -> Result<DbInstance, DataError> {
        let place = self.place(name);
        patience
            .until(&place, phase, || async {
                let Some(instance) = self.instance(name).await? else {
                    return Ok(Seen::coming("not there yet"));
                };
                match states::of_instance(&instance) {
                    Phase::Ready => Ok(Seen::There(instance)),
                    Phase::Busy(state) => Ok(Seen::coming(state)),
                    Phase::Broken(state) => {
                        Err(unfit(&self.place(name), &format!("it is `{state}`"), states::advice(&state)))
                    }
                }
            })
            .await
    }

    /// Gives an instance another name, and waits until it is ready under that name. Converges: what an earlier call did is found. Asks nobody.
    pub(crate) async fn rename(
        &self,
        patience: &Patience<'_>,
        from: &str,
        to: &str,
    ) -> Result<DbInstance, DataError> {
        let phase = format!("renaming {from} to {to}");
        let present = self.ready(patience, from, &phase).boxed().await?;
        if self.instance(to).await?.is_some() {
            return Err(unfit(
                &self.place(to),
                &format!("{from} cannot take this name: an instance has it"),
                "rename or delete that instance",
            ));
        }
        let call = self.rds.modify_db_instance().db_instance_identifier(from);
        let answer = call.new_db_instance_identifier(to).apply_immediately(true).send().boxed().await;
        if let Err(error) = answer {
            let failure = self.failure(&error);
            // The SDK's own second try finds the instance gone from its old name, or busy with getting the new one.
            let done_before = matches!(failure.code(), Some("DBInstanceNotFound" | "InvalidDBInstanceState"));
            if !done_before {
                let shows = || async { self.is_renaming(from, to).await };
                self.settled(patience, &self.place(from), failure, shows).boxed().await?;
            }
        }
        let renamed = self.ready(patience, to, &phase).boxed().await?;
        if renamed.dbi_resource_id() == present.dbi_resource_id() {
            return Ok(renamed);
        }
        Err(failed(
            &self.place(to),
            &format!("another instance than {from} has this name; nothing more was changed"),
        ))
    }

    async fn is_renaming(&self, from: &str, to: &str) -> Result<bool, DataError> {
        if self.instance(to).await?.is_some() {
            return Ok(true);
        }
        let status = self.instance(from).await?.and_then(|instance| instance.db_instance_status);
        Ok(status.as_deref() == Some("renaming"))
    }

    /// Writes marks on an instance or a snapshot.
    pub(crate) async fn mark(&self, arn: Option<&str>, name: &str, marks: &Marks) -> Result<(), DataError> {
        let place = self.place(name);
        let arn = arn.ok_or_else(|| failed(&place, "RDS does not say its ARN"))?;
        let call = self.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(tags(marks)));
        call.send().boxed().await.map_err(|error| self.failure(&error).of_acting(&place))?;
        Ok(())
    }

    /// Deletes an instance without a last snapshot, and waits until it is gone. Only for what Switchover made itself.
    pub(crate) async fn delete(&self, patience: &Patience<'_>, name: &str) -> Result<(), DataError> {
        patience.overseer().permit().await?;
        let call = self.rds.delete_db_instance().db_instance_identifier(name).skip_final_snapshot(true);
        if let Err(error) = call.send().boxed().await {
            let failure = self.failure(&error);
            match failure.code() {
                Some("DBInstanceNotFound") => return Ok(()),
                // It is being deleted already.
                Some("InvalidDBInstanceState") => {}
                _ => {
                    let gone = || async { Ok(self.instance(name).await?.is_none_or(|it| is_going(&it))) };
                    self.settled(patience, &self.place(name), failure, gone).boxed().await?;
                }
            }
        }
        patience
            .until(&self.place(name), &format!("deleting {name}"), || async {
                Ok(match self.instance(name).await? {
                    None => Seen::There(()),
                    Some(instance) => Seen::coming(instance.db_instance_status().unwrap_or("unknown")),
                })
            })
            .await
    }
}

fn is_going(instance: &DbInstance) -> bool {
    instance.db_instance_status() == Some("deleting")
}

pub(crate) fn tags(marks: &Marks) -> Vec<Tag> {
    marks.tags().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// What Switchover wrote on a resource.
pub(crate) fn marks(tags: &[Tag]) -> Marks {
    Marks::read(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
}
