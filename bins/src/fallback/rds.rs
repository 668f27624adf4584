//! RDS: the freeze in PostgreSQL behind the instance, snapshots and replicas by the AWS CLI (<https://docs.aws.amazon.com/cli/latest/reference/rds/>).

use switchover::action::SyncStore;
use switchover::config::ProviderSpec;
use switchover::model::SideName;
use switchover::port::SyncPurpose;
use switchover_rds::{RdsFreeze, RdsMethod, RdsOptions, RdsSide};

use super::Hand;
use super::page::quoted;
use super::postgres::Login;

fn sided(spec: &ProviderSpec, side: &SideName) -> Option<(RdsOptions, RdsSide)> {
    let options: RdsOptions = spec.options().ok()?;
    let side = options.sides.get(side.as_str())?.clone();
    Some((options, side))
}

/// The AWS CLI in a side's account and region.
pub(super) fn aws(profile: Option<&String>, region: Option<&String>, service: &str) -> String {
    let profile = profile.map(|profile| format!(" --profile {}", quoted(profile))).unwrap_or_default();
    let region = region.map(|region| format!(" --region {}", quoted(region))).unwrap_or_default();
    format!("aws{profile}{region} {service}")
}

fn rds(side: &RdsSide) -> String {
    aws(side.profile.as_ref(), side.region.as_ref(), "rds")
}

