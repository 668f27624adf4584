"""Swaps behind a proxy that begins at some request to do harm."""

import time

import suite
from game import Game, Moment
from suite import check
from tcpproxy import FAULTS

LIMIT = 300
"""Seconds within which a swap ends, whatever the network does: 180 for the records, 60 for a check, 30 for the read-back, and 30 to look before."""


class Hostile(Game):
    """Swaps whose provider is far away for a while."""

    def clean(self):
        """A swap in peace, which says how many requests it takes."""
        before = self.pair.carried()
        self.pair.program("swap-roles", "--yes").expect(0)
        self.most = max(self.pair.carried() - before, 1)
        self.pair.whole()

    def stamp(self):
        return self.pair.carried()

    def round(self, fault):
        before = len(self.pair.entries())
        seconds, lasts = self.draw.choice((0.2, 0.7, 3.0)), self.draw.choice((0.1, 4.0, 40.0, 40.0))
        moment = Moment(self.draw, max(self.most - 1, 1), 0.8)
        began, process = time.monotonic(), self.pair.start("swap-roles", "--yes")
        struck = self.watch(process, moment, lambda _: self.pair.set(fault, seconds))
        healed = time.monotonic() + lasts
        while process.poll() is None:
            check(time.monotonic() - began < LIMIT, f"it did not end within {LIMIT} s of {fault}", *self.told)
            if time.monotonic() > healed:
                self.pair.set(None)
            self.pair.look()
            time.sleep(0.02)
        ended = self.pair.finish(process)
        self.pair.set(None)
        self.codes[("swap", ended.code)] += 1
        self.say(f"{fault} for {lasts:g} s, {moment}{'' if struck else ', too late'}: exit {ended.code} after {time.monotonic() - began:.1f} s")
        check(ended.code in self.pair.codes, f"it may end with {sorted(self.pair.codes)}", ended)
        check(ended.code == 0 or any(word in ended.err for word in self.pair.said), f"it names none of {self.pair.said}", ended)
        self.finish(before)


def told(codes):
    return "ended by themselves: " + ", ".join(f"{name} {code} ({number})" for (name, code), number in sorted(codes.items()))


# How many more swaps are tried where every fault came too late.
AGAIN = 12


def hostile(make, name, seed, faults=3):
    """A case: a swap in peace, then one with each of so many faults, and more of them if no request met one."""

    def case():
        game = Hostile(seed, name, pair=make())
        struck = 0
        with game.pair:
            try:
                game.clean()
                drawn = [*game.draw.sample(FAULTS, faults), *game.draw.choices(FAULTS, k=AGAIN)]
                for number, fault in enumerate(drawn):
                    struck = sum(proxy.struck for proxy in game.pair.proxies)
                    if number >= faults and struck:
                        break
                    game.round(fault)
                struck = sum(proxy.struck for proxy in game.pair.proxies)
                check(struck, "no request met a fault")
                if game.pair.journal.exists():
                    game.pair.verify()
            except Exception as error:
                raise AssertionError("\n".join([str(error), "what was done:", *game.told])) from error
        suite.say(f"       {name}: {struck} requests met a fault; {told(game.codes)}")

    return f"{name} behind a hostile network (seed {seed})", case
