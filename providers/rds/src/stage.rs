//! A new instance, made beside the old one, and put in its place by names.
//!
//! ```text
//!             gigadb-live (old)                      gigadb-live (new)
//!   stage ──► gigadb-live-KEY (new, frozen)  swap ─► gigadb-live-before-KEY (old)
//! ```
//! Between the two renames no instance has the live name. Whoever comes next finds the instance that is marked `ready` and finishes.

use aws_sdk_rds::types::DbInstance;
use futures_util::FutureExt as _;
use switchover::model::{BackupKey, RunId};
use switchover::port::DataError;
use switchover_aws::{Marks, Patience};

use crate::error::unfit;
use crate::home::{Home, marks, tags};
use crate::names;
use crate::states::{self, Phase};

/// What a new instance is made of.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The snapshot of that name, in the same region.
    Snapshot(String),
    /// The instance of that ARN, whose read replica it becomes.
    Replica(String),
}

/// What a new instance is like, beside its data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    class: Option<String>,
    subnet_group: Option<String>,
    parameter_group: Option<String>,
    security_groups: Vec<String>,
    multi_az: Option<bool>,
    public: Option<bool>,
    protected: Option<bool>,
    iam: Option<bool>,
    copy_tags: Option<bool>,
    port: Option<i32>,
    others_tags: Vec<aws_sdk_rds::types::Tag>,
}

impl Shape {
    /// From the options, and where they say nothing from the instance that is there now.
    pub(crate) async fn of(home: &Home, present: Option<&DbInstance>) -> Result<Self, DataError> {
        let options = &home.options;
        let or = |given: &Option<String>, found: Option<&str>| given.clone().or(found.map(str::to_owned));
        let groups = present.map_or(&[][..], DbInstance::vpc_security_groups);
        let found = groups.iter().filter_map(|group| group.vpc_security_group_id().map(str::to_owned));
        let parameters = present.and_then(|present| present.db_parameter_groups().first());
        let shape = Self {
            class: or(&options.class, present.and_then(DbInstance::db_instance_class)),
            subnet_group: or(
                &options.subnet_group,
                present.and_then(DbInstance::db_subnet_group).and_then(|group| group.db_subnet_group_name()),
            ),
            parameter_group: or(
                &options.parameter_group,
                parameters.and_then(|group| group.db_parameter_group_name()),
            ),
            security_groups: if options.security_groups.is_empty() {
                found.collect()
            } else {
                options.security_groups.clone()
            },
            multi_az: present.and_then(DbInstance::multi_az),
            public: present.and_then(DbInstance::publicly_accessible),
            protected: present.and_then(DbInstance::deletion_protection),
            iam: present.and_then(DbInstance::iam_database_authentication_enabled),
            copy_tags: present.and_then(DbInstance::copy_tags_to_snapshot),
            port: present.and_then(DbInstance::endpoint).and_then(aws_sdk_rds::types::Endpoint::port),
            others_tags: present.map_or_else(Vec::new, others_tags),
        };
        shape.check(home).await?;
        Ok(shape)
    }

    /// Makes sure that the groups which the new instance needs are there, before anything is made.
    pub(crate) async fn check(&self, home: &Home) -> Result<(), DataError> {
        if let Some(group) = &self.subnet_group {
            let call = home.rds.describe_db_subnet_groups().db_subnet_group_name(group);
            if let Err(error) = call.send().boxed().await {
                return Err(missing(home, home.failure(&error), "subnet group", group));
            }
        }
        // RDS makes a default parameter group when it is first used, so that it need not be there.
        let own = self.parameter_group.as_ref().filter(|group| !group.starts_with("default."));
        if let Some(group) = own {
            let call = home.rds.describe_db_parameter_groups().db_parameter_group_name(group);
            if let Err(error) = call.send().boxed().await {
                return Err(missing(home, home.failure(&error), "parameter group", group));
            }
        }
        Ok(())
    }

    fn tags(&self, ours: &Marks) -> Vec<aws_sdk_rds::types::Tag> {
        self.others_tags.iter().cloned().chain(tags(ours)).collect()
    }
}

