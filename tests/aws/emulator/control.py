"""What tests tell the emulator, beside what AWS's clients do: POST a JSON document to /emulator/WORD."""

import itertools
import json

from moto.efs.models import efs_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.rds.models import rds_backends
from moto.ec2.models import ec2_backends

from . import efs, rds
from .database import Refused

numbers = itertools.count(100_000_000_001)


def answer(emulator, path, told):
    words = {"pair": pair, "steps": steps, "fault": fault, "calm": calm, "lose": lose, "log": log, "write": write,
             "read": read, "guard": guard, "instance": instance, "instances": instances, "snapshots": snapshots,
             "snapshot": snapshot, "replay": replay, "system": system, "replication": replication}
    word = path.removeprefix("/emulator/")
    if word not in words:
        return 404, {"error": f"no such word: {word}; there are {', '.join(words)}"}
    try:
        return 200, words[word](emulator, told) or {}
    except Refused as refused:
        return 409, {"refused": str(refused)}
    except KeyError as missing:
        return 404, {"error": f"there is no {missing}"}


def user(account):
    """An IAM user with an access key, as plain AWS files need it."""
    iam = iam_backends[account]["aws"]
    iam.create_user("us-east-1", "switchover")
    made = iam.create_access_key("switchover", prefix="AKIA")
    return {"key": made.access_key_id, "secret": made.secret_access_key}


def pair(emulator, told):
    """Two sides in accounts of their own (or in one), each with an instance and a file system that nobody has written to.

    `{"one_account": false, "encrypted": false}` -> `{"sides": {"hongkong": {"account", "region", "key", "secret",
    "file_system", "kms_key"}, ...}}`
    """
    sides, account, keys = {}, None, None
    for side, region in (("hongkong", "ap-east-1"), ("sydney", "ap-southeast-2")):
        if account is None or not told.get("one_account"):
            account = str(next(numbers))
            keys = user(account)
        kms = kms_backends[account][region].create_key(
            policy=None, key_usage=None, key_spec=None, description="switchover", tags=None, multi_region=False)
        make_instance(account, region, encrypted=told.get("encrypted", False), kms_key=kms.arn)
        made = efs_backends[account][region].create_file_system(
            creation_token=f"{side}-{account}", performance_mode=None, encrypted=True, kms_key_id=None,
            throughput_mode=None, provisioned_throughput_in_mibps=None, availability_zone_name=None, backup=False,
            tags=[{"Key": "Name", "Value": "gigadb"}])
        sides[side] = keys | {"account": account, "region": region, "kms_key": kms.arn, "file_system": made.file_system_id}
    return {"sides": sides}


def make_instance(account, region, encrypted, kms_key):
    backend = rds_backends[account][region]
    subnets = [subnet for subnet in ec2_backends[account][region].describe_subnets()][:2]
    backend.create_subnet_group("gigadb", "GigaDB", subnets, [])
    backend.create_db_parameter_group(
        {"db_parameter_group_name": "gigadb", "db_parameter_group_family": "postgres15", "description": "GigaDB", "tags": []})
    wanted = {"db_instance_identifier": "gigadb-live", "db_instance_class": "db.t4g.medium", "engine": "postgres",
              "engine_version": "15.4", "allocated_storage": 20, "master_username": "gigadb", "db_name": "gigadb",
              "master_user_password": "unused-here", "db_subnet_group_name": "gigadb", "db_parameter_group_name": "gigadb",
              "storage_encrypted": encrypted, "backup_retention_period": 7,
              "tags": [{"Key": "Name", "Value": "gigadb-live"}]}
    if encrypted:
        wanted["kms_key_id"] = kms_key
    made = backend.create_db_instance(wanted)
    made.dbi_resource_id = rds.fresh_id()


def steps(emulator, told):
    """How long things take in an account, in seconds: `{"account", "state", "round", "policy"}`."""
    emulator.steps.setdefault(told.pop("account"), {}).update(told)


def fault(emulator, told):
    emulator.faults.add(told)


def calm(emulator, told):
    emulator.faults.clear(told["account"])


def lose(emulator, told):
    place = (told["account"], told["region"])
    (emulator.lost.add if told["lost"] else emulator.lost.discard)(place)


def log(emulator, told):
    return {"log": [entry[1:] for entry in emulator.log if entry[0] == told["account"]]}


