"""EFS replication, which moto lacks, by its documentation.

    https://docs.aws.amazon.com/efs/latest/ug/API_CreateReplicationConfiguration.html
    https://docs.aws.amazon.com/efs/latest/ug/API_DeleteReplicationConfiguration.html      from the source or the destination
    https://docs.aws.amazon.com/efs/latest/ug/API_Destination.html                         the states, and LastReplicatedTimestamp
    https://docs.aws.amazon.com/efs/latest/ug/API_FileSystemProtectionDescription.html     ENABLED, DISABLED, REPLICATING
    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html              what a policy allows clients

A file system is part of one configuration at most. A destination is read-only; it gets what its source held when a round began.
"""

import json
import re
import time

from moto.efs.models import efs_backends

from .database import Database, Refused

PATHS = [
    ("GET", r"/2015-02-01/file-systems/replication-configurations", "DescribeReplicationConfigurations"),
    ("POST", r"/2015-02-01/file-systems/([^/]+)/replication-configuration", "CreateReplicationConfiguration"),
    ("DELETE", r"/2015-02-01/file-systems/([^/]+)/replication-configuration", "DeleteReplicationConfiguration"),
    ("PUT", r"/2015-02-01/file-systems/([^/]+)/protection", "UpdateFileSystemProtection"),
    ("PUT", r"/2015-02-01/file-systems/([^/]+)/policy", "PutFileSystemPolicy"),
    ("GET", r"/2015-02-01/file-systems/([^/]+)/policy", "DescribeFileSystemPolicy"),
    ("DELETE", r"/2015-02-01/file-systems/([^/]+)/policy", "DeleteFileSystemPolicy"),
    ("GET", r"/2015-02-01/file-systems", "DescribeFileSystems"),
    ("POST", r"/2015-02-01/resource-tags/([^/]+)", "TagResource"),
]


def action_of(method, path):
    for known, pattern, action in PATHS:
        found = re.fullmatch(pattern, path)
        if known == method and found:
            return action, (found.groups() or (None,))[0]
    return None, None


class EfsRefusal(Exception):
    def __init__(self, code, status, message):
        super().__init__(message)
        self.code, self.status, self.message = code, status, message


def data(system):
    if not hasattr(system, "_emulated"):
        system._emulated = Database()
    return system._emulated