fn missing(home: &Home, failure: switchover_aws::Failure, kind: &str, name: &str) -> DataError {
    let code = failure.code().unwrap_or_default();
    if code.contains("NotFound") {
        let key = kind.replace(' ', "_");
        return unfit(
            &home.place(home.live()),
            &format!("there is no {kind} `{name}` in {}", home.account.region()),
            &format!("make it, or give the side another `{key}`"),
        );
    }
    failure.of_reading(&home.place(home.live()))
}

/// The tags that are neither ours nor AWS's, so that what a new instance costs is booked where the old one's cost was.
fn others_tags(instance: &DbInstance) -> Vec<aws_sdk_rds::types::Tag> {
    let foreign = |key: &str| !key.starts_with("switchover:") && !key.starts_with("aws:");
    instance.tag_list().iter().filter(|tag| tag.key().is_some_and(foreign)).cloned().collect()
}

/// Which instance is to be made.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) key: &'a BackupKey,
    pub(crate) run: &'a RunId,
    pub(crate) source: Source,
    pub(crate) shape: Shape,
    /// What it is marked with: whose it is, and what it has when it is complete.
    pub(crate) marks: Marks,
}

/// What there is where an earlier run left no instance under the live name.
#[derive(Debug)]
pub(crate) enum Between {
    /// Nothing of ours.
    Nothing,
    /// The new one, frozen and complete: it gets the name.
    New(DbInstance),
    /// The old one: it gets its name back.
    Old(DbInstance),
}

