"""The data inside an instance or a file system: entries that clients write, and the freeze that a database holds itself.

The freeze stands with the data, as PostgreSQL's own means do: a snapshot takes it along.
"""

import copy
import time


class Refused(Exception):
    """A write that was not acknowledged."""


class Database:
    def __init__(self):
        self.entries = {}
        self.freeze = None  # {"by": run, "until": seconds since the epoch or None}
        self.source = None  # the object whose data this one replays
        self.held_at = None  # what has arrived, while a test holds the replay back

    def content(self):
        if self.source is None:
            return self.entries
        return self.source.content() if self.held_at is None else self.held_at

    def taken(self):
        """A copy as of now, standing alone."""
        other = Database()
        other.entries, other.freeze = dict(self.content()), copy.copy(self.state())
        return other

    def state(self):
        return self.freeze if self.source is None else self.source.freeze

    def replays(self, source):
        self.source, self.entries, self.freeze = source, {}, None

    def promoted(self):
        alone = self.taken()
        if alone.freeze:
            # What a guard must see to: RDS takes minutes, and nobody renews the lease of the source here.
            alone.freeze["until"] = None
        self.entries, self.freeze, self.source, self.held_at = alone.entries, alone.freeze, None, None

    def is_lapsed(self):
        state = self.freeze
        return bool(state) and state["until"] is not None and state["until"] <= time.time()

    def write(self, key, value):
        if self.source is not None:
            raise Refused("cannot execute INSERT in a read-only transaction")
        if self.freeze and not self.is_lapsed():
            raise Refused(f"frozen by run {self.freeze['by']}")
        if value is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = value

    # What a guard asks of the database.

    def access(self, _):
        state = self.state()
        if self.source is not None:
            return {"access": "frozen", "by": "replica", "until": None}
        if not state:
            return {"access": "writable"}
        kind = "lapsed" if self.is_lapsed() else "frozen"
        return {"access": kind, "by": state["by"], "until": state["until"]}

    def hold(self, told):
        if self.freeze and self.freeze["by"] == told["by"] and self.is_lapsed():
            return {"lapsed": self.freeze["until"]}
        lease = told.get("lease")
        self.freeze = {"by": told["by"], "until": None if lease is None else time.time() + lease}
        return {}

    def adopt(self, told):
        self.freeze = {"by": told["by"], "until": None}
        return {}

    def release(self, _):
        self.freeze = None
        return {}

    def prove(self, _):
        try:
            before = dict(self.entries)
            self.write("probe", "probe")
            self.entries = before
        except Refused as refused:
            return {"attempts": 3, "refused": str(refused)}
        return {"passed": True}

    def arrived(self, told):
        source = self.source
        everything = source is not None and self.content() == source.content()
        return {"everything": everything, "position": f"0/{len(self.content()):X}"}
