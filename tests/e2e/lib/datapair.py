"""A pair whose data moves: the sandbox, two PostgreSQL clusters of tests/postgres/run, two directory trees, and clients that write."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
from suite import check
from world import World
from writers import FLAG, Files, Rows, flagged, write_file

HERE = Path(__file__).resolve().parent

PORTS = {"hongkong": os.environ["SWITCHOVER_PG_A"], "sydney": os.environ["SWITCHOVER_PG_B"]}
PASSWORD = os.environ["SWITCHOVER_PG_PASSWORD"]
BIN = next(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True) if (path / "pgbench").exists())


def connect(side, database="gigadb", user="app"):
    return psycopg.connect(
        host="127.0.0.1", port=PORTS[side], dbname=database, user=user, password=PASSWORD, autocommit=True, connect_timeout=5
    )


def query(side, text, user="boss"):
    with connect(side, user=user) as connection:
        return connection.execute(text).fetchall()


def prepare_databases(scale):
    """An application's database on hongkong, of about 15 MB a unit of scale, and an empty one on sydney."""
    for side in PORTS:
        forget_streams(side)
    for side in PORTS:
        with connect(side, "postgres", "boss") as server:
            server.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
            while slots := server.execute("SELECT slot_name, active FROM pg_replication_slots").fetchall():
                for slot, active in slots:
                    if not active:
                        server.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            for (name,) in server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'gigadb%'").fetchall():
                server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            server.execute("DROP ROLE IF EXISTS app")
            server.execute(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
            server.execute("CREATE DATABASE gigadb OWNER app")
    pgbench("hongkong", "-i", "-q", "-s", str(scale))
    with connect("hongkong") as first:
        # pgbench gives this table no key; a stream needs to know its rows.
        first.execute("ALTER TABLE pgbench_history REPLICA IDENTITY FULL")
        first.execute("CREATE TABLE written (id bigint PRIMARY KEY, side text NOT NULL, at timestamptz DEFAULT now())")
        first.execute("CREATE TABLE numbered (number bigserial PRIMARY KEY, id bigint NOT NULL)")


def forget_streams(side):
    """Drops every subscription that a case before this one left, without asking the other side."""
    try:
        with connect(side, user="boss") as database:
            for (name,) in database.execute("SELECT subname FROM pg_subscription").fetchall():
                for words in ("DISABLE", "SET (slot_name = NONE)"):
                    database.execute(f'ALTER SUBSCRIPTION "{name}" {words}')
                database.execute(f'DROP SUBSCRIPTION "{name}"')
    except psycopg.OperationalError as error:
        check("does not exist" in str(error), error)


def pgbench(side, *arguments, check_it=True):
    command = [f"{BIN}/pgbench", "-h", "127.0.0.1", "-p", PORTS[side], "-U", "app", *arguments, "gigadb"]
    return subprocess.run(command, capture_output=True, text=True, check=check_it, env=os.environ | {"PGPASSWORD": PASSWORD})


class Load(threading.Thread):
    """pgbench on whichever side takes writes, begun anew whenever it is refused."""

    def __init__(self, writer):
        super().__init__()
        self.writer, self.done = writer, threading.Event()

    def run(self):
        while not self.done.is_set():
            try:
                pgbench(self.writer.side(), "-n", "-c", "2", "-T", "1", check_it=False)
            except OSError:
                time.sleep(0.05)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


def stores(method, world):
    """The stores of the live environment, as a user writes them."""
    head = "pair.gigadb.environments.live.stores"
    text = f'\n[{head}.metadata]\nprovider = "postgres"\nmethod = "{method}"\nrpo = "26h"\nlease = "20s"\n'
    if method == "dump":
        text += f'backups = {{ path = "{world.folder}/backups" }}\n'
    for side, port in PORTS.items():
        text += f'[{head}.metadata.sides.{side}]\nhost = "127.0.0.1"\nport = {port}\ndatabase = "gigadb"\nsslmode = "disable"\n'
        for role, user in (("admin", "boss"), ("application", "app")):
            text += f'{role} = {{ user = "{user}", password = {{ env = "E2E_PG_PASSWORD" }} }}\n'
        if method == "streaming":
            text += 'replication = { password = { env = "E2E_PG_PASSWORD" } }\n'
    text += f'\n[{head}.files]\nprovider = "files"\nrpo = "26h"\nlease = "20s"\n'
    probe = [sys.executable, str(HERE / "writers.py"), "{path}"]
    text += f'freeze = {{ flag = "{FLAG}", probe = {probe!r}, settle = "200ms", still = "300ms" }}\n'.replace("'", '"')
    for side in PORTS:
        text += f'[{head}.files.sides.{side}]\npath = "{world.folder}/trees/{side}"\n'
    return text


class Pair:
    """The sandbox with both stores."""

    def __init__(self, method, scale=1, releases=False):
        self.world = World(ttl=2, margin="0s", releases=releases)
        text = self.world.config.read_text()
        text = re.sub(r"\n\[pair\.gigadb\.environments\.[a-z]+\.stores\..*?(?=\n\[|\Z)", "", text, flags=re.S)
        self.world.config.write_text(text + stores(method, self.world))
        self.trees = {side: self.world.folder / "trees" / side for side in PORTS}
        for tree in self.trees.values():
            tree.mkdir(parents=True)
        for number in range(300):
            write_file(self.trees["hongkong"], f"dataset-{number}", "x" * (number * 7))
        prepare_databases(scale)

    def __enter__(self):
        self.world.__enter__()
        return self

    def __exit__(self, *told):
        self.world.__exit__(*told)

    def run(self, program, *arguments, timeout=300):
        return self.world.program(program, *arguments, timeout=timeout, E2E_PG_PASSWORD=PASSWORD)

    def clients(self):
        network = self.world.network
        sides = {f"{network}.1.1": "hongkong", f"{network}.2.1": "sydney"}
        resolver = (f"{network}.53.3", 18053)
        common = ("gigadb.org", resolver, sides)
        rows = Rows(*common, connect=connect)
        return [
            rows,
            Rows(*common, connect=connect, stale="hongkong", every=0.1),
            Files(*common, trees=self.trees),
            Files(*common, trees=self.trees, stale="hongkong", every=0.1),
        ]

    def holds(self, side, clients, standby=False):
        """Nothing acknowledged is lost on this side, and what pgbench adds up still does."""
        acknowledged_by = {client: list(client.acknowledged) for client in clients}
        rows = {row for (row,) in query(side, "SELECT id FROM written")}
        files = {path.name for path in self.trees[side].iterdir()}
        for client in clients:
            acknowledged = acknowledged_by[client]
            lost = [n for n in acknowledged if (n not in rows if isinstance(client, Rows) else f"upload-{n}" not in files)]
            check(not lost, f"{client}\nlost on {side}: {lost[:20]}")
        ((accounts, tellers, branches, history),) = query(
            side,
            "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), "
            "(SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)",
        )
        check(accounts == tellers == branches == history, side, accounts, tellers, branches, history)
        ((numbers, last),) = query(side, "SELECT coalesce(max(number), 0), (SELECT last_value FROM numbered_number_seq) FROM numbered")
        # A stream carries rows; sequences follow at a sync.
        check(standby or last >= numbers, f"{side}: the sequence is behind: {last} < {numbers}")


def open_side(side, tree):
    """Whether an application can write there, tried in earnest: (database, files)."""
    try:
        with connect(side) as connection:
            connection.execute("BEGIN; SET TRANSACTION READ WRITE; INSERT INTO written (id, side) VALUES (-1, 'probe')")
            connection.execute("ROLLBACK")
        rows = True
    except psycopg.Error:
        rows = False
    return rows, not flagged(tree)