impl Home {
    /// Makes the instance that waits beside the live one, or goes on with the one that an earlier try of the same made. Ready afterwards.
    pub(crate) async fn stage(
        &self,
        patience: &Patience<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<DbInstance, DataError> {
        let name = names::staged(self.live(), wanted.key);
        if let Some(found) = self.instance(&name).await? {
            let theirs = marks(found.tag_list());
            let ours = theirs.get("pair") == wanted.marks.get("pair")
                && theirs.get("store") == wanted.marks.get("store");
            if !ours {
                return Err(unfit(
                    &self.place(&name),
                    "the name for the new instance is taken by one that Switchover did not make",
                    "rename or delete that instance, or take another key",
                ));
            }
            let same = ["run", "key", "origin"].iter().all(|key| theirs.get(key) == wanted.marks.get(key));
            let whole = !matches!(states::of_instance(&found), Phase::Broken(_));
            if !(same && whole) {
                self.delete(patience, &name).boxed().await?;
                self.make(patience, &name, wanted).await?;
            }
        } else {
            self.make(patience, &name, wanted).await?;
        }
        self.ready(patience, &name, phase(&wanted.source)).boxed().await
    }

    async fn make(&self, patience: &Patience<'_>, name: &str, wanted: &Wanted<'_>) -> Result<(), DataError> {
        let failure = match &wanted.source {
            Source::Snapshot(snapshot) => self.restore(name, snapshot, wanted).await,
            Source::Replica(arn) => self.replicate(name, arn, wanted).await,
        };
        let Err(failure) = failure else { return Ok(()) };
        // The SDK's own second try.
        if failure.code() == Some("DBInstanceAlreadyExists") {
            return self.is_ours(name, wanted).await;
        }
        let shows = || async { Ok(self.instance(name).await?.is_some()) };
        self.settled(patience, &self.place(name), failure, shows).boxed().await
    }

    async fn is_ours(&self, name: &str, wanted: &Wanted<'_>) -> Result<(), DataError> {
        let found = self.instance(name).await?;
        let run = found.map(|found| marks(found.tag_list()).get("run").map(str::to_owned));
        if run.flatten().as_deref() == Some(wanted.run.as_str()) {
            return Ok(());
        }
        Err(unfit(&self.place(name), "the name was taken meanwhile by another instance", "sync again"))
    }

    async fn restore(
        &self,
        name: &str,
        snapshot: &str,
        wanted: &Wanted<'_>,
    ) -> Result<(), switchover_aws::Failure> {
        let shape = &wanted.shape;
        let call = self
            .rds
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(name)
            .db_snapshot_identifier(snapshot)
            .set_db_instance_class(shape.class.clone())
            .set_db_subnet_group_name(shape.subnet_group.clone())
            .set_db_parameter_group_name(shape.parameter_group.clone())
            .set_vpc_security_group_ids(some(&shape.security_groups))
            .set_multi_az(shape.multi_az)
            .set_publicly_accessible(shape.public)
            .set_deletion_protection(shape.protected.map(|_| false))
            .set_enable_iam_database_authentication(shape.iam)
            .set_copy_tags_to_snapshot(shape.copy_tags)
            .set_port(shape.port)
            .set_tags(Some(shape.tags(&wanted.marks)));
        call.send().boxed().await.map(|_| ()).map_err(|error| self.failure(&error))
    }

    async fn replicate(
        &self,
        name: &str,
        arn: &str,
        wanted: &Wanted<'_>,
    ) -> Result<(), switchover_aws::Failure> {
        let shape = &wanted.shape;
        let call = self
            .rds
            .create_db_instance_read_replica()
            .db_instance_identifier(name)
            .source_db_instance_identifier(arn)
            .set_db_instance_class(shape.class.clone())
            .set_db_subnet_group_name(shape.subnet_group.clone())
            .set_db_parameter_group_name(shape.parameter_group.clone())
            .set_vpc_security_group_ids(some(&shape.security_groups))
            .set_multi_az(shape.multi_az)
            .set_publicly_accessible(shape.public)
            .set_enable_iam_database_authentication(shape.iam)
            .set_copy_tags_to_snapshot(shape.copy_tags)
            .set_kms_key_id(self.options.kms_key.clone())
            .set_tags(Some(shape.tags(&wanted.marks)));
        call.send().boxed().await.map(|_| ()).map_err(|error| self.failure(&error))
    }

    /// Puts the instance that waits in the live one's place, and the live one, if there is one, aside; says under which name.
    pub(crate) async fn swap(&self, patience: &Patience<'_>, key: &BackupKey) -> Result<String, DataError> {
        let staged = names::staged(self.live(), key);
        let waiting = self.ready(patience, &staged, "putting the new instance in place").boxed().await?;
        patience.overseer().permit().await?;
        // From here on whoever finds the live name gone finishes, and does not begin anew.
        self.mark(waiting.db_instance_arn(), &staged, &Marks::default().with("stage", "ready")).await?;
        let aside = self.free_name(key).await?;
        if self.instance(self.live()).await?.is_some() {
            self.rename(patience, self.live(), &aside).boxed().await?;
        }
        // Without asking again: whoever took the pair meanwhile finds no instance of the live name, and would do the same.
        let live = self.rename(patience, &staged, self.live()).boxed().await?;
        self.mark(live.db_instance_arn(), self.live(), &Marks::default().with("stage", "live")).await?;
        Ok(aside)
    }

    async fn free_name(&self, key: &BackupKey) -> Result<String, DataError> {
        let all = self.instances().await?;
        let taken =
            |name: &String| all.iter().any(|found| found.db_instance_identifier() == Some(name.as_str()));
        names::before(self.live(), key).find(|name| !taken(name)).ok_or_else(|| {
            unfit(
                &self.place(self.live()),
                "every name for the instance that is replaced is taken",
                "delete instances that were replaced under this key, or take another key",
            )
        })
    }

    /// Protects the live instance from deletion as the one was whose place it took.
    pub(crate) async fn protect(&self, shape: &Shape) -> Result<(), DataError> {
        if shape.protected != Some(true) {
            return Ok(());
        }
        let call = self.rds.modify_db_instance().db_instance_identifier(self.live());
        let answer = call.deletion_protection(true).apply_immediately(true).send().boxed().await;
        answer.map(|_| ()).map_err(|error| self.failure(&error).of_acting(&self.place(self.live())))
    }

    /// Finishes what an earlier run left between its two renames.
    pub(crate) async fn finish_swap(&self, patience: &Patience<'_>, ours: &Marks) -> Result<(), DataError> {
        let live = self.live();
        if let Some(found) = self.instance(live).await? {
            // It may just be losing this name.
            if found.db_instance_status() != Some("renaming") {
                return Ok(());
            }
            let place = self.place(live);
            let gone = patience.until(&place, "waiting for an earlier renaming", || async {
                Ok(match self.instance(live).await? {
                    Some(found) if found.db_instance_status() == Some("renaming") => {
                        switchover_aws::Seen::coming("renaming")
                    }
                    Some(_) | None => switchover_aws::Seen::There(()),
                })
            });
            gone.await?;
            if self.instance(live).await?.is_some() {
                return Ok(());
            }
        }
        match self.between(ours).await? {
            Between::Nothing => Ok(()),
            Between::New(found) => {
                patience.overseer().permit().await?;
                let name = found.db_instance_identifier().unwrap_or_default();
                let renamed = self.rename(patience, name, live).boxed().await?;
                self.mark(renamed.db_instance_arn(), live, &Marks::default().with("stage", "live")).await
            }
            Between::Old(found) => {
                patience.overseer().permit().await?;
                let name = found.db_instance_identifier().unwrap_or_default();
                self.rename(patience, name, live).boxed().await.map(|_| ())
            }
        }
    }

    /// Which instance stands for the live one while none has its name.
    pub(crate) async fn between(&self, ours: &Marks) -> Result<Between, DataError> {
        let live = self.live();
        let all = self.instances().await?;
        let latest = |key: fn(&str, &str) -> Option<BackupKey>, fits: &dyn Fn(&Marks) -> bool| {
            let keyed =
                all.iter().filter_map(|found| Some((key(live, found.db_instance_identifier()?)?, found)));
            let fitting = keyed.filter(|(_, found)| fits(&marks(found.tag_list())));
            fitting.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, found)| found.clone())
        };
        let ready = |theirs: &Marks| {
            let mine = ["pair", "store"].iter().all(|key| theirs.get(key) == ours.get(key));
            mine && theirs.get("stage") == Some("ready")
        };
        if let Some(new) = latest(names::key_of_staged, &ready) {
            return Ok(Between::New(new));
        }
        Ok(latest(names::key_of_before, &|_| true).map_or(Between::Nothing, Between::Old))
    }

    /// Deletes what earlier runs left: instances that never got to serve, but for `keep`; and, if a new one is in place, instances that were
    /// replaced before `replaced` was. Only what Switchover made; what stays is named.
    pub(crate) async fn clear(
        &self,
        patience: &Patience<'_>,
        ours: &Marks,
        keep: &str,
        replaced: Option<&str>,
    ) -> Result<Vec<String>, DataError> {
        let mut notes = Vec::new();
        for found in self.instances().await? {
            let name = found.db_instance_identifier().unwrap_or_default();
            let was_staged = names::key_of_staged(self.live(), name).is_some() && name != keep;
            let was_live = names::key_of_before(self.live(), name).is_some()
                && replaced.is_some_and(|replaced| replaced != name);
            if !(was_staged || was_live) {
                continue;
            }
            match kept_because(&found, ours) {
                None => self.delete(patience, name).boxed().await?,
                Some(why) if was_live => {
                    notes.push(format!(
                        "{} {why} and costs money: delete it when you are sure",
                        self.place(name)
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(notes)
    }
}

/// Why an instance is not Switchover's to delete, if it is not.
fn kept_because(found: &DbInstance, ours: &Marks) -> Option<&'static str> {
    let theirs = marks(found.tag_list());
    let made_here =
        ["pair", "store"].iter().all(|key| theirs.get(key) == ours.get(key)) && theirs.get("key").is_some();
    if !made_here {
        Some("was not made by Switchover")
    } else if theirs.get("diverged") == Some("true") {
        Some("holds what no other side has")
    } else if found.deletion_protection() == Some(true) {
        Some("is protected from deletion")
    } else {
        None
    }
}

fn phase(source: &Source) -> &'static str {
    match source {
        Source::Snapshot(_) => "restoring the snapshot",
        Source::Replica(_) => "making the read replica",
    }
}

fn some(all: &[String]) -> Option<Vec<String>> {
    (!all.is_empty()).then(|| all.to_vec())
}
