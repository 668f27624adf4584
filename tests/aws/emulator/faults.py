"""Faults on demand: the next so many calls of an action, in one account, fail as told."""


class Fault(dict):
    """`action`, `account`, `kind`, `times`, and more by kind:

    error     refuse with `code` and `status`; nothing is done
    lost      do it, and close the connection without an answer
    hang      do it, and answer after `seconds`
    fail      do it; what it makes comes to a bad end

    The first `skip` calls are left alone.
    """


class Faults:
    def __init__(self):
        self._all = []

    def add(self, told):
        self._all.append(Fault({"times": 1, "skip": 0, "region": None} | told))

    def clear(self, account):
        self._all = [fault for fault in self._all if fault["account"] != account]

    def take(self, account, region, action):
        for fault in self._all:
            fits = fault["account"] == account and fault["action"] == action
            if not fits or fault["region"] not in (None, region) or fault["times"] == 0:
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            fault["times"] -= 1
            return fault
        return None