impl Hand<'_> {
    /// Finds the instance's host, which RDS says.
    fn host(&mut self, side: &RdsSide) {
        let find = format!(
            "RDS_HOST=$({} describe-db-instances --db-instance-identifier {} --query 'DBInstances[0].Endpoint.Address' --output text) && echo \"$RDS_HOST\"",
            rds(side),
            quoted(&side.instance)
        );
        self.page.sh(&find);
    }

    fn login<'l>(freeze: &'l RdsFreeze, user: &'l switchover_postgres::PostgresUser) -> Login<'l> {
        Login {
            host: "$RDS_HOST",
            port: 5432,
            database: &freeze.database,
            user,
            sslmode: freeze.sslmode,
            root_certificate: freeze.root_certificate.as_deref(),
        }
    }

    pub(super) fn freeze_rds(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((options, side)) = sided(spec, side) else { return };
        let Some(freeze) = options.freeze else {
            return self.by_hand("RDS refuses no writes by itself, and no database is configured: stop the application on this side");
        };
        self.host(&side);
        let grace = freeze.grace.0.as_secs().max(1);
        self.freeze_database(
            &Self::login(&freeze, &freeze.admin),
            &Self::login(&freeze, &freeze.application),
            grace,
        );
    }

    pub(super) fn thaw_rds(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((options, side)) = sided(spec, side) else { return };
        if options.method == RdsMethod::Replica {
            self.page.say("A read replica takes writes once it is promoted; an instance that is none says so, and nothing need be done.");
            let (rds, instance) = (rds(&side), quoted(&side.instance));
            self.page.sh(&format!(
                "{rds} promote-read-replica --db-instance-identifier {instance} && sleep 30 && {rds} wait db-instance-available --db-instance-identifier {instance}"
            ));
        }
        let Some(freeze) = options.freeze else { return };
        self.host(&side);
        self.thaw_database(&Self::login(&freeze, &freeze.admin));
    }

    pub(super) fn keep_rds(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((_, side)) = sided(spec, side) else { return };
        let (rds, instance, kept) =
            (rds(&side), quoted(&side.instance), format!("diverged-{}", self.run_by_hand()));
        self.page.sh(&format!(
            "{rds} create-db-snapshot --db-instance-identifier {instance} --db-snapshot-identifier {kept}\n\
             {rds} wait db-snapshot-completed --db-snapshot-identifier {kept}"
        ));
    }

    pub(super) fn sync_rds(&mut self, spec: &ProviderSpec, sync: &SyncStore) {
        let (Some((options, from)), Some((_, to))) =
            (sided(spec, sync.direction.from()), sided(spec, sync.direction.to()))
        else {
            return;
        };
        match (options.method, sync.purpose) {
            (_, SyncPurpose::Rehearsal) => self.by_hand("a rehearsal is for Switchover itself"),
            (RdsMethod::Replica, SyncPurpose::Routine) => self.by_hand("the replica follows by itself"),
            (RdsMethod::Replica, SyncPurpose::Final) => self.replica_lag(&to),
            (RdsMethod::Snapshot, SyncPurpose::Routine | SyncPurpose::Final) => self.snapshot(&from, &to),
        }
    }

    fn replica_lag(&mut self, to: &RdsSide) {
        self.page.say("The replica's lag in seconds, minute by minute: go on when it was 0 for a minute that began after the freeze.");
        let cloudwatch = aws(to.profile.as_ref(), to.region.as_ref(), "cloudwatch");
        self.page.sh(&format!(
            "{cloudwatch} get-metric-statistics --namespace AWS/RDS --metric-name ReplicaLag --dimensions Name=DBInstanceIdentifier,Value={} \
             --start-time \"$(date -u -d '10 minutes ago' +%FT%TZ)\" --end-time \"$(date -u +%FT%TZ)\" --period 60 --statistics Maximum",
            quoted(&to.instance)
        ));
    }

    /// A snapshot, shared, copied to the other region, restored under a new name, which then takes the old instance's.
    fn snapshot(&mut self, from: &RdsSide, to: &RdsSide) {
        let run = self.run_by_hand();
        let (source, target) = (rds(from), rds(to));
        let (instance, new, old) = (
            quoted(&to.instance),
            quoted(&format!("{}-by-hand", to.instance)),
            quoted(&format!("{}-before", to.instance)),
        );
        self.page.sh(&format!(
            "{source} create-db-snapshot --db-instance-identifier {} --db-snapshot-identifier {run}\n\
             {source} wait db-snapshot-completed --db-snapshot-identifier {run}\n\
             SNAPSHOT=$({source} describe-db-snapshots --db-snapshot-identifier {run} --query 'DBSnapshots[0].DBSnapshotArn' --output text)",
            quoted(&from.instance)
        ));
        if from.profile != to.profile {
            self.page.say("The other account must be allowed to copy it (an encrypted snapshot also needs its KMS key to be shared):");
            let sts = aws(to.profile.as_ref(), to.region.as_ref(), "sts");
            self.page.sh(&format!(
                "{source} modify-db-snapshot-attribute --db-snapshot-identifier {run} --attribute-name restore \
                 --values-to-add \"$({sts} get-caller-identity --query Account --output text)\""
            ));
        }
        let key = to.kms_key.as_ref().map(|key| format!(" --kms-key-id {}", quoted(key))).unwrap_or_default();
        let region = from
            .region
            .as_ref()
            .map(|region| format!(" --source-region {}", quoted(region)))
            .unwrap_or_default();
        let mut extra = String::new();
        for (option, value) in [
            ("class", &to.class),
            ("subnet-group-name", &to.subnet_group),
            ("parameter-group-name", &to.parameter_group),
        ] {
            let option =
                if option == "class" { "db-instance-class".to_owned() } else { format!("db-{option}") };
            extra +=
                &value.as_ref().map(|value| format!(" --{option} {}", quoted(value))).unwrap_or_default();
        }
        if !to.security_groups.is_empty() {
            let groups: Vec<String> = to.security_groups.iter().map(|group| quoted(group)).collect();
            extra += &format!(" --vpc-security-group-ids {}", groups.join(" "));
        }
        if extra.is_empty() {
            self.by_hand("give the restored instance the class, subnet group, parameter group and security groups of the present one, which `describe-db-instances` shows");
        }
        self.page.sh(&format!(
            "{target} copy-db-snapshot --source-db-snapshot-identifier \"$SNAPSHOT\" --target-db-snapshot-identifier {run}-copy{key}{region}\n\
             {target} wait db-snapshot-completed --db-snapshot-identifier {run}-copy\n\
             {target} restore-db-instance-from-db-snapshot --db-instance-identifier {new} --db-snapshot-identifier {run}-copy{extra}\n\
             {target} wait db-instance-available --db-instance-identifier {new}"
        ));
        self.page.say("Under the old instance's name, and so at its address; the old one stays:");
        self.page.sh(&format!(
            "{target} modify-db-instance --db-instance-identifier {instance} --new-db-instance-identifier {old} --apply-immediately\n\
             until {target} describe-db-instances --db-instance-identifier {old} >/dev/null 2>&1; do sleep 10; done\n\
             {target} modify-db-instance --db-instance-identifier {new} --new-db-instance-identifier {instance} --apply-immediately\n\
             until {target} describe-db-instances --db-instance-identifier {instance} >/dev/null 2>&1; do sleep 10; done\n\
             {target} wait db-instance-available --db-instance-identifier {instance}"
        ));
    }
}
