#!/usr/bin/env python3
"""Holds the emulator against the vendor's own client, boto3: it asks, waits and parses as AWS's users do.

botocore checks each request against AWS's own description of the API, and reads each answer by it; its waiters know AWS's states.
"""

import datetime
import json
import os
import sys
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL = os.environ["SWITCHOVER_AWS"]
checks = 0


def control(word, **told):
    request = urllib.request.Request(f"{URL}/emulator/{word}", json.dumps(told).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def slowly(sides):
    for side in sides.values():
        control("steps", account=side["account"], state=0.3)


def client(service, side):
    settings = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=10)
    return boto3.client(service, endpoint_url=URL, region_name=side["region"], aws_access_key_id=side["key"],
                        aws_secret_access_key=side["secret"], config=settings)


def check(what, holds):
    global checks
    checks += 1
    if not holds:
        print(f"FAILED: {what}; {checks - 1} passed, 1 failed")
        sys.exit(1)


def refused(what, code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        check(f"{what}: {error}", error.response["Error"]["Code"] == code)
        return
    check(f"{what}: nothing refused it", False)


def states(look, last="available"):
    """Every state that shows, until the last one does."""
    seen = []
    for _ in range(500):
        state = look()
        if not seen or seen[-1] != state:
            seen.append(state)
        if state == last:
            return seen
        time.sleep(0.003)
    check(f"{last} after {seen}", False)


def rds():
    pair = control("pair", one_account=True, encrypted=True)["sides"]
    here, there = pair["hongkong"], pair["sydney"]
    slowly(pair)
    near, far = client("rds", here), client("rds", there)
    instance = lambda rds, name="gigadb-live": rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]  # noqa: E731
    status = lambda rds, name="gigadb-live": instance(rds, name)["DBInstanceStatus"]  # noqa: E731
    snapshot = lambda rds, name: rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]  # noqa: E731

    near.create_db_snapshot(DBInstanceIdentifier="gigadb-live", DBSnapshotIdentifier="one", Tags=[{"Key": "k", "Value": "v"}])
    check("the instance is backed up", status(near) == "backing-up")
    refused("a second snapshot meanwhile", "InvalidDBInstanceState", near.create_db_snapshot,
            DBInstanceIdentifier="gigadb-live", DBSnapshotIdentifier="two")
    check("the states of a snapshot", states(lambda: snapshot(near, "one")["Status"]) == ["creating", "available"])
    check("its tags", snapshot(near, "one")["TagList"] == [{"Key": "k", "Value": "v"}])
    near.get_waiter("db_instance_available").wait(DBInstanceIdentifier="gigadb-live", WaiterConfig={"Delay": 1})
    near.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="one", WaiterConfig={"Delay": 1})

    arn = snapshot(near, "one")["DBSnapshotArn"]
    copy = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "one"}
    refused("an encrypted copy without a key", "KMSKeyNotAccessibleFault", far.copy_db_snapshot, **copy)
    refused("with a key of the other region", "KMSKeyNotAccessibleFault", far.copy_db_snapshot, **copy, KmsKeyId=here["kms_key"])
    refused("of nothing", "DBSnapshotNotFound", far.copy_db_snapshot, SourceDBSnapshotIdentifier=arn + "x",
            TargetDBSnapshotIdentifier="one", KmsKeyId=there["kms_key"])
    far.copy_db_snapshot(**copy, KmsKeyId=there["kms_key"])
    refused("restoring it meanwhile", "InvalidDBSnapshotState", far.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier="new", DBSnapshotIdentifier="one", DBSubnetGroupName="gigadb")
    check("the states of a copy", states(lambda: snapshot(far, "one")["Status"]) == ["copying", "available"])
    refused("a name that is taken", "DBInstanceAlreadyExists", far.restore_db_instance_from_db_snapshot,
            DBInstanceIdentifier="gigadb-live", DBSnapshotIdentifier="one", DBSubnetGroupName="gigadb")
    far.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="new", DBSnapshotIdentifier="one", DBSubnetGroupName="gigadb",
                                             Tags=[{"Key": "k", "Value": "v"}])
    check("the states of a restore", states(lambda: status(far, "new")) == ["creating", "backing-up", "modifying", "available"])
    check("its own identity", instance(far, "new")["DbiResourceId"] != instance(far)["DbiResourceId"])

    refused("renaming to a name that is taken", "DBInstanceAlreadyExists", far.modify_db_instance,
            DBInstanceIdentifier="new", NewDBInstanceIdentifier="gigadb-live", ApplyImmediately=True)
    identity = instance(far, "new")["DbiResourceId"]
    far.modify_db_instance(DBInstanceIdentifier="new", NewDBInstanceIdentifier="newer", ApplyImmediately=True)
    check("it is renamed", status(far, "new") == "renaming")

    def renamed():
        try:
            return status(far, "newer")
        except ClientError:
            return "absent"

    check("the states of a renaming", states(renamed) == ["absent", "rebooting", "available"])
    check("the same instance", instance(far, "newer")["DbiResourceId"] == identity)
    refused("the old name", "DBInstanceNotFound", far.describe_db_instances, DBInstanceIdentifier="new")
    control("instance", account=there["account"], region=there["region"], name="newer", set={"deletion_protection": True})
    refused("deleting what is protected", "InvalidParameterCombination", far.delete_db_instance,
            DBInstanceIdentifier="newer", SkipFinalSnapshot=True)

    source = instance(near)["DBInstanceArn"]
    replica = {"DBInstanceIdentifier": "copy", "SourceDBInstanceIdentifier": source, "DBSubnetGroupName": "gigadb"}
    refused("an encrypted replica without a key", "KMSKeyNotAccessibleFault", far.create_db_instance_read_replica, **replica)
    far.create_db_instance_read_replica(**replica, KmsKeyId=there["kms_key"])
    refused("promoting it too early", "InvalidDBInstanceState", far.promote_read_replica, DBInstanceIdentifier="copy")
    check("the states of a replica", states(lambda: status(far, "copy")) == ["creating", "backing-up", "available"])
    check("its source", instance(far, "copy")["ReadReplicaSourceDBInstanceIdentifier"] == source)
    replaying = instance(far, "copy")["StatusInfos"]
    check(f"it replays: {replaying}", replaying[0]["StatusType"] == "read replication" and replaying[0]["Normal"])
    far.promote_read_replica(DBInstanceIdentifier="copy")
    check("the states of a promotion", states(lambda: status(far, "copy")) == ["modifying", "rebooting", "available"])
    check("it has no source any more", not instance(far, "copy").get("ReadReplicaSourceDBInstanceIdentifier"))
    far.delete_db_instance(DBInstanceIdentifier="copy", SkipFinalSnapshot=True)
    far.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="copy", WaiterConfig={"Delay": 1})

    two = control("pair")["sides"]
    near, far = client("rds", two["hongkong"]), client("rds", two["sydney"])
    near.create_db_snapshot(DBInstanceIdentifier="gigadb-live", DBSnapshotIdentifier="one")
    states(lambda: snapshot(near, "one")["Status"])
    copy = {"SourceDBSnapshotIdentifier": snapshot(near, "one")["DBSnapshotArn"], "TargetDBSnapshotIdentifier": "one"}
    refused("another account's snapshot that is not shared", "DBSnapshotNotFound", far.copy_db_snapshot, **copy)
    near.modify_db_snapshot_attribute(DBSnapshotIdentifier="one", AttributeName="restore", ValuesToAdd=[two["sydney"]["account"]])
    far.copy_db_snapshot(**copy)