class Efs:
    def __init__(self, later, step):
        self.later, self.step, self.replications = later, step, []

    def system(self, call, identifier):
        if identifier and identifier.startswith("arn:"):
            _, _, _, region, account, name = identifier.split(":", 5)
            found = efs_backends[account][region].file_systems_by_id.get(name.split("/")[1])
        else:
            found = efs_backends[call.account][call.region].file_systems_by_id.get(identifier)
        if found is None:
            raise EfsRefusal("FileSystemNotFound", 404, f"File system '{identifier}' does not exist.")
        return found

    def of(self, system):
        return next((one for one in self.replications if system in (one["source"], one["target"])), None)

    def protection(self, system):
        found = self.of(system)
        if found and found["target"] is system:
            return "REPLICATING"
        return getattr(system, "_protection", "ENABLED")

    def can_write(self, system):
        """Whether NFS clients can write: https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html."""
        if self.protection(system) in ("REPLICATING", "DISABLED"):
            return False, "Read-only file system"
        policy = getattr(system, "_effective", None)
        if policy is None:
            return True, ""
        allowed = False
        for statement in json.loads(policy)["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if not {"elasticfilesystem:ClientWrite", "elasticfilesystem:*", "*"} & set(actions):
                continue
            unknown = set(statement.get("Condition", {}).get("Bool", {})) - {
                "elasticfilesystem:AccessedViaMountTarget",
                "aws:SecureTransport",
            }
            if unknown or set(statement.get("Condition", {})) - {"Bool"}:
                continue  # «other condition keys are not enforced»: nothing hangs on them
            if statement["Effect"] == "Deny":
                return False, "Permission denied"
            allowed = True
        return allowed, "Permission denied"

    def write(self, system, key, value):
        allowed, why = self.can_write(system)
        if not allowed:
            raise Refused(why)
        data(system).write(key, value)

    def policy_changed(self, call, system, policy):
        # «File system policy changes can take several minutes to take effect.»
        self.later.add(self.step(call, "policy"), lambda: setattr(system, "_effective", policy))

    # Each action answers with a status and a document, or with None where moto does.

    def create(self, call, name, fault):
        source, wanted = self.system(call, name), call.json.get("Destinations", [])
        if len(wanted) != 1:
            raise EfsRefusal("ValidationException", 400, "There is one destination.")
        identifier, region = wanted[0].get("FileSystemId"), wanted[0].get("Region")
        if not identifier:
            raise EfsRefusal("ValidationException", 400, "The emulator replicates to existing file systems only.")
        if not identifier.startswith("arn:"):
            target = efs_backends[call.account][region].file_systems_by_id.get(identifier)
        else:
            target = self.system(call, identifier)
            if target.owner_id != call.account and not wanted[0].get("RoleArn"):
                raise EfsRefusal("ValidationException", 400, "Another account's destination needs a RoleArn.")
        if target is None:
            raise EfsRefusal("FileSystemNotFound", 404, f"File system '{identifier}' does not exist.")
        for system in (source, target):
            if self.of(system):
                raise EfsRefusal("ConflictException", 409, f"{system.file_system_id} is part of a replication configuration.")
        if self.protection(target) != "DISABLED":
            raise EfsRefusal("BadRequest", 400, "The destination's replication overwrite protection is enabled.")
        made = {"source": source, "target": target, "status": "ENABLING", "last": None, "created": time.time(),
                "role": wanted[0].get("RoleArn"), "paused": False, "message": None, "account": call.account}
        self.replications.append(made)
        bad = bool(fault) and fault["kind"] == "fail"
        self.later.add(self.step(call), lambda: self.enabled(call, made, bad))
        return 200, self.description(made)

    def enabled(self, call, made, bad):
        if made["status"] == "ENABLING":
            made["status"] = "ERROR" if bad else "ENABLED"
            self.round(call, made)

    def round(self, call, made):
        """One round: what the source holds now is at the destination when the round ends."""
        if made not in self.replications:
            return
        began, held = time.time(), dict(data(made["source"]).entries)

        def ended():
            if made not in self.replications:
                return
            if made["status"] == "ENABLED" and not made["paused"]:
                made["last"], data(made["target"]).entries = began, held
            self.round(call, made)

        self.later.add(self.step(call, "round"), ended)

    def delete(self, call, name, fault):
        found = next((one for one in self.replications if one["source"].file_system_id == name), None)
        if found is None or found["status"] == "DELETING":
            code = "ReplicationNotFound" if found is None else "BadRequest"
            raise EfsRefusal(code, 404 if found is None else 400, "There is no such replication, or it is being deleted.")
        at = (call.account, call.region)
        if at not in [(one.owner_id, one.file_system_arn.split(":")[3]) for one in (found["source"], found["target"])]:
            raise EfsRefusal("ReplicationNotFound", 404, "The replication is of another Region.")
        found["status"] = "DELETING"

        def gone():
            self.replications.remove(found)
            found["target"]._protection = "ENABLED"

        self.later.add(self.step(call), gone)
        return 204, None

    def describe(self, call, name, fault):
        identifier = call.query.get("FileSystemId")
        if identifier is None:
            here = [one for one in self.replications if call.account in (one["source"].owner_id, one["target"].owner_id)]
            return 200, {"Replications": [self.description(one) for one in here]}
        found = self.of(self.system(call, identifier))
        if found is None:
            raise EfsRefusal("ReplicationNotFound", 404, f"{identifier} has no replication configuration.")
        return 200, {"Replications": [self.description(found)]}

    def description(self, made):
        source, target = made["source"], made["target"]
        region = lambda system: system.file_system_arn.split(":")[3]  # noqa: E731
        destination = {"Status": made["status"], "FileSystemId": target.file_system_id, "Region": region(target),
                       "OwnerId": target.owner_id}
        for key, value in (("LastReplicatedTimestamp", made["last"]), ("StatusMessage", made["message"])):
            if value is not None:
                destination[key] = value
        return {"SourceFileSystemId": source.file_system_id, "SourceFileSystemRegion": region(source),
                "SourceFileSystemArn": source.file_system_arn, "OriginalSourceFileSystemArn": source.file_system_arn,
                "SourceFileSystemOwnerId": source.owner_id, "CreationTime": made["created"], "Destinations": [destination]}

    def protect(self, call, name, fault):
        system, wanted = self.system(call, name), call.json.get("ReplicationOverwriteProtection")
        if wanted not in ("ENABLED", "DISABLED"):
            raise EfsRefusal("BadRequest", 400, "The protection is ENABLED or DISABLED.")
        if self.protection(system) == "REPLICATING":
            raise EfsRefusal("ReplicationAlreadyExists", 409, "The file system is the destination of a replication.")
        system._protection = wanted
        return 200, {"ReplicationOverwriteProtection": wanted}

    def put_policy(self, call, name, fault):
        system, policy = self.system(call, name), call.json.get("Policy", "")
        try:
            json.loads(policy)["Statement"][0]
        except (ValueError, KeyError, IndexError):
            raise EfsRefusal("InvalidPolicyException", 400, "The policy cannot be read.") from None
        system._policy = policy
        self.policy_changed(call, system, policy)
        return 200, {"FileSystemId": name, "Policy": policy}

    def get_policy(self, call, name, fault):
        policy = getattr(self.system(call, name), "_policy", None)
        if policy is None:
            raise EfsRefusal("PolicyNotFound", 404, "The default policy is in effect.")
        return 200, {"FileSystemId": name, "Policy": policy}

    def delete_policy(self, call, name, fault):
        system = self.system(call, name)
        system._policy = None
        self.policy_changed(call, system, None)
        return 200, None


ACTIONS = {
    "CreateReplicationConfiguration": Efs.create,
    "DeleteReplicationConfiguration": Efs.delete,
    "DescribeReplicationConfigurations": Efs.describe,
    "UpdateFileSystemProtection": Efs.protect,
    "PutFileSystemPolicy": Efs.put_policy,
    "DescribeFileSystemPolicy": Efs.get_policy,
    "DeleteFileSystemPolicy": Efs.delete_policy,
}
