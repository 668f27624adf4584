"""RDS as it is where moto is not: states that take time, what is refused in which state, copies across accounts, replicas.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html    the states of an instance
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html   where a copy is called, and what a key is for
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html   refused while the instance is backed up
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html     a new name, and the reboot that comes with it
"""

import copy
import random
import re
import string
from types import SimpleNamespace

from moto.rds.models import DBSnapshot, rds_backends

from .database import Database

NAME = re.compile(r"^[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,62}(?<!-)$")


TAG = re.compile(r"^[\w\s.:/=+\-@]*$")


class Refusal(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def fresh_id():
    return "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))


def data(thing):
    """The data of an instance or snapshot."""
    if not hasattr(thing, "_emulated"):
        thing._emulated = Database()
    return thing._emulated


class Rds:
    def __init__(self, later, step):
        self.later, self.step = later, step

    def backend(self, call):
        return rds_backends[call.account][call.region]

    def instance(self, call, key="DBInstanceIdentifier"):
        found = self.backend(call).databases.get(call.form.get(key, "").lower())
        if found is None:
            raise Refusal("DBInstanceNotFound", f"DBInstance {call.form.get(key)} not found.", 404)
        return found

    def ready(self, call, key="DBInstanceIdentifier"):
        found = self.instance(call, key)
        if found.status != "available":
            raise Refusal("InvalidDBInstanceState", f"Instance is not currently available; it is {found.status}.")
        return found

    def at_arn(self, arn, kind, account):
        _, _, _, region, owner, found_kind, name = arn.split(":", 6)
        things = rds_backends[owner][region]
        found = (things.database_snapshots if kind == "snapshot" else things.databases).get(name)
        if found is None or found_kind != kind:
            raise Refusal("DBSnapshotNotFound" if kind == "snapshot" else "DBInstanceNotFound", f"{arn} not found", 404)
        if kind == "snapshot" and owner != account and account not in found.attributes.get("restore", []):
            raise Refusal("DBSnapshotNotFound", f"{arn} is not shared with {account}", 404)
        if kind == "db" and owner != account:
            raise Refusal("InvalidParameterValue", "a read replica's source is in the same account")
        return found

    def key_is_usable(self, call, key):
        if key and key.startswith("arn:") and key.split(":")[3] != call.region:
            raise Refusal("KMSKeyNotAccessibleFault", "The specified KMS key is not in this Region.")

    def show(self, thing, name="status"):
        def change(state):
            setattr(thing, name, state)
            if hasattr(thing, "database"):
                thing.percent_progress = 100 if state == "available" else 40

        return change

    # Each action: what is checked before moto sees it. It returns what is done after moto did it, or an answer instead of moto's.

    def create_db_snapshot(self, call, fault):
        self.check_tags(call)
        source = self.ready(call)

        def after():
            made = self.backend(call).database_snapshots[call.form["DBSnapshotIdentifier"].lower()]
            made._emulated = data(source).taken()
            self.later.phases(self.step(call), ["creating", end(fault, "available")], self.show(made))
            self.later.phases(self.step(call), ["backing-up", "available"], self.show(source))

        return after

    def copy_db_snapshot(self, call, fault):
        self.check_tags(call)
        identifier, target = call.form["SourceDBSnapshotIdentifier"], call.form["TargetDBSnapshotIdentifier"].lower()
        if not identifier.startswith("arn:"):
            identifier = f"arn:aws:rds:{call.region}:{call.account}:snapshot:{identifier}"
        source = self.at_arn(identifier, "snapshot", call.account)
        backend, key = self.backend(call), call.form.get("KmsKeyId")
        if target in backend.database_snapshots:
            raise Refusal("DBSnapshotAlreadyExists", f"Cannot create the snapshot because {target} already exists.")
        if source.status != "available":
            raise Refusal("InvalidDBSnapshotState", f"The snapshot is {source.status}.")
        if source.encrypted and not key and source.region != call.region:
            raise Refusal("KMSKeyNotAccessibleFault", "An encrypted copy to another Region needs a KMS key of that Region.")
        self.key_is_usable(call, key)
        if key:
            key = backend._validate_kms_key(key)
        tags = [{"Key": one, "Value": two} for one, two in call.tags()]
        made = DBSnapshot(backend, source.database, target, tags=tags, kms_key_id=key)
        made.original_snapshot_create_time = source.original_snapshot_create_time
        made._emulated = data(source).taken()
        backend.database_snapshots[target] = made
        self.later.phases(self.step(call), ["copying", end(fault, "available")], self.show(made))
        return f"<DBSnapshot><DBSnapshotIdentifier>{target}</DBSnapshotIdentifier></DBSnapshot>"

    def restore_db_instance_from_db_snapshot(self, call, fault):
        self.check_tags(call)
        backend, name = self.backend(call), call.form["DBInstanceIdentifier"].lower()
        snapshot = backend.database_snapshots.get(call.form["DBSnapshotIdentifier"].lower())
        if snapshot is None:
            raise Refusal("DBSnapshotNotFound", f"DBSnapshot {call.form['DBSnapshotIdentifier']} not found.", 404)
        if snapshot.status != "available":
            raise Refusal("InvalidDBSnapshotState", f"The snapshot is {snapshot.status}.")
        self.check_name(name)
        # moto names the automatic snapshot of a new instance by the minute, and stumbles over an instance of that name from this minute.
        for old in [old for old in backend.database_snapshots if old.startswith(f"rds:{name}-")]:
            del backend.database_snapshots[old]

        def after():
            made = backend.databases[name]
            made._emulated = data(snapshot).taken()
            made.dbi_resource_id = fresh_id()
            made.tags = [{"Key": one, "Value": two} for one, two in call.tags()]
            made.deletion_protection = call.form.get("DeletionProtection") == "true"
            made.source_db_instance_identifier, made.is_replica = None, False
            states = ["creating", "backing-up", "modifying", end(fault, "available", "incompatible-restore")]
            self.later.phases(self.step(call), states, self.show(made))

        return after

    def create_db_instance_read_replica(self, call, fault):
        self.check_tags(call)
        backend, name = self.backend(call), call.form["DBInstanceIdentifier"].lower()
        identifier = call.form["SourceDBInstanceIdentifier"]
        if identifier.startswith("arn:"):
            source = self.at_arn(identifier, "db", call.account)
        else:
            source = self.instance(call, "SourceDBInstanceIdentifier")
        if name in backend.databases:
            raise Refusal("DBInstanceAlreadyExists", "DB instance already exists")
        if source.status != "available" or not int(source.backup_retention_period):
            raise Refusal("InvalidDBInstanceState", "The source must be available and have automatic backups.")
        if source.storage_encrypted and source.region != call.region and not call.form.get("KmsKeyId"):
            raise Refusal("KMSKeyNotAccessibleFault", "An encrypted replica in another Region needs a KMS key of that Region.")
        self.check_name(name)
        made = copy.copy(source)
        made.backend, made.db_instance_identifier, made.dbi_resource_id = backend, name, fresh_id()
        made.created = made.instance_create_time = source.created
        made.source_db_instance_identifier = identifier
        made.tags = [{"Key": one, "Value": two} for one, two in call.tags()]
        made.replicas, made.deletion_protection = [], False
        if call.form.get("DBSubnetGroupName"):
            made.db_subnet_group_name = call.form["DBSubnetGroupName"]
        if call.form.get("DBParameterGroupName"):
            made.db_parameter_group_name = call.form["DBParameterGroupName"]
        made.is_replica = True
        made._emulated = Database()
        made._emulated.replays(data(source))
        self.replication(made, "replicating")
        backend.databases[name] = made
        source.replicas = [*source.replicas, made.arn]
        states = ["creating", "backing-up", end(fault, "available", "incompatible-network")]
        self.later.phases(self.step(call), states, self.show(made))
        return f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier></DBInstance>"

    def replication(self, instance, state):
        info = SimpleNamespace(status_type="read replication", normal=state == "replicating", status=state, message=None)
        instance.status_infos = [info]

    def promote_read_replica(self, call, fault):
        found = self.ready(call)
        if not found.is_replica:
            raise Refusal("InvalidDBInstanceState", "DB Instance is not a read replica.")

        def done():
            # moto keeps the link.
            found.source_db_instance_identifier, found.is_replica, found.status_infos = None, False, []
            data(found).promoted()

        self.later.phases(
            self.step(call), ["modifying", "rebooting", end(fault, "available", "incompatible-parameters")], self.show(found)
        )
        self.later.add(self.step(call), done)
        return f"<DBInstance><DBInstanceIdentifier>{found.db_instance_identifier}</DBInstanceIdentifier></DBInstance>"

    def modify_db_instance(self, call, fault):
        found = self.ready(call)
        new = call.form.get("NewDBInstanceIdentifier", "").lower()
        if not new:
            return lambda: self.later.phases(self.step(call), ["modifying", "available"], self.show(found))
        backend, old = self.backend(call), found.db_instance_identifier
        self.check_name(new)
        if new in backend.databases:
            raise Refusal("DBInstanceAlreadyExists", "DB instance already exists")

        def renamed():
            if backend.databases.get(old) is found:
                del backend.databases[old]
                found.db_instance_identifier = new
                backend.databases[new] = found
                self.later.phases(self.step(call), ["rebooting", end(fault, "available", "incompatible-parameters")], self.show(found))

        found.status = "renaming"
        self.later.add(self.step(call), renamed)
        return f"<DBInstance><DBInstanceIdentifier>{old}</DBInstanceIdentifier></DBInstance>"

    def delete_db_instance(self, call, fault):
        found, backend = self.instance(call), self.backend(call)
        if found.status == "deleting":
            raise Refusal("InvalidDBInstanceState", "Instance is already being deleted.")
        if found.deletion_protection:
            raise Refusal("InvalidParameterCombination", "Cannot delete protected DB Instance, please disable deletion protection.")
        found.status = "deleting"
        self.later.add(self.step(call), lambda: backend.databases.pop(found.db_instance_identifier, None))
        return f"<DBInstance><DBInstanceIdentifier>{found.db_instance_identifier}</DBInstanceIdentifier></DBInstance>"

    def describe_db_parameter_groups(self, call, fault):
        # moto answers with an empty list.
        name = call.form.get("DBParameterGroupName")
        if name and name not in self.backend(call).db_parameter_groups:
            raise Refusal("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)

    def add_tags_to_resource(self, call, fault):
        self.check_tags(call)

    def check_tags(self, call):
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Tag.html
        for key, value in call.tags():
            good = 1 <= len(key) <= 128 and 1 <= len(value) <= 256 and TAG.match(key) and TAG.match(value)
            if not good or key.startswith(("aws:", "rds:")):
                raise Refusal("InvalidParameterValue", f"{key}={value} is no tag.")

    def check_name(self, name):
        if not NAME.match(name):
            raise Refusal("InvalidParameterValue", f"{name} is not a valid identifier.")


def end(fault, good, bad="failed"):
    return bad if fault and fault["kind"] == "fail" else good


ACTIONS = {
    "AddTagsToResource": Rds.add_tags_to_resource,
    "DescribeDBParameterGroups": Rds.describe_db_parameter_groups,
    "CreateDBSnapshot": Rds.create_db_snapshot,
    "CopyDBSnapshot": Rds.copy_db_snapshot,
    "RestoreDBInstanceFromDBSnapshot": Rds.restore_db_instance_from_db_snapshot,
    "CreateDBInstanceReadReplica": Rds.create_db_instance_read_replica,
    "PromoteReadReplica": Rds.promote_read_replica,
    "ModifyDBInstance": Rds.modify_db_instance,
    "DeleteDBInstance": Rds.delete_db_instance,
}
