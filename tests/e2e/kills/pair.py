"""A small pair for one case: the live names at the sandbox's Cloudflare, a directory tree on each side, clients that write, and an eye on both sides."""

import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from prober import ask
from suite import check
from world import ROOT, World, programs
from writers import flagged, write_file

SIDES = ("hongkong", "sydney")
LATE = 0.4
"""Seconds after which a write is not acknowledged: the pair waits for half a second (`settle`) for what was under way when a freeze began."""
EVERY = 0.15
"""Seconds between two writes of a client."""
STORE = "[pair.gigadb.environments.live.stores."


class Watched(World):
    """The pair. `look` is to be called all the time: it looks at both sides and writes as clients do."""

    def __init__(self, store="files", **options):
        super().__init__(ttl=2, **options)
        self.trees = {side: self.folder / "trees" / side / "live" for side in SIDES}
        for tree in self.trees.values():
            tree.mkdir(parents=True)
        text = _live_alone(self.config.read_text()).replace('every = "50ms"', 'every = "500ms"')
        self.config.write_text(text + (self._files() if store == "files" else store))
        self.acknowledged, self.refused, self.looks, self.both = set(), 0, 0, []
        self._next, self._number, self._leads, self._until = 0.0, 0, None, 0.0

    def _files(self):
        data = self._own((ROOT / "examples/gigadb/sandbox.toml").read_text()).partition("\n# Data.")[2]
        text = data[data.index(f"{STORE}files]"):]
        text = re.sub(r"^(schedule|time_zone) .*\n", "", text, flags=re.M)
        text = text.replace('rpo = "26h"\n', 'rpo = "26h"\nlease = "6s"\ntimeout = "2s"\n')
        return "\n" + text.replace('settle = "200ms"\nstill = "300ms"', 'settle = "500ms"\nstill = "50ms"\ntimeout = "2s"')

    def environment(self, **more):
        own = super().environment(**more)
        return own | {"PATH": f"{programs()}:{own['PATH']}"}

    def __enter__(self):
        super().__enter__()
        for number in range(20):
            write_file(self.trees["hongkong"], f"dataset-{number}", "x" * number)
        self.program("sync-data", "--overwrite", "--reason", "first copy").expect(0)
        return self

    # What is seen from outside

    def leads_to(self, records=None):
        """The side that each name's address is on: production's, and the stand-by's turned round, must all be one."""
        sides = set()
        place = {"1": "hongkong", "2": "sydney"}
        for zone in (records or self.control("/records")).values():
            for one in zone:
                if one["type"] == "A" and one["name"] in self.names:
                    side = place[one["content"].split(".")[2]]
                    sides.add(side if self.names[one["name"]] == "production" else other(side))
        return sides

    @property
    def names(self):
        return {
            name: role for _, production, standby, _ in self.endpoints()
            for name, role in ((production, "production"), (standby, "standby"))
        }

    def look(self):
        """Looks whether both sides take writes, and writes where a client would."""
        self.looks += 1
        first, second = SIDES
        # The first again: what was open before and after was open meanwhile.
        if not any(flagged(self.trees[side]) for side in (first, second, first)):
            self.both.append(time.strftime("%H:%M:%S"))
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self._write(self._resolved(now))
            # Whoever heard of no swap goes on where it was.
            self._write(SIDES[self._number % 2])

    def _resolved(self, now):
        if now >= self._until:
            address, ttl = ask((f"{self.network}.53.3", 18053), "gigadb.org")
            self._leads, self._until = {"1": "hongkong", "2": "sydney"}[address.split(".")[2]], now + ttl
        return self._leads

    def _write(self, side):
        self._number += 1
        began = time.monotonic()
        took = write_file(self.trees[side], f"upload-{self._number}", str(self._number))
        if took and time.monotonic() - began < LATE:
            self.acknowledged.add(f"upload-{self._number}")
        self.refused += not took

    # What must hold

    def never_both(self):
        check(not self.both, f"both sides took writes at {', '.join(self.both[:5])} ({len(self.both)} looks of {self.looks})")

    def whole(self):
        """One production, by the names, the journal and the stores; nothing acknowledged is lost. Says which side it is."""
        sides = self.leads_to()
        check(len(sides) == 1, "the pair is half swapped")
        (production,) = sides
        entries = self.entries()
        check(not open_run(entries), "a run is open", entries[-3:])
        check(production in believed(entries), f"the names lead to {production}, the journal says {believed(entries)}")
        closed = {side: flagged(tree) for side, tree in self.trees.items()}
        check(closed == {production: False, other(production): True}, f"{production} is production, and closed to writes are {closed}")
        here = {path.name for path in self.trees[production].iterdir()}
        lost = self.acknowledged - here
        check(not lost, f"{len(lost)} acknowledged writes are not on {production}: {sorted(lost)[:9]}")
        self.never_both()
        return production


def other(side):
    return SIDES[1 - SIDES.index(side)]


def _live_alone(text):
    first, second = (text.index(f"[[pair.gigadb.environments.{name}") for name in ("staging", "live"))
    return text[:first] + text[second:]


def runs(entries):
    """The runs of a journal that move roles: id -> {to, from, steps, outcome}, in order."""
    found = {}
    for entry in entries:
        event = entry["event"]
        kind, run = event["kind"], event.get("run")
        if kind == "run_started" and event["plan"]["shifts"]:
            shift = event["plan"]["shifts"][0]
            found[run] = {"from": shift["from"], "to": shift["to"], "steps": set(), "outcome": None, "turned": False}
        elif run in found and kind == "step_started":
            found[run]["steps"].add(event["step"])
        elif run in found and kind == "turned_back":
            found[run]["turned"] = True
        elif run in found and kind == "run_finished":
            found[run]["outcome"] = event["outcome"]
    return found


def open_run(entries):
    """The run that is unfinished, of any kind."""
    started = [entry["event"]["run"] for entry in entries if entry["event"]["kind"] == "run_started"]
    finished = {entry["event"]["run"] for entry in entries if entry["event"]["kind"] == "run_finished"}
    return next((run for run in started if run not in finished), None)


def believed(entries):
    """The production that the journal tells of: where the last run that came to its end led. One that was closed part-way may have led to either."""
    production = {"hongkong"}
    for run in runs(entries).values():
        check(run["outcome"] in ("completed", "completed_with_exceptions", "undone", "abandoned"), run)
        if run["outcome"].startswith("completed"):
            production = {run["to"]}
        elif run["outcome"] == "abandoned":
            production = set(SIDES)
    return production
