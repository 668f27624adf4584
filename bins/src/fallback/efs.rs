//! EFS: the freeze in the file system's policy, its own replication for the data (<https://docs.aws.amazon.com/cli/latest/reference/efs/>).

use switchover::action::SyncStore;
use switchover::config::{Period, ProviderSpec};
use switchover::model::SideName;
use switchover::port::SyncPurpose;
use switchover_efs::{EfsFreeze, EfsOptions, EfsSide};

use super::Hand;
use super::page::quoted;
use super::rds::aws;

fn sided(spec: &ProviderSpec, side: &SideName) -> Option<(EfsOptions, EfsSide)> {
    let options: EfsOptions = spec.options().ok()?;
    let side = options.sides.get(side.as_str())?.clone();
    Some((options, side))
}

fn efs(side: &EfsSide) -> String {
    aws(side.profile.as_ref(), side.region.as_ref(), "efs")
}

/// As Switchover writes it: what the default policy allows, which a policy of its own would take away, and what denies writes.
const DENY: &str = r#"def denied: [.Statement[]? | select(.Sid | tostring | startswith("SwitchoverFreeze") | not)] as $rest
| {Version: "2012-10-17", Statement: ((if ($rest | length) == 0 then [{Sid: "SwitchoverDefault", Effect: "Allow", Principal: {AWS: "*"},
Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"], Resource: $arn,
Condition: {Bool: {"elasticfilesystem:AccessedViaMountTarget": "true"}}}] else $rest end) + [{Sid: "SwitchoverFreezeByHand", Effect: "Deny",
Principal: {AWS: "*"}, Action: "elasticfilesystem:ClientWrite", Resource: $arn}])}; denied"#;

const ALLOW: &str = r#"[.Statement[] | select(.Sid | tostring | (startswith("SwitchoverFreeze") or . == "SwitchoverDefault") | not)]"#;

impl Hand<'_> {
    pub(super) fn freeze_efs(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((options, side)) = sided(spec, side) else { return };
        if options.freeze == EfsFreeze::None {
            return self.by_hand(
                "nothing is configured that could refuse writes: stop the application on this side",
            );
        }
        let (efs, id) = (efs(&side), quoted(&side.file_system));
        self.page.sh(&format!(
            "ARN=$({efs} describe-file-systems --file-system-id {id} --query 'FileSystems[0].FileSystemArn' --output text)\n\
             OLD=$({efs} describe-file-system-policy --file-system-id {id} --query Policy --output text 2>/dev/null || echo '{{}}')\n\
             NEW=$(printf '%s' \"$OLD\" | jq -c --arg arn \"$ARN\" '{DENY}')\n\
             {efs} put-file-system-policy --file-system-id {id} --policy \"$NEW\""
        ));
        self.page.say(&format!(
            "Every client feels it after {} at the latest. Then:",
            Period(options.policy_settles.0)
        ));
        match &side.mount {
            Some(mount) => {
                let file = quoted(&mount.join(".switchover-probe-by-hand").display().to_string());
                self.page.sh(&format!("if touch {file}; then echo 'NOT FROZEN: a write went through'; rm -f {file}; else echo refused; fi"));
            }
            None => self.by_hand("try a write where the file system is mounted, and see it refused"),
        }
    }

    pub(super) fn thaw_efs(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((_, side)) = sided(spec, side) else { return };
        let (efs, id) = (efs(&side), quoted(&side.file_system));
        self.page.say("The destination of a replication takes writes once the replication is deleted, which takes minutes. The source's id:");
        self.page.sh(&format!(
            "SOURCE=$({efs} describe-replication-configurations --file-system-id {id} \
             --query 'Replications[0].SourceFileSystemId' --output text 2>/dev/null || echo None)\n\
             [ \"$SOURCE\" = None ] || [ \"$SOURCE\" = {id} ] || {efs} delete-replication-configuration --source-file-system-id \"$SOURCE\"\n\
             while [ \"$SOURCE\" != None ] && {efs} describe-replication-configurations --file-system-id {id} >/dev/null 2>&1; do sleep 10; done"
        ));
        self.page.say("What denies writes goes, and with it the whole policy where nothing else is in it:");
        self.page.sh(&format!(
            "OLD=$({efs} describe-file-system-policy --file-system-id {id} --query Policy --output text 2>/dev/null || echo '{{\"Statement\":[]}}')\n\
             LEFT=$(printf '%s' \"$OLD\" | jq -c '{ALLOW}')\n\
             if [ \"$LEFT\" = '[]' ]; then {efs} delete-file-system-policy --file-system-id {id}; else\n  \
             {efs} put-file-system-policy --file-system-id {id} --policy \"{{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":$LEFT}}\"; fi"
        ));
    }

    pub(super) fn sync_efs(&mut self, spec: &ProviderSpec, sync: &SyncStore) {
        let Some((_, side)) = sided(spec, sync.direction.from()) else { return };
        let (efs, id) = (efs(&side), quoted(&side.file_system));
        match sync.purpose {
            SyncPurpose::Rehearsal => self.by_hand("a rehearsal is for Switchover itself"),
            SyncPurpose::Routine => self
                .by_hand("the replication goes on by itself; one that is not there is set up by `sync-data`"),
            SyncPurpose::Final => {
                self.page.say("Go on when this time is later than that of the freeze:");
                self.page.sh(&format!(
                    "{efs} describe-replication-configurations --file-system-id {id} --query 'Replications[0].Destinations[0].LastReplicatedTimestamp' --output text"
                ));
            }
        }
    }
}
