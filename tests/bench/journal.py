"""The measurements of state stores behind docs/journal.md. Run by tests/bench/journal."""

import configparser
import datetime
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e/lib"))

from world import World

RUNS = int(os.environ.get("RUNS", 5))
APPENDS = {"sqlite": 500, "etcd": 500, "s3": 200}
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ETCD = Path(os.environ["SWITCHOVER_ETCD"])
MOTO = json.loads((Path(os.environ["SWITCHOVER_MOTO"]) / "pair.json").read_text())


def bucket(name):
    """Makes a bucket; moto takes requests without a signature."""
    keys = configparser.ConfigParser()
    keys.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    scope = f"{keys['Upstream']['aws_access_key_id']}/20261121/us-east-1/s3/aws4_request"
    head = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
    request = urllib.request.Request(f"{MOTO['endpoint']}/{name}", method="PUT", headers=head)
    urllib.request.urlopen(request, timeout=10).close()


def options(kind, folder, prefix):
    """The options of a state store as TOML; what they name lies in the folder."""
    if kind == "sqlite":
        return 'path = "bench.db"\n'
    if kind == "s3":
        return (f'bucket = "bench"\nprefix = "{prefix}"\nregion = "us-east-1"\nprofile = "Upstream"\n'
                f'endpoint = "{MOTO["endpoint"]}"\n')
    for name in ("ca.pem", "client.pem", "client.key"):
        shutil.copy(ETCD / name, folder / name)
    endpoints = json.dumps(os.environ["SWITCHOVER_ETCD_ENDPOINTS"].split(","))
    return (f'endpoints = {endpoints}\nprefix = "switchover/{prefix}"\nca_file = "ca.pem"\ncertificate_file = "client.pem"\n'
            'key = { file = "client.key" }\nuser = "switchover"\npassword = { env = "ETCD_PASSWORD" }\n')


def appends(kind, run):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "bench.db" if kind == "sqlite" else folder / "options.toml"
        if kind != "sqlite":
            file.write_text(options(kind, folder, f"appends-{run}"))
        else:
            options(kind, folder, "")
        command = [os.environ["SWITCHOVER_APPENDS"], kind, file, str(APPENDS[kind])]
        environment = os.environ | {"ETCD_PASSWORD": os.environ["SWITCHOVER_ETCD_PASSWORD"]}
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


def takeover(kind, run):
    """Seconds from the kill of a holder in mid-swap, and the start of another at the same moment, until that one's claim stands."""
    variables = {name: os.environ[name] for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED")}
    variables["ETCD_PASSWORD"] = os.environ["SWITCHOVER_ETCD_PASSWORD"]
    # In the hold, in which the holder sends nothing that would have to be waited for.
    with World(ttl=2, margin="8s") as world:
        state = options(kind, world.folder, f"takeover-{run}")
        world.config.write_text(f'{world.config.read_text()}\n[state]\nprovider = "{kind}"\n{state}')
        holder = world.start("swap-roles", "--yes", **variables)
        deadline = time.monotonic() + 60
        while set(world.applied().values()) != {1}:
            if time.monotonic() > deadline or holder.poll() is not None:
                raise SystemExit(f"nothing was swapped: {world.finish(holder)}")
            time.sleep(0.02)
        time.sleep(2)
        killed = datetime.datetime.now(datetime.timezone.utc)
        holder.send_signal(signal.SIGKILL)
        other = world.start("swap-roles", "--yes", "--resume", **variables)
        world.finish(holder)
        ended = world.finish(other)
        if ended.code:
            raise SystemExit(str(ended))
        history = world.program("switchover", "history", "--entries", "-o", "jsonl", **variables).expect(0).out
        claims = [entry for entry in map(json.loads, history.splitlines()) if "claimed" in json.dumps(entry)]
        return (datetime.datetime.fromisoformat(claims[-1]["at"]) - killed).total_seconds()


def measure(kind):
    written = [appends(kind, run) for run in range(RUNS)]
    middle = lambda field: statistics.median(one[field] for one in written)
    others = statistics.median(takeover(kind, run) for run in range(RUNS))
    return [f"{middle('per_second'):.0f}", f"{middle('median_ms'):.1f} ms", f"{middle('p99_ms'):.1f} ms",
            f"{middle('read_ms'):.0f} ms for {written[0]['entries']}", f"{others:.1f} s"]


def page(figures):
    names = {"sqlite": "`sqlite`", "etcd": "`etcd`, three members", "s3": "`s3`, at moto"}
    lines = [
        f"Measured on {datetime.date.today().isoformat()} with `tests/bench/journal`, on {os.cpu_count()} cores with everything on one machine: no distance is in",
        f"it. Medians of {RUNS} runs; entries of 1 kB, one after the other; etcd with TLS, client certificates and users.",
        "",
        "| | appends a second | an append | one in a hundred | reading a journal | taken over after |",
        "| -- | --: | --: | --: | --: | --: |",
    ]
    lines += [f"| {names[kind]} | {' | '.join(row)} |" for kind, row in figures.items()]
    return "\n".join(lines)


bucket("bench")
text = page({kind: measure(kind) for kind in APPENDS})
document = ROOT / "docs/journal.md"
if "--print" in sys.argv:
    print(text)
else:
    whole = document.read_text()
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.S)
    if not between.search(whole):
        raise SystemExit(f"{document} has no lines {BEGIN} and {END}")
    document.write_text(between.sub(lambda _: f"{BEGIN}\n{text}\n{END}", whole))
