"""Clients that write to a pair all the time, and remember each write that was acknowledged."""

import itertools
import json
import os
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from prober import ask

FLAG = "maintenance.json"
NUMBERS = itertools.count(1)
"""One row of numbers for every client, so that none writes what another wrote before it."""


class Writer:
    """Writes numbered things in a thread of its own, to the side that a name leads to; with `stale`, to that side for good."""

    def __init__(self, name, resolver, sides, every=0.02, stale=None):
        self.name, self.resolver, self.sides, self.every, self.stale = name, resolver, sides, every, stale
        self.acknowledged, self.refused, self.errors, self.longest_gap = [], 0, [], 0.0
        self._cached, self._until, self._last = None, 0.0, None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.close()

    def side(self):
        """The side that the name leads to, as a resolver with a cache knows it."""
        if self.stale:
            return self.stale
        if self._cached is None or time.monotonic() >= self._until:
            address, ttl = ask(self.resolver, self.name)
            self._cached, self._until = self.sides[address], time.monotonic() + ttl
        return self._cached

    def _run(self):
        while not self._stop.is_set():
            number = next(NUMBERS)
            try:
                took = self.write(self.side(), number)
            except Exception as error:
                took = False
                self.errors.append(str(error).splitlines()[0])
            if took:
                self.acknowledged.append(number)
                now = time.monotonic()
                if self._last is not None:
                    self.longest_gap = max(self.longest_gap, now - self._last)
                self._last = now
            else:
                self.refused += 1
            self._stop.wait(self.every)

    def close(self):
        """Lets go of what it holds."""

    def __str__(self):
        kind = f"{type(self).__name__}{' that hears of nothing' if self.stale else ''}"
        why = f", at last: {self.errors[-1]}" if self.errors else ""
        return f"{kind}: {len(self.acknowledged)} acknowledged, {self.refused} refused, longest gap {self.longest_gap:.2f} s{why}"


class Rows(Writer):
    """Inserts rows, one transaction each, over one pooled connection a side; asks to write even where the server says read-only."""

    def __init__(self, *arguments, connect, **more):
        super().__init__(*arguments, **more)
        self._connect, self._open = connect, {}

    def write(self, side, number):
        try:
            connection = self._open.get(side)
            if connection is None or connection.closed:
                connection = self._open[side] = self._connect(side)
            with connection.transaction():
                connection.execute("SET TRANSACTION READ WRITE")
                connection.execute("INSERT INTO written (id, side) VALUES (%s, %s)", (number, side))
                connection.execute("INSERT INTO numbered (id) VALUES (%s)", (number,))
            return True
        except Exception:
            broken = self._open.get(side)
            if broken is not None and broken.broken:
                self._open.pop(side)
            raise

    def close(self):
        for connection in self._open.values():
            connection.close()


class Files(Writer):
    """Writes files as an application does that looks for the maintenance flag first."""

    def __init__(self, *arguments, trees, **more):
        super().__init__(*arguments, **more)
        self.trees = trees

    def write(self, side, number):
        return write_file(self.trees[side], f"upload-{number}", str(number))


def write_file(tree, name, text):
    """One upload; False while the flag says that writes are refused."""
    tree = Path(tree)
    if flagged(tree):
        return False
    hidden = tree / f".{name}.{os.getpid()}.tmp"
    hidden.write_text(text)
    hidden.rename(tree / name)
    return True


def flagged(tree):
    """Whether the flag is there and not over."""
    try:
        until = json.loads((Path(tree) / FLAG).read_text()).get("until")
    except FileNotFoundError:
        return False
    return until is None or datetime.now(timezone.utc) < datetime.fromisoformat(until.replace("Z", "+00:00"))


if __name__ == "__main__":
    # As the probe of a store: tries to write as the application does, and says by its exit code whether that went through.
    import sys

    probe = Path(os.environ["SWITCHOVER_PROBE"])
    sys.exit(0 if write_file(sys.argv[1] if len(sys.argv) > 1 else probe.parent, probe.name, "probe") else 1)