def found_instance(told):
    here = rds_backends[told["account"]][told["region"]].databases
    return here[reached(here, told["live"]) if "live" in told else told["name"]]


def reached(here, live):
    """The instance that clients of a side reach: the live one, or the one that stands for it between two renames. (At AWS nobody reaches
    it then: its address goes with its name. Tests look at what becomes of the data.) Told here and not by who asks: between a list of
    the names and the next request a renaming may end."""
    if live in here:
        return live
    names = sorted(here, reverse=True)
    starting = [next((name for name in names if name.startswith(part)), None) for part in (f"{live}-2", f"{live}-before-2")]
    return next((name for name in starting if name), live)


def found_data(emulator, told):
    if "file_system" in told:
        return efs.data(efs_backends[told["account"]][told["region"]].file_systems_by_id[told["file_system"]])
    return rds.data(found_instance(told))


def write(emulator, told):
    """A client's write; without a value a deletion. With `quietly` it happens behind everybody's back."""
    if told.get("empty"):
        found_data(emulator, told).entries.clear()
    elif told.get("quietly"):
        found_data(emulator, told).entries.pop(told["key"], None)
    elif "file_system" in told:
        system = efs_backends[told["account"]][told["region"]].file_systems_by_id[told["file_system"]]
        emulator.efs.write(system, told["key"], told.get("value"))
    else:
        found_data(emulator, told).write(told["key"], told.get("value"))


def read(emulator, told):
    return {"content": found_data(emulator, told).content()}


def guard(emulator, told):
    """What a guard does inside the database: access, hold, adopt, release, prove, arrived."""
    database = found_data(emulator, told)
    return {"access": database.access, "hold": database.hold, "adopt": database.adopt, "release": database.release,
            "prove": database.prove, "arrived": database.arrived}[told["do"]](told)


def instance(emulator, told):
    """Sets attributes of an instance (`{"set": {"status": "storage-full"}}`), makes a foreign one, or says what it is."""
    if told.get("make"):
        backend = rds_backends[told["account"]][told["region"]]
        made = backend.create_db_instance(
            {"db_instance_identifier": told["make"], "db_instance_class": "db.t4g.medium", "engine": "postgres",
             "engine_version": "15.4", "allocated_storage": 20, "master_username": "x", "master_user_password": "unused-here"})
        made.dbi_resource_id = rds.fresh_id()
        return {}
    found = found_instance(told)
    for key, value in told.get("set", {}).items():
        setattr(found, key, value)
    if "replication" in told:
        emulator.rds.replication(found, told["replication"])
    if told.get("forget_group"):
        del rds_backends[told["account"]][told["region"]].subnet_groups["gigadb"]
    return {"status": found.status, "tags": {tag["Key"]: tag["Value"] for tag in found.tags},
            "source": found.source_db_instance_identifier, "id": found.dbi_resource_id,
            "protected": found.deletion_protection}


def instances(emulator, told):
    return {"names": sorted(rds_backends[told["account"]][told["region"]].databases)}


def snapshots(emulator, told):
    all_here = rds_backends[told["account"]][told["region"]].database_snapshots
    return {"names": {name: one.status for name, one in all_here.items()}}


def snapshot(emulator, told):
    found = rds_backends[told["account"]][told["region"]].database_snapshots[told["name"]]
    for key, value in told.get("set", {}).items():
        setattr(found, key, value)


def replay(emulator, told):
    """Holds a replica's replay back, or lets it go on."""
    database = found_data(emulator, told)
    database.held_at = dict(database.content()) if told["hold"] else None


def system(emulator, told):
    """What a file system is like: its protection, its policy, whether clients can write."""
    found = efs_backends[told["account"]][told["region"]].file_systems_by_id[told["file_system"]]
    if "policy" in told:
        found._policy = found._effective = json.dumps(told["policy"]) if told["policy"] else None
    return {"protection": emulator.efs.protection(found), "policy": getattr(found, "_policy", None),
            "writable": emulator.efs.can_write(found)[0]}


def replication(emulator, told):
    """Sets what a replication is like (`status`, `paused`, `message`), by either of its file systems."""
    backend = efs_backends[told["account"]][told["region"]]
    found = emulator.efs.of(backend.file_systems_by_id[told["file_system"]])
    if found is None:
        return {"status": None}
    found.update(told.get("set", {}))
    return {"status": found["status"], "source": found["source"].file_system_id, "last": found["last"]}
