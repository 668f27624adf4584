"""One case: a pair that is swapped and synced over and over by programs that are killed at moments drawn from a seed."""

import random
import signal
import time
from collections import Counter

from pair import Watched, open_run, runs
from suite import check

TICK = 0.012
"""Seconds between two looks."""
MOST = 6
"""Kills in a row, after which whatever is open is brought to its end."""
FEW = 0.05
"""Seconds after a change of the journal within which a kill comes."""
LONGEST = 150
"""Seconds that no command may take."""

COMMANDS = {
    # name: (arguments, changes of the journal's file it may be killed after, seconds it may be killed within, exit codes)
    "swap": (("swap-roles", "--yes"), 34, 1.5, {0, 3, 4, 6, 7}),
    "sync": (("sync-data",), 6, 0.6, {0, 4, 6, 7}),
    "resume": (("swap-roles", "--yes", "--resume"), 26, 14.0, {0, 1, 3, 4, 7}),
    "abort": (("swap-roles", "--yes", "--abort"), 26, 14.0, {0, 4, 6, 7}),
    "to hongkong": (("swap-roles", "--yes", "--to", "hongkong"), 34, 1.5, {0, 3, 4, 7}),
    "to sydney": (("swap-roles", "--yes", "--to", "sydney"), 34, 1.5, {0, 3, 4, 7}),
    "status": (("switchover", "status"), 1, 0.1, {0}),
}


class Moment:
    """When a program is killed: so long after so many changes of its journal, or after its start alone."""

    def __init__(self, draw, changes, seconds):
        self.by_time = draw.random() < 0.25
        self.changes = 0 if self.by_time else draw.randint(0, changes)
        self.after = draw.uniform(0, seconds if self.by_time else FEW)

    def __str__(self):
        return f"{self.after * 1000:.0f} ms after {f'change {self.changes} of the journal' if self.changes else 'its start'}"


class Game:
    """A pair and its seed. `play` kills until there were so many kills, and checks the pair after each run."""

    def __init__(self, seed, case, pair=None, tell=None):
        self.draw = random.Random(f"{seed}/{case}")
        self.told, self.tell = [], tell
        self.pair = pair or Watched()
        self.kills, self.where, self.codes = 0, Counter(), Counter()

    def play(self, kills):
        with self.pair:
            try:
                while self.kills < kills:
                    self.round(kills)
                self.pair.verify()
            except Exception as error:
                raise AssertionError("\n".join([str(error), "what was done:", *self.told[-30:]])) from error
        return self

    def say(self, text):
        self.told.append(text)
        if self.tell:
            self.tell(text)

    def round(self, kills):
        """One run, from its beginning to its end, with kills between."""
        before = len(self.pair.entries())
        dead = self.command(self.draw.choices(("swap", "sync", "status"), (85, 13, 2))[0], kill=True)
        in_a_row = 1
        while dead and in_a_row < MOST and self.kills < kills and self.draw.random() < 0.72:
            dead = self.command(self.draw.choices(("resume", "abort", "swap", "sync"), (60, 20, 12, 8))[0], kill=True)
            in_a_row += 1
        self.finish(before)

    def finish(self, before):
        """Brings whatever is open to its end as the programs say, and looks at the pair."""
        name = self.draw.choices(("resume", "abort"), (80, 20))[0]
        for _ in range(8):
            ended = self.command(name, kill=False)
            if ended.code != 4 and not open_run(self.pair.entries()):
                break
            name = self.next(name, ended)
        else:
            raise AssertionError(f"the pair did not come to its end:\n{ended}")
        production = self.pair.whole()
        ended = self.pair.program("switchover", "verify").expect(0, "every hash, epoch and transition is right")
        roles = self.pair.program("switchover", "status").expect(0)
        check("open:" not in roles.out, "status tells of an open run", roles)
        told = [line for line in roles.out.splitlines() if line.startswith(production) and "current production" in line]
        check(told, f"{production} is production, and status says otherwise", roles)
        self.say(f"whole: {production} is production")

    def next(self, name, ended):
        """What a program that ended part-way, or was refused, says to do."""
        if ended.code != 4:
            return name
        ways = [way for way in COMMANDS if f"`swap-roles --{way}`" in ended.err.replace("`--abort`", "`swap-roles --abort`")]
        check(ways, "it does not say what to do next", ended)
        return self.draw.choice(ways)

    def command(self, name, kill):
        """Runs a command: to its end, or until its moment. Says what became of it; None if it was killed."""
        arguments, changes, seconds, codes = COMMANDS[name]
        moment = Moment(self.draw, changes, seconds) if kill else None
        epoch, process = self.epoch(), self.pair.start(*arguments)
        killed = self.watch(process, moment)
        ended = self.pair.finish(process)
        if ended.code == -signal.SIGKILL and killed:
            self.kills += 1
            where = self.place(name, epoch)
            self.where[where] += 1
            self.say(f"{name}, killed {moment}: {where}")
            return True
        self.say(f"{name}: exit {ended.code}" + (f", before {moment}" if moment else ""))
        self.codes[(name, ended.code)] += 1
        check(ended.code in codes, f"{name} may end with {sorted(codes)}", ended)
        if ended.code in (4, 7):
            check("swap-roles --" in ended.err if ended.code == 4 else "operator" in ended.err, "it does not say what to do, or who", ended)
        if ended.code == 6:
            # Only a pair that was closed part-way, or one that does not answer in time, is unfit.
            closed = any(run["outcome"] == "abandoned" for run in list(runs(self.pair.entries()).values())[-2:])
            check(closed or "could not be read" in ended.err, "it refuses a pair that is fit", ended)
        if name == "resume" and ended.code == 1:
            check("was taken back: nothing was changed" in ended.err, "only a run that was taken back may fail like this", ended)
        return None if kill else ended

    def watch(self, process, moment=None, act=lambda process: process.send_signal(signal.SIGKILL)):
        """Looks at the pair until the program ends, or until its moment, at which something is done to it. Says whether that came."""
        began = time.monotonic()
        since, changes, stamp = began, 0, self.stamp()
        while process.poll() is None:
            now = time.monotonic()
            if (new := self.stamp()) != stamp:
                stamp, changes = new, changes + 1
                since = now if moment and changes == moment.changes else since
            if moment and changes >= moment.changes and now >= since + moment.after:
                act(process)
                return True
            check(now - began < LONGEST, f"{process.args} did not end within {LONGEST} s")
            self.pair.look()
            left = since + moment.after - now if moment and changes >= moment.changes else TICK
            time.sleep(max(min(left, TICK), 0))
        return False

    def stamp(self):
        try:
            return self.pair.journal.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def epoch(self):
        entries = self.pair.entries()
        return entries[-1]["epoch"] if entries else 0

    def place(self, name, epoch):
        """Where a program was when it was killed, by the journal."""
        entries = self.pair.entries()
        if not entries or entries[-1]["epoch"] == epoch:
            return "before it held the pair"
        run = runs(entries).get(open_run(entries))
        if run is None:
            return "in a sync" if open_run(entries) else "between or after its runs"
        if run["turned"]:
            return "while it was undone"
        swapped = any(step.startswith("swap ") for step in run["steps"])
        return "after the pivot began" if swapped else "before the pivot"
