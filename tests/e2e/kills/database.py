"""A pair whose data is in PostgreSQL: two real clusters of tests/postgres/run that stream, and clients that insert rows."""

import time

import psycopg
from behind import Behind
from datapair import PASSWORD, PORTS, connect, prepare_databases, query, stores
from pair import EVERY, SIDES, believed, open_run, other
from suite import check

PAUSE = 0.1
"""Seconds between two tries to write on both sides."""


class Database(Behind):
    """The pair with a streaming store in place of the files."""

    said = ("postgres", "PostgreSQL", "database", "metadata")
    codes = {0, 1, 3, 4, 6, 8}

    def __init__(self, proxied=False):
        super().__init__(store="")
        self.more = {"E2E_PG_PASSWORD": PASSWORD}
        text = stores("streaming", self).partition("\n[pair.gigadb.environments.live.stores.files]")[0]
        text = text.replace('lease = "20s"', 'lease = "6s"')
        text = text.replace('method = "streaming"', 'method = "streaming"\nstatement_timeout = "10s"')
        for port in PORTS.values() if proxied else ():
            text = text.replace(f"port = {port}\n", f"port = {self.proxy(('127.0.0.1', int(port))).address[1]}\n")
        self.add(text)
        self._open, self._due = {}, 0.0
        prepare_databases(1)

    def __exit__(self, *told):
        for connection in self._open.values():
            connection.close()
        super().__exit__(*told)

    def _insert(self, side, number):
        """One row, as an application inserts it; whether that was acknowledged."""
        try:
            connection = self._open.get(side)
            if connection is None or connection.closed:
                connection = self._open[side] = connect(side)
            with connection.transaction():
                connection.execute("SET TRANSACTION READ WRITE")
                connection.execute("INSERT INTO written (id, side) VALUES (%s, %s)", (number, side))
            return True
        except psycopg.Error:
            return False

    def look(self):
        """Tries to write on both sides in turn: what is acknowledged on one, then on the other and on the first again is an error."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due, self.looks = now + PAUSE, self.looks + 1
        took = []
        for side in (*SIDES, SIDES[0]):
            self._number += 1
            took.append(self._insert(side, self._number))
            if took[-1]:
                self.acknowledged.add(self._number)
            self.refused += not took[-1]
        if all(took) and time.monotonic() - now < EVERY:
            self.both.append(time.strftime("%H:%M:%S"))

    def whole(self):
        """As for files, by the rows."""
        sides = self.leads_to()
        check(len(sides) == 1, "the pair is half swapped")
        (production,) = sides
        entries = self.entries()
        check(not open_run(entries), "a run is open", entries[-3:])
        check(production in believed(entries), f"the names lead to {production}, the journal says {believed(entries)}")
        self._number += 2
        takes = {side: self._insert(side, self._number - place) for place, side in enumerate(SIDES)}
        check(takes == {production: True, other(production): False}, f"{production} is production, and writes are taken by {takes}")
        lost = self.acknowledged - {row for (row,) in query(production, "SELECT id FROM written")}
        check(not lost, f"{len(lost)} acknowledged rows are not on {production}: {sorted(lost)[:9]}")
        self.never_both()
        return production
