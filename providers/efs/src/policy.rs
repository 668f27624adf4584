//! The freeze, as a statement in the file system's policy. Pure: text in, text out.
//!
//! Who froze, and when, stands in the statement's own name, so that both are written in one call:
//! `SwitchoverFreeze` + 16 hexadecimal digits of the run's SHA-256 + `At` + milliseconds. (A name may hold letters and digits:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>.)
//!
//! With no policy every client may do everything. One that only denied would let nobody mount, so that a freeze of the default policy
//! comes with a statement that allows what the default did; a thaw removes both, and with them the policy.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use switchover::model::RunId;

const DENY: &str = "SwitchoverFreeze";
const ALLOW: &str = "SwitchoverDefault";

/// A freeze as a policy tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frozen {
    /// A digest of the run.
    pub(crate) by: String,
    /// When the policy was written, by AWS's clock.
    pub(crate) since: Timestamp,
}

/// What stands for a run in a statement's name.
pub(crate) fn digest(run: &RunId) -> String {
    hex::encode(Sha256::digest(run.as_str()))[..16].to_owned()
}

fn statements(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(all) => all.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn sid(statement: &Value) -> &str {
    statement["Sid"].as_str().unwrap_or_default()
}

/// The freeze in a policy, if it holds ours.
pub(crate) fn frozen(policy: Option<&Value>) -> Option<Frozen> {
    let all = statements(policy?);
    let (by, since) = all.iter().find_map(|one| sid(one).strip_prefix(DENY))?.split_once("At")?;
    Some(Frozen { by: by.to_owned(), since: Timestamp::from_millisecond(since.parse().ok()?).ok()? })
}

/// The policy with a freeze. Statements of others stay as they are; a `Deny` goes before any `Allow` of theirs:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.
pub(crate) fn with_freeze(policy: Option<&Value>, arn: &str, run: &RunId, since: Timestamp) -> Value {
    let mut whole = without_freeze(policy).unwrap_or_else(|| json!({ "Version": "2012-10-17" }));
    let mut all = statements(&whole);
    if all.is_empty() {
        all.push(json!({
            "Sid": ALLOW,
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"],
            "Resource": arn,
            "Condition": { "Bool": { "elasticfilesystem:AccessedViaMountTarget": "true" } },
        }));
    }
    all.push(json!({
        "Sid": format!("{DENY}{}At{}", digest(run), since.as_millisecond()),
        "Effect": "Deny",
        "Principal": { "AWS": "*" },
        "Action": "elasticfilesystem:ClientWrite",
        "Resource": arn,
    }));
    whole["Statement"] = Value::Array(all);
    whole
}

/// The policy without a freeze; `None` where nothing but the default is left.
pub(crate) fn without_freeze(policy: Option<&Value>) -> Option<Value> {
    let mut whole = policy?.clone();
    let others = |one: &Value| !sid(one).starts_with(DENY) && sid(one) != ALLOW;
    let left: Vec<Value> = statements(&whole).into_iter().filter(others).collect();
    if left.is_empty() {
        return None;
    }
    whole["Statement"] = Value::Array(left);
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:elasticfilesystem:ap-east-1:111122223333:file-system/fs-0123456789abcdef0";

    fn run(name: &str) -> RunId {
        RunId::new(name).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_freeze_of_the_default_policy_lets_clients_read_and_goes_without_a_trace() {
        let policy = with_freeze(None, ARN, &run("run-1"), at(7));
        assert_eq!(frozen(Some(&policy)), Some(Frozen { by: digest(&run("run-1")), since: at(7) }));
        assert_eq!(policy["Statement"][0]["Effect"], "Allow");
        assert_eq!(policy["Statement"][1]["Effect"], "Deny");
        assert!(
            sid(&policy["Statement"][1]).chars().all(|c| c.is_ascii_alphanumeric()),
            "a name of AWS's kind"
        );
        assert_eq!(without_freeze(Some(&policy)), None);
    }

    #[test]
    fn statements_of_others_stay_as_they_are() {
        let theirs = json!({
            "Version": "2012-10-17",
            "Id": "ours",
            "Statement": { "Sid": "tls", "Effect": "Deny", "Action": "*", "Principal": "*",
                           "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
        });
        let frozen_once = with_freeze(Some(&theirs), ARN, &run("run-1"), at(7));
        let frozen_twice = with_freeze(Some(&frozen_once), ARN, &run("run-2"), at(9));
        assert_eq!(frozen_twice["Statement"].as_array().map(Vec::len), Some(2), "one freeze, and no default");
        assert_eq!(frozen(Some(&frozen_twice)).map(|it| it.by), Some(digest(&run("run-2"))));
        let thawed = without_freeze(Some(&frozen_twice)).unwrap();
        assert_eq!((&thawed["Id"], &thawed["Statement"][0]), (&theirs["Id"], &theirs["Statement"]));
        assert_eq!(frozen(Some(&thawed)), None);
    }
}
