"""GigaDB's pair in a sandbox of its own, for one case: the real programs, on loopback addresses that nobody else uses."""

import json
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import tomllib
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "sandbox-operations-token-000000000000000"
"""The canary: it must never be in anything that a program writes."""
GITLAB_TOKEN = "glpat-sandbox-operations-0000"
"""Another one."""

def _network():
    """Two octets of 127.0.0.0/8 for one world alone, and the socket that reserves them among all suites that run."""
    while True:
        network = f"127.{random.randint(2, 254)}"
        reserved = socket.socket()
        try:
            reserved.bind((f"{network}.254.254", 18786))
            reserved.listen(1)
            return network, reserved
        except OSError:
            reserved.close()


_built = threading.Lock()
_folder = None


def programs():
    """The folder with the programs: SWITCHOVER_BIN, or a fresh debug build."""
    global _folder
    with _built:
        if _folder is None:
            given = os.environ.get("SWITCHOVER_BIN")
            _folder = Path(given).resolve() if given else _build()
            for name in ("swap-roles", "switchover", "switchover-sandbox"):
                if not (_folder / name).exists():
                    raise SystemExit(f"{_folder} holds no {name}")
        return _folder


def _build():
    packages = ["-p", "switchover-bins", "-p", "switchover-sandbox"]
    subprocess.run(["cargo", "build", "--quiet", *packages], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return Path(target).resolve() / "debug"


class Ended:
    """What became of a program."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __str__(self):
        return f"$ {' '.join(map(str, self.command))}\nexit {self.code}\n{self.out}{self.err}"

    def expect(self, code, *said):
        """Checks the exit code, and that each of these texts was written."""
        written = " ".join((self.out + self.err).split())
        if self.code != code or any(text not in written for text in said):
            raise AssertionError(f"expected exit {code} and {said}, got:\n{self}")
        return self


class World:
    """A sandbox, a configuration and a journal. Use it in a `with`: everything is stopped and removed at its end."""

    def __init__(self, ttl=2, margin="0s", swap_ttl="60s", cloudflare="", config=None, edit_seed=None, releases=False):
        self.network, self.reserved = _network()
        self.folder = Path(tempfile.mkdtemp(prefix="switchover-e2e."))
        self.config = self.folder / "switchover.toml"
        self.journal = self.folder / "switchover.db"
        self.seed = self.folder / "seed.toml"
        self.api = f"http://{self.network}.53.1:18787"
        self.sandbox = None
        self.outputs = []
        seed = self._own((ROOT / "tests/sandbox/seeds/gigadb.toml").read_text())
        seed = re.sub(r"^ttl = 300$", f"ttl = {ttl}", seed, flags=re.M)
        seed = seed.replace('plan = "pro"', 'plan = "pro"\nmin_ttl = 2')
        if releases:
            seed += self._own((ROOT / "tests/sandbox/seeds/gitlab.toml").read_text())
        self.seed.write_text(edit_seed(seed, self.network) if edit_seed else seed)
        self.config.write_text(config(self.network) if config else self._standard(ttl, margin, swap_ttl, cloudflare))
        if releases:
            quick = 'provider = "gitlab"\nconnect_timeout = "500ms"\ntimeout = "1500ms"\nin_flight = "1500ms"\n'
            text = self._own((ROOT / "examples/gigadb/releases.toml").read_text())
            self.config.write_text(self.config.read_text() + text.replace('provider = "gitlab"\n', quick))

    def _own(self, text):
        return re.sub(r"127\.0\.(53|1|2)\.", rf"{self.network}.\1.", text)

    def _standard(self, ttl, margin, swap_ttl, cloudflare):
        # The names alone: what is after this line is the pair's data.
        text = self._own((ROOT / "examples/gigadb/sandbox.toml").read_text()).partition("\n# Data.")[0] + "\n"
        text = re.sub(r'^margin = "[^"]*"', f'margin = "{margin}"\nswap_ttl = "{swap_ttl}"', text, flags=re.M)
        # A call that was cut off must be drained, which takes as long as it may be on its way.
        quick = 'connect_timeout = "500ms"\ntimeout = "1500ms"\nin_flight = "1500ms"\n'
        return text.replace('provider = "cloudflare"\n', f'provider = "cloudflare"\n{cloudflare or quick}')

    def __enter__(self):
        log = open(self.folder / "sandbox.log", "w")
        self.sandbox = subprocess.Popen(
            [programs() / "switchover-sandbox", self.seed], stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                self.control("")
                return self
            except OSError:
                if self.sandbox.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError("the sandbox did not start") from None
                time.sleep(0.05)

    def __exit__(self, *_):
        if self.sandbox and self.sandbox.poll() is None:
            self.sandbox.terminate()
            try:
                self.sandbox.wait(10)
            except subprocess.TimeoutExpired:
                self.sandbox.kill()
                self.sandbox.wait()
        self.reserved.close()
        self._keep()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self):
        """Keeps what programs said and left, without the vendors' seed, where `tests/canary` looks for secrets."""
        kept = os.environ.get("SWITCHOVER_KEPT")
        if kept:
            target = Path(kept) / self.folder.name
            shutil.copytree(self.folder, target, ignore=lambda *_: [self.seed.name], ignore_dangling_symlinks=True)
            (target / "outputs").write_text("".join(self.outputs))

    # The sandbox's controls

    def control(self, path, body=None, method=None):
        """Asks the sandbox's controls; `body` makes it a POST."""
        data = None if body is None else json.dumps(body).encode()
        head = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.api}/sandbox{path}", data, head, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def gitlab(self, path, body=None, method=None):
        """Asks the controls of the GitLab server; `body` makes it a POST."""
        data = None if body is None else json.dumps(body).encode()
        address = f"http://{self.network}.53.1:18790/sandbox{path}"
        request = urllib.request.Request(address, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def fault(self, kind, method=None, path=None, **more):
        """Sets a fault on the API."""
        rule = {"kind": kind, "method": method, "path": path, **more}
        self.control("/faults", {key: value for key, value in rule.items() if value is not None})

    def heal(self):
        """Takes every fault away."""
        self.control("/faults", method="DELETE")

    def zone_id(self, zone):
        """The id of a zone."""
        return next(one["id"] for one in self.control("")["zones"] if one["name"] == zone)

    def batch_path(self, zone):
        """The path of a zone's batch endpoint."""
        return f"/zones/{self.zone_id(zone)}/dns_records/batch"

    def records(self):
        """All records of all zones, by zone, without what changes by itself."""
        moving = ("modified_on",)
        every = self.control("/records")
        return {
            zone: sorted(({k: v for k, v in one.items() if k not in moving} for one in records), key=json.dumps)
            for zone, records in every.items()
        }

    def requests(self):
        """The API's log."""
        return self.control("/requests")

    def applied(self):
        """How many calls changed records, by zone."""
        names = {one["id"]: one["name"] for one in self.control("")["zones"]}
        counts = dict.fromkeys(names.values(), 0)
        for one in self.requests():
            if one["applied"]:
                counts[names[one["path"].split("/")[2]]] += 1
        return counts

    # What the pair should look like

    def endpoints(self):
        """(production name, stand-by name, address name) of every endpoint of the configuration, with its environment."""
        pair = tomllib.loads(self.config.read_text())["pair"]["gigadb"]
        return [
            (environment, one["production"], one["standby"], one["address"])
            for environment, table in pair["environments"].items()
            for one in table["endpoints"]
        ]

    def swapped(self, records, environments=None):
        """What `records` are after one swap: each two names have exchanged their addresses, and nothing else changed."""
        contents = {one["name"]: one["content"] for every in records.values() for one in every if one["type"] == "A"}
        target = {}
        for environment, production, standby, _ in self.endpoints():
            if environments is None or environment in environments:
                target |= {production: contents[standby], standby: contents[production]}
        changed = lambda one: one | {"content": target[one["name"]]} if one["type"] == "A" and one["name"] in target else one
        return {zone: sorted(map(changed, every), key=json.dumps) for zone, every in records.items()}

    # The programs

    def environment(self, **more):
        """A clean environment with the token; a value of None removes a variable."""
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "LLVM_PROFILE_FILE")
        variables = {name: os.environ[name] for name in kept if name in os.environ}
        variables |= {"CLOUDFLARE_API_TOKEN": TOKEN, "GITLAB_TOKEN": GITLAB_TOKEN, "USER": "operator", "COLUMNS": "160"} | more
        return {name: value for name, value in variables.items() if value is not None}

    def command(self, program, *arguments):
        """The command line of a program with this world's configuration."""
        return [programs() / program, "-c", self.config, *arguments]

    def program(self, program, *arguments, timeout=120, prefix=(), **environment):
        """Runs a program to its end, without a terminal. Checks that it does not show the token."""
        command = [*prefix, *self.command(program, *arguments)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            cwd=self.folder, env=self.environment(**environment),
        )
        return self.ended(command, done.returncode, done.stdout, done.stderr)

    def ended(self, command, code, out, err):
        """What became of a program that was run by other means; nothing may show the token or a panic."""
        self.outputs.append(out + err)
        ended = Ended(command, code, out, err)
        if TOKEN in out + err or GITLAB_TOKEN in out + err:
            raise AssertionError(f"the token is shown:\n{ended}")
        if "panicked" in err:
            raise AssertionError(f"a panic:\n{ended}")
        return ended

    def start(self, program, *arguments, **environment):
        """Starts a program and leaves it running; end it with `finish`."""
        command = self.command(program, *arguments)
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=self.folder, env=self.environment(**environment),
        )

    def finish(self, process, timeout=120):
        """Waits for a program that was started."""
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return self.ended(process.args, process.returncode, out, err)

    def swap(self, *arguments, **more):
        """`swap-roles --yes` with these arguments."""
        return self.program("swap-roles", "--yes", *arguments, **more)

    # The journal

    def entries(self):
        """The entries of the journal as it stands on the disk, in order. Reads a copy, so that nothing is repaired here."""
        if not self.journal.exists():
            return []
        with tempfile.TemporaryDirectory() as folder:
            for suffix in ("", "-journal"):
                file = Path(f"{self.journal}{suffix}")
                if file.exists():
                    shutil.copy(file, folder)
            connection = sqlite3.connect(Path(folder, self.journal.name))
            try:
                rows = connection.execute("SELECT entry FROM entries ORDER BY pair, seq").fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise
            finally:
                connection.close()
        return [json.loads(row[0]) for row in rows]

    def kinds(self):
        """The kinds of the journal's entries, in order."""
        return [entry["event"]["kind"] for entry in self.entries()]

    def verify(self):
        """Checks that the journal is sound and that the token is nowhere in this world's files but the seed."""
        if self.journal.exists():
            self.program("switchover", "verify").expect(0, "every hash, epoch and transition is right")
        for file in self.folder.iterdir():
            if file != self.seed and file.is_file() and TOKEN.encode() in file.read_bytes():
                raise AssertionError(f"the token is in {file.name}")