def efs():
    pair = control("pair", one_account=True)["sides"]
    here, there = pair["hongkong"], pair["sydney"]
    slowly(pair)
    near, far = client("efs", here), client("efs", there)
    one, two = here["file_system"], there["file_system"]
    protection = lambda efs, system: efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["FileSystemProtection"]  # noqa: E731
    replicate = {"SourceFileSystemId": one, "Destinations": [{"FileSystemId": two, "Region": there["region"]}]}

    refused("what is in no replication", "ReplicationNotFound", near.describe_replication_configurations, FileSystemId=one)
    refused("a destination that is protected", "BadRequest", near.create_replication_configuration, **replicate)
    check("it is by default", protection(far, two) == {"ReplicationOverwriteProtection": "ENABLED"})
    far.update_file_system_protection(FileSystemId=two, ReplicationOverwriteProtection="DISABLED")
    made = near.create_replication_configuration(**replicate)
    check("a new replication", made["Destinations"][0]["Status"] == "ENABLING")
    check("of that source", made["SourceFileSystemId"] == one and isinstance(made["CreationTime"], datetime.datetime))
    refused("a second one", "ConflictException", near.create_replication_configuration, **replicate)
    check("the destination is read-only", protection(far, two) == {"ReplicationOverwriteProtection": "REPLICATING"})
    refused("protecting it", "ReplicationAlreadyExists", far.update_file_system_protection,
            FileSystemId=two, ReplicationOverwriteProtection="ENABLED")
    look = lambda efs, system: efs.describe_replication_configurations(FileSystemId=system)["Replications"][0]["Destinations"][0]  # noqa: E731
    check("its states", states(lambda: look(near, one)["Status"], "ENABLED")[-1] == "ENABLED")
    for _ in range(200):
        if "LastReplicatedTimestamp" in look(far, two):
            break
        time.sleep(0.01)
    check("seen from the destination too", isinstance(look(far, two)["LastReplicatedTimestamp"], datetime.datetime))
    refused("a client's write at the destination", 409, write, side=there, file_system=two)
    far.delete_replication_configuration(SourceFileSystemId=one)
    check("it takes its time", look(near, one)["Status"] == "DELETING")
    for _ in range(200):
        try:
            look(near, one)
        except ClientError:
            break
        time.sleep(0.01)
    check("the destination is writable", protection(far, two) == {"ReplicationOverwriteProtection": "ENABLED"})
    write(there, two)

    refused("the default policy", "PolicyNotFound", near.describe_file_system_policy, FileSystemId=one)
    deny = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "elasticfilesystem:ClientWrite", "Resource": "*"}]}
    near.put_file_system_policy(FileSystemId=one, Policy=json.dumps(deny))
    check("a policy is kept", json.loads(near.describe_file_system_policy(FileSystemId=one)["Policy"]) == deny)
    time.sleep(0.05)
    refused("a client's write under it", 409, write, side=here, file_system=one)
    near.delete_file_system_policy(FileSystemId=one)
    time.sleep(0.05)
    write(here, one)
    refused("a policy that is none", "InvalidPolicyException", near.put_file_system_policy, FileSystemId=one, Policy="{}")


def write(side, file_system):
    """A client's write, refused as boto3 refuses."""
    try:
        control("write", account=side["account"], region=side["region"], file_system=file_system, key="a", value="1")
    except urllib.error.HTTPError as error:
        raise ClientError({"Error": {"Code": error.code, "Message": "refused"}}, "Write") from error


rds()
efs()
print(f"{checks} passed, 0 failed")
