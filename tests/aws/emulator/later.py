"""What happens later: changes that are due at some moment, applied before the next request is answered."""

import heapq
import itertools
import time


class Later:
    """Changes by the moment at which they are due."""

    def __init__(self):
        self._due = []
        self._order = itertools.count()

    def add(self, seconds, change):
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), change))

    def tick(self):
        """Applies all that is due. What a change adds is counted from now."""
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()

    def phases(self, step, states, show):
        """Shows each state in turn, a step long, but the last, which stays."""
        show(states[0])
        for number, state in enumerate(states[1:], start=1):
            self.add(step * number, lambda state=state: show(state))
